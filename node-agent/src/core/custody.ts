import { createDataHeader, createRepair, type DataHeader, type Repair } from "@skein/codecs";
import { CUSTODY_RETRY_US, MAX_CUSTODY } from "./limits.ts";
import type { CoreState } from "./state.ts";

/** Tries a kept packet again; true if it is on its way. Header and repair extension may be written to. */
export type Resume = (nowUs: number, header: DataHeader, repair: Repair, slot: number) => boolean;

/**
 * Packets that nobody knows a way for now, kept until links change or their time is up. Bounded; each keeps its slot of
 * the packet pool.
 */
export class Custody {
  readonly #s: CoreState;
  readonly #resume: Resume;
  readonly #slots: number[] = [];
  readonly #header: DataHeader = createDataHeader();
  readonly #repair: Repair = createRepair();
  #version = -1;
  dueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState, resume: Resume) {
    this.#s = state;
    this.#resume = resume;
  }

  get count(): number {
    return this.#slots.length;
  }

  /** False if there is no room, or no time. */
  keep(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    if (this.#slots.length >= MAX_CUSTODY || deadlineUs <= nowUs) return false;
    const { pool } = this.#s;
    const slot = pool.allocate(header, repair, octets, from, length);
    if (slot === -1) return false;
    pool.deadlineUs[slot] = deadlineUs;
    this.#slots.push(slot);
    this.#s.counters.count("kept");
    this.dueUs = Math.min(this.dueUs, nowUs + CUSTODY_RETRY_US);
    return true;
  }

  /** Takes out what `matches`. */
  takeAll(matches: (slot: number) => boolean): number[] {
    const taken: number[] = [];
    for (const slot of this.#slots.splice(0)) (matches(slot) ? taken : this.#slots).push(slot);
    return taken;
  }

  /** A link has come up: what waits is tried again at once. */
  linksChanged(nowUs: number): void {
    if (this.#slots.length === 0) return;
    this.#version = -1;
    this.dueUs = nowUs;
  }

  handleTimeout(nowUs: number): void {
    const changed = this.#version !== this.#s.db.version;
    this.#version = this.#s.db.version;
    const { pool, counters } = this.#s;
    let kept = 0;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i] as number;
      const expired = nowUs > (pool.deadlineUs[slot] as number);
      if (expired) counters.drop("expired");
      else if (!changed || !this.#tryAgain(nowUs, slot)) {
        this.#slots[kept++] = slot;
        continue;
      }
      pool.release(slot);
    }
    this.#slots.length = kept;
    this.dueUs = kept === 0 ? Number.POSITIVE_INFINITY : nowUs + CUSTODY_RETRY_US;
  }

  #tryAgain(nowUs: number, slot: number): boolean {
    this.#s.pool.header(slot, this.#header);
    this.#s.pool.repair(slot, this.#repair);
    return this.#resume(nowUs, this.#header, this.#repair, slot);
  }
}
