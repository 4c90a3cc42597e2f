import {
  createDataHeader,
  DATA_FLAG_ENDS,
  DATA_FLAG_REPAIR,
  decodeNarrowDataHeader,
  decodeWideDataHeader,
  isUnicastKind,
  kindOf,
  NARROW_TAG_OCTETS,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealedStart,
  sealFormat,
  WIDE_TAG_OCTETS,
} from "@skein/codecs";
import { beginsRepair, remainingOf } from "./remaining.ts";

/** Unicast packets followed at a time; a power of two. */
const TRACKED = 8192;
const AT_SOURCE = 0xffff_ffff;
/** Longer than any packet lives; after it the same sequence number is another packet. */
const LIFETIME_US = 30_000_000;

/** Nodes that were given a packet by narrow frames. */
interface NarrowCopies {
  readonly firstUs: number;
  readonly nodes: Set<number>;
}

/**
 * Watches the air for unicast packets that circle. A packet that descends must not be forwarded by a node a second
 * time; one under repair may pass a node again, but only with less remaining than what the node was given.
 *
 * For each packet (source, class, sequence) it keeps, per node, the set of nodes that the packet passed before, and the potential of a copy that came back.
 * A copy that comes back is no loop yet, nor is a repetition or a detour: the packet loops when a node other than its
 * source forwards the copy, which shows in a potential below the one that the copy carried. Frames must be readable (SimCrypto).
 * Narrow frames carry 8 bits of the sequence and of what remains: who is given a copy by one may begin anew.
 */
export class ForwardingLoopWatcher {
  readonly loops: string[] = [];
  packets = 0;
  readonly #nodes: number;
  readonly #words: number;
  readonly #areas: readonly number[];
  readonly #locals: readonly number[];
  readonly #indexOf: ReadonlyMap<number, number>;
  readonly #header = createDataHeader();
  /** By source, class and low 8 bits of the sequence: slot of the last packet, and who was given one by a narrow frame. */
  readonly #slotByLow = new Map<number, number>();
  readonly #givenNarrow = new Map<number, NarrowCopies>();
  readonly #keys = new Float64Array(TRACKED).fill(-1);
  readonly #firstUs = new Float64Array(TRACKED);
  /** By [packet][node][word]: bit set of nodes passed before. */
  readonly #passed: Uint32Array;
  /** By [packet][node]: potential of the copy that came back, -1 if none did. */
  readonly #returned: Int32Array;
  /** By [packet][node]: where and with which potential the node has sent it last; the same again is a repetition. */
  readonly #lastNext: Int16Array;
  readonly #lastPotential: Int32Array;
  /** By [packet][node]: the most that remained of a copy that it was given. */
  readonly #given: Uint32Array;
  /** By [packet][node]: 1 if it was given a copy that was not under repair. */
  readonly #givenPlain: Uint8Array;
  /** By [packet][node]: the most that remained of a copy that it may have overheard. */
  readonly #overheard: Uint32Array;
  /**
   * By [packet][node]: the most that it was sent with of a copy that nobody saw it take: one under a flow label, which names no
   * packet, before any other copy, or one that it overheard and put under repair.
   */
  readonly #unseen: Uint32Array;

  /** `addresses[node]`: area and local id. */
  constructor(addresses: readonly number[]) {
    this.#nodes = addresses.length;
    this.#areas = addresses.map((address) => address >>> 8);
    this.#locals = addresses.map((address) => address & 0xff);
    this.#indexOf = new Map(addresses.map((address, node) => [address, node]));
    this.#words = Math.ceil(this.#nodes / 32);
    this.#passed = new Uint32Array(TRACKED * this.#nodes * this.#words);
    this.#returned = new Int32Array(TRACKED * this.#nodes).fill(-1);
    this.#lastNext = new Int16Array(TRACKED * this.#nodes).fill(-1);
    this.#lastPotential = new Int32Array(TRACKED * this.#nodes);
    this.#given = new Uint32Array(TRACKED * this.#nodes);
    this.#givenPlain = new Uint8Array(TRACKED * this.#nodes);
    this.#overheard = new Uint32Array(TRACKED * this.#nodes);
    this.#unseen = new Uint32Array(TRACKED * this.#nodes);
  }

