import type { Delta } from "@skein/codecs";
import type { CoreBearer } from "./api.ts";
import { BearerQueue } from "./bearer-queue.ts";
import { BearerRules } from "./bearer-rules.ts";
import { TrafficByClass } from "./class-traffic.ts";
import type { Counters } from "./counters.ts";
import { FlowLabels } from "./flow-labels.ts";
import { holdingFractions } from "./holding-fractions.ts";
import {
  CONTROL_BURST_US,
  QUIET_NARROW_US,
  SENT_RING_FRAMES,
  SENT_RING_SHARED_FRAMES,
  SILENCE_NARROW_US,
  SPREAD_PER_MEMBER_US,
  VIDEO_DEADLINE_US,
  VOICE_BUNDLE_US,
} from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { PacketPool } from "./packet-pool.ts";
import { SentRing } from "./sent-ring.ts";

/** A bearer as the core sees it: its queue, its neighbours, when it may next transmit. */
export interface Port {
  readonly config: CoreBearer;
  readonly narrow: boolean;
  readonly shared: boolean;
  readonly tagOctets: number;
  readonly rules: BearerRules;
  up: boolean;
  costCentsPerMegabyte: number;
  carrierBusy: boolean;
  /** Nothing is transmitted before. */
  accessUs: number;
  /** Half-duplex media: since when the channel has been quiet, and what the order of turns is drawn from. */
  quietSinceUs: number;
  /** How long it had been quiet before the last carrier. */
  quietBeforeUs: number;
  turnSeed: number;
  /** Beside a talker: how many turns of that order have passed. */
  turnPassed: number;
  /** Local id of who has the first turn whatever is drawn, 0: nobody; from when on it loses that by silence (see `giveFirstTurn`). */
  turnFirst: number;
  turnFirstUs: number;
  /** A newcomer's random slot instead of its place in the order, drawn anew each time, until then. */
  turnExtraSlots: number;
  /** Nobody hears this node, somebody talks, and the dice say that its hello goes like what is urgent. */
  turnUrgent: boolean;
  turnDiceUntilUs: number;
  /** How many were heard on it before this start. */
  membersBefore: number;
  /** Nobody new has come on the channel for a while from then on. */
  turnSettledUs: number;
  /** When the own transmission under way began, and its time on air so far. */
  burstStartUs: number;
  /** When the last voice frame on a half-duplex channel began. */
  voiceStartUs: number;
  /** When the last own one was sent. */
  ownVoiceUs: number;
  /** When the talker's last bundle was due, and its number; the others are due at the bundle's distance. */
  voiceGridUs: number;
  voiceSequence: number;
  /** False while all bundles of a talker have had to wait for the channel. */
  voiceGridKnown: boolean;
  /** Who transmitted it, whose it was, and when it began. */
  voiceLocal: number;
  voiceSource: number;
  voiceHeardUs: number;
  /** Speech in it, which is when the next one is due. */
  voiceStepUs: number;
  /** Its time on air. */
  voiceAirUs: number;
  /** When the talk began. */
  talkSinceUs: number;
  /** Others hear a talker whom this node does not: when one may begin behind its packets, their step, and until when that is believed. */
  hiddenFreeUs: number;
  hiddenStepUs: number;
  hiddenUntilUs: number;
  /** How many of its packets in a row ended while others were heard to send, and until when nobody is believed for that. */
  hiddenOverruns: number;
  hiddenDoubtUntilUs: number;
  /** Least lateness on the grid among the last few bundles, and how many they are. */
  voiceLateUs: number;
  voiceFrames: number;
  burstUs: number;
  /** Next counter of the shared stream. */
  counter: number;
  /** The same of reports on a narrow bearer. */
  reportCounter: number;
  readonly neighbours: Neighbour[];
  /** Those of the own area by local id, */
  readonly byLocal: (Neighbour | undefined)[];
  /** and those of others. */
  readonly foreign: Neighbour[];
  readonly queue: BearerQueue;
  readonly sent: SentRing;
  makeRing(): SentRing;
  /** Frames to repeat: counter x 256 + slot (0 shared, else neighbour index + 1). */
  readonly repeats: number[];
  helloDueUs: number;
  lastHelloUs: number;
  /** When a hello was last said again because it had been sent over somebody else. */
  helloSpoiledUs: number;
  helloReply: boolean;
  needFullHello: boolean;
  hellosSinceFull: number;
  /** Since the bearer came up. */
  hellosSent: number;
  /** Hellos in a row that others heard, who had to be there, and none of them answered; narrow bearers only. */
  introductions: number;
  /** Link-state news to pass on: originators with full advertisements, deltas, and when. */
  readonly updateFull: Set<number>;
  /** Local ids of which a claim is to be passed on that the database has refused. */
  readonly claims: Set<number>;
  /** Originators whose advertisement answers a question for their key: before everything else. */
  readonly keyAnswers: number[];
  readonly updateDeltas: Delta[];
  /** Deltas that say that a link is gone: they wait for nothing. */
  readonly badNews: Delta[];
  badNewsDueUs: number;
  /** Counters of news in the latest burst: if that was sent over somebody else, they are said again at once. */
  readonly burstNews: number[];
  /** Counters of group frames that were sent while newcomers settled, and when they are said again. */
  readonly unsettledNews: number[];
  newsAgainDueUs: number;
  updateDueUs: number;
  lastUpdateUs: number;
  /** Narrow: own links that are to be advertised, since when and when; see `Adjacency.announce`. */
  readonly pendingLinks: Set<number>;
  pendingSinceUs: number;
  pendingStretch: number;
  pendingDueUs: number;
  /** The same if without one of them there is no way to its other end. */
  awaitedDueUs: number;
  /** Narrow: pauses between own frames, and when the last one went out. */
  cadenceUs: number;
  lastSentUs: number;
  /** Narrow: airtime that control frames of all members may still take, as of then, and when they may go on. */
  controlCreditUs: number;
  controlAtUs: number;
  controlBackUs: number;
  /** Narrow: the last time that somebody else's carrier was there, how long, and frames received before it. */
  busySinceUs: number;
  busyUs: number;
  framesBeforeBusy: number;
  /** Local id of somebody who is to be asked for a full hello, 0: nobody. */
  askedLocal: number;
  /** The next hello asks or answers somebody in particular: it does not wait for control's share. */
  helloUrgent: boolean;
  /** By local id: when it was last asked, by whomever. */
  readonly askedUs: Float64Array;
  /** Last own or overheard pull, and last update that brought something new. */
  lastPullUs: number;
  lastNewsUs: number;
  /** Last change of the database; when it is told in a hello what it holds since then, and how often that has been due. */
  changedUs: number;
  digestDueUs: number;
  digestTries: number;
  /** How often what somebody lacks has been said again on this bearer, and was lacked still. */
  saidAgain: number;
  /** When a node's advertisement was last heard or said here, by local id. */
  readonly saidUs: Float64Array;
  /** Narrow bearers: labels of flows, and when one is to be offered. */
  readonly flows: FlowLabels | undefined;
  labelDueUs: number;
  /** Flow frames under labels that are not known here. */
  strayFlows: number;
  /** When a distance snapshot is due, to whom (0: everybody), and when the last one went. */
  snapshotDueUs: number;
  snapshotTarget: number;
  snapshotTries: number;
  /** Whom it is for has told a snapshot itself, in answer to this node's hello. */
  snapshotIntroduced: boolean;
  /** It takes the slot of flash: it was sent over somebody else's frame, or is the first to tell all of other nodes. */
  snapshotUrgent: boolean;
  snapshotSentUs: number;
  /** When somebody was heard of whom the database knows nothing. */
  strangerUs: number;
  /** What is to be told to nodes about other paths of theirs. */
  readonly suspicions: { neighbour: number; bearerId: number; highestLow: number }[];
  /** The same update for each neighbour of a point-to-point bearer, waiting its turn. */
  readonly direct: { neighbour: number; octets: Uint8Array }[];
  nextFragmentId: number;
  /** Nothing is owed to a neighbour (report, pull) before; a lower bound, put right when it has passed. */
  answerDueUs: number;
  /** No neighbour is lost before; a lower bound as well. */
  expiryDueUs: number;
  /** Earliest repetition time-out among neighbours, recomputed when it passes. */
  rtoDueUs: number;
  /** How late the owner came to repetition time-outs lately, microseconds. */
  lateUs: number;
  /** When neighbours under suspicion are probed again, Infinity if there are none. */
  probeDueUs: number;
  /** Between hellos now: grows while nothing changes (RFC 6206 4.2). */
  helloIntervalUs: number;
  /** Data frames sent or received last. */
  lastDataUs: number;
  framesSent: number;
  framesReceived: number;
  octetsSent: number;
  octetsReceived: number;
  readonly traffic: TrafficByClass;
  airtimeUs: number;
  /** Airtime of the last ten seconds, second by second. */
  readonly airtimeBySecond: Float64Array;
  airtimeSecond: number;
}

