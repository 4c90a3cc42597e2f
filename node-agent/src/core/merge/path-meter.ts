import { ARRIVAL_UNIT_US } from "@skein/codecs";
import {
  DELAY_SAMPLES,
  LOSS_MEMORY_FRAMES,
  LOSS_PRIOR_FRAMES,
  PATH_HOLD_AGAIN_US,
  PATH_HOLD_US,
  PATH_MAX_HOLD_US,
  PATH_MAX_RETRY_US,
  PATH_RETRY_US,
} from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import type { SentRing } from "../sent-ring.ts";
import type { PathCapacity } from "./path-capacity.ts";

const ARRIVAL_SPAN = 0x1_0000;
/** Runs of losses that the mean length remembers. */
const RUN_MEMORY = 8;
/** Samples between two looks at their distribution. */
const RECKON_EVERY = 4;
/** Who loses no more over the whole memory has become better. */
const GOOD = 0.25;
const EVER = Number.POSITIVE_INFINITY;

/**
 * What the paths to one node have in common. Its clock is not ours: what reports tell of arrivals is a delay plus a
 * constant, the same on all paths, so that paths compare exactly. The constant itself is guessed from the path with
 * the shortest round trip, where half of it is least wrong.
 */
export interface Peer {
  /** Last time of arrival by its clock, as it was told, and in all; and when that frame was sent by ours. */
  told: number;
  unrolledUs: number;
  toldSentUs: number;
  offsetUs: number;
  offsetRttUs: number;
  /** The path that was chosen first of late, another one that is better, and since when it has been. */
  first: PathMeter | undefined;
  challenger: PathMeter | undefined;
  challengedUs: number;
  /** Packets sent in copies for which nobody has hurried yet. */
  unhurried: number;
}

export function createPeer(): Peer {
  return {
    told: -1,
    unrolledUs: 0,
    toldSentUs: 0,
    offsetUs: 0,
    offsetRttUs: EVER,
    first: undefined,
    challenger: undefined,
    challengedUs: 0,
    unhurried: 0,
  };
}

