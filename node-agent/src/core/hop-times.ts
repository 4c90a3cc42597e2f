/**
 * Times on one hop: when what came is acknowledged, and how long an answer is waited for before the frame is repeated
 * (RFC 6298). Microseconds.
 */
import { TrafficClass } from "./api.ts";
import {
  MAX_RTO_US,
  MIN_RTO_DIRECT_US,
  MIN_RTO_NARROW_US,
  MIN_RTO_SHARED_US,
  REPORT_DELAY_KEY_US,
  REPORT_DELAY_NARROW_US,
  REPORT_DELAY_WIDE_US,
  RTT_GRANULARITY_US,
} from "./limits.ts";
import { longestRttUs, type Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { SentRing } from "./sent-ring.ts";

/** A neighbour that sent voice within this time is talking. */
export const NARROW_TALK_US = 500_000;
/** Beside a talker there is about one turn a bundle, and not each is taken: how long one for each member takes. */
const TALK_TURN_US = 240_000;
/**
 * A time-out is not stretched before this many tries: on a link of one's own that merely loses frames speed is what
 * counts; on a shared medium it may be others who are in the way.
 */
const STEADY_TRIES_DIRECT = 4;
const STEADY_TRIES_SHARED = 2;
/** SOS, positions and texts are few and small: they wait hardly longer than a round trip, and hardly ever longer than this. */
const NEWS_RTTS = 1.125;
const NEWS_PAUSE_US = 700_000;
/** How much of the lateness of time-outs an answer may take longer. */
const LATE_MARGIN = 2;

/** Somebody on this channel is talking. */
export function isAnyTalk(nowUs: number, port: Port): boolean {
  return nowUs - port.voiceStartUs < NARROW_TALK_US;
}

/** `isKeyHere`: the frame has brought a key to the end of its way. */
export function reportDelayUs(port: Port, isKeyHere: boolean): number {
  // What is sealed with it follows: one report tells of both, and takes no turn between them.
  if (isKeyHere && port.narrow) return REPORT_DELAY_KEY_US;
  // Where there are turns the next one is this node's, to answer.
  if (port.config.halfDuplex) return 0;
  return port.narrow ? REPORT_DELAY_NARROW_US : REPORT_DELAY_WIDE_US;
}

/** How long an answer of `n` is waited for. */
export function rtoUs(port: Port, n: Neighbour): number {
  const floor = port.narrow ? MIN_RTO_NARROW_US : port.shared ? MIN_RTO_SHARED_US : MIN_RTO_DIRECT_US;
  const rtt = longestRttUs(n, 2.5 * port.config.latencyUs + floor);
  // A process that comes late to its own time-outs must not blame its neighbour, which is likely as busy.
  return Math.min(MAX_RTO_US, Math.max(floor, rtt) + LATE_MARGIN * port.lateUs);
}

/** SOS, positions and texts on a link of one's own. */
function isHurried(port: Port, trafficClass: number): boolean {
  return trafficClass === TrafficClass.command && !port.shared;
}

/**
 * As `rtoUs`, of a frame. News on a link of one's own waits for a round trip and no longer: the usual reckoning takes half
 * of it for its spread until many frames have been answered, and repetitions for slow answers.
 */
export function frameRtoUs(nowUs: number, port: Port, n: Neighbour, trafficClass: number): number {
  const us = rtoUs(port, n);
  // The answer has to wait for its turn.
  if (port.narrow && isAnyTalk(nowUs, port)) return us + port.neighbours.length * TALK_TURN_US;
  // Round trips are told of the latest frame in a report: of many the first waits longer (RFC 9002 6.2.1, max_ack_delay).
  if (trafficClass >= TrafficClass.video && !port.narrow) return us + REPORT_DELAY_WIDE_US;
  // Speech is repeated as soon as it may be.
  if (trafficClass === TrafficClass.voice && !port.narrow) return Math.max(us, n.rttUs + RTT_GRANULARITY_US);
  if (!isHurried(port, trafficClass)) return us;
  const rttUs = n.clearRttUs > 0 ? n.clearRttUs : 2 * port.config.latencyUs;
  return Math.min(us, Math.max(MIN_RTO_DIRECT_US, NEWS_RTTS * rttUs) + LATE_MARGIN * port.lateUs);
}

/** Time from a try to the next, which grows with their number. */
export function pauseUs(port: Port, trafficClass: number, tries: number, timeoutUs: number): number {
  const steady = port.shared ? STEADY_TRIES_SHARED : STEADY_TRIES_DIRECT;
  const us = timeoutUs * 2 ** Math.max(0, Math.min(4, tries - steady));
  if (!isHurried(port, trafficClass)) return us;
  return Math.max(timeoutUs, Math.min(us, NEWS_PAUSE_US));
}

/** RFC 6298 2.2, 2.3. The difference is taken here: as an argument it would be an object, unless V8 copies this into its caller. */
export function sampleRtt(n: Neighbour, nowUs: number, ring: SentRing, index: number): void {
  const sampleUs = nowUs - (ring.firstSentUs[index] as number);
  if (n.rttUs === 0) {
    n.rttUs = sampleUs;
    n.rttVarianceUs = sampleUs / 2;
    return;
  }
  n.rttVarianceUs += 0.25 * (Math.abs(n.rttUs - sampleUs) - n.rttVarianceUs);
  n.rttUs += 0.125 * (sampleUs - n.rttUs);
}
