import { type DataHeader, FrameKind, flowPotentialBits, type LabelOffer } from "@skein/codecs";
import {
  FLOW_ESTABLISHED_PACKETS,
  FLOW_MEMORY,
  FLOW_OFFER_AGAIN_US,
  FLOW_PACE_US,
  FLOW_UNUSED_US,
  MAX_FLOW_AHEAD,
  MAX_FLOWS,
  MAX_LABEL,
} from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";

/** Packets of one class and kind from one node to another, over one hop. */
export interface Flow {
  readonly key: number;
  /** From whom, or to whom. */
  readonly neighbour: Neighbour;
  readonly kind: number;
  readonly trafficClass: number;
  readonly precedence: number;
  /** Local ids. */
  readonly source: number;
  readonly destination: number;
  /** 0: none given yet. */
  label: number;
  /** Incoming: of the newest packet; outgoing: of the newest that the next hop has acknowledged, -1 if none. */
  sequence: number;
  /** Incoming: frames that brought the latest packets, and these; `came` counts them. */
  readonly counters: Float64Array;
  readonly sequences: Uint16Array;
  came: number;
  packets: number;
  usedUs: number;
  offeredUs: number;
}

/** What names a flow over the hop to or from a neighbour, in 29 bits. */
export function flowKey(neighbourLocal: number, header: DataHeader): number {
  const datagram = header.kind === FrameKind.datagram ? 1 : 0;
  const ids = (neighbourLocal << 16) | ((header.source & 0xff) << 8) | (header.destination & 0xff);
  return ids * 32 + header.trafficClass * 8 + header.precedence * 2 + datagram;
}

/**
 * Labels on one narrow bearer. The receiver of a flow gives it one, which stands for transmitter, source, destination,
 * class, precedence and kind from then on, and saves six octets a packet. Nothing is lost with a label: whoever is not
 * understood goes back to full headers.
 */
export class FlowLabels {
  /** By key, and by label. */
  readonly #incoming = new Map<number, Flow>();
  readonly #byLabel = new Array<Flow | undefined>(MAX_LABEL + 1).fill(undefined);
  readonly #outgoing = new Map<number, Flow>();
  readonly #sentAs = new Array<Flow | undefined>(MAX_LABEL + 1).fill(undefined);
  /** Local ids of those whom others have given a label, and of these, by label, and when it was last seen. */
  readonly #others = new Uint8Array(MAX_LABEL + 1);
  readonly #givers = new Uint8Array(MAX_LABEL + 1);
  readonly #othersUs = new Float64Array(MAX_LABEL + 1).fill(Number.NEGATIVE_INFINITY);
  readonly #offers: Flow[] = [];

  // Receiving side

  /** A unicast packet came with its full header; true if its flow is to be offered a label. */
  notice(nowUs: number, n: Neighbour, header: DataHeader, counter: number, random: number): boolean {
    const flow = this.#incomingFlow(nowUs, n, header);
    if (flow === undefined) return false;
    remember(flow, counter, header.sequence);
    if (nowUs - flow.usedUs > FLOW_PACE_US) flow.packets = 0;
    flow.usedUs = nowUs;
    if (++flow.packets < FLOW_ESTABLISHED_PACKETS || nowUs - flow.offeredUs < FLOW_OFFER_AGAIN_US) return false;
    if (flow.label === 0 && !this.#give(nowUs, flow, random)) return false;
    flow.offeredUs = nowUs;
    this.#offers.push(flow);
    return true;
  }

  #incomingFlow(nowUs: number, n: Neighbour, header: DataHeader): Flow | undefined {
    const key = flowKey(n.local, header);
    const known = this.#incoming.get(key);
    if (known !== undefined && known.neighbour === n) return known;
    if (known !== undefined) this.#forget(known);
    if (this.#incoming.size >= MAX_FLOWS && !this.#forgetUnused(nowUs)) return undefined;
    const flow = flowOf(key, n, header);
    this.#incoming.set(key, flow);
    return flow;
  }

  #forgetUnused(nowUs: number): boolean {
    for (const flow of this.#incoming.values()) {
      if (nowUs - flow.usedUs < FLOW_UNUSED_US) continue;
      this.#forget(flow);
      return true;
    }
    return false;
  }

