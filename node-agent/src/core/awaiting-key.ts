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
  /** True if what waits for this address can be sealed now; if not, the key is asked for. */
  isReady: (nowUs: number, to: Address) => boolean = () => false;
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

  /** A key has come that somebody may wait for. */
  hurry(nowUs: number): void {
    if (this.#slots.length > 0) this.dueUs = nowUs;
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
      this.#resume(nowUs, slot);
      pool.release(slot);
    }
  }

  handleTimeout(nowUs: number): void {
    const { pool, counters } = this.#s;
    let kept = 0;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i] as number;
      if (nowUs > (pool.deadlineUs[slot] as number)) counters.drop("expired");
      else if (this.isReady(nowUs, pool.destination[slot] as number)) this.#resume(nowUs, slot);
      else {
        this.#slots[kept++] = slot;
        continue;
      }
      pool.release(slot);
    }
    this.#slots.length = kept;
    this.dueUs = kept === 0 ? Number.POSITIVE_INFINITY : nowUs + CUSTODY_RETRY_US;
  }

  #resume(nowUs: number, slot: number): void {
    this.#s.pool.header(slot, this.#header);
    this.onReady(nowUs, this.#header, slot);
  }
}