/** Frames of so many round trips are kept. */
const ROUND_TRIPS_KEPT = 2;

/** Fields beside times that start with a whole number and hold fractions, or more than 2^31, later on. */
const FRACTIONS = ["turnSeed"] as const;

export function createPort(config: CoreBearer, pool: PacketPool, counters: Counters): Port {
  const narrow = config.layout === "narrow";
  const shared = config.medium === "shared";
  const port: Port = {
    config,
    narrow,
    shared,
    tagOctets: narrow ? 6 : 8,
    rules: new BearerRules(narrow),
    up: false,
    costCentsPerMegabyte: config.costCentsPerMegabyte,
    carrierBusy: false,
    accessUs: 0,
    quietBeforeUs: Number.POSITIVE_INFINITY,
    quietSinceUs: 0,
    turnSeed: 0,
    turnPassed: 0,
    turnFirst: 0,
    turnFirstUs: 0,
    turnExtraSlots: 0,
    turnUrgent: false,
    turnDiceUntilUs: 0,
    membersBefore: 0,
    turnSettledUs: 0,
    burstStartUs: Number.NEGATIVE_INFINITY,
    burstUs: 0,
    voiceStartUs: Number.MIN_SAFE_INTEGER,
    ownVoiceUs: Number.MIN_SAFE_INTEGER,
    voiceGridUs: 0,
    voiceSequence: 0,
    voiceGridKnown: false,
    voiceLocal: 0,
    voiceSource: 0,
    voiceHeardUs: Number.NEGATIVE_INFINITY,
    voiceStepUs: VOICE_BUNDLE_US,
    voiceAirUs: 0,
    talkSinceUs: 0,
    hiddenFreeUs: 0,
    hiddenStepUs: VOICE_BUNDLE_US,
    hiddenUntilUs: Number.MIN_SAFE_INTEGER,
    hiddenOverruns: 0,
    hiddenDoubtUntilUs: Number.MIN_SAFE_INTEGER,
    voiceLateUs: 0,
    voiceFrames: 0,
    counter: 0,
    reportCounter: 0,
    neighbours: [],
    byLocal: new Array<Neighbour | undefined>(256).fill(undefined),
    foreign: [],
    queue: new BearerQueue(pool, counters, config),
    sent: new SentRing(config.mtuOctets, shared && !narrow ? SENT_RING_SHARED_FRAMES : SENT_RING_FRAMES),
    makeRing: () => new SentRing(config.mtuOctets, directRingFrames(config)),
    repeats: [],
    helloDueUs: Number.POSITIVE_INFINITY,
    lastHelloUs: Number.NEGATIVE_INFINITY,
    helloSpoiledUs: Number.NEGATIVE_INFINITY,
    helloReply: false,
    needFullHello: true,
    hellosSinceFull: 0,
    hellosSent: 0,
    introductions: 0,
    updateFull: new Set(),
    claims: new Set(),
    keyAnswers: [],
    updateDeltas: [],
    badNews: [],
    badNewsDueUs: Number.POSITIVE_INFINITY,
    burstNews: [],
    unsettledNews: [],
    newsAgainDueUs: Number.POSITIVE_INFINITY,
    pendingLinks: new Set(),
    pendingSinceUs: Number.NEGATIVE_INFINITY,
    pendingStretch: 1,
    pendingDueUs: Number.POSITIVE_INFINITY,
    awaitedDueUs: Number.POSITIVE_INFINITY,
    cadenceUs: SILENCE_NARROW_US,
    lastSentUs: 0,
    controlCreditUs: CONTROL_BURST_US,
    controlAtUs: 0,
    controlBackUs: 0,
    busySinceUs: 0,
    busyUs: 0,
    framesBeforeBusy: 0,
    askedLocal: 0,
    helloUrgent: false,
    askedUs: new Float64Array(narrow ? 256 : 0).fill(Number.NEGATIVE_INFINITY),
    updateDueUs: Number.POSITIVE_INFINITY,
    lastUpdateUs: Number.NEGATIVE_INFINITY,
    lastPullUs: Number.NEGATIVE_INFINITY,
    lastNewsUs: Number.NEGATIVE_INFINITY,
    changedUs: Number.NEGATIVE_INFINITY,
    digestDueUs: Number.POSITIVE_INFINITY,
    digestTries: 0,
    saidAgain: 0,
    saidUs: new Float64Array(256).fill(Number.NEGATIVE_INFINITY),
    flows: narrow ? new FlowLabels() : undefined,
    labelDueUs: Number.POSITIVE_INFINITY,
    strayFlows: 0,
    snapshotDueUs: Number.POSITIVE_INFINITY,
    snapshotTarget: 0,
    snapshotIntroduced: false,
    snapshotTries: 0,
    snapshotUrgent: false,
    snapshotSentUs: Number.NEGATIVE_INFINITY,
    strangerUs: Number.NEGATIVE_INFINITY,
    suspicions: [],
    direct: [],
    nextFragmentId: 0,
    answerDueUs: Number.POSITIVE_INFINITY,
    expiryDueUs: Number.POSITIVE_INFINITY,
    rtoDueUs: Number.POSITIVE_INFINITY,
    lateUs: 0,
    probeDueUs: Number.POSITIVE_INFINITY,
    helloIntervalUs: 0,
    lastDataUs: Number.NEGATIVE_INFINITY,
    framesSent: 0,
    framesReceived: 0,
    octetsSent: 0,
    octetsReceived: 0,
    traffic: new TrafficByClass(),
    airtimeUs: 0,
    airtimeBySecond: new Float64Array(10),
    airtimeSecond: 0,
  };
  return holdingFractions(port, FRACTIONS);
}

