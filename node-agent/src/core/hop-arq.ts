import {
  ARRIVAL_UNIT_US,
  type DataHeader,
  decodeReport,
  encodeReport,
  type ReplayWindow,
  type Report,
  rebuildCounter,
  replayBitmap,
  replayHighestCame,
  replayIsNew,
  SealFormat,
} from "@skein/codecs";
import { TrafficClass } from "./api.ts";
import { flowKey } from "./flow-labels.ts";
import { frameRtoUs, isAnyTalk, NARROW_TALK_US, pauseUs, reportDelayUs, rtoUs, sampleRtt } from "./hop-times.ts";
import {
  ACKNOWLEDGE_AT_ONCE_FRAMES,
  DEAF_NARROW_US,
  DEAF_WIDE_US,
  FLOW_TRIES,
  GAP_AGAIN_SHARED_US,
  GAP_DELAY_DIRECT_US,
  GAP_DELAY_NARROW_US,
  GAP_DELAY_SHARED_US,
  GAP_DELAY_TALK_US,
  GAP_DELAY_TALKER_US,
  LINK_FAILURE_TIMEOUTS,
  MAX_ASKS_NARROW,
  MAX_ASKS_WIDE,
  MAX_GROUP_TRIES_NARROW,
  MAX_GROUP_TRIES_WIDE,
  MAX_LATE_US,
  MAX_PATIENCE_TRIES,
  MAX_TRIES,
  SPREAD_PER_MEMBER_US,
  VOICE_REPAIR_FRAMES,
} from "./limits.ts";
import type { Links } from "./links.ts";
import type { Merging } from "./merge/merging.ts";
import type { PathMeter } from "./merge/path-meter.ts";
import { answerChance, type Neighbour } from "./neighbour.ts";
import type { Overhearing } from "./overhearing.ts";
import { type Port, reckonAnswerDue } from "./port.ts";
import type { SentRing } from "./sent-ring.ts";
import type { CoreState } from "./state.ts";
import { hasSentSince, isSettling } from "./turn-taking.ts";

/** Gaps are reported to a neighbour that has brought something new within this time. */
const USEFUL_US = 15_000_000;
/** A report may be lost: on a narrow channel a gap that stays is reported again after this long. */
const REPORT_AGAIN_US = 1_500_000;
const EVER = Number.POSITIVE_INFINITY;
/** A neighbour is under suspicion when mere loss would explain its silence with less than this probability. */
const CHANCE = 0.02;
/** The same where copies go other ways, so that there is time to be sure. */
const CHANCE_COPIED = 0.003;
/** How much of the lateness of time-outs is remembered at the next. */
const LATE_MEMORY = 0.95;
/** Weight of one transmission in the share of those that are acknowledged. */
const ANSWER_GAIN = 0.05;
/** A round trip of a repeated frame is believed when there has been no better one for this long. */
const RTT_FRESH_US = 1_000_000;

/**
 * Repetition on one hop. Every stream counts its frames, so a receiver sees gaps; its report both
 * acknowledges and asks. A unicast frame without a report is repeated after a time-out; silence after
 * several tries fails the link.
 */
export class HopArq {
  readonly #s: CoreState;
  readonly #links: Links;
  readonly #overhearing: Overhearing;
  readonly #merging: Merging;
  readonly #report: Report = { target: 0, area: -1, slot: 0, highestLow: 0, bitmap: 0, arrival: -1 };

  /** Told of a flow frame that is not answered: its packet is to go with a full header. */
  onUnanswered: (nowUs: number, port: Port, ring: SentRing, index: number) => void = () => undefined;
  /** Told that the latest burst was most likely sent over somebody else. */
  onSentOver: (nowUs: number, port: Port) => void = () => undefined;

  constructor(state: CoreState, links: Links, overhearing: Overhearing, merging: Merging) {
    this.#s = state;
    this.#links = links;
    this.#overhearing = overhearing;
    this.#merging = merging;
  }

