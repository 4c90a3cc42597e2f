import { WebSocket } from "ws";
import type { ConsoleServerMessage } from "./messages.ts";

/** A browser that takes nothing off its socket is not worth this much memory. */
const MAX_BACKLOG_OCTETS = 4 * 1024 * 1024;
/** Rubbish beyond this ends the connection: it is no console of ours. */
const MAX_RUBBISH = 100;

/** One browser's socket and what the controller knows of it. */
export class Browser {
  readonly socket: WebSocket;
  /** Groups whose voice it wants; undefined until it has said so: then all that the agent listens to. */
  listening: ReadonlySet<number> | undefined;
  #rubbish = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
  }

  /** False if the socket is gone or too far behind; periodic data may then be left out. */
  send(data: string | Uint8Array): boolean {
    if (this.socket.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > MAX_BACKLOG_OCTETS) return false;
    this.socket.send(data);
    return true;
  }

  say(message: ConsoleServerMessage): boolean {
    return this.send(JSON.stringify(message));
  }

  wantsGroup(group: number): boolean {
    return this.listening === undefined || this.listening.has(group);
  }

  /** Counts one more nonsense message; ends the connection when there are too many. */
  noteRubbish(): void {
    this.#rubbish += 1;
    if (this.#rubbish >= MAX_RUBBISH) this.socket.close(1008, "too much rubbish");
  }
}