/**
 * As many as are sent, at the bearer's rate, until what is lost has been answered and repeated, and as long as video may
 * still be repeated: with bursts of losses and a queue on the path a second repetition takes more than two round trips.
 */
function directRingFrames(config: CoreBearer): number {
  const keptUs = Math.max(ROUND_TRIPS_KEPT * 2 * config.latencyUs, VIDEO_DEADLINE_US);
  const frames = (keptUs * config.bitrateBps) / (8e6 * config.mtuOctets);
  return Math.max(SENT_RING_FRAMES, Math.min(SENT_RING_SHARED_FRAMES, Math.ceil(frames)));
}

/** True if nobody is heard on it. */
export function isAlone(port: Port): boolean {
  return !port.neighbours.some((n) => n.alive);
}

/** The neighbour with an address, of whatever area. */
export function findNeighbour(port: Port, area: number, address: number): Neighbour | undefined {
  if (address >>> 8 === area) return port.byLocal[address & 0xff];
  for (const n of port.foreign) if (n.address === address) return n;
  return undefined;
}

/** True if traffic may be sent to it now. */
export function isUsable(port: Port, n: Neighbour, nowUs: number): boolean {
  return port.up && n.alive && n.twoWay && nowUs >= n.heldDownUntilUs;
}

/** The same, and it answers. */
export function isTrusted(port: Port, n: Neighbour, nowUs: number): boolean {
  return n.suspectSinceUs === Number.POSITIVE_INFINITY && isUsable(port, n, nowUs);
}

