import { SILENT_LEAST_US } from "../limits.ts";

const INTERVALS_OF_CADENCE = 3;
const JITTERS = 2;
/** Packets that make a stream steady enough to miss it. */
const STEADY_PACKETS = 8;
/** A stream that has paused for so long has ended. */
const ENDED_US = 500_000;
/** A longer run of missing packets says nothing of the cadence. */
const MAX_AHEAD = 8;
const CADENCE_GAIN = 1 / 16;
/** The estimate of the 95th percentile moves by this share of itself (at least 0.1 ms) in proportion of 19 to 1. */
const QUANTILE_STEP = 1 / 8;
const QUANTILE_LEAST_STEP_US = 100;
const QUANTILE = 0.95;

/** What a node hears of one stream of packets on one path, and when its silence is no chance any more. */
export class StreamWatch {
  source = 0;
  lastSequence = 0;
  lastUs = Number.NEGATIVE_INFINITY;
  /** Another path has brought a later packet. */
  isBehind = false;
  #packets = 0;
  #cadenceUs = 0;
  #jitterUs = 0;

  /** A packet of a stream came; of several streams at a time one is watched. */
  heard(nowUs: number, source: number, sequence: number): void {
    const paused = nowUs - this.lastUs > ENDED_US;
    if (source !== this.source && !paused) return;
    if (source !== this.source || paused) {
      this.source = source;
      this.#packets = 0;
      this.#cadenceUs = 0;
      this.#jitterUs = 0;
    } else {
      const ahead = (sequence - this.lastSequence) & 0xffff;
      // A repetition of an older one.
      if (ahead === 0 || ahead >= 0x8000) return;
      if (ahead <= MAX_AHEAD) this.#learn(nowUs - this.lastUs, ahead);
    }
    this.#packets++;
    this.lastSequence = sequence;
    this.lastUs = nowUs;
    this.isBehind = false;
  }

  #learn(pauseUs: number, ahead: number): void {
    const eachUs = pauseUs / ahead;
    if (this.#cadenceUs === 0) this.#cadenceUs = eachUs;
    const offUs = Math.abs(pauseUs - ahead * this.#cadenceUs);
    this.#cadenceUs += CADENCE_GAIN * (eachUs - this.#cadenceUs);
    const step = Math.max(QUANTILE_LEAST_STEP_US, QUANTILE_STEP * this.#jitterUs);
    this.#jitterUs = Math.max(0, this.#jitterUs + step * (offUs > this.#jitterUs ? QUANTILE : QUANTILE - 1));
  }

  /** Somebody else's packet of a stream came on another path. */
  heardElsewhere(source: number, sequence: number): void {
    if (source !== this.source) return;
    const ahead = (sequence - this.lastSequence) & 0xffff;
    if (ahead > 0 && ahead < 0x8000) this.isBehind = true;
  }

  /** When silence becomes a suspicion; Infinity if nothing is missed. */
  dueUs(nowUs: number): number {
    if (!this.isBehind || this.#packets < STEADY_PACKETS || nowUs - this.lastUs > ENDED_US)
      return Number.POSITIVE_INFINITY;
    return this.lastUs + Math.max(INTERVALS_OF_CADENCE * this.#cadenceUs, JITTERS * this.#jitterUs, SILENT_LEAST_US);
  }

  /** It was told: the stream has to become steady again before it is missed again. */
  told(): void {
    this.#packets = 0;
    this.isBehind = false;
  }
}