  // Receiving side

  /** A frame of `n` addressed to this node came, -1: part of a packet only: acknowledge soon. */
  oweReport(
    nowUs: number,
    port: Port,
    n: Neighbour,
    direct: boolean,
    flow: number,
    sequence: number,
    isKeyHere = false,
  ): void {
    n.owedFlow = flow;
    n.owedSequence = sequence;
    n.owedFrames++;
    const isNow = n.owedFrames >= ACKNOWLEDGE_AT_ONCE_FRAMES;
    this.#due(port, n, direct, isNow ? nowUs : nowUs + reportDelayUs(port, isKeyHere));
  }

  /** A packet goes on, on the radio that it came by: whoever brought it hears that, and needs no report of it. */
  passedOn(port: Port, header: DataHeader): void {
    const flow = flowKey(this.#s.local, header);
    for (let i = 0; i < port.neighbours.length; i++) {
      const n = port.neighbours[i] as Neighbour;
      if (n.owedFrames !== 1 || n.owedFlow !== flow || n.owedSequence !== header.sequence) continue;
      n.owedFrames = 0;
      n.reportDueUs = EVER;
      reckonAnswerDue(port);
    }
  }

  /** `n` was heard to send a packet on to somebody else: if it had that from here, it has got it. */
  heardPassedOn(nowUs: number, port: Port, n: Neighbour, header: DataHeader): void {
    const ring = port.sent;
    if (port.narrow || n.foreign || ring.unacknowledgedBy[n.index] === 0) return;
    const index = ring.find(flowKey(n.local, header), header.sequence);
    if (index !== -1) this.#acknowledged(nowUs, port, n, ring, index, true);
  }

  /** A frame that is not acknowledged took a number: what is owed must not fall out of what a report tells. */
  passedBy(nowUs: number, port: Port, n: Neighbour, direct: boolean): void {
    const dueUs = direct ? n.directReportDueUs : n.reportDueUs;
    if (dueUs !== EVER && ++n.owedFrames >= ACKNOWLEDGE_AT_ONCE_FRAMES) this.#due(port, n, direct, nowUs);
  }

  /** A frame that has just come shows what is missing since the one with counter `highest`; `n` was heard before at `beforeUs`. */
  noticeMissing(nowUs: number, port: Port, n: Neighbour, highest: number, beforeUs: number): void {
    const missing = highest < 0 ? 0 : n.window.highest - highest - 1;
    const strays = port.strayFlows - n.strayFlows;
    n.strayFlows = port.strayFlows;
    if (missing > 0 && hasSentSince(port, beforeUs, nowUs)) this.onSentOver(nowUs, port);
    if (missing > 0 && missing <= strays) this.#passOver(n);
    else if (missing > 0) this.noticeGap(nowUs, port, n, false);
    else this.#noticeOldGap(nowUs, port, n);
  }

  /** The stream jumped ahead of `previousHighest`: ask for what is missing, unless it comes by itself. */
  noticeGap(nowUs: number, port: Port, n: Neighbour, direct: boolean): void {
    if (direct) {
      this.#due(port, n, true, nowUs + GAP_DELAY_DIRECT_US);
      return;
    }
    // On a narrow channel nothing that one of another area says to all is for this one.
    if (port.narrow && n.foreign) return;
    if (port.narrow) this.#noticeNarrowGap(nowUs, port, n);
    else if (nowUs - n.lastFirstUs <= USEFUL_US) this.#wantRepair(port, n, nowUs + this.#jitter(GAP_DELAY_SHARED_US));
  }

  /** What is missing of a neighbour's frames was under labels that are not known here: it was for others. */
  #passOver(n: Neighbour): void {
    n.askedCounters.fill(n.window.highest);
  }