/** Reckons when something is next owed to a neighbour: a report, or a question. Nothing is returned: a number with a fraction would be an object. */
export function reckonAnswerDue(port: Port): void {
  let dueUs = Number.POSITIVE_INFINITY;
  // By index: this is asked for every frame, and an iterator is an object.
  for (let i = 0; i < port.neighbours.length; i++) {
    const n = port.neighbours[i] as Neighbour;
    dueUs = Math.min(dueUs, n.reportDueUs, n.directReportDueUs, n.gapDueUs, n.pullDueUs);
  }
  port.answerDueUs = dueUs;
}

/** For how long answers to a question about databases may come on a narrow bearer. */
export function quietNarrowUs(port: Port): number {
  return QUIET_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US;
}

/** True if nobody is known to hear this node on the bearer. */
export function isUnheard(port: Port): boolean {
  for (let i = 0; i < port.neighbours.length; i++) {
    const n = port.neighbours[i] as Neighbour;
    if (n.alive && n.twoWay) return false;
  }
  return true;
}

/** Time on air of a frame, microseconds, key-up included. */
export function airtimeUs(config: CoreBearer, lengthOctets: number): number {
  // COBS, CRC and delimiter on a UART add 5 octets, and start and stop bits make a character of 10 bits.
  const bits = config.layout === "narrow" ? (lengthOctets + 5) * 10 : lengthOctets * 8;
  return config.keyUpUs + Math.ceil((bits * 1e6) / config.bitrateBps);
}
