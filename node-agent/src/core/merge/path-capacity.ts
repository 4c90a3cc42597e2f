import { VIDEO_FIRST_WINDOW_OCTETS } from "../limits.ts";

/** Frames whose numbers are remembered until they are reported: more than a ring of sent frames holds. */
const FRAMES = 512;
/** Delay beyond the least: below it the path is not full, above it it is fuller than it may be. */
const QUEUE_LOW_US = 15_000;
const QUEUE_HIGH_US = 50_000;
/** The first window alone may make no more than this. */
const FIRST_QUEUE_US = 30_000;
/**
 * Over a round trip that is longer than this, doubling takes seconds: for what is beyond it a share of the claim is
 * believed at first.
 */
const FIRST_ROUND_TRIP_US = 100_000;
const FIRST_SHARE = 0.75;
/** What passes is reckoned over so long, and so many reports, at least. */
const SAMPLE_US = 40_000;
const SAMPLE_REPORTS = 3;
/** The least delay is that of the last one to two spans. */
const DELAY_SPAN_US = 10_000_000;
/** Share of what passes that is sent while a queue is to go. */
const DRAIN_GAIN = 0.85;
/** What a sample without a queue adds to the rate of a path that is used to the full; and each span to one that is not. */
const PROBE_GAIN = 1.06;
const FORGET_GAIN = 1.5;
const FULL_SHARE = 0.7;
const SMOOTHING = 0.7;
const MIN_BPS = 30_000;
/** Acknowledgements may be late by so much. */
const WINDOW_SLACK_US = 60_000;
const WINDOW_SLACK_OCTETS = 6_000;
/** Nothing is under way any more of what was not reported for so long. */
const UNREPORTED_US = 1_000_000;
/** Weight of the latest distance between two frames. */
const SPACING_GAIN = 1 / 16;
const EVER = Number.POSITIVE_INFINITY;

/**
 * How fast the way to a neighbour on one bearer passes video, by what its reports tell: which frame arrived last, and
 * when. The rate that was configured is a claim. At first a window limits what may be under way, and doubles each round
 * trip without a queue; where the delay rises the path has shown what it passes, and from then on that is its rate.
 *
 * Bulk has an estimate of its own (`bulk/path-rate.ts`): it fills its path, so that what passes is the rate. A camera
 * mostly sends less than a path could pass, and its rate is only seen where there is a queue.
 */
export class PathCapacity {
  readonly #claimedBps: number;
  readonly #counter = new Float64Array(FRAMES).fill(-1);
  /** Octets sent up to and with a frame. */
  readonly #total = new Float64Array(FRAMES);
  #sentOctets = 0;
  #reportedOctets = 0;
  #sentUs = 0;
  #starting = true;
  #windowOctets = VIDEO_FIRST_WINDOW_OCTETS;
  #rateBps: number;
  #draining = false;
  #least = EVER;
  #leastBefore = EVER;
  #leastAtUs = Number.NEGATIVE_INFINITY;
  #queueUs = 0;
  #queueAtUs = 0;
  // The interval that is being measured.
  #fromOctets = -1;
  #fromArrivedUs = 0;
  #sampleLeastUs = EVER;
  #reports = 0;
  /** Mean distance of the frames with video that are sent there. */
  spacingUs = SAMPLE_US + 0.5;
  /** What is sent there now has left the path's queue then, if its rate is what it seems. */
  freeUs = 0;

  constructor(claimedBps: number) {
    this.#claimedBps = claimedBps;
    this.#rateBps = claimedBps;
  }

