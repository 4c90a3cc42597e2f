import {
  MAX_SOUGHT,
  SEARCH_BURST,
  SEARCH_FORGOTTEN_US,
  SEARCH_GAP_US,
  SEARCH_PAUSE_US,
  SEARCH_WINDOW_US,
} from "./limits.ts";

/** A destination that has been searched for: since when, and when last. */
interface Sought {
  readonly sinceUs: number;
  lastUs: number;
}

/**
 * How often a node may search. A search costs many frames at many nodes. Neighbours know more for a moment after a change; who is
 * not found by then is gone, and a stream to it must not take the air from all others.
 */
export class SearchAllowance {
  /** Searches are paid for until then. */
  #paidUs = 0;
  readonly #sought = new Map<number, Sought>();

  /** True, and counted, if a packet for a destination may be searched for now. */
  take(nowUs: number, destination: number): boolean {
    if (this.#paidUs > nowUs + SEARCH_BURST * SEARCH_GAP_US) return false;
    const sought = this.#sought.get(destination);
    if (sought === undefined || nowUs - sought.lastUs > SEARCH_FORGOTTEN_US) this.#begin(nowUs, destination);
    else if (nowUs - sought.sinceUs > SEARCH_WINDOW_US && nowUs - sought.lastUs < SEARCH_PAUSE_US) return false;
    else sought.lastUs = nowUs;
    this.#paidUs = Math.max(this.#paidUs, nowUs) + SEARCH_GAP_US;
    return true;
  }

  #begin(nowUs: number, destination: number): void {
    this.#sought.delete(destination);
    if (this.#sought.size === MAX_SOUGHT) {
      const [oldest] = this.#sought.keys();
      this.#sought.delete(oldest as number);
    }
    this.#sought.set(destination, { sinceUs: nowUs, lastUs: nowUs });
  }
}