  /** A wide frame leaves `from`; `to` is the far end of a pipe, -1 on a shared radio. */
  transmitted(nowUs: number, from: number, to: number, octets: Uint8Array, length: number): void {
    const shared = to < 0;
    const end = length - WIDE_TAG_OCTETS;
    const start = sealedStart(octets);
    if (end <= start || !isUnicastKind(kindOf(octets[start] as number))) return;
    const headerOctets = decodeWideDataHeader(octets, start, end, shared, this.#header);
    // From its source to its destination: there is nowhere that it could turn.
    if (headerOctets === 0 || (this.#header.flags & DATA_FLAG_ENDS) !== 0) return;
    const { source, trafficClass, sequence, flags } = this.#header;
    const next = shared ? this.#nextOf(from) : to;
    if (next < 0) return;
    const key = (source * 4 + trafficClass) * 0x10000 + sequence;
    const low = lowKey(source, trafficClass, sequence);
    const slot = this.#slotOf(nowUs, key, this.#indexOf.get(source) ?? -1, low);
    const remaining = remainingOf(this.#header, octets, start + headerOctets, end);
    const isRepair = (flags & DATA_FLAG_REPAIR) !== 0;
    if (isRepair) this.#repair(slot, from, remaining, octets, start + headerOctets, end);
    this.#descend(nowUs, slot, from, next, remaining, isRepair);
    if (shared) this.#overhear(slot, from, remaining);
    if (!isRepair) this.#pass(nowUs, slot, from, next);
  }

  /** Who is to take the frame of `from` whose header has been read; -1 if that is nobody. */
  #nextOf(from: number): number {
    const { nextHop, nextHopArea } = this.#header;
    const area = nextHopArea < 0 ? (this.#areas[from] as number) : nextHopArea;
    return this.#indexOf.get((area << 8) | nextHop) ?? -1;
  }

  /** A frame leaves `from` on a narrow bearer. */
  transmittedNarrow(nowUs: number, from: number, octets: Uint8Array, length: number): void {
    const end = length - NARROW_TAG_OCTETS;
    if (end <= SHARED_HEADER_OCTETS || sealFormat(octets) !== SealFormat.shared) return;
    if (!isUnicastKind(kindOf(octets[SHARED_HEADER_OCTETS] as number))) return;
    if (decodeNarrowDataHeader(octets, SHARED_HEADER_OCTETS, end, this.#areas[from] as number, this.#header) === 0)
      return;
    const { source, trafficClass, sequence } = this.#header;
    const next = this.#nextOf(from);
    if (next < 0) return;
    const low = lowKey(source, trafficClass, sequence);
    const known = this.#givenNarrow.get(low);
    if (known === undefined || nowUs - known.firstUs > LIFETIME_US)
      this.#givenNarrow.set(low, { firstUs: nowUs, nodes: new Set([next]) });
    else known.nodes.add(next);
    const slot = this.#slotByLow.get(low);
    if (slot !== undefined && nowUs - (this.#firstUs[slot] as number) <= LIFETIME_US) this.#beginAnew(slot, next);
  }

  #beginAnew(slot: number, node: number): void {
    this.#given[slot * this.#nodes + node] = AT_SOURCE;
    this.#returned[slot * this.#nodes + node] = -1;
  }

  #slotOf(nowUs: number, key: number, source: number, low: number): number {
    const slot = (Math.imul(key, 0x9e3779b1) >>> 19) & (TRACKED - 1);
    if (this.#keys[slot] !== key || nowUs - (this.#firstUs[slot] as number) > LIFETIME_US) {
      this.#keys[slot] = key;
      this.#firstUs[slot] = nowUs;
      this.#passed.fill(0, slot * this.#nodes * this.#words, (slot + 1) * this.#nodes * this.#words);
      this.#returned.fill(-1, slot * this.#nodes, (slot + 1) * this.#nodes);
      this.#lastNext.fill(-1, slot * this.#nodes, (slot + 1) * this.#nodes);
      this.#given.fill(0, slot * this.#nodes, (slot + 1) * this.#nodes);
      this.#givenPlain.fill(0, slot * this.#nodes, (slot + 1) * this.#nodes);
      this.#overheard.fill(0, slot * this.#nodes, (slot + 1) * this.#nodes);
      this.#unseen.fill(0, slot * this.#nodes, (slot + 1) * this.#nodes);
      if (source >= 0) this.#given[slot * this.#nodes + source] = AT_SOURCE;
      this.#slotByLow.set(low, slot);
      const narrow = this.#givenNarrow.get(low);
      if (narrow !== undefined && nowUs - narrow.firstUs <= LIFETIME_US)
        for (const node of narrow.nodes) this.#beginAnew(slot, node);
      this.packets++;
    }
    return slot;
  }

  /** Who overhears a packet may put it under repair, once: that is another copy than one under repair that it is given. */
  #repair(slot: number, from: number, remaining: number, octets: Uint8Array, body: number, end: number): void {
    const own = slot * this.#nodes + from;
    if (this.#unseen[own] !== 0 || remaining >= (this.#overheard[own] as number)) return;
    if (beginsRepair(octets, body, end, this.#locals[from] as number)) this.#unseen[own] = remaining;
  }

  #descend(nowUs: number, slot: number, from: number, next: number, remaining: number, isRepair: boolean): void {
    const own = slot * this.#nodes + from;
    // Who overhears a packet may send it on as it was before it came under repair.
    const isOverheard = !isRepair && this.#givenPlain[own] === 0;
    const given = Math.max(this.#given[own] as number, isOverheard ? (this.#overheard[own] as number) : 0);
    if (given === 0) this.#unseen[own] = Math.max(this.#unseen[own] as number, remaining);
    else if (remaining >= given && remaining > (this.#unseen[own] as number)) {
      this.#loop(nowUs, slot, `node ${from} sends it up to ${remaining}, to ${next}`);
    }
    const at = slot * this.#nodes + next;
    this.#given[at] = Math.max(this.#given[at] as number, remaining);
    if (!isRepair) this.#givenPlain[at] = 1;
  }

  #overhear(slot: number, from: number, remaining: number): void {
    for (let node = 0; node < this.#nodes; node++) {
      const at = slot * this.#nodes + node;
      if (node !== from) this.#overheard[at] = Math.max(this.#overheard[at] as number, remaining);
    }
  }

  #loop(nowUs: number, slot: number, what: string): void {
    this.loops.push(`packet ${(this.#keys[slot] as number).toString(16)} at ${nowUs} us: ${what}`);
  }

  #pass(nowUs: number, slot: number, from: number, next: number): void {
    const { potential } = this.#header;
    const own = slot * this.#nodes + from;
    if (this.#lastNext[own] === next && this.#lastPotential[own] === potential) return;
    // Between areas a detour leads back, whoever takes it, and costs stages: there are three (`node-agent/docs/forwarding.md`).
    const isDetour = potential >>> 16 < (this.#lastPotential[own] as number) >>> 16;
    this.#lastNext[own] = next;
    this.#lastPotential[own] = potential;
    if (isDetour) this.#returned[own] = -1;
    if (potential < (this.#returned[own] as number)) {
      this.#loop(nowUs, slot, `node ${from} forwards it again, to ${next}`);
    }
    const fromAt = (slot * this.#nodes + from) * this.#words;
    const nextAt = (slot * this.#nodes + next) * this.#words;
    const passedNext = ((this.#passed[fromAt + (next >>> 5)] as number) >>> (next & 31)) & 1;
    // A source drops what comes back to it: what it sends after that is what it had sent, for it had no answer.
    const isSource = this.#indexOf.get(this.#header.source) === next;
    if (passedNext === 1 && !isSource) this.#returned[slot * this.#nodes + next] = potential;
    for (let w = 0; w < this.#words; w++) {
      const bit = w === from >>> 5 ? 1 << (from & 31) : 0;
      this.#passed[nextAt + w] = (this.#passed[nextAt + w] as number) | (this.#passed[fromAt + w] as number) | bit;
    }
  }
}

/** Of a packet as narrow frames name it. */
function lowKey(source: number, trafficClass: number, sequence: number): number {
  return (source * 4 + trafficClass) * 256 + (sequence & 0xff);
}
