/**
 * How fast one path is sent on: by what it is seen to pass and by the delay of its queue, not by loss. A radio loses at
 * random what has already taken its share of the rate, so that octets count as passed whether or not they arrived; only
 * where loss grows with the rate is that the path's limit (a policer, a queue too short to show in the delay).
 *
 * Model as in BBR (draft-ietf-ccwg-bbr): the most that passed lately, and the least delay; but the phases follow the
 * queue that is measured: below QUEUE_LOW_US it is sent faster, above QUEUE_HIGH_US slower until the queue is gone.
 */
const STARTUP_GAIN = 2;
const PROBE_GAIN = 1.1;
/** Further gain for each round trip beyond so many without a queue; it takes so much longer to see one. */
const PROBE_GAIN_STEP = 0.1;
const PROBE_ROUNDS = 2;
const SIGHT_US = 50_000;
const DRAIN_GAIN = 0.85;
/** Standing queue below which the path may not be full, and above which voice on it would suffer. */
const QUEUE_LOW_US = 10_000;
const QUEUE_HIGH_US = 25_000;
/** A queue that has not been short for so long is drained: else its delay would pass for the path's own. */
const DRAIN_AFTER_US = 5_000_000;
/** The start ends when the rate has not grown by this for so long beyond the round trips that it takes to see it. */
const STARTUP_GROWTH = 1.25;
const STARTUP_STALL_US = 100_000;
/** or when so many samples in a row show a queue: one may only show that a process was late. */
const STARTUP_FULL_SAMPLES = 2;
const STARTUP_STALL_ROUNDS = 2.5;
/** The least delay and the highest rate are those of the last one to two spans. */
const DELAY_SPAN_US = 10_000_000;
const RATE_SPAN_US = 1_500_000;
/** Loss is the path's own if it was there in the best of the last spans. */
const LOSS_SPAN_US = 1_000_000;
const LOSS_SPANS = 20;
const LOSS_MARGIN = 0.05;
/** More than that beyond it, and the path is given less for a span: what it loses then is its own. */
const LOSS_TOO_MUCH = 0.15;
const FLOOR_GAIN = 0.5;
/** Weight of a sample among the last ones. */
const SMOOTHING = 0.3;
const STARTUP_SMOOTHING = 0.7;
const JITTER_GAIN = 0.1;
const MAX_JITTER_US = 30_000;
/** Window beyond the least round trip: what acknowledgements may be late. */
const WINDOW_SLACK_US = 60_000;
const WINDOW_SLACK_OCTETS = 12_000;
const MIN_RATE_BPS = 16_000;

/** What an interval between acknowledgements has shown. */
export interface RateSample {
  /** Octets sent in it and their time between first and last arrival, microseconds. */
  octets: number;
  intervalUs: number;
  /** How many of them arrived. */
  arrivedOctets: number;
  /** The sender had nothing more to send: the path could pass more. */
  limited: boolean;
  /** Least and mean one-way delay in it, on any clock. */
  leastDelayUs: number;
  meanDelayUs: number;
  /** How late the sender's process comes to its work: a queue shorter than that runs empty meanwhile. */
  lateUs: number;
}

export class PathRate {
  /** The highest rate of this span and the one before. */
  #rateBps: number;
  #before = 0;
  #span = 0;
  #spanAtUs = 0;
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #leastAtUs = 0;
  #queueUs = 0;
  #jitterUs = 0;
  #lateUs = 0;
  #starting = true;
  #bestBps = 0;
  #fullSamples = 0;
  #grownAtUs = Number.NEGATIVE_INFINITY;
  #gain = STARTUP_GAIN;
  #draining = false;
  #fullAtUs = 0;
  /** Lately, without picking the best: what a full path passes. */
  #recentBps: number;
  #drainBps = 0;
  #drainUntilUs = 0;
  /** What is left of the delay when a queue must be gone: jitter, or somebody else's. */
  #floorUs = 0;
  #shortAtUs = 0;
  #sentOctets = 0;
  #lostOctets = 0;
  #limited = false;
  #lossAtUs = 0;
  /** The last span has lost too much: it is drained whatever its queue. */
  #lossy = false;
  readonly #losses: number[] = [];

  constructor(firstBps: number) {
    this.#rateBps = firstBps;
    this.#recentBps = firstBps;
  }

  /** What the path passes, as far as is known. */
  get bps(): number {
    return this.#rateBps;
  }

