import {
  classOf,
  copyOctets,
  createDataHeader,
  DATA_FLAG_ENDS,
  DATA_FLAG_REPAIR,
  DATA_FLAG_UNSEALED,
  type DataHeader,
  DIRECT_HEADER_OCTETS,
  END_TO_END_OCTETS,
  ENDS_DATA_HEADER_OCTETS,
  encodeFragmentHeader,
  encodeNarrowDataHeader,
  encodePositionEntry,
  encodePositionsHeader,
  encodeWideDataHeader,
  FLOW_HEADER_OCTETS,
  FRAGMENT_HEADER_OCTETS,
  FrameKind,
  flowPotential,
  isGroupKind,
  isKeyPacket,
  isPositionPacket,
  isUnicastKind,
  kindOctet,
  MAX_FRAGMENTS,
  MAX_REPAIR_OCTETS,
  POSITION_ENTRY_OCTETS,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { MAX_FRAME_OCTETS, Precedence, TrafficClass, type TransmitSlot } from "./api.ts";
import type { EndToEnd } from "./end-to-end.ts";
import { type FlowLabels, flowKey } from "./flow-labels.ts";
import type { GroupRelay } from "./group-relay.ts";
import type { HopArq } from "./hop-arq.ts";
import {
  MAX_FLOW_AHEAD,
  MAX_POSITIONS_PER_FRAME,
  MAX_UNSETTLED_NEWS,
  NEWS_AGAIN_SPREAD_US,
  NEWS_REPAIR_NARROW_US,
  SENT_RING_FRAMES,
} from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { OutgoingFrame } from "./outgoing-frame.ts";
import type { PacketPool } from "./packet-pool.ts";
import type { Port } from "./port.ts";
import type { SentRing } from "./sent-ring.ts";
import type { CoreState } from "./state.ts";
import { isSettling, settledUs } from "./turn-taking.ts";

const EVER = Number.POSITIVE_INFINITY;
/** News that was sent over somebody else goes again at once so often, itself and its repetition. */
const SPOILED_TRIES = 2;

/** A packet that is larger than the bearer's mtu, on its way out in parts. */
interface Fragmenting {
  readonly inner: Uint8Array;
  innerOctets: number;
  partOctets: number;
  next: number;
  count: number;
  id: number;
  neighbour: number;
  deadlineUs: number;
  kind: number;
}

export interface DataParts {
  readonly arq: HopArq;
  readonly endToEnd: EndToEnd;
  readonly relay: GroupRelay;
}

/**
 * Packets on their way out: from a bearer's queue into frames, in full, under a flow's label or in parts, and what is
 * sent again. Each method that makes a frame is false if there is none.
 */
export class DataSender {
  readonly #s: CoreState;
  readonly #frame: OutgoingFrame;
  readonly #arq: HopArq;
  readonly #endToEnd: EndToEnd;
  readonly #relay: GroupRelay;
  readonly #header: DataHeader = createDataHeader();
  /** Two by bearer: video and bulk, and what goes between their parts. */
  readonly #fragmenting: Fragmenting[];

  constructor(state: CoreState, frame: OutgoingFrame, { arq, endToEnd, relay }: DataParts) {
    this.#s = state;
    this.#frame = frame;
    this.#arq = arq;
    this.#endToEnd = endToEnd;
    this.#relay = relay;
    this.#fragmenting = Array.from({ length: 2 * state.ports.length }, () => ({
      inner: new Uint8Array(MAX_FRAME_OCTETS),
      innerOctets: 0,
      partOctets: 0,
      next: 0,
      count: 0,
      id: 0,
      neighbour: -1,
      deadlineUs: 0,
      kind: 0,
    }));
  }

  fromQueue(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    for (;;) {
      const packet = port.queue.pop(nowUs, windowOf(port));
      if (packet === -1) return false;
      const n = neighbourAt(port, this.#s.pool.neighbour[packet] as number);
      const sent = this.#packet(nowUs, port, n, packet, slot);
      this.#s.pool.release(packet);
      if (sent) return true;
    }
  }

  #packet(nowUs: number, port: Port, n: Neighbour | undefined, packet: number, slot: TransmitSlot): boolean {
    const pool = this.#s.pool;
    this.#frame.trafficClass = pool.trafficClass[packet] as number;
    if (!port.shared && (n === undefined || n.receiverIndex < 0)) {
      this.#s.counters.drop("bearer-lost", pool.trafficClass[packet], port.config.id);
      return false;
    }
    if (pool.kind[packet] === FrameKind.path) return this.#path(nowUs, port, n as Neighbour, packet, slot);
    if (port.narrow && n === undefined && this.#positions(nowUs, port, packet, slot)) return true;
    if (port.flows !== undefined && n !== undefined && this.#flow(nowUs, port, port.flows, n, packet, slot))
      return true;
    if (pool.trafficClass[packet] === TrafficClass.voice) port.ownVoiceUs = nowUs;
    const from = port.shared ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
    const end = this.#encode(port, n, packet, slot.octets, from);
    const deadlineUs = pool.deadlineUs[packet] as number;
    const kind = pool.kind[packet] as number;
    if (end + port.tagOctets > port.config.mtuOctets)
      return this.#startFragments(nowUs, port, n, slot, from, end, deadlineUs, kind);
    const acknowledged =
      isUnicastKind(kind) || (n !== undefined && isNewsForOne(port, kind, pool.trafficClass[packet]));
    // On a slow channel a gap shows with the sender's next frame only, and news is worth repeating until then.
    const isNews = port.narrow && !acknowledged && pool.trafficClass[packet] !== TrafficClass.voice;
    const repairUntilUs = isNews ? nowUs + NEWS_REPAIR_NARROW_US : deadlineUs;
    this.#frame.keep(nowUs, port, n, slot, end, acknowledged, repairUntilUs, pool.sequence[packet] as number);
    if (isNews) {
      if (port.shared) this.#relay.sent(nowUs, port, packet, port.counter - 1);
      port.burstNews.push(port.counter - 1);
      if (isSettling(port, nowUs) && !isPosition(pool, packet)) this.#sayAgainLater(port);
    }
    if (pool.copyKey[packet] !== -1) noteCopy(port, n, pool, packet);
    if (n !== undefined && acknowledged && port.shared) {
      this.#noteFlow(port, flowKey(n.local, this.#header));
      const isKey = isKeyPacket(kind, this.#frame.trafficClass, pool.precedence[packet] as number);
      this.#frame.turnFirst = isKey ? this.#s.local : n.local;
      if (!port.narrow) this.#arq.passedOn(port, this.#header);
    }
    return true;
  }

  /** Sends a position, with others that wait; false if it is none. */
  #positions(nowUs: number, port: Port, packet: number, slot: TransmitSlot): boolean {
    const { pool, db } = this.#s;
    const header = this.#header;
    pool.header(packet, header);
    if (!isPositionPacket(header, pool.length[packet] as number)) return false;
    let end = SHARED_HEADER_OCTETS;
    end += encodePositionsHeader(db.digest, slot.octets, end);
    const room = port.config.mtuOctets - port.tagOctets;
    const to = Math.min(room, end + MAX_POSITIONS_PER_FRAME * POSITION_ENTRY_OCTETS);
    for (let p = packet; p !== -1; p = end + POSITION_ENTRY_OCTETS > to ? -1 : port.queue.popLike(nowUs, packet)) {
      const source = pool.source[p] as number;
      const sequence = pool.sequence[p] as number;
      end += encodePositionEntry(source, sequence, pool.payloads, pool.offset(p), slot.octets, end);
      this.#relay.sent(nowUs, port, p, port.counter);
      if (p !== packet) pool.release(p);
    }
    port.burstNews.push(port.counter);
    this.#frame.keep(nowUs, port, undefined, slot, end, false, nowUs + NEWS_REPAIR_NARROW_US, header.sequence);
    return true;
  }

  /** Sends a packet under its flow's label; false if it needs its full header. */
  #flow(nowUs: number, port: Port, flows: FlowLabels, n: Neighbour, packet: number, slot: TransmitSlot): boolean {
    const { pool } = this.#s;
    const header = this.#header;
    pool.header(packet, header);
    const length = pool.length[packet] as number;
    const isUnsealed = (header.flags & DATA_FLAG_UNSEALED) !== 0;
    const end = FLOW_HEADER_OCTETS + length;
    if (!isUnicastKind(header.kind) || (header.flags & DATA_FLAG_REPAIR) !== 0) return false;
    if (length === 0 || end + port.tagOctets > port.config.mtuOctets) return false;
    const key = flowKey(n.local, header);
    const label = flows.labelFor(n, key, header.sequence);
    // Two bits of sequence tell apart what is in flight only if it is close together.
    if (label === 0 || port.sent.isWaitedFor(key, header.sequence, MAX_FLOW_AHEAD)) return false;
    const at = pool.offset(packet);
    copyOctets(pool.payloads, at, at + length, slot.octets, FLOW_HEADER_OCTETS);
    if (isUnsealed) this.#endToEnd.seal(header, slot.octets, FLOW_HEADER_OCTETS, end - END_TO_END_OCTETS);
    const { counter } = port;
    const { sequence } = header;
    slot.endpoint = n.endpoint;
    slot.length = this.#s.secure.sealFlow(port, label, flowPotential(header.potential), sequence, slot.octets, end);
    const deadlineUs = pool.deadlineUs[packet] as number;
    this.#arq.sent(
      nowUs,
      port,
      n,
      false,
      counter,
      slot.octets,
      slot.length,
      true,
      deadlineUs,
      sequence,
      this.#frame.trafficClass,
    );
    this.#noteFlow(port, key);
    this.#frame.turnFirst = n.local;
    this.#s.counters.count("flow-frames");
    return true;
  }

  /** An acknowledgement of the frame just sent tells what the next hop has of its flow; so does hearing it pass it on. */
  #noteFlow(port: Port, key: number): void {
    const index = port.sent.indexOf(port.counter - 1);
    if (index === -1) return;
    port.sent.flowKey[index] = key;
    port.sent.potential[index] = this.#header.potential;
  }

  /** The packet at hand is the transmitter's own, for the neighbour itself: addresses say nothing. */
  #isWhole(port: Port, n: Neighbour): boolean {
    const { kind, flags, source, destination } = this.#header;
    if (port.shared || (flags & DATA_FLAG_REPAIR) !== 0 || !isUnicastKind(kind)) return false;
    return source === this.#s.options.address && destination === n.address;
  }

  #encode(port: Port, n: Neighbour | undefined, packet: number, out: Uint8Array, from: number): number {
    const header = this.#header;
    this.#s.pool.header(packet, header);
    header.nextHop = n === undefined ? 0 : n.local;
    header.nextHopArea = n?.foreign ? n.area : -1;
    header.digest = this.#s.db.digest & 0xffff;
    const isUnsealed = (header.flags & DATA_FLAG_UNSEALED) !== 0;
    header.flags &= ~DATA_FLAG_UNSEALED;
    this.#frame.session = -1;
    if (n !== undefined && this.#isWhole(port, n)) {
      header.flags = DATA_FLAG_ENDS;
      // In parts, each would have to be sealed so.
      const octets = from + ENDS_DATA_HEADER_OCTETS + (this.#s.pool.length[packet] as number) + port.tagOctets;
      if (isUnsealed && !port.narrow && octets <= port.config.mtuOctets)
        this.#frame.session = this.#endToEnd.provedWith(n);
    }
    let at =
      from +
      (port.narrow ? encodeNarrowDataHeader(header, out, from) : encodeWideDataHeader(header, port.shared, out, from));
    const { pool } = this.#s;
    if ((header.flags & DATA_FLAG_REPAIR) !== 0) {
      const repair = packet * MAX_REPAIR_OCTETS;
      const octets = pool.repairOctets[packet] as number;
      for (let i = 0; i < octets; i++) out[at++] = pool.repairs[repair + i] as number;
    }
    const length = pool.length[packet] as number;
    const payload = pool.offset(packet);
    copyOctets(pool.payloads, payload, payload + length, out, at);
    if (!isUnsealed) return at + length;
    const end = at + length - END_TO_END_OCTETS;
    return this.#frame.session < 0 ? this.#endToEnd.seal(header, out, at, end) : end;
  }

  /** A frame whose sender chose the bearer, and repeats by itself. */
  #path(nowUs: number, port: Port, n: Neighbour, packet: number, slot: TransmitSlot): boolean {
    const { pool } = this.#s;
    let at = port.shared ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
    const length = pool.length[packet] as number;
    slot.octets[at++] = kindOctet(FrameKind.path, this.#frame.trafficClass, Precedence.routine);
    if (port.shared) slot.octets[at++] = n.local;
    if (at + length + port.tagOctets > port.config.mtuOctets) {
      this.#s.counters.drop("too-long", this.#frame.trafficClass, port.config.id);
      return false;
    }
    const from = pool.offset(packet);
    const { payloads } = pool;
    copyOctets(payloads, from, from + length, slot.octets, at);
    if (this.#frame.trafficClass === TrafficClass.bulk && !port.shared)
      this.#frame.session = this.#endToEnd.provedWith(n);
    // Parity tells what its path is like, as video does, and is not repeated: its time is over at once.
    if (this.#frame.trafficClass === TrafficClass.video)
      this.#frame.keep(nowUs, port, n, slot, at + length, false, nowUs, 0);
    else this.#frame.seal(port, n, slot, at + length);
    return true;
  }

  repeat(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    while (port.repeats.length > 0) {
      const entry = port.repeats.shift() as number;
      const stream = entry % 256;
      const n = stream === 0 ? undefined : port.neighbours[stream - 1];
      const ring = n === undefined ? port.sent : n.directSent;
      const index = ring === undefined ? -1 : ring.indexOf(Math.floor(entry / 256));
      if (ring === undefined || index === -1 || ring.open[index] === 0) continue;
      const length = ring.length[index] as number;
      const at = ring.offset(index);
      copyOctets(ring.octets, at, at + length, slot.octets, 0);
      ring.sentUs[index] = nowUs;
      this.#frame.trafficClass = ring.trafficClass[index] as number;
      slot.length = length;
      const owner = neighbourAt(port, ring.neighbour[index] as number) ?? n;
      if (port.narrow && owner === undefined && ring.trafficClass[index] !== TrafficClass.voice)
        port.burstNews.push(ring.counter[index] as number);
      slot.endpoint = owner === undefined ? -1 : owner.endpoint;
      if (owner !== undefined) this.#frame.turnFirst = owner.local;
      this.#s.counters.count("repeated");
      return true;
    }
    return false;
  }

  /** Newcomers' frames fall on others', and nobody can ask for what it does not know of before this node's next frame. */
  #sayAgainLater(port: Port): void {
    if (port.unsettledNews.length === MAX_UNSETTLED_NEWS) return;
    port.unsettledNews.push(port.counter - 1);
    port.newsAgainDueUs = settledUs(port) + this.#s.random.below(NEWS_AGAIN_SPREAD_US);
  }

  /**
   * What was just sent on this channel was sent over somebody else. Nobody can ask for news that it does not know of before
   * this node's next frame, which may be long in coming.
   */
  spoiled(port: Port): void {
    for (const counter of port.burstNews) {
      const index = port.sent.indexOf(counter);
      const tries = index === -1 ? EVER : (port.sent.tries[index] as number);
      if (tries > SPOILED_TRIES) continue;
      port.sent.tries[index] = tries + 1;
      port.repeats.push(counter * 256);
    }
    if (port.burstNews.length > 0) this.#s.counters.count("news-spoiled");
    port.burstNews.length = 0;
  }

  /** The channel has settled: what was said before is said once more. */
  sayAgain(nowUs: number, port: Port): void {
    if (isSettling(port, nowUs)) {
      port.newsAgainDueUs = settledUs(port) + this.#s.random.below(NEWS_AGAIN_SPREAD_US);
      return;
    }
    for (const counter of port.unsettledNews) port.repeats.push(counter * 256);
    port.unsettledNews.length = 0;
    port.newsAgainDueUs = EVER;
  }

  fragmentingOf(port: Port, heavy: boolean): Fragmenting {
    return this.#fragmenting[2 * port.config.id + (heavy ? 1 : 0)] as Fragmenting;
  }

  /** A next part may go: the ring still holds the first part when the last is acknowledged. */
  fragmentReady(port: Port): boolean {
    if (port.sent.unacknowledged > SENT_RING_FRAMES / 2) return false;
    return isLeft(this.fragmentingOf(port, false)) || isLeft(this.fragmentingOf(port, true));
  }

  #startFragments(
    nowUs: number,
    port: Port,
    n: Neighbour | undefined,
    slot: TransmitSlot,
    from: number,
    end: number,
    deadlineUs: number,
    kind: number,
  ): boolean {
    const trafficClass = classOf(slot.octets[from] as number);
    const f = this.fragmentingOf(port, trafficClass >= TrafficClass.video);
    const room = port.config.mtuOctets - from - FRAGMENT_HEADER_OCTETS - port.tagOctets;
    const count = Math.ceil((end - from) / room);
    if (count > MAX_FRAGMENTS || isLeft(f)) {
      this.#s.counters.drop(count > MAX_FRAGMENTS ? "too-long" : "queue-full", trafficClass, port.config.id);
      return false;
    }
    copyOctets(slot.octets, from, end, f.inner, 0);
    f.innerOctets = end - from;
    f.count = count;
    f.partOctets = Math.ceil(f.innerOctets / count);
    f.next = 0;
    f.id = port.nextFragmentId++ & 0xff;
    f.neighbour = n === undefined ? -1 : n.index;
    f.deadlineUs = deadlineUs;
    f.kind = kind;
    return this.fragment(nowUs, port, f, slot);
  }

  fragment(nowUs: number, port: Port, f: Fragmenting, slot: TransmitSlot): boolean {
    if (!isLeft(f) || !this.fragmentReady(port)) return false;
    const n = neighbourAt(port, f.neighbour);
    const at = this.#frame.begin(port, FrameKind.fragment, slot);
    const header = { nextHop: n === undefined ? 0 : n.local, id: f.id, index: f.next, count: f.count };
    let end = at + encodeFragmentHeader(header, slot.octets, at);
    const to = Math.min(f.innerOctets, (f.next + 1) * f.partOctets);
    copyOctets(f.inner, f.next * f.partOctets, to, slot.octets, end);
    end += to - f.next * f.partOctets;
    f.next++;
    if (n !== undefined) this.#frame.turnFirst = n.local;
    this.#frame.trafficClass = classOf(f.inner[0] as number);
    this.#frame.keep(nowUs, port, n, slot, end, isUnicastKind(f.kind), f.deadlineUs, 0);
    return true;
  }
}

