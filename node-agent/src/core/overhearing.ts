import { createDataHeader, createRepair, type DataHeader, type Repair, type Report } from "@skein/codecs";
import type { Forwarding } from "./forwarding.ts";
import { MAX_OVERHEARD, OVERHEARD_LOSS_CODE, OVERHEARD_SLACK_US, REPORT_DELAY_WIDE_US } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/** Bits of the counter in a shared header. */
const COUNTER_MASK = 0x1fff;

/** A packet for another next hop that is sent on from here if that one is not heard to have it. */
interface Overheard {
  slot: number;
  port: Port | undefined;
  transmitter: number;
  nextHop: number;
  counterLow: number;
  dueUs: number;
}

/**
 * Relays by chance. On a shared wide bearer those who overhear a packet on a lossy link, and are nearer to its
 * destination than its transmitter, keep it for a moment: if neither the next hop's acknowledgement nor anybody's
 * copy is heard by then, they send it on as if it had been for them (compare ExOR, Biswas and Morris 2005). It descends
 * like any other, and whoever gets it twice takes it once.
 */
export class Overhearing {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #kept: Overheard[] = [];
  readonly #header: DataHeader = createDataHeader();
  readonly #repair: Repair = createRepair();
  #active = 0;
  dueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState, forwarding: Forwarding) {
    this.#s = state;
    this.#forwarding = forwarding;
    for (let i = 0; i < MAX_OVERHEARD; i++)
      this.#kept.push({ slot: -1, port: undefined, transmitter: 0, nextHop: 0, counterLow: 0, dueUs: 0 });
  }

  /** `n` has sent a packet, octets[from, from + length), to `header.nextHop`, in the frame with this counter. */
  overheard(
    nowUs: number,
    port: Port,
    n: Neighbour,
    header: DataHeader,
    counterLow: number,
    octets: Uint8Array,
    from: number,
    length: number,
  ): void {
    // Between areas the border that the packet was given to decides.
    if (port.narrow || n.foreign || header.nextHopArea >= 0) return;
    if (header.source === this.#s.options.address || this.#isCopy(n, header)) return;
    if (!this.#isNearer(header) || !this.#isLossy(port, n.local, header.nextHop)) return;
    const kept = this.#free();
    const slot = kept === undefined ? -1 : this.#s.pool.allocate(header, undefined, octets, from, length);
    if (kept === undefined || slot === -1) return;
    kept.slot = slot;
    kept.port = port;
    kept.transmitter = n.local;
    kept.nextHop = header.nextHop;
    kept.counterLow = counterLow;
    // An acknowledgement's way back, and a draw so that several who overheard it hear each other.
    const slotUs = REPORT_DELAY_WIDE_US + 2 * port.config.latencyUs + OVERHEARD_SLACK_US + 2 * port.lateUs;
    kept.dueUs = nowUs + slotUs + this.#s.random.below(slotUs / 2);
    this.dueUs = Math.min(this.dueUs, kept.dueUs);
    this.#active++;
  }

  /** `n` has acknowledged frames of somebody else. */
  acknowledged(n: Neighbour, report: Report): void {
    if (this.#active === 0) return;
    for (let i = 0; i < MAX_OVERHEARD; i++) {
      const kept = this.#kept[i] as Overheard;
      if (kept.slot === -1 || kept.nextHop !== n.local || kept.transmitter !== report.target) continue;
      const behind = (report.highestLow - kept.counterLow) & COUNTER_MASK;
      if (behind === 0 || (behind <= 32 && ((report.bitmap >>> (behind - 1)) & 1) === 1)) this.#drop(kept);
    }
  }

  /** Sends on what nobody else was heard to have. */
  handleTimeout(nowUs: number): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < MAX_OVERHEARD; i++) {
      const kept = this.#kept[i] as Overheard;
      if (kept.slot === -1) continue;
      if (kept.dueUs > nowUs) this.dueUs = Math.min(this.dueUs, kept.dueUs);
      else {
        this.#sendOn(nowUs, kept);
        this.#drop(kept);
      }
    }
  }

  #sendOn(nowUs: number, kept: Overheard): void {
    // Who has something of its own to send is busy; the next hop may be as well, and acknowledge late.
    if ((kept.port as Port).queue.count > 0) return;
    const { pool, duplicates } = this.#s;
    const header = this.#header;
    pool.header(kept.slot, header);
    const { source, trafficClass, sequence } = header;
    if (duplicates.has(source, trafficClass, sequence)) return;
    const length = pool.length[kept.slot] as number;
    const from = pool.offset(kept.slot);
    if (!this.#forwarding.forward(nowUs, header, this.#repair, pool.payloads, from, length, 0, undefined)) return;
    duplicates.accept(source, trafficClass, sequence, nowUs);
    this.#s.counters.count("sent-on-overheard");
  }

  /** True if the packet is one of those kept; if somebody else sends it, that one has it, and it is kept no more. */
  #isCopy(n: Neighbour, header: DataHeader): boolean {
    const { pool } = this.#s;
    let copy = false;
    for (let i = 0; i < MAX_OVERHEARD; i++) {
      const kept = this.#kept[i] as Overheard;
      if (kept.slot === -1 || pool.sequence[kept.slot] !== header.sequence) continue;
      if (pool.source[kept.slot] !== header.source || pool.trafficClass[kept.slot] !== header.trafficClass) continue;
      if (kept.transmitter !== n.local) this.#drop(kept);
      copy = true;
    }
    return copy;
  }

  #isNearer(header: DataHeader): boolean {
    if (header.destination >>> 8 !== this.#s.area) return false;
    const distance = this.#s.paths.from(this.#s.local, header.trafficClass)[header.destination & 0xff] as number;
    return distance < header.potential;
  }

  /** True if the transmitter says so of its link. On a good one silence means that the acknowledgement is late. */
  #isLossy(port: Port, transmitter: number, nextHop: number): boolean {
    const links = this.#s.db.node(transmitter)?.advertisement.links;
    if (links === undefined) return false;
    for (let i = 0; i < links.length; i++) {
      const link = links[i] as (typeof links)[number];
      if (link.neighbour === nextHop && link.channel === port.config.kind)
        return ((link.vector >>> 5) & 7) >= OVERHEARD_LOSS_CODE;
    }
    return false;
  }

  #free(): Overheard | undefined {
    for (let i = 0; i < MAX_OVERHEARD; i++) if ((this.#kept[i] as Overheard).slot === -1) return this.#kept[i];
    return undefined;
  }

  #drop(kept: Overheard): void {
    this.#s.pool.release(kept.slot);
    kept.slot = -1;
    this.#active--;
  }
}