  get pacingBps(): number {
    return Math.max(MIN_RATE_BPS, this.#gain * (this.#draining ? this.#drainBps : this.#rateBps));
  }

  /** Delay of the standing queue, microseconds. */
  get queueUs(): number {
    return this.#queueUs;
  }

  windowOctets(roundTripUs: number): number {
    const spareUs = WINDOW_SLACK_US + this.#jitterUs + this.#lateUs;
    return (this.#rateBps * (roundTripUs + spareUs)) / 8e6 + WINDOW_SLACK_OCTETS;
  }

  sample(nowUs: number, s: RateSample, roundTripUs: number): void {
    this.#lateUs = s.lateUs;
    this.#measureDelay(nowUs, s);
    const own = 1 - Math.min(0.9, this.#ownLoss() + LOSS_MARGIN);
    const bps = (Math.min(s.octets, s.arrivedOctets / own) * 8e6) / s.intervalUs;
    this.#measureRate(nowUs, bps, s.limited);
    if (this.#starting) this.#start(nowUs, bps, s.limited, roundTripUs);
    else this.#follow(nowUs, roundTripUs, s.limited);
    if (!this.#starting) this.#measureLoss(nowUs, s);
  }

  #measureDelay(nowUs: number, s: RateSample): void {
    if (nowUs - this.#leastAtUs > DELAY_SPAN_US) {
      this.#leastBefore = this.#least;
      this.#least = Number.POSITIVE_INFINITY;
      this.#leastAtUs = nowUs;
    }
    this.#least = Math.min(this.#least, s.leastDelayUs);
    this.#queueUs = s.leastDelayUs - Math.min(this.#least, this.#leastBefore);
    const jitterUs = Math.min(MAX_JITTER_US, s.meanDelayUs - s.leastDelayUs);
    this.#jitterUs += JITTER_GAIN * (jitterUs - this.#jitterUs);
  }

  #measureLoss(nowUs: number, s: RateSample): void {
    this.#sentOctets += s.octets;
    this.#limited ||= s.limited;
    this.#lostOctets += Math.max(0, s.octets - s.arrivedOctets);
    if (nowUs - this.#lossAtUs < LOSS_SPAN_US) return;
    const loss = this.#lostOctets / this.#sentOctets;
    this.#losses.push(loss);
    if (this.#losses.length > LOSS_SPANS) this.#losses.shift();
    this.#lossy = !this.#limited && loss > this.#ownLoss() + LOSS_TOO_MUCH;
    if (this.#lossy) {
      this.#rateBps = ((this.#sentOctets - this.#lostOctets) * 8e6) / (nowUs - this.#lossAtUs);
      this.#recentBps = this.#rateBps;
      this.#span = this.#rateBps;
      this.#before = 0;
      this.#drain(nowUs, LOSS_SPAN_US);
    }
    this.#sentOctets = 0;
    this.#lostOctets = 0;
    this.#limited = false;
    this.#lossAtUs = nowUs;
  }

  #ownLoss(): number {
    return this.#losses.length === 0 ? 0 : Math.min(...this.#losses);
  }

  /**
   * Times of arrival are as late as the peer's process was: neighbouring samples make up for each other. What was sent
   * less of than could be says nothing about how little the path passes.
   */
  #measureRate(nowUs: number, bps: number, limited: boolean): void {
    this.#recentBps += (this.#starting ? STARTUP_SMOOTHING : SMOOTHING) * (bps - this.#recentBps);
    if (limited) {
      this.#rateBps = Math.max(this.#rateBps, this.#recentBps);
      return;
    }
    if (nowUs - this.#spanAtUs > RATE_SPAN_US) {
      this.#before = this.#span;
      this.#span = 0;
      this.#spanAtUs = nowUs;
    }
    this.#span = Math.max(this.#span, this.#recentBps);
    this.#rateBps = Math.max(this.#span, this.#before);
  }

  #start(nowUs: number, bps: number, limited: boolean, roundTripUs: number): void {
    if (bps > STARTUP_GROWTH * this.#bestBps || limited || this.#grownAtUs < 0) {
      this.#bestBps = Math.max(this.#bestBps, bps);
      this.#grownAtUs = nowUs;
    }
    this.#fullSamples = this.#queueUs < QUEUE_HIGH_US + this.#lateUs ? 0 : this.#fullSamples + 1;
    const stalled = nowUs - this.#grownAtUs > STARTUP_STALL_ROUNDS * roundTripUs + STARTUP_STALL_US;
    if (!stalled && this.#fullSamples < STARTUP_FULL_SAMPLES) return;
    this.#starting = false;
    this.#lossAtUs = nowUs;
    this.#drain(nowUs, roundTripUs + this.#queueUs / (1 - DRAIN_GAIN));
  }

  #follow(nowUs: number, roundTripUs: number, limited: boolean): void {
    this.#floorUs -= Math.max(0, FLOOR_GAIN * (this.#floorUs - this.#queueUs));
    const queueUs = this.#queueUs - this.#floorUs - this.#lateUs;
    if (queueUs < QUEUE_LOW_US) {
      if (!this.#lossy || nowUs >= this.#drainUntilUs) this.#draining = false;
      this.#shortAtUs = nowUs;
    } else if (this.#draining && nowUs >= this.#drainUntilUs) {
      this.#floorUs += FLOOR_GAIN * queueUs;
      this.#draining = false;
      this.#shortAtUs = nowUs;
    } else if (!this.#draining && (queueUs > QUEUE_HIGH_US || nowUs - this.#shortAtUs > DRAIN_AFTER_US)) {
      this.#drain(nowUs, roundTripUs + this.#queueUs / (1 - DRAIN_GAIN));
    }
    if (limited || queueUs >= QUEUE_LOW_US) this.#fullAtUs = nowUs;
    this.#gain = this.#draining ? DRAIN_GAIN : queueUs < QUEUE_LOW_US ? this.#probeGain(nowUs, roundTripUs) : 1;
  }

  /** The more round trips no queue has been seen in, the farther away the limit is. */
  #probeGain(nowUs: number, roundTripUs: number): number {
    const rounds = (nowUs - this.#fullAtUs) / (roundTripUs + SIGHT_US);
    return Math.min(STARTUP_GAIN, PROBE_GAIN + PROBE_GAIN_STEP * Math.max(0, Math.floor(rounds) - PROBE_ROUNDS));
  }

  /** Below what the path passes while it is full, for as long as its queue needs to go. */
  #drain(nowUs: number, lengthUs: number): void {
    this.#draining = true;
    this.#drainBps = Math.min(this.#rateBps, this.#recentBps);
    this.#drainUntilUs = nowUs + lengthUs;
    this.#gain = DRAIN_GAIN;
  }
}
