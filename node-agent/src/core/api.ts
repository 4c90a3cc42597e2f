/**
 * The core's contract: what goes in, what comes out. No I/O, no clock, no randomness of its own.
 * Time is always an argument: integer microseconds on a monotonic clock.
 */
import type { IpFamily, IpPrefix } from "@skein/codecs";
import type { RouteExplanation } from "./route-explanation.ts";

export type * from "./route-explanation.ts";

/** Area-local address of a node: area (high octet) and local id 1..254 (low octet). 0 means nobody. */
export type Address = number;

/** What a packet is for; each class takes its own path. The order is the wire value. */
export const TrafficClass = { voice: 0, command: 1, video: 2, bulk: 3 } as const;
export type TrafficClass = (typeof TrafficClass)[keyof typeof TrafficClass];

/** How urgent; flash pre-empts everything. The order is the wire value. */
export const Precedence = { routine: 0, priority: 1, immediate: 2, flash: 3 } as const;
export type Precedence = (typeof Precedence)[keyof typeof Precedence];

export const Role = { terminal: 0, relay: 1, airborne: 2, vehicle: 3, headquarters: 4 } as const;
export type Role = (typeof Role)[keyof typeof Role];

export const VoiceCodec = { opus: 0, codec2_1300: 1 } as const;
export type VoiceCodec = (typeof VoiceCodec)[keyof typeof VoiceCodec];

/**
 * How much of a bearer's data cap is used: less than four fifths; more; all but the reserve, which is for SOS and
 * positions; all, and only SOS and policies go.
 */
export const CapLevel = { open: 0, warned: 1, reserve: 2, spent: 3 } as const;
export type CapLevel = (typeof CapLevel)[keyof typeof CapLevel];

/** Static description of a bearer, dense ids from 0. */
export interface CoreBearer {
  readonly id: number;
  readonly name: string;
  /** Channel kind in link-state advertisements: 0 udp, 1 serial, 2 satellite, 3 cellular, 4 mock. */
  readonly kind: number;
  readonly medium: "shared" | "point-to-point";
  /** Frame layout: `wide` for IP bearers (8-octet tag), `narrow` for slow radios (6-octet tag). */
  readonly layout: "wide" | "narrow";
  readonly mtuOctets: number;
  readonly bitrateBps: number;
  /** Nominal one-way latency, microseconds. */
  readonly latencyUs: number;
  /** Money, in cents per megabyte. */
  readonly costCentsPerMegabyte: number;
  /** Fixed time on air before each transmission, microseconds. */
  readonly keyUpUs: number;
  readonly halfDuplex: boolean;
  /** What it shares its fate with: operator, tower, mast, power. Copies of a packet go over bearers without a common one. */
  readonly sharedRisk?: readonly string[];
}

/**
 * Authenticated encryption, injected. All arrays belong to the caller; nothing is kept.
 * Nonce, 12 octets: sender's boot epoch (4, big endian), stream (2), counter (6).
 */