  #forget(flow: Flow): void {
    this.#incoming.delete(flow.key);
    if (flow.label !== 0) this.#byLabel[flow.label] = undefined;
  }

  /** A label that nobody here is known to use. */
  #give(nowUs: number, flow: Flow, random: number): boolean {
    for (let i = 0; i < MAX_LABEL; i++) {
      const label = 1 + ((random + i) % MAX_LABEL);
      if (this.#byLabel[label] !== undefined || nowUs - (this.#othersUs[label] as number) < FLOW_UNUSED_US) continue;
      flow.label = label;
      this.#byLabel[label] = flow;
      return true;
    }
    return this.#forgetUnused(nowUs) && this.#give(nowUs, flow, random);
  }

  /** The flow that a label of this node's stands for. */
  incoming(label: number): Flow | undefined {
    return this.#byLabel[label];
  }

  /** Local id of who uses a label that somebody else has given; 0 if it is not known. */
  transmitterOf(nowUs: number, label: number): number {
    const local = this.#others[label] as number;
    if (local !== 0) this.#othersUs[label] = nowUs;
    return local;
  }

  /** Local id of the next hop of what is sent under a label that somebody else has given; 0 if it is not known. */
  giverOf(label: number): number {
    return this.#givers[label] as number;
  }

  /**
   * Completes the two bits of a packet's sequence; -1 if they fit nowhere. Its transmitter had none under way that are newer,
   * so it is newer than what earlier frames have brought, whatever later ones have.
   */
  take(nowUs: number, flow: Flow, bits: number, counter: number): number {
    flow.usedUs = nowUs;
    const before = newestBefore(flow, counter);
    const ahead = before < 0 ? -((flow.sequence - bits) & 3) : (bits - before) & 3;
    if (ahead === 0) return -1;
    const sequence = ((before < 0 ? flow.sequence : before) + ahead) & 0xffff;
    remember(flow, counter, sequence);
    return sequence;
  }

  /** The next offer to be said. */
  nextOffer(into: LabelOffer): boolean {
    const flow = this.#offers.shift();
    if (flow === undefined) return false;
    into.target = flow.neighbour.local;
    into.label = flow.label;
    into.source = flow.source;
    into.destination = flow.destination;
    into.trafficClass = flow.trafficClass;
    into.precedence = flow.precedence;
    into.datagram = flow.kind === FrameKind.datagram;
    into.sequenceLow = flow.sequence & 0xff;
    return true;
  }

  /** This node would have to send the flow up, as far as six bits tell: whoever sends it goes back to full headers. */
  refuse(flow: Flow): void {
    this.#forget(flow);
  }

  // Transmitting side

  /** A neighbour offers a label, to this node or to somebody else. */
  offered(nowUs: number, n: Neighbour, offer: LabelOffer, ownLocal: number, header: DataHeader): void {
    if (offer.target !== ownLocal) {
      this.#others[offer.label] = offer.target;
      this.#givers[offer.label] = n.local;
      this.#othersUs[offer.label] = nowUs;
      return;
    }
    const used = this.#sentAs[offer.label];
    header.kind = offer.datagram ? FrameKind.datagram : FrameKind.unicast;
    header.trafficClass = offer.trafficClass;
    header.precedence = offer.precedence;
    header.source = offer.source;
    header.destination = offer.destination;
    const key = flowKey(n.local, header);
    // Two neighbours that do not hear each other have chosen the same label: the first one keeps it.
    if (used !== undefined && used.key !== key && this.#outgoing.get(used.key) === used) return;
    const flow = flowOf(key, n, header);
    flow.label = offer.label;
    if (this.#outgoing.size >= MAX_FLOWS) this.#outgoing.clear();
    this.#outgoing.set(key, flow);
    this.#sentAs[offer.label] = flow;
  }

  /** Label for a packet to a neighbour; 0 if it needs its full header. */
  labelFor(n: Neighbour, key: number, sequence: number): number {
    const flow = this.#outgoing.get(key);
    if (flow === undefined || flow.neighbour !== n || flow.sequence < 0) return 0;
    const ahead = (sequence - flow.sequence) & 0xffff;
    return ahead >= 1 && ahead <= MAX_FLOW_AHEAD ? flow.label : 0;
  }

  acknowledged(key: number, sequence: number): void {
    const flow = this.#outgoing.get(key);
    if (flow === undefined) return;
    const ahead = (sequence - flow.sequence) & 0xffff;
    if (flow.sequence < 0 || ahead < 0x8000) flow.sequence = sequence;
  }

  /** A neighbour has started anew: it knows no labels, and its counters begin again. */
  restarted(n: Neighbour): void {
    for (const flow of this.#incoming.values()) if (flow.neighbour === n) this.#forget(flow);
    for (const flow of this.#outgoing.values()) if (flow.neighbour === n) this.#outgoing.delete(flow.key);
  }

  /** What was sent under a label lately. */
  sentAs(label: number): Flow | undefined {
    return this.#sentAs[label];
  }

  /** The next hop does not answer to a label: it may have forgotten it. */
  giveUp(key: number): void {
    this.#outgoing.delete(key);
  }
}

/** Fills the header that a flow frame stands for, but for its sequence. */
export function readFlow(flow: Flow, octets: Uint8Array, area: number, into: DataHeader): void {
  into.kind = flow.kind;
  into.trafficClass = flow.trafficClass;
  into.precedence = flow.precedence;
  into.nextHop = 0;
  into.nextHopArea = -1;
  into.flags = 0;
  into.source = (area << 8) | flow.source;
  into.destination = (area << 8) | flow.destination;
  // Four steps of a narrow frame's potential are one of a flow frame's.
  into.potential = 4 * flowPotentialBits(octets);
  into.digest = -1;
}

function flowOf(key: number, neighbour: Neighbour, header: DataHeader): Flow {
  return {
    key,
    neighbour,
    kind: header.kind,
    trafficClass: header.trafficClass,
    precedence: header.precedence,
    source: header.source & 0xff,
    destination: header.destination & 0xff,
    label: 0,
    sequence: -1,
    counters: new Float64Array(FLOW_MEMORY),
    sequences: new Uint16Array(FLOW_MEMORY),
    came: 0,
    packets: 0,
    usedUs: Number.NEGATIVE_INFINITY,
    offeredUs: Number.NEGATIVE_INFINITY,
  };
}

function remember(flow: Flow, counter: number, sequence: number): void {
  const at = flow.came++ % FLOW_MEMORY;
  flow.counters[at] = counter;
  flow.sequences[at] = sequence;
  if (flow.sequence < 0 || isNewer(sequence, flow.sequence)) flow.sequence = sequence;
}

/** Sequence of the newest packet that a frame before this one has brought, as far as is remembered; -1 if there is none. */
function newestBefore(flow: Flow, counter: number): number {
  let newest = -1;
  for (let i = Math.min(flow.came, FLOW_MEMORY) - 1; i >= 0; i--) {
    const sequence = flow.sequences[i] as number;
    if ((flow.counters[i] as number) < counter && (newest < 0 || isNewer(sequence, newest))) newest = sequence;
  }
  return newest;
}

const isNewer = (sequence: number, than: number): boolean => ((sequence - than) & 0xffff) < 0x8000;
