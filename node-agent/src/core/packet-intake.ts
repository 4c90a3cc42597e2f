import {
  asksForKey,
  codec2Bundles,
  countPositions,
  createDataHeader,
  createRepair,
  DATA_FLAG_ENDS,
  DATA_FLAG_REPAIR,
  DATA_FLAG_UNSEALED,
  type DataHeader,
  decodeLabelOffer,
  decodeNarrowDataHeader,
  decodePositionEntry,
  decodeRepair,
  decodeWideDataHeader,
  FLOW_COUNTER_BITS,
  FLOW_HEADER_OCTETS,
  FrameKind,
  flowCounterBits,
  flowSequenceBits,
  isGroupKind,
  isKeyPacket,
  NARROW_TAG_OCTETS,
  POSITION_REPORT_OCTETS,
  positionsDigest,
  type Repair,
  rebuildCounter,
  SHARED_HEADER_OCTETS,
  sharedCounterBits,
  takeEnds,
  VOICE_HEADER_OCTETS,
} from "@skein/codecs";
import { FOREIGN } from "./airtime-accounts.ts";
import { Precedence, TrafficClass } from "./api.ts";
import type { DatabasePulls } from "./database-pulls.ts";
import { NARROW_SPACE } from "./duplicate-filter.ts";
import type { EndToEnd } from "./end-to-end.ts";
import { type Flow, type FlowLabels, flowKey, readFlow } from "./flow-labels.ts";
import type { Forwarding } from "./forwarding.ts";
import type { GroupRelay } from "./group-relay.ts";
import type { HopArq } from "./hop-arq.ts";
import type { KeyAnswers } from "./key-answers.ts";
import { FLOW_OFFER_DELAY_US, MAX_PAYLOAD_OCTETS, MAX_VOICE_BUNDLES, VOICE_BUNDLE_US } from "./limits.ts";
import type { Links } from "./links.ts";
import type { Merging } from "./merge/merging.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Overhearing } from "./overhearing.ts";
import { payerOf } from "./payer.ts";
import { airtimeUs, type Port } from "./port.ts";
import { narrowLimit } from "./potential.ts";
import { isPolicy } from "./service/policy-service.ts";
import type { CoreState } from "./state.ts";
import { keepFirstTurn } from "./turn-order.ts";
import { hideTalk, noticeVoice } from "./turn-taking.ts";

/** Seal around a narrow frame's plaintext. */
export const FRAME_EXTRA_OCTETS = SHARED_HEADER_OCTETS + NARROW_TAG_OCTETS;

/** The frame at hand, for who reads what is in it. */
export interface Arrival {
  /** As it came, but opened in place. */
  readonly frame: Uint8Array;
  /** Length of the frame, or of the packet put together from its like. */
  lengthOctets: number;
  /** It is the latest of its transmitter, no repetition: the digest in it is news. */
  newest: boolean;
  /** It is for its ends alone: what is in it has no other seal. */
  forEnds: boolean;
}

/** A data packet for this node: header, and payload octets[from, from + length). */
export type Deliver = (
  nowUs: number,
  header: DataHeader,
  octets: Uint8Array,
  from: number,
  length: number,
  port: Port,
) => void;

export interface PacketParts {
  readonly links: Links;
  readonly pulls: DatabasePulls;
  readonly arq: HopArq;
  readonly forwarding: Forwarding;
  readonly relay: GroupRelay;
  readonly overhearing: Overhearing;
  readonly merging: Merging;
  readonly endToEnd: EndToEnd;
  readonly keyAnswers: KeyAnswers;
}

/** Packets of opened frames: what came before is counted, the rest delivered, relayed or forwarded. */
export class PacketIntake {
  readonly #s: CoreState;
  readonly #arrival: Arrival;
  readonly #links: Links;
  readonly #pulls: DatabasePulls;
  readonly #arq: HopArq;
  readonly #forwarding: Forwarding;
  readonly #relay: GroupRelay;
  readonly #overhearing: Overhearing;
  readonly #merging: Merging;
  readonly #endToEnd: EndToEnd;
  readonly #keyAnswers: KeyAnswers;
  readonly #deliver: Deliver;
  readonly #header: DataHeader = createDataHeader();
  readonly #repair: Repair = createRepair();