  /** On a narrow channel: not while an earlier report may be under way, and of a talker only what is not voice. */
  #noticeNarrowGap(nowUs: number, port: Port, n: Neighbour): void {
    const talking = nowUs - n.lastVoiceUs < NARROW_TALK_US;
    // Newcomers' frames fall over each other, and what they say is asked for by digests.
    if (!talking && isSettling(port, nowUs)) return;
    if (talking && nowUs - n.lastReportUs < REPORT_AGAIN_US) return;
    const delay = talking ? GAP_DELAY_TALKER_US : isAnyTalk(nowUs, port) ? GAP_DELAY_TALK_US : GAP_DELAY_NARROW_US;
    // All who have missed it wait their turn, so that the first one to ask asks for all.
    this.#wantRepair(port, n, nowUs + this.#jitter(delay, port.neighbours.length * SPREAD_PER_MEMBER_US));
  }

  #jitter(delayUs: number, spreadUs = 0): number {
    return delayUs + this.#s.random.below(Math.max(3 * delayUs, spreadUs));
  }

  #wantRepair(port: Port, n: Neighbour, atUs: number): void {
    n.gapDueUs = Math.min(n.gapDueUs, atUs);
    port.answerDueUs = Math.min(port.answerDueUs, n.gapDueUs);
  }

  /** A frame came in order on a narrow channel: is there a gap behind it that has not been asked for twice? */
  #noticeOldGap(nowUs: number, port: Port, n: Neighbour): void {
    if (!port.narrow || nowUs - n.lastReportUs < REPORT_AGAIN_US || n.gapDueUs !== EVER) return;
    if (hasGap(n, lastAsked(port, n))) this.noticeGap(nowUs, port, n, false);
  }

  /** True unless what a gap is to be reported for has come meanwhile. On narrow channels others count on the report. */
  isStillMissing(port: Port, n: Neighbour): boolean {
    return port.narrow || hasGap(n, n.askedCounters[0] as number) || this.#missesVoice(port, n);
  }

  /** On a wide bearer there is time to ask for voice more than once. What else was lost may be no news to anybody here. */
  #missesVoice(port: Port, n: Neighbour): boolean {
    if (port.narrow || !hasGap(n, lastAsked(port, n))) return false;
    return this.#s.duplicates.hasHole(n.voiceSource, TrafficClass.voice, VOICE_REPAIR_FRAMES);
  }

  /** A group frame of `source` was brought by `n`, for the first time or again. */
  noticeGroupFrame(nowUs: number, n: Neighbour, source: number, first: boolean, voice: boolean): void {
    if (voice) {
      n.lastVoiceUs = nowUs;
      n.voiceSource = source;
    }
    if (first) n.lastFirstUs = nowUs;
  }

  #due(port: Port, n: Neighbour, direct: boolean, atUs: number): void {
    port.answerDueUs = Math.min(port.answerDueUs, atUs);
    if (direct) n.directReportDueUs = Math.min(n.directReportDueUs, atUs);
    else n.reportDueUs = Math.min(n.reportDueUs, atUs);
  }

  /** Body of a report (after the kind octet) on one stream of a neighbour. */
  encodeReportFor(nowUs: number, port: Port, n: Neighbour, direct: boolean, out: Uint8Array, offset: number): number {
    const window: ReplayWindow = direct ? n.directWindow : n.window;
    this.#report.target = n.local;
    this.#report.area = n.foreign && !direct ? n.area : -1;
    this.#report.slot = direct ? n.directRemoteSlot : 0;
    // A hello may have told of frames that have not come.
    const highest = Math.max(0, replayHighestCame(window));
    this.#report.highestLow = highest % 0x10000;
    this.#report.bitmap = replayBitmap(window, highest);
    const arrivedUs = direct ? n.directArrivedUs : n.arrivedUs;
    const isTimed = !port.narrow && highest === window.highest;
    this.#report.arrival = isTimed ? Math.floor(arrivedUs / ARRIVAL_UNIT_US) & 0xffff : -1;
    n.owedFrames = 0;
    const since = highest - n.joinedCounter;
    if (!direct && since < 32) this.#report.bitmap = (this.#report.bitmap | (0xffff_ffff << since)) >>> 0;
    if (direct) n.directReportDueUs = EVER;
    else {
      n.reportDueUs = EVER;
      n.gapDueUs = EVER;
      asked(nowUs, n);
      if (this.#missesVoice(port, n)) {
        const againUs = GAP_AGAIN_SHARED_US + this.#s.random.below(GAP_AGAIN_SHARED_US / 2);
        this.#wantRepair(port, n, nowUs + againUs);
      }
    }
    this.#s.counters.count("reports-sent");
    return encodeReport(this.#report, out, offset);
  }

  // Sending side

  /** Keeps a frame for repetition. `neighbour` is -1 for a group frame. */
  sent(
    nowUs: number,
    port: Port,
    n: Neighbour | undefined,
    direct: boolean,
    counter: number,
    frame: Uint8Array,
    length: number,
    acknowledged: boolean,
    deadlineUs: number,
    sequence: number,
    trafficClass: number,
  ): void {
    const ring = direct && n !== undefined ? directRing(port, n) : port.sent;
    const owner = acknowledged && n !== undefined ? n.index : -1;
    const forgotten = ring.trafficClass[counter % ring.frames];
    if (ring.keep(counter, frame, length, owner, nowUs, deadlineUs, sequence, trafficClass))
      this.#s.counters.drop("unacknowledged", forgotten, port.config.id);
    if (trafficClass === TrafficClass.video) n?.meter?.capacity?.sent(nowUs, counter, length);
    if (acknowledged && n !== undefined)
      port.rtoDueUs = Math.min(port.rtoDueUs, nowUs + frameRtoUs(nowUs, port, n, trafficClass));
  }

  handleReport(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
    const report = this.#report;
    if (!decodeReport(octets, offset, end, report)) return false;
    const direct = report.slot !== 0;
    const area = report.area < 0 && !direct ? n.area : report.area;
    if (report.target !== this.#s.local || (!direct && area !== this.#s.area)) {
      if (area !== this.#s.area) return true;
      if (!direct) this.#overhearing.acknowledged(n, report);
      this.#overhear(nowUs, port, report);
      return true;
    }
    if (direct && report.slot !== n.index + 1) return false;
    const ring = direct ? n.directSent : port.sent;
    if (ring === undefined) return true;
    const next = direct ? n.directCounter : port.counter;
    const highest = rebuildCounter(report.highestLow, 16, next - 1);
    if (highest >= next) return true;
    if (n.meter !== undefined) this.#measure(nowUs, n, n.meter, ring, highest);
    this.#reckon(nowUs, port, n, ring, report.slot, highest, true, true);
    for (let i = 0; i < 32; i++) {
      this.#reckon(nowUs, port, n, ring, report.slot, highest - 1 - i, ((report.bitmap >>> i) & 1) === 1, false);
    }
    return true;
  }

  /** What the report in hand says of the path. */
  #measure(nowUs: number, n: Neighbour, meter: PathMeter, ring: SentRing, highest: number): void {
    const { arrival, bitmap } = this.#report;
    // As a signed number, for a larger one would be put on the heap.
    meter.reported(nowUs, highest, bitmap | 0, ring);
    if (arrival >= 0) meter.arrived(nowUs, highest, arrival, n, ring);
    if (meter.capacity !== undefined) this.#merging.video.reported(nowUs, n.nodeId);
  }

  /** Somebody else has asked a transmitter: if that covers all that is missing here, its repetition will do. */
  #overhear(nowUs: number, port: Port, report: Report): void {
    const n = port.byLocal[report.target];
    if (n === undefined || report.slot !== 0 || (n.gapDueUs === EVER && !port.narrow)) return;
    const theirs = rebuildCounter(report.highestLow, 16, n.window.highest);
    const first = Math.max(lastAsked(port, n) + 1, n.window.highest - 32);
    for (let counter = first; counter < n.window.highest; counter++) {
      if (!replayIsNew(n.window, counter)) continue;
      const bit = theirs - 1 - counter;
      if (bit < 0 || bit > 31 || ((report.bitmap >>> bit) & 1) === 1) return;
    }
    if (port.narrow) asked(nowUs, n);
    n.gapDueUs = EVER;
  }

  #reckon(
    nowUs: number,
    port: Port,
    n: Neighbour,
    ring: SentRing,
    slot: number,
    counter: number,
    got: boolean,
    latest: boolean,
  ): void {
    const index = ring.indexOf(counter);
    if (index === -1) return;
    if (ring.open[index] === 0) {
      if (got && latest && ring.givenUp[index] === 1) this.#answeredLate(nowUs, port, n, ring, index);
      return;
    }
    const owner = ring.neighbour[index] as number;
    if (owner !== -1 && owner !== n.index) return;
    if (got) {
      if (owner !== -1) this.#acknowledged(nowUs, port, n, ring, index, latest);
      return;
    }
    // Several receivers may miss the same frame, and reports cross repetitions: once per round trip is enough. What a
    // radio sent to all and has not repeated cannot be on its way behind what was sent later.
    const isFirst = owner === -1 && !port.narrow && port.shared && ring.tries[index] === 1;
    if (!isFirst && nowUs - (ring.sentUs[index] as number) < repairGuardUs(port, n)) return;
    if (!mayRepeat(nowUs, ring, index)) return;
    this.#repeat(
      nowUs,
      port,
      ring,
      slot,
      index,
      owner !== -1 ? MAX_TRIES : port.narrow ? MAX_GROUP_TRIES_NARROW : MAX_GROUP_TRIES_WIDE,
    );
  }

  /** `n` has got a frame that waits for it; `latest`: it says so of this one first, so that a round trip can be told. */
  #acknowledged(nowUs: number, port: Port, n: Neighbour, ring: SentRing, index: number, latest: boolean): void {
    // Of a repeated frame one cannot tell which copy is meant (RFC 6298 3): the first is the safe guess.
    const clear = ring.tries[index] === 1;
    if (latest && clear) n.clearRttUs = nowUs - (ring.firstSentUs[index] as number);
    if (latest && (clear || nowUs - n.lastRttUs > RTT_FRESH_US)) {
      sampleRtt(n, nowUs, ring, index);
      n.lastRttUs = nowUs;
    }
    // Unanswered tries count once there is an answer: a link that has just died must not look like a lossy one.
    n.answered *= (1 - ANSWER_GAIN) ** ((ring.tries[index] as number) - 1);
    n.answered += ANSWER_GAIN * (1 - n.answered);
    n.lastAcknowledgedUs = nowUs;
    this.#links.trust(nowUs, port, n);
    n.silentRounds = 0;
    if (ring.copyKey[index] !== -1) this.#merging.acknowledged(n, ring.copyKey[index] as number);
    if (ring.flowKey[index] !== -1)
      port.flows?.acknowledged(ring.flowKey[index] as number, ring.sequence[index] as number);
    ring.close(index);
  }

  /** The neighbour was only slow: whoever does not learn that from frames given up suspects it again and again. */
  #answeredLate(nowUs: number, port: Port, n: Neighbour, ring: SentRing, index: number): void {
    if (ring.neighbour[index] !== n.index) return;
    ring.givenUp[index] = 0;
    sampleRtt(n, nowUs, ring, index);
    n.lastRttUs = nowUs;
    n.lastAcknowledgedUs = nowUs;
    this.#links.trust(nowUs, port, n);
    n.silentRounds = 0;
  }

  #repeat(nowUs: number, port: Port, ring: SentRing, slot: number, index: number, maxTries: number): boolean {
    if ((ring.tries[index] as number) >= maxTries || nowUs > (ring.deadlineUs[index] as number)) {
      if (ring.neighbour[index] !== -1)
        this.#s.counters.drop(
          nowUs > (ring.deadlineUs[index] as number) ? "expired" : "retries-exhausted",
          ring.trafficClass[index],
          port.config.id,
        );
      ring.close(index);
      return false;
    }
    if ((ring.tries[index] as number) >= FLOW_TRIES && this.#isFlow(ring, index)) {
      port.flows?.giveUp(ring.flowKey[index] as number);
      this.onUnanswered(nowUs, port, ring, index);
      return false;
    }
    ring.tries[index] = (ring.tries[index] as number) + 1;
    ring.missed[index] = 0;
    ring.sentUs[index] = nowUs;
    port.repeats.push((ring.counter[index] as number) * 256 + slot);
    return true;
  }

  #isFlow(ring: SentRing, index: number): boolean {
    return ring.flowKey[index] !== -1 && (ring.octets[ring.offset(index)] as number) >>> 6 === SealFormat.flow;
  }

  /** Repeats what has waited too long; fails links that stay silent. Sets when to look again. */
  handleTimeout(nowUs: number, port: Port): void {
    const lateUs = nowUs - port.rtoDueUs;
    port.lateUs = Math.max(port.lateUs * LATE_MEMORY, lateUs > MAX_LATE_US || port.narrow ? 0 : lateUs);
    port.rtoDueUs = EVER;
    this.#scan(nowUs, port, port.sent, 0);
    // By index: frames in flight bring this many times a second, and an iterator is an object.
    for (let i = 0; i < port.neighbours.length; i++) {
      const n = port.neighbours[i] as Neighbour;
      if (n.directSent !== undefined) this.#scan(nowUs, port, n.directSent, n.index + 1);
    }
  }

  #scan(nowUs: number, port: Port, ring: SentRing, slot: number): void {
    if (ring.unacknowledged === 0) return;
    for (let index = 0; index < ring.frames; index++) {
      const owner = ring.neighbour[index] as number;
      if (ring.open[index] === 0 || owner === -1) continue;
      const n = port.neighbours[owner] as Neighbour;
      const tries = ring.tries[index] as number;
      const trafficClass = ring.trafficClass[index] as number;
      const timeoutUs = frameRtoUs(nowUs, port, n, trafficClass);
      const dueUs = (ring.sentUs[index] as number) + pauseUs(port, trafficClass, tries, timeoutUs);
      if (dueUs <= nowUs) this.#timedOut(nowUs, port, n, ring, slot, index);
      if (ring.open[index] === 0) continue;
      const firstSentUs = ring.firstSentUs[index] as number;
      if (n.twoWay && isLinkDead(nowUs, port, n, firstSentUs, ring.tries[index] as number))
        this.#links.fail(nowUs, port, n);
      else port.rtoDueUs = Math.min(port.rtoDueUs, nowUs + timeoutUs / 2);
    }
  }

  #timedOut(nowUs: number, port: Port, n: Neighbour, ring: SentRing, slot: number, index: number): void {
    if (ring.missed[index] === 0) {
      countSilence(nowUs, port, n);
      const chance = ring.copyKey[index] === -1 ? CHANCE : CHANCE_COPIED;
      if (isSilent(port, n, ring.tries[index] as number, ring.firstSentUs[index] as number, chance)) {
        n.silentRounds = 0;
        this.#links.suspect(nowUs, port, n, "no answer");
      }
    }
    // Suspicion gives what has another way to that; what is still here is tried again.
    if (ring.needless[index] === 1) ring.close(index);
    else if (ring.open[index] === 1 && (mayRepeat(nowUs, ring, index) || this.#merging.hurry(nowUs, port, n)))
      this.#repeat(nowUs, port, ring, slot, index, MAX_TRIES);
    else ring.missed[index] = 1;
  }
}

