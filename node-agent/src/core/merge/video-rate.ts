import { VIDEO_RATE_CHECK_US, VIDEO_RATE_RISE_US, VIDEO_RATE_SHARE } from "../limits.ts";

/** Less than this share of what was told is told at once; more than the inverse when it has lasted. */
const CLEARLY = 0.8;
const EVER = Number.POSITIVE_INFINITY;

/** What an encoder has been told that the paths to one node carry of its video, and when it is to hear something else. */
export class VideoRate {
  /** As told; 0: nothing yet. */
  toldBps = 0;
  #paths = 0;
  #lookedUs = Number.NEGATIVE_INFINITY;
  #moreSinceUs = EVER;
  /** Least of what there has been since then. */
  #moreBps = EVER;

  /** True if it is time to reckon: now and then, and at once when a path has come or gone. */
  isDue(nowUs: number, paths: number): boolean {
    if (paths === this.#paths && nowUs - this.#lookedUs < VIDEO_RATE_CHECK_US) return false;
    this.#paths = paths;
    this.#lookedUs = nowUs;
    return true;
  }

  /** The paths carry so much now, all together; true if `toldBps` is another one now. */
  take(nowUs: number, carriedBps: number): boolean {
    const bps = Math.round(VIDEO_RATE_SHARE * carriedBps);
    if (bps > CLEARLY * this.toldBps && bps < this.toldBps / CLEARLY) {
      this.#moreSinceUs = EVER;
      return false;
    }
    if (this.toldBps === 0 || bps < this.toldBps) return this.#tell(bps);
    if (this.#moreSinceUs === EVER) {
      this.#moreSinceUs = nowUs;
      this.#moreBps = EVER;
    }
    this.#moreBps = Math.min(this.#moreBps, bps);
    return nowUs - this.#moreSinceUs >= VIDEO_RATE_RISE_US && this.#tell(this.#moreBps);
  }

  /** Somebody else is told from now on. */
  forget(): void {
    this.toldBps = 0;
    this.#paths = 0;
  }

  #tell(bps: number): boolean {
    this.toldBps = bps;
    this.#moreSinceUs = EVER;
    return true;
  }
}
