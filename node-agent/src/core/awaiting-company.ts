import { createDataHeader, type DataHeader } from "@skein/codecs";
import { Precedence, TrafficClass } from "./api.ts";
import { COMPANY_LINGER_US, COMPANY_US, MAX_AWAITING_COMPANY } from "./limits.ts";
import { isUsable } from "./port.ts";
import type { CoreState } from "./state.ts";

/**
 * Own positions, texts and policies for all that nobody is known to hear: a node has just started, or was cut off. Who is
 * about to hear it would find no gap before the first frame that it hears, and not ask. They wait a little for a first
 * link. Not for ever: somebody may hear this node whom it does not hear.
 */
export class AwaitingCompany {
  readonly #s: CoreState;
  readonly #slots: number[] = [];
  readonly #header: DataHeader = createDataHeader();
  dueUs = Number.POSITIVE_INFINITY;
  /** The time of what has waited has come: its payload is in the pool's slot, which is free again afterwards. */
  onReady: (nowUs: number, header: DataHeader, slot: number) => void = () => undefined;

  constructor(state: CoreState) {
    this.#s = state;
  }

  /** Keeps a packet if it had better wait; false if it should go now. */
  keep(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    if (header.trafficClass !== TrafficClass.command || header.precedence === Precedence.flash) return false;
    if (this.#slots.length >= MAX_AWAITING_COMPANY || this.#hasCompany(nowUs)) return false;
    const slot = this.#s.pool.allocate(header, undefined, octets, from, length);
    if (slot === -1) return false;
    this.#s.counters.count("awaited-company");
    this.#slots.push(slot);
    this.dueUs = Math.min(this.dueUs, nowUs + COMPANY_US);
    return true;
  }

  /** There is a link; others are likely to follow. */
  linkUp(nowUs: number): void {
    if (this.#slots.length > 0) this.dueUs = Math.min(this.dueUs, nowUs + COMPANY_LINGER_US);
  }

  /** Everything goes at once, in the order in which it came. */
  handleTimeout(nowUs: number): void {
    const { pool } = this.#s;
    this.dueUs = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.splice(0)) {
      pool.header(slot, this.#header);
      this.onReady(nowUs, this.#header, slot);
      pool.release(slot);
    }
  }

  #hasCompany(nowUs: number): boolean {
    for (const port of this.#s.ports) for (const n of port.neighbours) if (isUsable(port, n, nowUs)) return true;
    return false;
  }
}
