import type { Command, CommandReply, PathReport } from "@skein/node-agent/api";
import type { FleetEvent, Picture, Track } from "../fleet/picture.ts";

/**
 * The console's WebSocket, `/api/ws`. Text messages are these; binary ones carry PCM exactly as in the agent's API
 * (0x01 from the browser while it talks, 0x02 to browsers that listen to the group).
 *
 *   controller -> browser  welcome, then picture once a second, events at once, a reply to each command
 *   browser -> controller  command
 */
export type ConsoleServerMessage =
  | { type: "welcome"; language: Language; tracks: Track[]; events: FleetEvent[] }
  | { type: "picture"; picture: Picture }
  | { type: "event"; event: FleetEvent }
  /** All that is known after the welcome, then what is new. */
  | { type: "paths"; paths: PathReport }
  | { type: "reply"; id: number; reply: CommandReply };

export interface ConsoleClientMessage {
  type: "command";
  id: number;
  command: ConsoleCommand;
}

/** What a console may ask of the agent: no rehearsal commands, which name files on the agent's machine. */
export type ConsoleCommand = Exclude<Command, { do: "talk-file" | "talk-stop" | "video-file" | "policy-signed" }>;

export type Language = "zh-CN" | "en";
