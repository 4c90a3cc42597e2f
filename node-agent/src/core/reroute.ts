import {
  copyOctets,
  createDataHeader,
  createRepair,
  DATA_FLAG_ENDS,
  DATA_FLAG_REPAIR,
  DATA_FLAG_UNSEALED,
  type DataHeader,
  DIRECT_HEADER_OCTETS,
  decodeNarrowDataHeader,
  decodeRepair,
  decodeWideDataHeader,
  END_TO_END_OCTETS,
  FLOW_HEADER_OCTETS,
  flowLabel,
  isForEnds,
  isGroupKind,
  isUnicastKind,
  kindOf,
  type Repair,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
} from "@skein/codecs";
import { MAX_FRAME_OCTETS } from "./api.ts";
import type { EarlierBoots } from "./earlier-boots.ts";
import type { EndToEnd } from "./end-to-end.ts";
import { readFlow } from "./flow-labels.ts";
import type { Forwarding } from "./forwarding.ts";
import { MAX_QUEUED_PER_BEARER } from "./limits.ts";
import type { Merging } from "./merge/merging.ts";
import type { Copy } from "./merge/placement.ts";
import type { Neighbour } from "./neighbour.ts";
import { isTrusted, type Port } from "./port.ts";
import { ANY_POTENTIAL, narrowLimit } from "./potential.ts";
import type { SentRing } from "./sent-ring.ts";
import type { CoreState } from "./state.ts";

/** By seal format. */
const HEADER_OCTETS = [0, DIRECT_HEADER_OCTETS, SHARED_HEADER_OCTETS, FLOW_HEADER_OCTETS] as const;

/**
 * Gives what was meant for a neighbour that is silent another next hop: what waits for it, and what was sent and not
 * acknowledged. The latter may have arrived after all; then the packet travels twice, and is delivered once.
 */
export class Rerouting {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #merging: Merging;
  readonly #endToEnd: EndToEnd;
  readonly #earlierBoots: EarlierBoots;
  readonly #header: DataHeader = createDataHeader();
  readonly #repair: Repair = createRepair();
  readonly #scratch = new Uint8Array(MAX_FRAME_OCTETS);
  readonly #waiting = new Int16Array(MAX_QUEUED_PER_BEARER);

  constructor(
    state: CoreState,
    parts: { forwarding: Forwarding; merging: Merging; endToEnd: EndToEnd; earlierBoots: EarlierBoots },
  ) {
    this.#s = state;
    this.#forwarding = parts.forwarding;
    this.#merging = parts.merging;
    this.#endToEnd = parts.endToEnd;
    this.#earlierBoots = parts.earlierBoots;
  }

  /** `lost`: the link is gone, and what finds no other way is kept or dropped; else it stays with this neighbour. */
  away(nowUs: number, port: Port, n: Neighbour, lost: boolean): void {
    let waiting = 0;
    const isFor = (slot: number): boolean => this.#s.pool.neighbour[slot] === n.index;
    for (let slot = port.queue.takeFirst(isFor); slot !== -1; slot = port.queue.takeFirst(isFor))
      this.#waiting[waiting++] = slot;
    for (let i = 0; i < waiting; i++) this.#queued(nowUs, port, n, this.#waiting[i] as number, lost);
    this.#sent(nowUs, port, n, port.sent, 0, lost);
    if (n.directSent !== undefined) this.#sent(nowUs, port, n, n.directSent, n.index + 1, lost);
  }

