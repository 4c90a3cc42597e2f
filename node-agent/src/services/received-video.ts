import { createRtpHeader, decodeRtpHeaderInto } from "@skein/codecs";

/** What came is judged so often. */
const WINDOW_US = 500_000;
/** More than this share missing a window later, and more than one packet, is an overload: until then it may be under way. */
const LOSS = 0.03;
/** So is a delay that has grown by so much. */
const GROWTH_US = 80_000;
/** The delay that it may grow from is the least of so many windows: a sender's clock may be off by a ten-thousandth. */
const LEAST_WINDOWS = 20;
/** Asked for in an overload, of what came. */
const CUT = 0.85;
/** After so many windows without an overload it may be more again, each time by so much: least for who has most. */
const CALM_WINDOWS = 6;
const RAISE_BPS = 24_000;
const RAISE_LEAST = 0.005;
const RAISE_MOST = 0.03;
/** But for so many windows no more than this share of what came in the overload: the way has shown what it passes. */
const KNOWN_WINDOWS = 20;
const KNOWN_SHARE = 0.93;
/** A sender that is asked for so many times what comes is not held by that. */
const FREE = 1.5;
/** Less is no picture. */
const LEAST_BPS = 50_000;
/** A window with such a silence in it says nothing about how much can come. */
const SILENCE_US = 300_000;
/** After such a one all begins anew: numbers may have gone round. */
const PAUSE_US = 2_000_000;
/** RFC 7741 4.1. */
const VIDEO_CLOCK_HZ = 90_000;
const EVER = Number.POSITIVE_INFINITY;

/**
 * How one stream of video comes here, and what its sender is to be asked for. A sender knows how its own first links are; that
 * somewhere behind them more comes together than goes on shows only here: packets are missing, or take longer and longer.
 * Then it is asked for somewhat less than what came, and later for more and more, until it is not held any longer.
 * Streams that meet at a relay get equal shares there, so each comes to ask for its own.
 *
 * Multiplicative decrease by loss and by growing delay as in Carlucci et al., "Analysis and design of the Google congestion
 * control for web real-time communication" (2016); loss over an interval as in RFC 3550 A.3.
 */
export class ReceivedVideo {
  /** What the sender is asked for, bits per second; 0: for nothing. */
  askedBps = 0;
  readonly #header = createRtpHeader();
  #heardUs = Number.NEGATIVE_INFINITY;
  #ssrc = -1;
  /** Highest sequence number and latest timestamp so far, unwrapped. */
  #sequence = 0;
  #timestamp = 0;
  // The window that is being looked at, and what the one before it was to bring and has not.
  #sinceUs = 0;
  #before = 0;
  #packets = 0;
  #expectedBefore = 0;
  #missingBefore = 0;
  #octets = 0;
  #silentUs = 0;
  #delayUs = EVER;
  // What was seen before.
  #leastUs = EVER;
  #windows = 0;
  #calm = 0;
  #passedBps = 0;

  /** Source of the stream, as RTP has it. */
  get ssrc(): number {
    return this.#ssrc;
  }

  /** Takes a packet of RTP; true if the sender is to be asked for `askedBps` now. */
  take(nowUs: number, octets: Uint8Array): boolean {
    const header = this.#header;
    if (!decodeRtpHeaderInto(octets, 0, octets.length, header)) return false;
    if (header.ssrc !== this.#ssrc || nowUs - this.#heardUs > PAUSE_US) this.#begin(nowUs);
    // Signed differences, modulo their width.
    const ahead = ((header.sequence - this.#sequence) << 16) >> 16;
    if (this.#sequence + ahead > this.#before) this.#packets++;
    else this.#missingBefore--;
    if (ahead > 0) this.#sequence += ahead;
    const later = (header.timestamp - this.#timestamp) | 0;
    const timestamp = this.#timestamp + later;
    if (later > 0) this.#timestamp = timestamp;
    this.#delayUs = Math.min(this.#delayUs, nowUs - (timestamp * 1e6) / VIDEO_CLOCK_HZ);
    this.#silentUs = Math.max(this.#silentUs, nowUs - this.#heardUs);
    this.#heardUs = nowUs;
    this.#octets += octets.length;
    if (nowUs - this.#sinceUs < WINDOW_US) return false;
    this.#judge(nowUs);
    this.#expectedBefore = this.#sequence - this.#before;
    this.#missingBefore = this.#expectedBefore - this.#packets;
    this.#beginWindow(nowUs);
    return this.askedBps > 0;
  }

  #begin(nowUs: number): void {
    const { ssrc, sequence, timestamp } = this.#header;
    this.#ssrc = ssrc;
    this.#sequence = sequence - 1;
    this.#timestamp = timestamp;
    this.#heardUs = nowUs;
    this.#leastUs = EVER;
    this.#windows = 0;
    this.#calm = 0;
    this.#expectedBefore = 0;
    this.#missingBefore = 0;
    this.askedBps = 0;
    this.#beginWindow(nowUs);
  }

  #beginWindow(nowUs: number): void {
    this.#sinceUs = nowUs;
    this.#before = this.#sequence;
    this.#packets = 0;
    this.#octets = 0;
    this.#silentUs = 0;
    this.#delayUs = EVER;
  }

  #judge(nowUs: number): void {
    const isLossy = this.#missingBefore > 1 && this.#missingBefore > LOSS * this.#expectedBefore;
    const grownUs = this.#delayUs - this.#leastUs;
    if (++this.#windows > LEAST_WINDOWS) {
      this.#windows = 0;
      this.#leastUs = EVER;
    }
    this.#leastUs = Math.min(this.#leastUs, this.#delayUs);
    if (this.#silentUs > SILENCE_US) return;
    const cameBps = (this.#octets * 8e6) / (nowUs - this.#sinceUs);
    if (isLossy || grownUs > GROWTH_US) this.#cut(cameBps);
    else if (this.askedBps > 0 && ++this.#calm > CALM_WINDOWS) this.#raise(cameBps);
  }

  #cut(cameBps: number): void {
    const bps = Math.max(LEAST_BPS, Math.round(CUT * cameBps));
    this.askedBps = this.askedBps === 0 ? bps : Math.min(this.askedBps, bps);
    this.#passedBps = cameBps;
    this.#calm = 0;
    // What is left of the growth, by what was asked for, is what it may grow from: a path may have become a longer one.
    this.#leastUs = EVER;
  }

  #raise(cameBps: number): void {
    const raise = Math.max(RAISE_LEAST, Math.min(RAISE_MOST, RAISE_BPS / this.askedBps));
    const bps = Math.round(this.askedBps * (1 + raise));
    if (this.#calm < KNOWN_WINDOWS && bps > KNOWN_SHARE * this.#passedBps) return;
    this.askedBps = bps;
    if (this.askedBps > FREE * cameBps) this.askedBps = 0;
  }
}