/** What is missing of its shared stream has been asked for, here or by somebody who misses the same. */
function asked(nowUs: number, n: Neighbour): void {
  n.lastReportUs = nowUs;
  n.askedCounters.copyWithin(1, 0);
  n.askedCounters[0] = n.window.highest;
}

/** What was sent up to this counter has been asked for often enough. */
function lastAsked(port: Port, n: Neighbour): number {
  return n.askedCounters[(port.narrow ? MAX_ASKS_NARROW : MAX_ASKS_WIDE) - 1] as number;
}

/** True if one of the last 32 frames of its shared stream, above `counter`, has not come. */
function hasGap(n: Neighbour, counter: number): boolean {
  const since = Math.min(32, n.window.highest - counter);
  const expected = since === 32 ? 0xffff_ffff : 2 ** since - 1;
  return (replayBitmap(n.window, n.window.highest) & expected) >>> 0 !== expected;
}

/** False while another copy of the packet may be acknowledged, and if one has been. */
function mayRepeat(nowUs: number, ring: SentRing, index: number): boolean {
  if (ring.needless[index] === 1) return false;
  return (
    ring.copyKey[index] === -1 || nowUs - (ring.firstSentUs[index] as number) >= (ring.patienceUs[index] as number)
  );
}

/** The ring of a neighbour's direct stream, made on first use. */
function directRing(port: Port, n: Neighbour): SentRing {
  n.directSent ??= port.makeRing();
  return n.directSent;
}