  constructor(state: CoreState, parts: PacketParts, arrival: Arrival, deliver: Deliver) {
    this.#s = state;
    this.#arrival = arrival;
    this.#links = parts.links;
    this.#pulls = parts.pulls;
    this.#arq = parts.arq;
    this.#forwarding = parts.forwarding;
    this.#relay = parts.relay;
    this.#overhearing = parts.overhearing;
    this.#merging = parts.merging;
    this.#endToEnd = parts.endToEnd;
    this.#keyAnswers = parts.keyAnswers;
    this.#deliver = deliver;
  }

  /** A packet under the label of its flow. */
  flowPacket(nowUs: number, port: Port, flow: Flow, end: number): void {
    const flows = port.flows as FlowLabels;
    const n = flow.neighbour;
    const header = this.#header;
    const counter = rebuildCounter(flowCounterBits(this.#arrival.frame), FLOW_COUNTER_BITS, n.window.highest);
    const sequence = flows.take(nowUs, flow, flowSequenceBits(this.#arrival.frame), counter);
    if (sequence < 0) return this.#s.counters.drop("malformed-header");
    readFlow(flow, this.#arrival.frame, this.#s.area, header);
    header.sequence = sequence;
    port.lastDataUs = nowUs;
    port.traffic.received(header.trafficClass, this.#arrival.lengthOctets);
    this.#arq.oweReport(nowUs, port, n, false, -1, 0);
    if (header.source === this.#s.options.address) return this.#s.counters.count("duplicates");
    if (!this.#isFirst(nowUs, header.trafficClass, true)) return this.#s.counters.count("duplicates");
    port.traffic.wasFirst(header.trafficClass);
    if (!this.#descends(header)) flows.refuse(flow);
    this.#unicast(nowUs, port, n, this.#arrival.frame, FLOW_HEADER_OCTETS, end);
  }

  /** False if six bits of potential are too coarse to tell this node's distance from the transmitter's. */
  #descends(header: DataHeader): boolean {
    if (header.destination === this.#s.options.address) return true;
    const distance = this.#s.paths.from(this.#s.local, header.trafficClass)[header.destination & 0xff] as number;
    return distance < narrowLimit(header.potential);
  }

  /** A packet with a header of its own: `octets[from, end)` of kind `kind`. False if it is malformed. */
  packet(
    nowUs: number,
    port: Port,
    n: Neighbour,
    direct: boolean,
    kind: number,
    octets: Uint8Array,
    from: number,
    end: number,
  ): boolean {
    const header = this.#header;
    const headerOctets = port.narrow
      ? decodeNarrowDataHeader(octets, from, end, this.#s.area, header)
      : decodeWideDataHeader(octets, from, end, port.shared, header);
    if (headerOctets === 0 || (this.#arrival.forEnds && (header.flags & DATA_FLAG_ENDS) === 0)) return false;
    takeEnds(header, n.address, this.#s.options.address);
    let body = from + headerOctets;
    const group = isGroupKind(kind);
    if (group && n.foreign && !this.#relay.crossings.crosses(header)) {
      this.#s.counters.drop("foreign-area", header.trafficClass);
      return true;
    }
    const repaired = !group && (header.flags & DATA_FLAG_REPAIR) !== 0;
    if (repaired) {
      const octetsRead = decodeRepair(octets, body, end, this.#repair);
      if (octetsRead === 0) return false;
      body += octetsRead;
    } else header.flags = this.#arrival.forEnds ? DATA_FLAG_UNSEALED : 0;
    if (end - body > MAX_PAYLOAD_OCTETS || (header.source & 0xff) === 0) return false;
    port.lastDataUs = nowUs;
    if (header.digest >= 0 && this.#arrival.newest) this.#pulls.compareDigest(nowUs, port, n, header.digest);
    this.#arrival.newest = false;
    const here = header.destination === this.#s.options.address;
    const isKey = isKeyPacket(kind, header.trafficClass, header.precedence);
    if (isKey) keepFirstTurn(port, n.local, nowUs);
    if (!group) {
      const nextArea = header.nextHopArea < 0 ? n.area : header.nextHopArea;
      if (port.shared && (header.nextHop !== this.#s.local || nextArea !== this.#s.area)) {
        this.#forAnother(nowUs, port, n, octets, body, end, repaired);
        // A stranger could not open this node's answer; whom it has asked, it can.
        if (!here || (isKey && asksForKey(octets, body, end) && this.#isStranger(port, n))) return true;
      } else {
        // Whoever chooses this node for its next hop hears it: on a narrow channel its advertisement tells that much later.
        if (port.narrow) this.#links.up(nowUs, port, n);
        this.#arq.oweReport(nowUs, port, n, direct, flowKey(this.#s.local, header), header.sequence, isKey && here);
      }
    } else if (direct && header.trafficClass === TrafficClass.command) {
      this.#arq.oweReport(nowUs, port, n, true, -1, 0);
    }
    port.traffic.received(header.trafficClass, this.#arrival.lengthOctets);
    // A repaired packet may pass a node again, or its own source: what it carries only ever shrinks, so that it cannot
    // circle. Only the destination need take it once.
    if (repaired && !here) {
      port.traffic.wasFirst(header.trafficClass);
      if (port.narrow)
        header.sequence = this.#s.duplicates.rebuild(header.source, header.trafficClass, header.sequence);
      this.#unicast(nowUs, port, n, octets, body, end);
      return true;
    }
    this.#take(nowUs, port, n, octets, from, body, end);
    return true;
  }

  /** Positions of several nodes, each as if it had come in a frame of its own. False if they are malformed. */
  positions(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, from: number, end: number): boolean {
    const count = countPositions(octets, from, end);
    if (count === 0) return false;
    if (n.foreign) {
      this.#s.counters.drop("foreign-area", TrafficClass.command);
      return true;
    }
    port.lastDataUs = nowUs;
    if (this.#arrival.newest) this.#pulls.compareDigest(nowUs, port, n, positionsDigest(octets, from));
    this.#arrival.newest = false;
    port.traffic.received(TrafficClass.command, this.#arrival.lengthOctets);
    for (let i = 0; i < count; i++) {
      const body = decodePositionEntry(octets, from, i, this.#s.area, this.#header);
      if ((this.#header.source & 0xff) === 0) return false;
      this.#take(nowUs, port, n, octets, from, body, body + POSITION_REPORT_OCTETS);
    }
    return true;
  }

  /** The packet whose header has been read, with payload octets[body, end), in a frame that begins at `from`. */
  #take(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, from: number, body: number, end: number): void {
    const header = this.#header;
    const group = isGroupKind(header.kind);
    if (header.source === this.#s.options.address) {
      if (group) this.#relay.heardAgain(port, n, header);
      this.#s.counters.count("duplicates");
      return;
    }
    const space = header.kind === FrameKind.groupNarrow ? NARROW_SPACE : header.trafficClass;
    if (port.narrow) header.sequence = this.#s.duplicates.rebuild(header.source, space, header.sequence);
    const first = this.#isFirst(nowUs, space, port.narrow);
    const voice = header.trafficClass === TrafficClass.voice;
    if (group) this.#arq.noticeGroupFrame(nowUs, n, header.source, first, voice);
    if (voice && port.config.halfDuplex) this.#noticeVoice(nowUs, port, n, end - from, end - body);
    // On a shared medium others may make a group frame needless: only elsewhere is its absence a sign.
    if (voice && !(group && port.shared)) this.#merging.heard(nowUs, port, n, header.source, header.sequence);
    const repaired = !group && (header.flags & DATA_FLAG_REPAIR) !== 0;
    if (port.flows !== undefined && !group && !repaired) this.#noticeFlow(nowUs, port, port.flows, n);
    if (!first) {
      this.#s.counters.counts.duplicates++;
      if (group) this.#relay.heardAgain(port, n, header);
      return;
    }
    port.traffic.wasFirst(header.trafficClass);
    if (group) this.#group(nowUs, port, n, octets, body, end);
    else if (header.trafficClass === TrafficClass.video && !port.narrow) this.#video(nowUs, port, n, octets, body, end);
    else this.#unicast(nowUs, port, n, octets, body, end);
  }

  /** Voice on a half-duplex channel, in a frame with so many octets of plaintext, the payload among them. */
  #noticeVoice(nowUs: number, port: Port, n: Neighbour, plainOctets: number, payloadOctets: number): void {
    const { kind, source, sequence } = this.#header;
    const stepUs = speechUs(kind, payloadOctets);
    const startUs = nowUs - airtimeUs(port.config, plainOctets + FRAME_EXTRA_OCTETS);
    const isRelayed = (source & 0xff) !== n.local;
    if (!isRelayed) {
      n.talkSequence = sequence & 0xff;
      n.talkUs = nowUs;
    }
    // Who hears the relay alone may begin when that is at its end: the talker comes next.
    if (isRelayed && port.byLocal[source & 0xff]?.alive !== true) hideTalk(port, nowUs, stepUs, nowUs);
    else noticeVoice(port, startUs, nowUs, n.local, source, sequence, stepUs);
  }

  /** True of a member of a narrow channel that the database does not know. */
  #isStranger(port: Port, n: Neighbour): boolean {
    return port.narrow && this.#s.db.node(n.local) === undefined;
  }

  /** A unicast packet on a shared medium that another node is to pass on. */
  #forAnother(
    nowUs: number,
    port: Port,
    n: Neighbour,
    octets: Uint8Array,
    body: number,
    end: number,
    repaired: boolean,
  ): void {
    const header = this.#header;
    this.#s.counters.counts.overheard++;
    this.#arq.heardPassedOn(nowUs, port, n, header);
    this.#keyAnswers.overheard(nowUs, port, n, header);
    if (port.narrow && isRoutineCommand(header) && isPolicy(octets, body, end - body)) {
      // It is the same for everybody, and takes long on such a channel.
      this.#deliver(nowUs, header, octets, body, end - body, port);
    }
    // What is for this node is for it whoever was to bring it.
    if (repaired || header.destination === this.#s.options.address) return;
    this.#s.pool.payerNow = n.local;
    const counterLow = sharedCounterBits(this.#arrival.frame);
    this.#overhearing.overheard(nowUs, port, n, header, counterLow, octets, body, end - body);
  }

  /** The packet may be what was missing of a block with parity. */
  #video(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, body: number, end: number): void {
    const header = this.#header;
    const ends = header.source === n.address && header.destination === this.#s.options.address;
    this.#merging.parity.heard(nowUs, n.nodeId, header, ends, octets, body, end);
    this.#unicast(nowUs, port, n, octets, body, end);
    this.#rebuild(nowUs, port, n);
  }

  /** Parity of video: what it brings back is taken as if it had come now. False if it is malformed. */
  parity(
    nowUs: number,
    port: Port,
    n: Neighbour,
    direct: boolean,
    octets: Uint8Array,
    from: number,
    end: number,
  ): boolean {
    if (port.shared && (n.foreign || octets[from] !== this.#s.local)) {
      this.#s.counters.count("overheard");
      return true;
    }
    // Nobody repeats it, but what it says of the path is to be told.
    this.#arq.oweReport(nowUs, port, n, direct, -1, 0);
    const ok = this.#merging.parity.handle(nowUs, n.nodeId, octets, port.shared ? from + 1 : from, end);
    this.#rebuild(nowUs, port, n);
    return ok;
  }

  /** Takes packets that parity has brought back as if they had come now. */
  #rebuild(nowUs: number, port: Port, n: Neighbour): void {
    const { parity } = this.#merging;
    const header = this.#header;
    for (let length = parity.poll(); length > 0; length = parity.poll()) {
      const payload = parity.decode(length, n.address, header);
      if (payload === 0) {
        this.#s.counters.drop("malformed-body", TrafficClass.video);
        continue;
      }
      if (header.source === this.#s.options.address || !this.#isFirst(nowUs, TrafficClass.video, false)) {
        this.#s.counters.count("duplicates");
        continue;
      }
      this.#s.counters.count("parity-rebuilt");
      this.#unicast(nowUs, port, n, parity.symbol, payload, length);
    }
  }

  /** A neighbour offers a label for a flow. False if it is malformed. */
  labelOffer(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, from: number, end: number): boolean {
    const offer = decodeLabelOffer(octets, from, end);
    if (offer === undefined || offer.label === 0 || port.flows === undefined) return false;
    port.flows.offered(nowUs, n, offer, this.#s.local, this.#header);
    return true;
  }

  #noticeFlow(nowUs: number, port: Port, flows: FlowLabels, n: Neighbour): void {
    const { kind, trafficClass, precedence } = this.#header;
    // A question, and who asks: no more will follow.
    if (isKeyPacket(kind, trafficClass, precedence)) return;
    const random = this.#s.random.below(255);
    if (!flows.notice(nowUs, n, this.#header, n.window.highest, random)) return;
    port.labelDueUs = Math.min(port.labelDueUs, nowUs + FLOW_OFFER_DELAY_US);
  }

  #group(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, body: number, end: number): void {
    this.#s.pool.payerNow = n.foreign ? FOREIGN : n.local;
    this.#relay.relay(nowUs, port, n, this.#header, octets, body, end - body);
    this.#s.counters.counts.delivered++;
    this.#deliver(nowUs, this.#header, octets, body, end - body, port);
  }

  #unicast(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, body: number, end: number): void {
    const header = this.#header;
    if (this.#keyAnswers.answers(nowUs, port, n, header, octets, body, end)) return;
    if (header.destination === this.#s.options.address) {
      const length = this.#endToEnd.isSealedForMe(header)
        ? this.#endToEnd.openFrom(nowUs, port, n, header, octets, body, end - body)
        : end - body;
      if (length < 0) return;
      this.#s.counters.counts.delivered++;
      this.#deliver(nowUs, header, octets, body, length, port);
      return;
    }
    if (port.narrow) header.potential = narrowLimit(header.potential);
    this.#s.pool.payerNow = payerOf(this.#s, n, header.source, header.trafficClass);
    if (this.#forwarding.route(nowUs, header, this.#repair, octets, body, end - body))
      this.#s.counters.counts.forwarded++;
  }

  /** True of the first copy that comes of a packet, which is marked as come, unless it has yet to show what it is. */
  #isFirst(nowUs: number, space: number, narrow: boolean): boolean {
    const { source, sequence } = this.#header;
    if (this.#endToEnd.isSealedForMe(this.#header)) return !this.#s.duplicates.hasSeen(source, space, sequence);
    return this.#s.duplicates.accept(source, space, sequence, nowUs, narrow);
  }
}

/** Speech in a voice packet on a narrow bearer, by the length of its payload. */
function speechUs(kind: number, payloadOctets: number): number {
  if (kind !== FrameKind.groupNarrow) return VOICE_BUNDLE_US;
  const bundles = codec2Bundles(payloadOctets - VOICE_HEADER_OCTETS);
  return VOICE_BUNDLE_US * Math.max(1, Math.min(MAX_VOICE_BUNDLES, bundles));
}

function isRoutineCommand({ kind, trafficClass, precedence }: DataHeader): boolean {
  return kind === FrameKind.unicast && trafficClass === TrafficClass.command && precedence === Precedence.routine;
}
