import type { AgentReport } from "./agent-status.ts";

/**
 * The common operational picture: what an operator sees. Ages are computed when the picture is taken, from the
 * last time anything was really heard, so that a silent agent ages everything.
 */
export interface Picture {
  /** Controller's clock. */
  atMs: number;
  agent: PictureAgent;
  /** True if a lab is configured. */
  lab: boolean;
  nodes: PictureNode[];
  links: PictureLink[];
  bearers: PictureBearer[];
  texts: AgentReport["texts"];
  sos: AgentReport["sos"];
  voice: AgentReport["voice"];
  video: PictureVideo[];
  policy: AgentReport["policy"];
  /** Counted nonsense and drops: the agent's, and the controller's own under `controller.`. */
  counters: Record<string, number>;
}
export interface PictureAgent {
  connected: boolean;
  address: number;
  name: string;
  version: string;
  uptimeS: number;
  /** Since the last status; null before the first. */
  ageS: number | null;
  batteryPercent: number | null;
}
/** live: heard lately; stale: late; lost: silent for long or no path leads there. */
export type Liveness = "live" | "stale" | "lost";

export interface PictureNode {
  address: number;
  name: string;
  role: number;
  liveness: Liveness;
  reachable: boolean;
  ageS: number;
  batteryPercent: number | null;
  position: PicturePosition | null;
  /** Way there for command traffic; null for the own node and for nodes without a path. */
  route: { nextHop: number; bearer: string; alternate: number } | null;
}
export interface PicturePosition {
  latitudeDeg: number;
  longitudeDeg: number;
  altitudeM: number | null;
  speedKmh: number | null;
  courseDeg: number | null;
  ageS: number;
}
/** Both directions and all channels between two nodes; `from` is the lower address. */
export interface PictureLink {
  from: number;
  to: number;
  liveness: Liveness;
  ageS: number;
  /** Best first. Never empty: a lost link keeps what it had. */
  channels: PictureChannel[];
}
export interface PictureChannel {
  /** 0 IP radio, 1 serial radio, 2 satellite, 3 cellular, 4 mock. */
  kind: number;
  bitrateBps: number;
  /** Of a frame of 64 octets: sending and way. */
  delayMs: number;
  /** The worse direction, 0..1. */
  loss: number;
  costCentsPerMegabyte: number;
}
/** A bearer of the agent that the controller stands beside. */
export interface PictureBearer {
  id: number;
  name: string;
  up: boolean;
  sentBps: number;
  receivedBps: number;
  /** Mean over the neighbours heard on it; null without any. */
  loss: number | null;
  delayMs: number | null;
  costCentsPerMegabyte: number | null;
  queuedMs: number;
  /** By class, in wire order; empty if the agent does not tell. */
  queuesMs: number[];
  /** Since the agent started; the class is null where it cannot be told. */
  drops: { trafficClass: number | null; reason: string; count: number }[];
  airtimeShare: number;
  neighbours: number;
  /** Null without a data cap. `level`: 0 open, 1 four fifths are used, 2 SOS and positions only, 3 SOS only. */
  cap: { usedOctets: number; capOctets: number; level: number } | null;
  /** To each neighbour that the way is measured to. */
  paths: PicturePath[];
}
/** Upper ends of the ranges of delays. The type ties them to the core's value. */
export const DELAY_EDGES_MS: typeof import("@skein/node-agent/core").DELAY_EDGES_MS = [
  5, 10, 20, 40, 80, 160, 320, 640,
];
/** See the core's `PathStatus`. */
export interface PicturePath {
  address: number;
  state: "up" | "suspect" | "probation" | "down";
  delayMs: number;
  delayP95Ms: number;
  /** Shares of the delays in the ranges between DELAY_EDGES_MS. */
  delayShares: number[];
  loss: number;
  lossRun: number;
  bitrateBps: number;
}
export interface PictureVideo {
  from: number;
  stream: number;
  framesComplete: number;
  framesPerSecond: number;
  live: boolean;
}
/** Where a node has been: [time ms, longitude, latitude], oldest first. */
export type TrackPoint = [number, number, number];
export interface Track {
  address: number;
  points: TrackPoint[];
}
export interface FleetEvent {
  /** Unique and rising within one run of the controller. */
  sequence: number;
  atMs: number;
  level: "info" | "warn" | "alarm";
  source: "agent" | "controller";
  text: string;
}