/** A time-out: one more round of silence, unless it belongs to the same one. Each packet on its own would find out late. */
function countSilence(nowUs: number, port: Port, n: Neighbour): void {
  if (nowUs - n.silentRoundUs < rtoUs(port, n) / 2) return;
  n.silentRoundUs = nowUs;
  n.silentRounds++;
}

/** True if mere loss hardly explains that a frame sent so many times, first at `firstSentUs`, was not acknowledged. */
function isSilent(port: Port, n: Neighbour, tries: number, firstSentUs: number, chance: number): boolean {
  if (port.narrow || n.suspectSinceUs !== EVER || n.lastAcknowledgedUs > firstSentUs) return false;
  return Math.max(tries, n.silentRounds) >= patienceTries(n, chance) + (n.lastHeardUs > firstSentUs ? 2 : 0);
}

/** Tries after which silence is no chance any more, by the loss that is known in both directions. */
function patienceTries(n: Neighbour, chance: number): number {
  const tries = Math.ceil(Math.log(chance) / Math.log(1 - answerChance(n)));
  return Math.min(MAX_PATIENCE_TRIES, Math.max(2, tries));
}

/**
 * True if a frame sent so often, first at `firstSentUs`, shows that nothing gets through any more. On wide bearers probes find out
 * about silence; what is left to notice here is somebody who is heard and never acknowledges.
 */
function isLinkDead(nowUs: number, port: Port, n: Neighbour, firstSentUs: number, tries: number): boolean {
  const unheardUs = nowUs - Math.max(n.lastHeardUs, firstSentUs);
  if (port.narrow && unheardUs > LINK_FAILURE_TIMEOUTS * rtoUs(port, n)) return true;
  const unansweredUs = nowUs - Math.max(n.lastAcknowledgedUs, firstSentUs);
  // A link of one's own that is idle does not know its loss, and may be the only one: the frame is tried to the end.
  if (!port.shared && tries < MAX_TRIES - 1) return false;
  return unansweredUs > Math.max(port.narrow ? DEAF_NARROW_US : DEAF_WIDE_US, 6 * rtoUs(port, n));
}

function repairGuardUs(port: Port, n: Neighbour): number {
  const floor = port.narrow ? 250_000 : 12_000;
  return Math.max(floor, n.rttUs > 0 ? n.rttUs * 0.9 : 2 * port.config.latencyUs);
}
