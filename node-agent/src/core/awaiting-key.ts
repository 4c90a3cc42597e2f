import { createDataHeader, type DataHeader } from "@skein/codecs";
import type { Address } from "./api.ts";
import { CUSTODY_RETRY_US, MAX_AWAITING_KEY, QUEUE_AGE_WIDE_US } from "./limits.ts";
import type { CoreState } from "./state.ts";

/** Own packets that wait, not longer than they could in a queue, for the key of their destination. */
export class AwaitingKey {
  readonly #s: CoreState;
  readonly #slots: number[] = [];
  readonly #header: DataHeader = createDataHeader();
  dueUs = Number.POSITIVE_INFINITY;
  /** Somebody still waits for this address. */
  onWaiting: (nowUs: number, to: Address) => void = () => undefined;
  /** A packet's time has come: its payload is in the pool's slot. */
  onReady: (nowUs: number, header: DataHeader, slot: number) => void = () => undefined;

  constructor(state: CoreState) {
    this.#s = state;
  }

  /** Keeps octets[0, length) and what the header says of class, precedence, kind and destination; false, and counted, if full. */
  keep(nowUs: number, header: DataHeader, octets: Uint8Array, length: number): boolean {
    const { pool, counters } = this.#s;
    const full = this.#slots.length >= MAX_AWAITING_KEY;
    const slot = full ? -1 : pool.allocate(header, undefined, octets, 0, length);
    if (slot === -1) {
      counters.drop(full ? "awaiting-key" : "pool-empty");
      return false;
    }
    pool.deadlineUs[slot] = nowUs + (QUEUE_AGE_WIDE_US[header.trafficClass] as number);
    this.#slots.push(slot);
    this.dueUs = Math.min(this.dueUs, nowUs + CUSTODY_RETRY_US);
    return true;
  }

  /** The key has come. */
  release(nowUs: number, to: Address): void {
    const { pool } = this.#s;
    for (let i = 0; i < this.#slots.length; ) {
      const slot = this.#slots[i] as number;
      if (pool.destination[slot] !== to) {
        i++;
        continue;
      }
      this.#slots.splice(i, 1);
      pool.header(slot, this.#header);
      this.onReady(nowUs, this.#header, slot);
      pool.release(slot);
    }
  }

  handleTimeout(nowUs: number): void {
    const { pool, counters } = this.#s;
    let kept = 0;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i] as number;
      if (nowUs > (pool.deadlineUs[slot] as number)) {
        counters.drop("expired");
        pool.release(slot);
        continue;
      }
      this.#slots[kept++] = slot;
      this.onWaiting(nowUs, pool.destination[slot] as number);
    }
    this.#slots.length = kept;
    this.dueUs = kept === 0 ? Number.POSITIVE_INFINITY : nowUs + CUSTODY_RETRY_US;
  }
}
