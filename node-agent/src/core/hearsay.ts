import { HEARSAY_US } from "./limits.ts";
import { UNREACHABLE } from "./link-cost.ts";

/**
 * Who reaches nodes that the database has no way to, by distance snapshots: what two partitions that meet go by until
 * their advertisements have crossed a narrow channel.
 */
export class Hearsay {
  readonly #by = new Uint8Array(256);
  readonly #via = new Uint8Array(256);
  readonly #distance = new Uint16Array(256);
  readonly #untilUs = new Float64Array(256).fill(Number.NEGATIVE_INFINITY);
  /** Nodes that something is remembered of. */
  #count = 0;

  /** By what `by` says, `via` is so far from a node; true if nobody was known to reach it. */
  learn(nowUs: number, local: number, by: number, via: number, distance: number): boolean {
    if (distance >= UNREACHABLE) return false;
    const known = nowUs < (this.#untilUs[local] as number);
    // A worse way replaces only what the same node has said.
    if (known && by !== this.#by[local] && distance >= (this.#distance[local] as number)) return false;
    if (this.#untilUs[local] === Number.NEGATIVE_INFINITY) this.#count++;
    this.#by[local] = by;
    this.#via[local] = via;
    this.#distance[local] = distance;
    this.#untilUs[local] = nowUs + HEARSAY_US;
    return !known;
  }

  /** The database has ways to these now (distances by local id): from then on it alone is believed. */
  forgetReached(distances: Uint16Array): void {
    for (let local = 1; local < 255 && this.#count > 0; local++) {
      if (distances[local] === UNREACHABLE || this.#untilUs[local] === Number.NEGATIVE_INFINITY) continue;
      this.#untilUs[local] = Number.NEGATIVE_INFINITY;
      this.#count--;
    }
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Local id of who has said so, 0: nobody. */
  saidBy(nowUs: number, local: number): number {
    return nowUs < (this.#untilUs[local] as number) ? (this.#by[local] as number) : 0;
  }

  /** Local id of the node to go by, which reaches it; 0: none. */
  via(nowUs: number, local: number): number {
    return nowUs < (this.#untilUs[local] as number) ? (this.#via[local] as number) : 0;
  }

  /** How far that node is from it: no class is farther. */
  distance(local: number): number {
    return this.#distance[local] as number;
  }
}