  /** Until it has shown its rate, what the window passes in a round trip. */
  bps(roundTripUs: number): number {
    if (!this.#starting) return this.#rateBps;
    return Math.min(this.#claimedBps, (this.#window(roundTripUs) * 8e6) / Math.max(1_000, roundTripUs));
  }

  /** At what pace it is sent on: slower while a queue is to go. */
  pacingBps(roundTripUs: number): number {
    return this.bps(roundTripUs) * (this.#draining ? DRAIN_GAIN : 1);
  }

  /** What waits in the path now, as far as is known; microseconds. */
  queueUs(nowUs: number): number {
    return Math.max(0, this.#queueUs - (nowUs - this.#queueAtUs));
  }

  /** Octets that may be sent now on top of `waitingOctets` that are to leave already. */
  roomOctets(nowUs: number, roundTripUs: number, waitingOctets: number): number {
    if (nowUs - this.#sentUs > UNREPORTED_US + 2 * roundTripUs) this.#reportedOctets = this.#sentOctets;
    const flying = this.#sentOctets - this.#reportedOctets + waitingOctets;
    return this.#window(roundTripUs) - flying;
  }

  #window(roundTripUs: number): number {
    if (!this.#starting) return windowOf(this.#rateBps, roundTripUs);
    const longUs = Math.max(0, roundTripUs - FIRST_ROUND_TRIP_US);
    return Math.max(this.#windowOctets, (FIRST_SHARE * this.#claimedBps * longUs) / 8e6);
  }

  /** A frame with video goes out. */
  sent(nowUs: number, counter: number, octets: number): void {
    const at = counter % FRAMES;
    this.#sentOctets += octets;
    this.spacingUs += SPACING_GAIN * (Math.min(UNREPORTED_US, nowUs - this.#sentUs) - this.spacingUs);
    this.#sentUs = nowUs;
    this.#counter[at] = counter;
    this.#total[at] = this.#sentOctets;
  }

  /** The latest frame that has come is `counter`, at `arrivedUs` of the peer, `delayUs` after it was sent plus a constant. */
  arrived(nowUs: number, counter: number, arrivedUs: number, delayUs: number, roundTripUs: number): void {
    const at = counter % FRAMES;
    if (this.#counter[at] !== counter) return;
    const total = this.#total[at] as number;
    const news = total - this.#reportedOctets;
    if (news <= 0) return;
    const flying = this.#sentOctets - this.#reportedOctets;
    this.#reportedOctets = total;
    this.#measureDelay(nowUs, delayUs);
    const window = this.#window(roundTripUs);
    if (this.#starting && this.#queueUs < QUEUE_LOW_US && flying >= window / 2) {
      this.#windowOctets = window + news;
      // It has carried what was claimed, and there was no queue.
      if (this.#windowOctets >= windowOf(this.#claimedBps, roundTripUs)) this.#starting = false;
    }
    this.#sample(nowUs, total, arrivedUs);
  }

  #measureDelay(nowUs: number, delayUs: number): void {
    if (nowUs - this.#leastAtUs > DELAY_SPAN_US) {
      this.#leastBefore = this.#least;
      this.#least = EVER;
      this.#leastAtUs = nowUs;
      if (!this.#starting && !this.#draining) this.#raise(FORGET_GAIN);
    }
    this.#least = Math.min(this.#least, delayUs);
    this.#queueUs = delayUs - Math.min(this.#least, this.#leastBefore);
    this.#queueAtUs = nowUs;
    this.#sampleLeastUs = Math.min(this.#sampleLeastUs, this.#queueUs);
    this.#reports++;
  }

  #raise(gain: number): void {
    this.#rateBps = Math.min(this.#claimedBps, gain * this.#rateBps);
  }

  #sample(nowUs: number, total: number, arrivedUs: number): void {
    const intervalUs = arrivedUs - this.#fromArrivedUs;
    if (this.#fromOctets >= 0 && (intervalUs < SAMPLE_US || this.#reports < SAMPLE_REPORTS)) return;
    if (this.#fromOctets >= 0 && intervalUs < UNREPORTED_US)
      this.#learn(nowUs, Math.round(((total - this.#fromOctets) * 8e6) / intervalUs));
    this.#fromOctets = total;
    this.#fromArrivedUs = arrivedUs;
    this.#sampleLeastUs = EVER;
    this.#reports = 0;
  }

  /** `passedBps` is the path's rate if there was a queue all the time. */
  #learn(nowUs: number, passedBps: number): void {
    if (this.#sampleLeastUs > (this.#starting ? FIRST_QUEUE_US : QUEUE_HIGH_US)) {
      const bps = Math.min(this.#claimedBps, Math.max(MIN_BPS, passedBps));
      const before = Math.min(this.#rateBps, this.#starting ? bps : this.#rateBps);
      this.#rateBps = before + SMOOTHING * (bps - before);
      this.#starting = false;
      this.#draining = true;
      this.freeUs = Math.max(this.freeUs, nowUs + this.#queueUs - QUEUE_LOW_US);
    } else if (this.#sampleLeastUs < QUEUE_LOW_US) {
      this.#draining = false;
      if (!this.#starting && passedBps > FULL_SHARE * this.#rateBps) this.#raise(PROBE_GAIN);
    }
  }

  /** The neighbour has begun anew. */
  restart(): void {
    this.#counter.fill(-1);
    this.#reportedOctets = this.#sentOctets;
    this.#least = EVER;
    this.#leastBefore = EVER;
    this.#fromOctets = -1;
  }
}

/** What may be under way on a path that passes so much. */
function windowOf(bps: number, roundTripUs: number): number {
  return (bps * (roundTripUs + WINDOW_SLACK_US)) / 8e6 + WINDOW_SLACK_OCTETS;
}