  #queued(nowUs: number, port: Port, n: Neighbour, slot: number, lost: boolean): void {
    const { pool, counters } = this.#s;
    const header = this.#header;
    pool.header(slot, header);
    if (!isUnicastKind(header.kind)) {
      if (lost) pool.release(slot);
      else port.queue.push(slot);
      return;
    }
    if ((header.flags & DATA_FLAG_REPAIR) !== 0) pool.repair(slot, this.#repair);
    // The written potential was below what the packet carried; one that is not above it stays so.
    header.potential = Math.min(ANY_POTENTIAL, header.potential + 1);
    const from = pool.offset(slot);
    const length = pool.length[slot] as number;
    const deadlineUs = pool.deadlineUs[slot] as number;
    const forwarding = this.#forwarding;
    if (forwarding.forward(nowUs, header, this.#repair, pool.payloads, from, length, deadlineUs, n))
      counters.count("rerouted");
    else if (lost) forwarding.route(nowUs, header, this.#repair, pool.payloads, from, length, deadlineUs);
    else return port.queue.push(slot);
    pool.release(slot);
  }

  /** A flow frame was not answered: its packet goes again, wherever it would go now. */
  again(nowUs: number, port: Port, ring: SentRing, index: number): void {
    ring.giveUp(index);
    if (!this.#frame(nowUs, port, undefined, ring, 0, index, false))
      this.#s.counters.drop("retries-exhausted", ring.trafficClass[index], port.config.id);
  }

  #sent(nowUs: number, port: Port, n: Neighbour, ring: SentRing, stream: number, lost: boolean): void {
    for (let index = 0; index < ring.frames && ring.unacknowledged > 0; index++) {
      if (ring.open[index] === 0 || ring.neighbour[index] !== n.index) continue;
      // A copy of what is under way elsewhere stays what it is, and may still be answered.
      if (!lost && this.#merging.isSafe(nowUs, n, ring, index)) continue;
      const inTime = nowUs < (ring.deadlineUs[index] as number) && !this.#merging.isSafe(nowUs, n, ring, index);
      const moved = inTime && this.#frame(nowUs, port, n, ring, stream, index, lost);
      // Of a copy one more is under way: this one goes again as soon as its neighbour shows that it does answer.
      const stays = moved && !lost && ring.copyKey[index] !== -1;
      if (!stays && (moved || lost || !inTime)) ring.giveUp(index);
    }
  }

  /** Reads the header of an own frame; returns its octets, -1 if there is none to be had. */
  #headerIn(port: Port, format: number, octets: Uint8Array, from: number, end: number): number {
    const header = this.#header;
    if (format === SealFormat.flow) {
      const flow = port.flows?.sentAs(flowLabel(octets));
      if (flow === undefined) return -1;
      readFlow(flow, octets, this.#s.area, header);
      return 0;
    }
    const kind = kindOf(octets[from] as number);
    if (!isUnicastKind(kind) && !(format === SealFormat.direct && isGroupKind(kind))) return -1;
    const read = port.narrow
      ? decodeNarrowDataHeader(octets, from, end, this.#s.area, header)
      : decodeWideDataHeader(octets, from, end, format === SealFormat.shared, header);
    return read === 0 ? -1 : read;
  }

  #news(
    nowUs: number,
    n: Neighbour,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
    lost: boolean,
  ): boolean {
    const { placement } = this.#merging;
    if (!placement.choose(nowUs, this.#s.ports, n, header.trafficClass, 1, 1, n)) return false;
    const { port, neighbour } = placement.copies[0] as Copy;
    // From one that is silent to another that is, too: then it may as well stay.
    if (!lost && !isTrusted(port as Port, neighbour as Neighbour, nowUs)) return false;
    const { pool } = this.#s;
    const slot = pool.allocate(header, undefined, octets, from, length);
    if (slot === -1) return false;
    pool.neighbour[slot] = (neighbour as Neighbour).index;
    pool.deadlineUs[slot] = deadlineUs;
    (port as Port).queue.push(slot);
    this.#s.counters.count("rerouted");
    return true;
  }

  #frame(
    nowUs: number,
    port: Port,
    n: Neighbour | undefined,
    ring: SentRing,
    stream: number,
    index: number,
    lost: boolean,
  ): boolean {
    const octets = this.#scratch;
    const length = ring.length[index] as number;
    const at = ring.offset(index);
    copyOctets(ring.octets, at, at + length, octets, 0);
    const format = sealFormat(octets);
    if (format === SealFormat.full) return false;
    const from = HEADER_OCTETS[format] as number;
    let end = length - port.tagOctets;
    const hop = port.neighbours[ring.neighbour[index] as number];
    const forEnds = format === SealFormat.direct && isForEnds(octets);
    const session = forEnds && hop !== undefined ? (this.#endToEnd.sessionWith(hop)?.handle ?? -1) : -1;
    if (forEnds && session < 0) return false;
    const counter = ring.counter[index] as number;
    if (!this.#s.secure.reopen(port, stream, counter, session, octets, from, end)) return false;
    const header = this.#header;
    let body = from + this.#headerIn(port, format, octets, from, end);
    if (body < from) return false;
    if ((header.flags & DATA_FLAG_ENDS) !== 0) {
      header.flags = forEnds ? DATA_FLAG_UNSEALED : 0;
      // Where the tag was there is room for another seal.
      if (forEnds) end += END_TO_END_OCTETS;
      header.source = this.#s.options.address;
      header.destination = (hop as Neighbour).address;
      header.potential = ANY_POTENTIAL;
    }
    if (this.#earlierBoots.drops(header, ring.firstSentUs[index] as number, port.config.id)) return true;
    if ((header.flags & DATA_FLAG_REPAIR) !== 0) body += decodeRepair(octets, body, end, this.#repair);
    header.sequence = ring.sequence[index] as number;
    // Whom it was charged to is not known any more.
    this.#s.pool.payerNow = header.source & 0xff;
    header.potential = potentialBefore(port, format, header, ring.potential[index] as number);
    const deadlineUs = ring.deadlineUs[index] as number;
    const forwarding = this.#forwarding;
    // What is for all, and was for this neighbour here, goes to the same one over another bearer.
    if (isGroupKind(header.kind))
      return n !== undefined && this.#news(nowUs, n, header, octets, body, end - body, deadlineUs, lost);
    if (forwarding.forward(nowUs, header, this.#repair, octets, body, end - body, deadlineUs, n)) {
      this.#s.counters.count("rerouted");
      return true;
    }
    if (lost) forwarding.route(nowUs, header, this.#repair, octets, body, end - body, deadlineUs);
    return false;
  }
}

/** What the packet may have carried when it came: it was above what was written. */
function potentialBefore(port: Port, format: number, header: DataHeader, whole: number): number {
  if (format === SealFormat.flow) return Math.min(ANY_POTENTIAL, whole + 1);
  return port.narrow ? narrowLimit(header.potential + 1) : Math.min(ANY_POTENTIAL, header.potential + 1);
}
