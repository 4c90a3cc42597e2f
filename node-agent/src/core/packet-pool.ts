import {
  copyOctets,
  DATA_FLAG_REPAIR,
  type DataHeader,
  decodeRepair,
  encodeRepair,
  MAX_REPAIR_OCTETS,
  type Repair,
} from "@skein/codecs";
import { MAX_PACKETS, MAX_PAYLOAD_OCTETS } from "./limits.ts";

/**
 * Data packets that wait somewhere: one arena, one column per field, slots by number. Nothing is
 * allocated after construction. A packet is its routing header in columns and its payload in the arena.
 */
export class PacketPool {
  readonly payloads: Uint8Array;
  readonly length: Uint16Array;
  readonly kind: Uint8Array;
  readonly trafficClass: Uint8Array;
  readonly precedence: Uint8Array;
  readonly source: Uint16Array;
  readonly destination: Uint16Array;
  readonly sequence: Uint16Array;
  /** Distance that the packet may not reach or exceed: what it carried when it came, ANY_POTENTIAL at the origin. */
  readonly potential: Uint32Array;
  readonly flags: Uint8Array;
  /** Repair extensions, encoded, MAX_REPAIR_OCTETS a slot; valid where the flags say so. */
  readonly repairs: Uint8Array;
  readonly repairOctets: Uint8Array;
  /** Account that is charged for its airtime (see `payer.ts`). */
  readonly payer: Uint8Array;
  /** Account of the packets that are allocated from now on. */
  payerNow = 0;
  /** Neighbour index on the bearer that it is queued on, -1 = everyone. */
  readonly neighbour: Int16Array;
  readonly deadlineUs: Float64Array;
  /** What copies of the same packet have in common, -1 if there is only this one (see `merge/merging.ts`), */
  readonly copyKey: Float64Array;
  /** and how long it is not repeated, for another copy may be acknowledged. */
  readonly patienceUs: Float64Array;
  /** Next packet in the same list, -1 at the end. */
  readonly next: Int16Array;
  readonly #free: Int16Array;
  #freeCount: number;

  constructor(capacity: number = MAX_PACKETS) {
    this.payloads = new Uint8Array(capacity * MAX_PAYLOAD_OCTETS);
    this.length = new Uint16Array(capacity);
    this.kind = new Uint8Array(capacity);
    this.trafficClass = new Uint8Array(capacity);
    this.precedence = new Uint8Array(capacity);
    this.source = new Uint16Array(capacity);
    this.destination = new Uint16Array(capacity);
    this.sequence = new Uint16Array(capacity);
    this.potential = new Uint32Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.repairs = new Uint8Array(capacity * MAX_REPAIR_OCTETS);
    this.repairOctets = new Uint8Array(capacity);
    this.payer = new Uint8Array(capacity);
    this.neighbour = new Int16Array(capacity);
    this.deadlineUs = new Float64Array(capacity);
    this.copyKey = new Float64Array(capacity);
    this.patienceUs = new Float64Array(capacity);
    this.next = new Int16Array(capacity).fill(-1);
    this.#free = Int16Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
    this.#freeCount = capacity;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** Where the payload of a slot begins in `payloads`. */
  offset(slot: number): number {
    return slot * MAX_PAYLOAD_OCTETS;
  }

  /**
   * Takes a slot and fills it; -1 if there is none. The payload is at most MAX_PAYLOAD_OCTETS. `repair` counts where the
   * header's flags say that there is one.
   */
  allocate(header: DataHeader, repair: Repair | undefined, octets: Uint8Array, from: number, length: number): number {
    if (this.#freeCount === 0) return -1;
    const slot = this.#free[--this.#freeCount] as number;
    this.length[slot] = length;
    this.kind[slot] = header.kind;
    this.trafficClass[slot] = header.trafficClass;
    this.precedence[slot] = header.precedence;
    this.source[slot] = header.source;
    this.destination[slot] = header.destination;
    this.sequence[slot] = header.sequence;
    this.potential[slot] = header.potential;
    this.flags[slot] = header.flags;
    if (repair !== undefined && (header.flags & DATA_FLAG_REPAIR) !== 0) {
      this.repairOctets[slot] = encodeRepair(repair, this.repairs, slot * MAX_REPAIR_OCTETS);
    }
    this.payer[slot] = this.payerNow;
    this.neighbour[slot] = -1;
    this.copyKey[slot] = -1;
    this.next[slot] = -1;
    const to = this.offset(slot);
    copyOctets(octets, from, from + length, this.payloads, to);
    return slot;
  }

  /** Copies the header columns of a slot into `header`; a copy of the packet is charged to the same account. */
  header(slot: number, header: DataHeader): void {
    header.kind = this.kind[slot] as number;
    header.trafficClass = this.trafficClass[slot] as number;
    header.precedence = this.precedence[slot] as number;
    header.source = this.source[slot] as number;
    header.destination = this.destination[slot] as number;
    header.sequence = this.sequence[slot] as number;
    header.potential = this.potential[slot] as number;
    header.flags = this.flags[slot] as number;
    header.nextHop = 0;
    header.nextHopArea = -1;
    header.digest = -1;
    this.payerNow = this.payer[slot] as number;
  }

  /** Reads the repair extension of a slot whose flags say that there is one. */
  repair(slot: number, into: Repair): void {
    const at = slot * MAX_REPAIR_OCTETS;
    decodeRepair(this.repairs, at, at + MAX_REPAIR_OCTETS, into);
  }

  /** Sends a packet another way than it was allocated for; undefined: by descent alone. */
  setWay(slot: number, potential: number, repair: Repair | undefined): void {
    this.potential[slot] = potential;
    this.flags[slot] = (this.flags[slot] as number) & ~DATA_FLAG_REPAIR;
    if (repair === undefined) return;
    this.flags[slot] = (this.flags[slot] as number) | DATA_FLAG_REPAIR;
    this.repairOctets[slot] = encodeRepair(repair, this.repairs, slot * MAX_REPAIR_OCTETS);
  }

  release(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }
}