/** Delay, loss and steadiness of the way to a neighbour on one bearer, as its reports tell. */
export class PathMeter {
  readonly peer: Peer;
  /** What it passes, from the first video on that could go there. */
  capacity: PathCapacity | undefined;
  /** Share of the frames that do not arrive at their first try, and the mean length of a run of them. */
  loss = 0;
  lossRun = 1;
  #frames = LOSS_PRIOR_FRAMES;
  #countedUs = 0;
  #retryUs = PATH_RETRY_US;
  #run = 0;
  #reported = -1;
  /** Delays plus the peer's constant, the latest DELAY_SAMPLES, and the same in order as of the last look. */
  readonly #delays = new Float64Array(DELAY_SAMPLES);
  readonly #sorted = new Float64Array(DELAY_SAMPLES);
  #samples = 0;
  #reckoned = 0;
  #sampled = -1;
  /** Used since then, when it went last, and how long it has to be clean to be trusted again. */
  upSinceUs = Number.NEGATIVE_INFINITY;
  #downUs = Number.NEGATIVE_INFINITY;
  #holdUs = 0;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /**
   * A report says which of our frames up to `highest` have come; bit i of the bitmap is `highest - 1 - i`. What has come
   * may have come at a later try only.
   */
  reported(nowUs: number, highest: number, bitmap: number, ring: SentRing): void {
    if (highest <= this.#reported) return;
    this.#countedUs = nowUs;
    const from = this.#reported < 0 ? highest : Math.max(this.#reported + 1, highest - 32);
    this.#reported = highest;
    for (let counter = from; counter <= highest; counter++) {
      const came = counter === highest || ((bitmap >>> (highest - 1 - counter)) & 1) === 1;
      const index = ring.indexOf(counter);
      this.#count(came && (index === -1 || ring.tries[index] === 1));
    }
  }

  #count(came: boolean): void {
    this.#frames++;
    const gain = Math.max(1 / this.#frames, 1 / LOSS_MEMORY_FRAMES);
    this.loss += gain * ((came ? 0 : 1) - this.loss);
    if (!came) this.#run++;
    else if (this.#run > 0) {
      this.lossRun += (this.#run - this.lossRun) / RUN_MEMORY;
      this.#run = 0;
    }
    if (this.#frames === LOSS_MEMORY_FRAMES && this.loss < GOOD) this.#retryUs = PATH_RETRY_US;
  }

  /**
   * It is not used, being too bad: what it was like is forgotten when nothing has been sent there for a while, twice as
   * long each time, so that it can show that it has become better.
   */
  retry(nowUs: number): void {
    if (nowUs - this.#countedUs < this.#retryUs) return;
    this.#retryUs = Math.min(PATH_MAX_RETRY_US, 2 * this.#retryUs);
    this.#countedUs = nowUs;
    this.loss = 0;
    this.#frames = LOSS_PRIOR_FRAMES;
    this.#samples = 0;
    this.#reckoned = 0;
  }

  /** Frame `counter` arrived at `arrival` by the clock of `n`. Numbers that are no small integers stay where they are. */
  arrived(nowUs: number, counter: number, arrival: number, n: Neighbour, ring: SentRing): void {
    const index = ring.indexOf(counter);
    // Of a repeated frame one cannot tell which copy arrived.
    if (counter <= this.#sampled || index === -1 || ring.tries[index] !== 1) return;
    const sentUs = ring.firstSentUs[index] as number;
    const { rttUs } = n;
    this.#sampled = counter;
    const { peer } = this;
    // Arrivals lie about as far apart as what was sent: that tells how often the clock went round in a long pause.
    const expected = (sentUs - peer.toldSentUs) / ARRIVAL_UNIT_US;
    const low = (arrival - peer.told) & (ARRIVAL_SPAN - 1);
    const ahead = peer.told < 0 ? 0 : low + ARRIVAL_SPAN * Math.round((expected - low) / ARRIVAL_SPAN);
    peer.told = arrival;
    peer.toldSentUs = sentUs;
    peer.unrolledUs += ahead * ARRIVAL_UNIT_US;
    this.#delays[this.#samples++ % DELAY_SAMPLES] = peer.unrolledUs - sentUs;
    this.capacity?.arrived(nowUs, counter, peer.unrolledUs, peer.unrolledUs - sentUs, rttUs);
    if (this.#samples - this.#reckoned < RECKON_EVERY && this.#reckoned > 0) return;
    this.#reckoned = this.#samples;
    this.#sorted.fill(EVER);
    const known = Math.min(this.#samples, DELAY_SAMPLES);
    for (let i = 0; i < known; i++) this.#sorted[i] = this.#delays[i] as number;
    this.#sorted.sort();
    if (rttUs > 0 && (rttUs <= peer.offsetRttUs || peer.first === this)) {
      peer.offsetRttUs = rttUs;
      peer.offsetUs = this.#relative(0.5) - rttUs / 2;
    }
  }

  #relative(q: number): number {
    const known = Math.min(this.#reckoned, DELAY_SAMPLES);
    return this.#sorted[Math.min(known - 1, Math.floor(q * known))] as number;
  }

  /** One-way delay that the share `q` of the frames do not exceed; `otherwiseUs` while nothing is known. */
  delayUs(q: number, otherwiseUs: number): number {
    return this.#reckoned === 0 ? otherwiseUs : Math.max(0, this.#relative(q) - this.peer.offsetUs);
  }

  /** Chance that a frame sent now arrives within this time at its first try. */
  chanceWithin(deadlineUs: number, otherwiseUs: number): number {
    if (this.#reckoned === 0) return otherwiseUs <= deadlineUs ? 1 - this.loss : 0;
    const known = Math.min(this.#reckoned, DELAY_SAMPLES);
    let low = 0;
    let high = known;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as number) - this.peer.offsetUs <= deadlineUs) low = middle + 1;
      else high = middle;
    }
    return (low / known) * (1 - this.loss);
  }

  /** The neighbour has begun anew: nothing that it says compares with what it said before. */
  restart(): void {
    this.#reported = -1;
    this.#sampled = -1;
    this.#samples = 0;
    this.#reckoned = 0;
    this.capacity?.restart();
    this.peer.told = -1;
    this.peer.offsetRttUs = EVER;
  }

  // Steadiness

  isUp(nowUs: number): void {
    this.upSinceUs = nowUs;
  }

  /** The path has gone: when it comes back it has to be clean for a while, twice as long each time. */
  isDown(nowUs: number): void {
    const again = nowUs - this.#downUs < PATH_HOLD_AGAIN_US;
    this.#downUs = nowUs;
    this.#holdUs = again ? Math.min(PATH_MAX_HOLD_US, 2 * this.#holdUs) : PATH_HOLD_US;
  }

  /** A suspicion before it is trusted begins the wait anew. */
  isSuspected(nowUs: number): void {
    if (!this.isSettled(nowUs)) this.upSinceUs = nowUs;
  }

  isSettled(nowUs: number): boolean {
    return nowUs - this.upSinceUs >= this.#holdUs;
  }
}
