import type { PolicyDocument } from "@skein/codecs";
import type { Address, CoreStatus, PathChange, PathStatus, PositionReport, TextState } from "../core/api.ts";

export type { PolicyCap, PolicyClass, PolicyDocument } from "@skein/codecs";
export type { ClassRoute, Detour, RouteExplanation, RouteHop } from "../core/api.ts";

/**
 * The agent's local API: JSON over HTTP and one WebSocket, on loopback unless configured otherwise.
 *
 *   GET  /api/status            AgentStatus
 *   GET  /api/route?to=NODE     RouteExplanation; NODE is a name or AREA.ID
 *   GET  /api/paths             PathReport: all that is kept
 *   GET  /api/what-if?link=FROM-TO, ?bearer=NAME   WhatIf; FROM and TO are addresses as numbers
 *   POST /api/command           Command -> CommandReply
 *   POST /api/webrtc            {direction: "send"|"receive", from: number, sdp} -> {sdp} (answer)
 *   WS   /api/ws                text: ServerMessage / ClientMessage; binary: PCM, see below
 *   GET  /handset/              the handset page, GET / redirects there
 *
 * Binary WebSocket messages carry PCM, 16 kHz mono s16le:
 *   browser -> agent  0x01, group (1 octet), PCM        (only while talking)
 *   agent -> browser  0x02, group (1 octet), talker (2 octets, big endian), PCM
 */
export interface AgentStatus {
  name: string;
  version: string;
  core: CoreStatus;
  /** Last known position of each node that reported one, by address. */
  positions: { address: number; report: PositionReport; ageS: number }[];
  texts: TextRecord[];
  sos: SosRecord[];
  voice: {
    talkers: { talker: number; group: number; sinceMs: number }[];
    groups: number[];
    talkingIn: number | null;
    counters: Record<string, number>;
  };
  video: { from: number; stream: number; framesComplete: number; lastFrameMs: number }[];
  battery: { percent: number | null };
  /** The bearers to each neighbour that they are measured to. */
  paths: { address: Address; paths: PathStatus[] }[];
  policy: PolicyStatus;
  /** Milliseconds since the process started. */
  uptimeMs: number;
  recentEvents: LogEvent[];
  /** What was sent, received and thrown away outside the core, by part: `api`, `tak`, `position`, `bearer NAME`. */
  counters?: Record<string, Record<string, number>>;
}
export interface TextRecord {
  id: string;
  from: number;
  to: number;
  body: string;
  state: TextState | "received";
  atMs: number;
}
export interface SosRecord {
  id: string;
  from: number;
  kind: number;
  report: PositionReport;
  atMs: number;
  acknowledgedBy: number | null;
  /** An operator has seen it. */
  confirmed: boolean;
}
export interface LogEvent {
  sequence: number;
  atMs: number;
  level: "info" | "warn" | "alarm";
  text: string;
}
/** What the bearers of a node carried and suffered lately. Names by bearer id. */
export interface PathReport {
  bearers: string[];
  /** What each bearer has cost since the agent started, at the prices then in force. */
  cents: number[];
  seconds: PathSecond[];
  events: PathEvent[];
}
export interface PathSecond {
  /** End of the second, wall clock. */
  atMs: number;
  /** Longest pause between two frames within bursts of wide-band speech that arrived here; 0 without speech. */
  voiceGapMs: number;
  /** By bearer id. */
  bearers: BearerSecond[];
}
export interface BearerSecond {
  /** Of both directions at the price then in force, as this node's contract would have it. */
  cents: number;
  /** By class, in wire order, then the mesh's own frames. `framesFirst`: received, and had not come by another way. */
  classes: [
    framesSent: number,
    octetsSent: number,
    framesReceived: number,
    octetsReceived: number,
    framesFirst: number,
  ][];
}
export interface PathEvent {
  sequence: number;
  atMs: number;
  bearerId: number;
  address: Address;
  /** See the core's events `path` and `neighbour`: a path is `down` when it has been given up. */
  change: PathChange | "down" | "up";
  reason: string;
  silentMs: number;
}

/** A link, all of its channels; or a bearer of this node, with the links of that kind to those heard on it. */
export type Loss = { from: Address; to: Address } | { bearerId: number; kind: number };
/** What would happen now, by forwarding's own alternates. */
export interface WhatIf {
  loss: Loss;
  /** In wire order. Nodes whose way does not pass there are not named. */
  classes: LossOfClass[];
  /** Without any other way. */
  unreachable: Address[];
  /** Nodes that it was not reckoned for, because that would have held up packets. */
  omitted: number;
}
export interface LossOfClass {
  /** Way: the nodes passed, the destination last. */
  rerouted: { to: Address; way: Address[] }[];
  /** There is a way, but no alternate ready: packets are searched for one, or kept, until routes are reckoned anew. */
  kept: Address[];
}

/** The policy in force; version 0 if there is none. */
export interface PolicyStatus {
  version: number;
  document: PolicyDocument | null;
  /** Node beside the controller that published it. */
  publisher: number;
  /** By that controller's clock. */
  publishedMs: number;
  /** `unchecked`: it has a signature, and this node no key to check it with. */
  signature: "good" | "unchecked" | "none";
  /** Fingerprint of the controller's public key that this node was given. */
  key: string | null;
  octets: number;
  /** The version that other nodes have told of; the publisher asks all of them. */
  nodes: { address: number; version: number }[];
}

export type Command =
  /** `to`: node address, or 0x10000 + group for everyone in a group. */
  | { do: "text"; to: number; body: string }
  | { do: "sos"; kind: number }
  | { do: "sos-confirm"; id: string }
  | { do: "ptt"; on: boolean; group: number }
  | { do: "listen"; groups: number[] }
  /** Without a signature; refused where there is a controller's key. */
  | { do: "policy"; document: PolicyDocument }
  /** `octets`: an envelope (`policy-envelope.ts` of the codecs) in base64. */
  | { do: "policy-signed"; version: number; octets: string }
  /** For rehearsals: talk from a WAV file, send a video clip. */
  | { do: "talk-file"; group: number; path: string }
  | { do: "talk-stop" }
  | { do: "video-file"; to: number; path: string }
  | { do: "video-to"; to: number }
  | { do: "video-stop" };

export type CommandReply = { ok: true; result?: unknown } | { ok: false; code: string; message: string };

export type ServerMessage =
  | { type: "status"; status: AgentStatus }
  | { type: "event"; event: LogEvent }
  /** All that is kept at first, then what is new, each second. */
  | { type: "paths"; paths: PathReport }
  | { type: "reply"; id: number; reply: CommandReply };
export type ClientMessage = { type: "command"; id: number; command: Command };