function isLeft(f: Fragmenting): boolean {
  return f.next < f.count;
}

/** -1 is everyone: asking an array for it would be a look-up by name. */
function neighbourAt(port: Port, index: number): Neighbour | undefined {
  return index < 0 ? undefined : port.neighbours[index];
}

/** One that is followed by another anyway. */
function isPosition(pool: PacketPool, packet: number): boolean {
  return pool.trafficClass[packet] === TrafficClass.command && pool.precedence[packet] === Precedence.routine;
}

/** SOS, positions, texts to all: on a point-to-point bearer each neighbour acknowledges its own copy. */
function isNewsForOne(port: Port, kind: number, trafficClass: number | undefined): boolean {
  return !port.shared && isGroupKind(kind) && trafficClass === TrafficClass.command;
}

/** The frame just sent is one of several copies. */
function noteCopy(port: Port, n: Neighbour | undefined, pool: PacketPool, packet: number): void {
  const ring = port.shared ? port.sent : n?.directSent;
  const index = ring?.indexOf((port.shared ? port.counter : (n as Neighbour).directCounter) - 1) ?? -1;
  if (ring === undefined || index === -1) return;
  ring.copyKey[index] = pool.copyKey[packet] as number;
  ring.patienceUs[index] = pool.patienceUs[packet] as number;
}

/**
 * What video and bulk have to wait for on a shared bearer. A point-to-point bearer is paced by its rate alone: a
 * satellite holds more than any window.
 */
export function windowOf(port: Port): SentRing | undefined {
  return port.shared ? port.sent : undefined;
}
