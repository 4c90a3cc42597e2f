import { type AreaPart, type AreaRoute, createReplayWindow, NO_MEMBERS, type ReplayWindow } from "@skein/codecs";
import { holdingFractions } from "./holding-fractions.ts";
import { createIdSet } from "./id-set.ts";
import { MAX_ASKS_WIDE, NEIGHBOUR_CONTROL_BURST_US } from "./limits.ts";
import { CLASSES } from "./link-cost.ts";
import type { PathMeter } from "./merge/path-meter.ts";
import type { StreamWatch } from "./merge/silence.ts";
import type { SentRing } from "./sent-ring.ts";

/** Fields beside times that start with a whole number and hold fractions, or more than 2^31, later on. */
const FRACTIONS = ["answered", "joinedCounter", "lastDigest", "rxQuality", "txQuality"] as const;

/** Somebody heard on one bearer: keys, windows, quality, and what is owed to it. */
export interface Neighbour {
  /** Index in its port; also the receiver index that it puts into direct frames to us. */
  readonly index: number;
  readonly nodeId: number;
  readonly address: number;
  readonly local: number;
  readonly area: number;
  /** Of another area: it knows other things, and its id is another name space. */
  readonly foreign: boolean;
  /** Which part of its area a foreign one is in, and who else, where it knows of another part; */
  part: AreaPart;
  members: Uint8Array;
  /** what it has said lies behind it, without what leads back through this part of the own area, */
  routes: readonly AreaRoute[];
  /** and the same as distances by class and area (see `AreaPaths`); empty for others. */
  readonly ahead: readonly Map<AreaPart, number>[];
  key: number;
  bootEpoch: number;
  /** The bearer's number at the other end (part of its stream). */
  remoteBearerId: number;
  endpoint: number;
  alive: boolean;
  /** It hears us too: its last hello lists us. */
  twoWay: boolean;
  /** Not used for traffic before this time: the link failed silently. */
  heldDownUntilUs: number;
  /** How often the link went lately (falls with time), and when it went last. */
  flaps: number;
  lastFlapUs: number;
  /** Traffic to it has gone unanswered since then; Infinity: it is trusted. What has another way takes that. */
  suspectSinceUs: number;
  /** Hellos sent to hear from it since it was heard last, when that was, and when the last of them went. */
  probes: number;
  heardAtProbeUs: number;
  probedUs: number;
  lastHeardUs: number;
  /** Its last voice packet on a half-duplex channel, low 8 bits of the number, and when that came; */
  talkSequence: number;
  talkUs: number;
  /** and the first one that others told of, when none had come for long. */
  toldSequence: number;
  toldUs: number;
  /** When another member first told of what should have come from it since it was heard last, and who did. */
  missedUs: number;
  missedBy: number;
  /** Its longest silence: what its hellos promise, on narrow bearers its cadence (see `cadence.ts`). */
  helloIntervalUs: number;
  /** Airtime that its control frames may still take, as of then. */
  controlCreditUs: number;
  controlAtUs: number;
  /** The bearer's count of stray flow frames when this neighbour was heard last. */
  strayFlows: number;
  /** Shared stream (full, shared and flow frames). */
  readonly window: ReplayWindow;
  /** Direct stream on a point-to-point bearer. */
  readonly directWindow: ReplayWindow;
  /** Stream of its reports on a narrow bearer, once there is one. */
  reportWindow: ReplayWindow | undefined;
  /** It has sealed frames for the two ends alone, in this boot: those that it should not seal otherwise are not its own. */
  sealsForEnds: boolean;
  /** The owner is told of it as an acquaintance when its counter gets there. */
  toldAtCounter: number;
  /** First counter that came on the shared stream: what was sent before is not missed. */
  joinedCounter: number;
  /** Highest counter of the shared stream when it was last reported, the last but one time and so on. */
  readonly askedCounters: Float64Array;
  directRemoteSlot: number;
  /** What we put in front of direct frames, -1 while unknown. */
  receiverIndex: number;
  directCounter: number;
  directSent: SentRing | undefined;
  /** Share of its frames received here, and of ours there, 0..1. */
  rxQuality: number;
  txQuality: number;
  /** Share of transmissions to it that were acknowledged in time, lately. */
  answered: number;
  /** Rounds of time-outs since it last acknowledged anything, and when the last one began. */
  silentRounds: number;
  silentRoundUs: number;
  /** Frames that came in order and frames that were sent meanwhile, since rxQuality was reckoned. */
  rxCount: number;
  rxExpected: number;
  /** When it last brought a group frame that nobody else had brought before. */
  lastFirstUs: number;
  /** When a report on its shared stream was last sent. */
  lastReportUs: number;
  rttUs: number;
  rttVarianceUs: number;
  lastRttUs: number;
  /** Latest round trip of a frame that was sent once; 0: none yet. */
  clearRttUs: number;
  /** Frames addressed to this node since the last report. */
  owedFrames: number;
  /** The last of them: flow (see `flowKey`; -1 for a part of a packet) and sequence. */
  owedFlow: number;
  owedSequence: number;
  /** Last acknowledgement from it. */
  lastAcknowledgedUs: number;
  /** When a report on its shared (0) and direct (1) stream is due, Infinity if none. */
  reportDueUs: number;
  directReportDueUs: number;
  /** When its shared stream is to be reported because of a gap, unless somebody else does so first. */
  gapDueUs: number;
  /** Last voice frame on its shared stream, and who spoke in it. */
  lastVoiceUs: number;
  voiceSource: number;
  /**
   * Local ids that its last hello lists, on narrow bearers its advertisement, as bits: those who hear it, as far as one
   * can tell.
   */
  readonly reach: Uint32Array;
  /** On a narrow bearer: what that was when it fell silent or started anew, and until when it counts as well; Infinity: it does not. */
  readonly reachBefore: Uint32Array;
  reachBeforeUntilUs: number;
  /** Classes that its end of the link is closed to, as bits: their data cap is used, or their policy says so. */
  closedTo: number;
  /** Pull wanted at this time, Infinity if none. */
  pullDueUs: number;
  lastPullUs: number;
  lastDigest: number;
  /** When that came. */
  digestUs: number;
  /** Vector last advertised for the link, and since when another has been seen. */
  advertisedVector: number;
  vectorChangeUs: number;
  /** Wide bearers: what the way to it is like, and what is heard of its voice here. */
  meter: PathMeter | undefined;
  watch: StreamWatch | undefined;
  /** When the highest counter of its shared and its direct stream came. */
  arrivedUs: number;
  directArrivedUs: number;
}