export interface CryptoPort {
  /**
   * Prepares the subkey of a sender and returns its handle, a small integer.
   * subkey = KDF(mission key, key phase, node id).
   */
  senderKey(nodeId: number, keyPhase: number): number;
  /**
   * Encrypts in place `octets[from, to)` and writes the `tagLength` octet tag at `to`.
   * Associated data is `octets[0, from)`.
   */
  seal(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void;
  /** Verifies the tag at `to` and decrypts in place. False (octets undefined) if it does not verify. */
  open(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean;
}

/** What one end contributes to a session. */
export interface SessionEnd {
  readonly nodeId: number;
  readonly bootEpoch: number;
  /** X25519, 32 octets. */
  readonly publicKey: Uint8Array;
}

/**
 * The node's own key pair, injected: end-to-end sessions with others (`seal/end-to-end.ts` has the construction). All
 * arrays belong to the caller; nothing is kept.
 */
export interface IdentityPort {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /**
   * Derives the keys of a session, both directions, and returns its handle, a small integer. `reuse` is the handle of
   * one that is over, -1 for none. -1 if the peer's key is not one.
   */
  agree(reuse: number, own: SessionEnd, peer: SessionEnd): number;
  /** Encrypts `octets[from, to)` in place and writes the tag to `octets[tagAt, tagAt + tagLength)`. */
  seal(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
  ): void;
  /**
   * Verifies the tag and decrypts in place. False, and nothing changed, if it does not verify. `sealedHere`: what this end
   * has sealed for the other, not the other way round.
   */
  open(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
    sealedHere?: boolean,
  ): boolean;
}

/** A node and its public key, 32 octets, for good. */
export interface PeerKey {
  readonly nodeId: number;
  readonly publicKey: Uint8Array;
}

/** Whom a node has heard on one of its narrow bearers: what it takes to open frames without having been told who sends them. */
export interface Acquaintance {
  readonly bearerId: number;
  readonly address: Address;
  readonly nodeId: number;
  readonly bootEpoch: number;
  /** The bearer's number at the other end. */
  readonly remoteBearerId: number;
  /** Of a frame that has come. */
  readonly counter: number;
}

/** A frame to transmit; the caller owns `octets` (at least MAX_FRAME_OCTETS) and reuses it. */
export interface TransmitSlot {
  bearerId: number;
  /** Endpoint number of the bearer, or -1 for everyone. */
  endpoint: number;
  octets: Uint8Array;
  length: number;
}

/** Where somebody is. Degrees, metres, km/h; NaN where unknown. */
export interface PositionReport {
  latitudeDeg: number;
  longitudeDeg: number;
  altitudeM: number;
  speedKmh: number;
  courseDeg: number;
  /** 0..100, NaN if unknown. */
  batteryPercent: number;
}

/** Whether a policy is the controller's, injected. `octets`: see `policy-envelope.ts` of the codecs. */
export interface PolicyGate {
  check(version: number, octets: Uint8Array): "good" | "unsigned" | "forged";
}

export interface CoreOptions {
  readonly address: Address;
  /** 32-bit node id, never 0. */
  readonly nodeId: number;
  /** At most 12 octets of UTF-8. */
  readonly nameUtf8: Uint8Array;
  readonly role: Role;
  readonly seed: number;
  /** Incremented and on stable storage before the core is made: a nonce must never come twice. */
  readonly bootEpoch: number;
  readonly crypto: CryptoPort;
  readonly identity: IdentityPort;
  /** Keys of others that were met before (event `peer-key`). */
  readonly peerKeys: readonly PeerKey[];
  /** Who was heard before (event `acquaintance`), the last one of each address and bearer. */
  readonly acquaintances?: readonly Acquaintance[];
  /** What was known of others' links (`MeshCore.linkState`). */
  readonly linkState?: Uint8Array;
  readonly bearers: readonly CoreBearer[];
  /** Voice groups that this node listens to, 1..254. */
  readonly groups: readonly number[];
  /** Voice groups that this node, if it has narrow and wide bearers, carries across (transcoding). */
  readonly bridgedGroups: readonly number[];
  /** Voice groups that this node, where it hears nodes of other areas, lets through both ways. */
  readonly groupsAcross?: readonly number[];
  /** True if the node can code and decode narrow-band voice. */
  readonly narrowVoice: boolean;
  /** True on the node that acknowledges an SOS for the headquarters. */
  readonly acknowledgesSos: boolean;
  /** IP networks behind this node, told to all; at most MAX_PREFIXES_PER_NODE. */
  readonly prefixes: readonly IpPrefix[];
  /** What policies have to pass; without it everybody who has the mission key may publish one. */
  readonly policyGate?: PolicyGate;
}

/** Life of a text: `delivered` only after the receiver's signed-off receipt came back. */
export type TextState = "queued" | "sent" | "delivered" | "failed";

/** What the core tells its owner; control-plane rate except voice and video. */
export type NodeEvent =
  | { type: "neighbour"; bearerId: number; address: Address; up: boolean; reason: string }
  /**
   * One of the bearers to a node that may have several has fallen silent. `missed`: a stream that it carried is missed
   * here. `suspected`: what is sent there goes unanswered, or is missed at the other end; other bearers take it.
   * `trusted`: it has answered. `silentMs`: since anything, for `missed` since the stream, was last heard there. When it
   * is given up, or is back, event `neighbour` tells.
   */
  | { type: "path"; bearerId: number; address: Address; change: PathChange; reason: string; silentMs: number }
  | { type: "routes"; version: number }
  /** Nodes of the area have come, or started anew: what is told to all once in a while had better be told again. */
  | { type: "newcomers" }
  | { type: "text"; from: Address; to: Address; messageId: number; body: Uint8Array }
  | { type: "text-state"; messageId: number; to: Address; state: TextState }
  /** `late`: a later one of this node has come already. */
  | { type: "position"; from: Address; sequence: number; report: PositionReport; late: boolean }
  | { type: "sos"; from: Address; sosId: number; kind: number; report: PositionReport }
  | { type: "sos-acknowledged"; from: Address; sosId: number; by: Address }
  /** One voice frame of a group (Opus) or one bundle (Codec2); octets are the event's own copy. */
  | {
      type: "voice";
      talker: Address;
      group: number;
      burst: number;
      codec: VoiceCodec;
      /** Start of the first frame in units of 20 ms since the burst began, 0..65535. */
      timestamp20ms: number;
      payload: Uint8Array;
      /** The owner is to transcode this and hand it back through `sendBridgedVoice`. */
      bridge: boolean;
      /** It came before, when it seemed that another node would transcode it: the owner has heard it if it listens. */
      again: boolean;
    }
  | { type: "video"; from: Address; stream: number; octets: Uint8Array }
  /**
   * What the paths of the first hop carry of this node's video to another one, where there are several: less at once, as
   * when a path falls silent, more when it has lasted.
   */
  | { type: "video-rate"; to: Address; bps: number }
  /**
   * What `sendIp` or `sendIpGroup` was given at the other end; the octets are good until `pollEvent` has no more. `to` is 0
   * for a group.
   */
  | { type: "ip"; from: Address; to: Address; octets: Uint8Array }
  /** What `sendOnPath` was given at the other end; `bearerId` is ROUTED if it came over the mesh, whichever way. */
  | { type: "bulk"; from: Address; bearerId: number; octets: Uint8Array }
  | { type: "policy"; version: number; octets: Uint8Array }
  /** A node tells which policy it has; `ask`: it wants to know which one this node has. */
  | { type: "policy-state"; from: Address; version: number; ask: boolean }
  /** A bearer has come to a limit of its data cap, or is open again (`CapLevel`). */
  | { type: "cap"; bearerId: number; level: CapLevel }
  /** Two nodes have one address: `nodeId` has it as far as this node is concerned, `other` claims it. */
  | { type: "address-conflict"; address: Address; nodeId: number; other: number }
  /** Node `other`, whose id is lower, has had this node's address for a while: this node is to take another one. */
  | { type: "address-lost"; address: Address; other: number }
  /** A node has proved its key for the first time: to be kept, for it is believed with this key only. */
  | { type: "peer-key"; nodeId: number; publicKey: Uint8Array }
  /** To be kept: after a new start this node understands at once who is still there. */
  | { type: "acquaintance"; acquaintance: Acquaintance }
  /** Somebody at this address claims to be a node, and cannot be: it has another key, or address. */
  | { type: "key-conflict"; address: Address; nodeId: number };

/** Path of `sendOnPath`: however the mesh leads there. */
export const ROUTED = -1;
/** Path of `sendOnPath`: a way that shares no node with the one that the mesh leads, or at least no link. */
export const DISJOINT = -2;

/** A path for `sendOnPath`: a bearer as it is configured, a way of several hops as the database tells of it. */
export interface StreamPath {
  /** Bearer, ROUTED or DISJOINT. */
  path: number;
  /** Of the slowest hop. */
  bitrateBps: number;
  /** Of all hops, one way. */
  latencyUs: number;
  /** Of all hops, policy included. */
  costCentsPerMegabyte: number;
  /** It is to count as so much quicker than it is. */
  preferenceUs: number;
  /** Most that `sendOnPath` takes. */
  roomOctets: number;
}

export type PathChange = "missed" | "suspected" | "trusted";

/** Names of nodes, links, queues as JSON; for people and the API, made on demand. */
export interface CoreStatus {
  address: Address;
  nodeId: number;
  bootEpoch: number;
  neighbours: NeighbourStatus[];
  nodes: NodeStatus[];
  links: LinkStatus[];
  routes: RouteStatus[];
  bearers: BearerStatus[];
  drops: Record<string, number>;
  counters: Record<string, number>;
}
export interface NeighbourStatus {
  bearerId: number;
  address: Address;
  bidirectional: boolean;
  /** Traffic to it goes unanswered: what has another way takes that. */
  suspected: boolean;
  /** Received share of the frames sent, 0..1, this direction. */
  rxQuality: number;
  /** The same as the other end reports it. */
  txQuality: number;
  rttMs: number;
  lastHeardMs: number;
}
export interface NodeStatus {
  address: Address;
  nodeId: number;
  name: string;
  role: Role;
  reachable: boolean;
  /** Time since anything of this node was heard or learned, ms. */
  lastHeardMs: number;
}
export interface LinkStatus {
  from: Address;
  to: Address;
  kind: number;
  bitrateBps: number;
  latencyMs: number;
  loss: number;
  costCentsPerMegabyte: number;
}
export interface RouteStatus {
  to: Address;
  /**
   * Per class, in wire order: next hop address (0: none), bearer id, cost in units of 0.25 ms, alternate next hop (0:
   * none) and whether its way avoids the next hop itself or the link to it only.
   */
  classes: { nextHop: Address; bearerId: number; cost: number; alternate: Address; protects?: "node" | "link" }[];
}

/** Upper ends of the ranges of a path's delays, ms; the last range has none. */
export const DELAY_EDGES_MS = [5, 10, 20, 40, 80, 160, 320, 640] as const;

/** One of several bearers that lead to the same node, as measured from here. */
export interface PathStatus {
  bearerId: number;
  /** `probation`: it was down, and has not been clean for long enough. A suspect path only gets company. */
  state: "up" | "suspect" | "probation" | "down";
  /**
   * One way, median and 95th percentile of the last 128 frames. Exact in comparison with the other paths to the node;
   * in itself as good as half the round trip of the quickest of them is half its delay.
   */
  delayMs: number;
  delayP95Ms: number;
  /** Share of those frames in each of the ranges that DELAY_EDGES_MS makes. */
  delayShares: number[];
  rttMs: number;
  /** Share of frames that do not arrive at their first try, and the mean length of a run of them. */
  loss: number;
  lossRun: number;
  /** As configured; and as video has shown it, which is less where nothing has yet. Equal where no video could go there. */
  bitrateBps: number;
  estimatedBps: number;
  costCentsPerMegabyte: number;
}

/** What waits of one class. */
export interface QueueStatus {
  frames: number;
  /** Time on air of the payloads, ms. */
  ms: number;
}
/** Why something was not sent, or not taken, on a bearer, and how often. */
export interface BearerDrop {
  /** Null where that cannot be told: what did not open, and the mesh's own frames. */
  trafficClass: TrafficClass | null;
  reason: string;
  count: number;
}
/** What a bearer has carried of one class, with headers and tags of the mesh. `framesFirst`: what came no other way before. */
export interface ClassTraffic {
  framesSent: number;
  octetsSent: number;
  framesReceived: number;
  octetsReceived: number;
  framesFirst: number;
}
/** What a policy rules on one node. Whatever is left out is as the bearer's own description says. */
export interface CoreRules {
  /** By bearer id. */
  readonly bearers: readonly {
    readonly costCentsPerMegabyte: number;
    /** It counts as so much quicker than it is. */
    readonly preferenceMs: number;
    /** Traffic classes that may not use it. */
    readonly closedTo: readonly TrafficClass[];
    readonly cap?: { readonly octets: number; readonly reserveOctets: number; readonly countsReceived: boolean };
  }[];
  /** In wire order. */
  readonly classes: readonly {
    readonly copiesCalm?: number;
    readonly copiesRisk?: number;
    readonly rateBps?: number;
  }[];
}
/** How much of a data cap is used. */
export interface CapStatus {
  usedOctets: number;
  capOctets: number;
  reserveOctets: number;
  level: CapLevel;
}
export interface BearerStatus {
  id: number;
  name: string;
  up: boolean;
  framesSent: number;
  framesReceived: number;
  octetsSent: number;
  octetsReceived: number;
  /** By class, in wire order, then what has none: the mesh's own. */
  classes: ClassTraffic[];
  queuedFrames: number;
  queuedMs: number;
  /** By class, in wire order. */
  queues: QueueStatus[];
  drops: BearerDrop[];
  /** Share of the last 10 s that own transmissions held the medium. */
  airtimeShare: number;
  /** What routing reckons with now, policy included. */
  costCentsPerMegabyte?: number;
  preferenceMs?: number;
  /** Null without a cap. */
  cap?: CapStatus | null;
}

/** Destination of a text: a node's address, or GROUP_DESTINATION + group number. */
export const GROUP_DESTINATION = 0x10000;

/**
 * The node as its owner (event loop or simulator) sees it. After any call that takes `nowUs` the owner
 * drains `pollEvent()` and `pollTransmit()`, then sleeps until `nextTimeoutUs()`.
 * Made by `createCore(options: CoreOptions, nowUs: number): MeshCore`.
 */
export interface MeshCore {
  // I/O
  handleFrame(nowUs: number, bearerId: number, endpoint: number, octets: Uint8Array, length: number): void;
  handleTimeout(nowUs: number): void;
  /** When `handleTimeout`, `pollTransmit` or `pollEvent` next has something to do; Infinity when idle. */
  nextTimeoutUs(): number;
  /** Fills the slot and returns true while there is something to send now; paces each bearer by its bitrate. */
  pollTransmit(nowUs: number, slot: TransmitSlot): boolean;
  pollEvent(): NodeEvent | undefined;
  /** The device came up or went down; routing reacts at once. */
  handleBearer(nowUs: number, bearerId: number, up: boolean): void;
  /** The device has noticed that somebody appeared on a bearer or went (a modem's list of stations). */
  handleStation(nowUs: number, bearerId: number, endpoint: number, up: boolean): void;
  /** Carrier sense of a half-duplex medium. */
  handleCarrier(nowUs: number, bearerId: number, busy: boolean): void;

  // Services
  /**
   * Queues a text (at most MAX_TEXT_OCTETS of UTF-8) and returns its message id, unique for this source.
   * Give `messageId` to resume one from storage; a new id is drawn otherwise.
   */
  sendText(nowUs: number, to: number, bodyUtf8: Uint8Array, messageId?: number): number;
  /**
   * A text to all that was said before a restart, so long ago: it is said again when somebody comes within reach, and then
   * everybody does.
   */
  keepText(nowUs: number, to: number, bodyUtf8: Uint8Array, messageId: number, ageUs: number): void;
  /** Message ids already delivered here before a restart, so that a repeat is only acknowledged. */
  rememberText(from: Address, messageId: number): void;
  reportPosition(nowUs: number, report: PositionReport): number;
  raiseSos(nowUs: number, kind: number, report: PositionReport): number;
  /** One Opus frame or one Codec2 bundle of the own microphone. */
  sendVoice(
    nowUs: number,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): void;
  /** A frame of somebody else, transcoded for the other side of this border node. */
  sendBridgedVoice(
    nowUs: number,
    talker: Address,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): void;
  /** One protected RTP packet, at most MAX_VIDEO_OCTETS. */
  sendVideo(nowUs: number, to: Address, stream: number, octets: Uint8Array): void;
  /**
   * One IP packet as `compressIp` writes it, octets[from, from + length), at most MAX_IP_OCTETS + 1; false (counted)
   * if there is no way now. `critical` asks for two copies over disjoint paths.
   */
  sendIp(
    nowUs: number,
    to: Address,
    trafficClass: TrafficClass,
    precedence: Precedence,
    critical: boolean,
    octets: Uint8Array,
    from: number,
    length: number,
  ): boolean;
  /** The same to everyone. Voice travels among video, command among bulk: those classes are taken in group frames. */
  sendIpGroup(
    nowUs: number,
    trafficClass: TrafficClass,
    precedence: Precedence,
    octets: Uint8Array,
    from: number,
    length: number,
  ): void;
  /**
   * Wide bearers over which a node is a neighbour now, and ways over other nodes on which bulk may go beside them or instead
   * of them: none that would only share a channel with what is there already.
   */
  pathsTo(nowUs: number, to: Address): StreamPath[];
  /**
   * octets[from, from + length) to a neighbour over a bearer of the caller's choice, sent once and in the class bulk; on
   * ROUTED or DISJOINT to any node, hop by hop. False if that cannot be now. At most MAX_PAYLOAD_OCTETS, and what the mtu
   * leaves.
   */
  sendOnPath(nowUs: number, to: Address, path: number, octets: Uint8Array, from: number, length: number): boolean;
  /** Node that owns the IP address at `offset`, by its implicit address or the longest prefix; 0 if nobody does. */
  resolveIp(octets: Uint8Array, offset: number, family: IpFamily): Address;
  /** Prefixes that other nodes advertise, each once. The same array until something changes. */
  foreignPrefixes(): readonly IpPrefix[];
  /** Floods a policy (an envelope) to all nodes; a newer version replaces an older one. */
  publishPolicy(nowUs: number, version: number, octets: Uint8Array): void;
  /** A policy that is already known (from storage): offered to nodes that have an older one. */
  restorePolicy(version: number, octets: Uint8Array): void;
  /** Tells a node which version is in force here, 0 for none, and asks for its own. */
  sendPolicyState(nowUs: number, to: Address, version: number, ask: boolean): void;
  /**
   * Puts a policy's rules in force. One that would keep voice or commands off every bearer here is ignored for that class:
   * those classes are returned.
   */
  setRules(nowUs: number, rules: CoreRules): TrafficClass[];
  /** Octets that count against a bearer's data cap: from storage at start, 0 when a new month or day begins. */
  setUsage(nowUs: number, bearerId: number, usedOctets: number): void;

  /** What is known of others' links, for `CoreOptions.linkState` of a later start. It changes with each event `routes`. */
  linkState(): Uint8Array;
  status(nowUs: number): CoreStatus;
  /** The ways to a node now, or why there is none. */
  explainRoute(nowUs: number, to: Address): RouteExplanation;
  /** The parts of the status that are asked for often. */
  bearerStatus(nowUs: number): BearerStatus[];
  /** The bearers that lead to a neighbour, quickest first. */
  paths(nowUs: number, to: Address): PathStatus[];
  /** True if there is a path to the node now. */
  isReachable(to: Address): boolean;
  /** Tells the mesh that this node is about to be gone, so that nobody waits until it is missed. */
  leave(nowUs: number): void;
}

/** Largest text body, octets of UTF-8. */
export const MAX_TEXT_OCTETS = 1024;
/** Largest video packet handed to `sendVideo`, octets. */
export const MAX_VIDEO_OCTETS = 1200;
/** Largest IP packet, octets: it fits into one frame of a bearer with an mtu of 1432. */
export const MAX_IP_OCTETS = 1400;
/** Largest frame of any bearer, octets: size of a TransmitSlot's buffer. */
export const MAX_FRAME_OCTETS = 1500;