export function createNeighbour(
  index: number,
  nodeId: number,
  address: number,
  key: number,
  nowUs: number,
  foreign = false,
): Neighbour {
  const neighbour: Neighbour = {
    index,
    nodeId,
    address,
    local: address & 0xff,
    area: address >>> 8,
    foreign,
    part: address & 0xff00,
    members: NO_MEMBERS,
    routes: [],
    ahead: foreign ? Array.from({ length: CLASSES }, () => new Map()) : [],
    key,
    bootEpoch: 0,
    remoteBearerId: 0,
    endpoint: -1,
    alive: true,
    twoWay: false,
    strayFlows: 0,
    heldDownUntilUs: 0,
    flaps: 0,
    lastFlapUs: 0,
    suspectSinceUs: Number.POSITIVE_INFINITY,
    probes: 0,
    heardAtProbeUs: 0,
    probedUs: 0,
    lastHeardUs: nowUs,
    talkSequence: 0,
    talkUs: Number.NEGATIVE_INFINITY,
    toldSequence: 0,
    toldUs: Number.NEGATIVE_INFINITY,
    missedUs: Number.NEGATIVE_INFINITY,
    missedBy: 0,
    helloIntervalUs: 1_000_000,
    controlCreditUs: NEIGHBOUR_CONTROL_BURST_US,
    controlAtUs: nowUs,
    window: createReplayWindow(),
    directWindow: createReplayWindow(),
    reportWindow: undefined,
    sealsForEnds: false,
    toldAtCounter: 0,
    joinedCounter: 0,
    askedCounters: new Float64Array(MAX_ASKS_WIDE),
    directRemoteSlot: 0,
    receiverIndex: -1,
    directCounter: 0,
    directSent: undefined,
    rxQuality: 1,
    txQuality: 1,
    answered: 1,
    silentRounds: 0,
    silentRoundUs: Number.NEGATIVE_INFINITY,
    rxCount: 0,
    rxExpected: 0,
    lastFirstUs: nowUs,
    lastReportUs: Number.NEGATIVE_INFINITY,
    rttUs: 0,
    rttVarianceUs: 0,
    lastRttUs: Number.NEGATIVE_INFINITY,
    clearRttUs: 0,
    owedFrames: 0,
    owedFlow: -1,
    owedSequence: 0,
    lastAcknowledgedUs: Number.NEGATIVE_INFINITY,
    reportDueUs: Number.POSITIVE_INFINITY,
    directReportDueUs: Number.POSITIVE_INFINITY,
    gapDueUs: Number.POSITIVE_INFINITY,
    lastVoiceUs: Number.NEGATIVE_INFINITY,
    voiceSource: 0,
    reach: createIdSet(),
    reachBefore: createIdSet(),
    reachBeforeUntilUs: Number.POSITIVE_INFINITY,
    closedTo: 0,
    pullDueUs: Number.POSITIVE_INFINITY,
    lastPullUs: Number.NEGATIVE_INFINITY,
    lastDigest: 0,
    digestUs: Number.NEGATIVE_INFINITY,
    advertisedVector: 0xffff,
    vectorChangeUs: Number.POSITIVE_INFINITY,
    meter: undefined,
    watch: undefined,
    arrivedUs: 0,
    directArrivedUs: 0,
  };
  return holdingFractions(neighbour, FRACTIONS);
}

/** True of those on this area's channel: they and this node hear each other. */
export function isMember(n: Neighbour): boolean {
  return n.alive && n.twoWay && !n.foreign;
}

/** Longest that an answer is likely to take (RFC 6298 2.3); `otherwiseUs` while none has been timed. */
export function longestRttUs(n: Neighbour, otherwiseUs: number): number {
  return n.rttUs > 0 ? n.rttUs + 4 * n.rttVarianceUs : otherwiseUs;
}

/** Chance that one transmission is acknowledged: what is measured lately, or what both directions' losses say if that is less. */
export function answerChance(n: Neighbour): number {
  return Math.max(0.1, Math.min(0.95, n.answered, n.rxQuality * n.txQuality));
}
