import {
  classOf,
  copyOctets,
  createDataHeader,
  createRepair,
  DATA_FLAG_ENDS,
  DATA_FLAG_REPAIR,
  DATA_FLAG_UNSEALED,
  type DataHeader,
  DIRECT_HEADER_OCTETS,
  decodeFragmentHeader,
  decodeLabelOffer,
  decodeNarrowDataHeader,
  decodeRepair,
  decodeWideDataHeader,
  FLOW_COUNTER_BITS,
  FLOW_HEADER_OCTETS,
  FRAGMENT_HEADER_OCTETS,
  type FragmentHeader,
  FrameKind,
  FULL_HEADER_OCTETS,
  flowCounterBits,
  flowLabel,
  flowSequenceBits,
  isForEnds,
  isGroupKind,
  isKeyPacket,
  isUnicastKind,
  kindOf,
  NARROW_TAG_OCTETS,
  type Repair,
  readU16,
  rebuildCounter,
  SEAL_MIN_OCTETS,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
  sharedCounterBits,
  takeEnds,
} from "@skein/codecs";
import type { Adjacency } from "./adjacency.ts";
import { MAX_FRAME_OCTETS, TrafficClass } from "./api.ts";
import { mayControl } from "./control-share.ts";
import type { DatabasePulls } from "./database-pulls.ts";
import { NARROW_SPACE } from "./duplicate-filter.ts";
import type { EndToEnd } from "./end-to-end.ts";
import { type Flow, type FlowLabels, flowKey, readFlow } from "./flow-labels.ts";
import type { Forwarding } from "./forwarding.ts";
import type { GroupRelay } from "./group-relay.ts";
import type { Hellos } from "./hellos.ts";
import type { HopArq } from "./hop-arq.ts";
import type { KeyAnswers } from "./key-answers.ts";
import { FLOW_OFFER_DELAY_US, MAX_PAYLOAD_OCTETS } from "./limits.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Merging } from "./merge/merging.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Overhearing } from "./overhearing.ts";
import type { PathFrames } from "./path-frames.ts";
import { payerOf } from "./payer.ts";
import { airtimeUs, type Port } from "./port.ts";
import { narrowLimit } from "./potential.ts";
import { Reassembly } from "./reassembly.ts";
import type { Snapshots } from "./snapshots.ts";
import type { CoreState } from "./state.ts";
import { addresseeOf, giveFirstTurn, hearTurn } from "./turn-order.ts";
import { noticeVoice } from "./turn-taking.ts";

/** Seal around a narrow frame's plaintext. */
const FRAME_EXTRA_OCTETS = SHARED_HEADER_OCTETS + NARROW_TAG_OCTETS;
/** Numbers that a stranger's bearer is guessed to have at its end: the own one, then others. */
const STRANGER_BEARERS = 4;
/** A data packet for this node: header, and payload octets[from, from + length). */
export type Deliver = (
  nowUs: number,
  header: DataHeader,
  octets: Uint8Array,
  from: number,
  length: number,
  port: Port,
) => void;

/** The way in: open, classify, decode, then deliver, relay or forward. Every exit that is not one of these is counted. */
export class Receiver {
  readonly #s: CoreState;
  readonly #hellos: Hellos;
  readonly #adjacency: Adjacency;
  readonly #flooding: LinkStateFlooding;
  readonly #pulls: DatabasePulls;
  readonly #arq: HopArq;
  readonly #forwarding: Forwarding;
  readonly #relay: GroupRelay;
  readonly #snapshots: Snapshots;
  readonly #overhearing: Overhearing;
  readonly #merging: Merging;
  readonly #endToEnd: EndToEnd;
  readonly #keyAnswers: KeyAnswers;
  readonly #pathFrames: PathFrames;
  readonly #deliver: Deliver;
  readonly #reassembly: Reassembly;
  readonly #frame = new Uint8Array(MAX_FRAME_OCTETS);
  readonly #header: DataHeader = createDataHeader();
  readonly #repair: Repair = createRepair();
  /** Length of the frame at hand, or of the packet put together from its like. */
  #lengthOctets = 0;
  /** The frame is the latest of its transmitter, no repetition: the digest in it is news. */
  #newest = false;
  /** The frame is for its ends alone: what is in it has no other seal. */
  #forEnds = false;
  readonly #fragment: FragmentHeader = { nextHop: 0, id: 0, index: 0, count: 0 };

  constructor(
    state: CoreState,
    parts: {
      hellos: Hellos;
      adjacency: Adjacency;
      flooding: LinkStateFlooding;
      pulls: DatabasePulls;
      arq: HopArq;
      forwarding: Forwarding;
      relay: GroupRelay;
      snapshots: Snapshots;
      overhearing: Overhearing;
      merging: Merging;
      endToEnd: EndToEnd;
      keyAnswers: KeyAnswers;
      pathFrames: PathFrames;
    },
    deliver: Deliver,
  ) {
    this.#s = state;
    this.#hellos = parts.hellos;
    this.#adjacency = parts.adjacency;
    this.#flooding = parts.flooding;
    this.#pulls = parts.pulls;
    this.#arq = parts.arq;
    this.#forwarding = parts.forwarding;
    this.#relay = parts.relay;
    this.#snapshots = parts.snapshots;
    this.#overhearing = parts.overhearing;
    this.#merging = parts.merging;
    this.#endToEnd = parts.endToEnd;
    this.#keyAnswers = parts.keyAnswers;
    this.#pathFrames = parts.pathFrames;
    this.#deliver = deliver;
    this.#reassembly = new Reassembly(state.counters);
  }

  handleFrame(nowUs: number, port: Port, endpoint: number, octets: Uint8Array, length: number): void {
    if (!port.up) return this.#s.counters.drop("bearer-down");
    if (length < SEAL_MIN_OCTETS || length > MAX_FRAME_OCTETS) return this.#s.counters.drop("frame-length");
    port.framesReceived++;
    port.octetsReceived += length;
    this.#lengthOctets = length;
    port.rules.received(length);
    // Opening is in place, and the caller's octets may be shared with other receivers.
    const frame = this.#frame;
    copyOctets(octets, 0, length, frame, 0);
    const format = sealFormat(frame);
    this.#forEnds = false;
    if (format === SealFormat.shared) this.#shared(nowUs, port, endpoint, octets, length);
    else if (format === SealFormat.direct) this.#direct(nowUs, port, endpoint, length);
    else if (format === SealFormat.full) this.#full(nowUs, port, endpoint, length);
    else this.#flow(nowUs, port, endpoint, length);
  }

  #full(nowUs: number, port: Port, endpoint: number, length: number): void {
    const end = this.#s.secure.openFull(port, this.#frame, length);
    if (end === 0) return;
    hearTurn(nowUs, port, 0, this.#frame, end, 0);
    // Only hellos travel in full frames: the address stands behind kind and flags on every layout.
    if (kindOf(this.#frame[FULL_HEADER_OCTETS] as number) !== FrameKind.hello || end < FULL_HEADER_OCTETS + 4) {
      return this.#s.counters.drop("unknown-kind");
    }
    const n = this.#adjacency.admitFull(nowUs, port, endpoint, readU16(this.#frame, FULL_HEADER_OCTETS + 2));
    if (n === undefined || !mayControl(this.#s, nowUs, port, n, length)) return;
    const ok = this.#adjacency.handleHello(nowUs, port, n, true, this.#frame, FULL_HEADER_OCTETS + 1, end);
    if (!ok) this.#s.counters.drop("malformed-body");
  }

  #shared(nowUs: number, port: Port, endpoint: number, octets: Uint8Array, length: number): void {
    const transmitter = this.#frame[2] as number;
    if (port.foreign.length > 0 && this.#sharedForeign(nowUs, port, endpoint, octets, length)) return;
    if (transmitter === this.#s.local) return this.#s.counters.drop("own-frame");
    const n = port.byLocal[transmitter];
    if (n === undefined) {
      if (port.narrow && this.#stranger(nowUs, port, endpoint, transmitter, octets, length)) return;
      this.#hellos.askFor(nowUs, port, transmitter);
      return this.#s.counters.drop("unknown-transmitter");
    }
    const highest = n.window.highest;
    const beforeUs = n.lastHeardUs;
    const end = this.#s.secure.openShared(port, n, this.#frame, octets, length, false);
    if (end < 0) return this.#repeatedShared(nowUs, port, n, -end);
    if (end === 0) {
      // It may have restarted: then its next full hello mends this. Forgers only cost a bounded number of hellos.
      if (nowUs - n.lastHeardUs > 1_000_000) this.#hellos.askFor(nowUs, port, transmitter);
      return;
    }
    this.#heardShared(nowUs, port, n, endpoint, end, addresseeOf(this.#frame));
    this.#newest = n.window.highest > highest;
    if (this.#newest) n.arrivedUs = nowUs;
    this.#arq.noticeMissing(nowUs, port, n, highest, beforeUs);
    this.#plainShared(nowUs, port, n, length, end);
  }

  /** The transmitter may be of another area: ids are local to their area, and the tag tells whose frame it is. */
  #sharedForeign(nowUs: number, port: Port, endpoint: number, octets: Uint8Array, length: number): boolean {
    const transmitter = octets[2] as number;
    for (let i = 0; i < port.foreign.length; i++) {
      const n = port.foreign[i] as Neighbour;
      if (n.local !== transmitter) continue;
      const end = this.#s.secure.openShared(port, n, this.#frame, octets, length, true);
      if (end === 0) {
        // What did not open is not what it was.
        copyOctets(octets, 0, length, this.#frame, 0);
        continue;
      }
      if (end < 0) this.#repeatedShared(nowUs, port, n, -end);
      else {
        this.#heardShared(nowUs, port, n, endpoint, end, addresseeOf(this.#frame));
        this.#newest = false;
        this.#plainShared(nowUs, port, n, length, end);
      }
      return true;
    }
    return false;
  }

  /** A packet under the label of its flow: the label tells who has sent it. */
  #flow(nowUs: number, port: Port, endpoint: number, length: number): void {
    const label = flowLabel(this.#frame);
    const flow = port.flows?.incoming(label);
    const local = flow?.neighbour.local ?? port.flows?.transmitterOf(nowUs, label) ?? 0;
    const n = port.byLocal[local];
    if (n === undefined) {
      port.strayFlows++;
      return this.#s.counters.drop("unknown-label");
    }
    const highest = n.window.highest;
    const beforeUs = n.lastHeardUs;
    const end = this.#s.secure.openFlow(port, n, this.#frame, length);
    if (end === 0) return;
    const addressee = flow === undefined ? (port.flows?.giverOf(label) ?? 0) : this.#s.local;
    if (end < 0) {
      this.#turn(nowUs, port, n, -end, addressee);
      if (flow !== undefined) this.#arq.oweReport(nowUs, port, n, false, -1, 0);
      return;
    }
    this.#heardShared(nowUs, port, n, endpoint, end, addressee);
    this.#arq.noticeMissing(nowUs, port, n, highest, beforeUs);
    if (flow === undefined || flow.neighbour !== n) this.#s.counters.counts.overheard++;
    else this.#flowPacket(nowUs, port, flow, end);
  }

  #flowPacket(nowUs: number, port: Port, flow: Flow, end: number): void {
    const flows = port.flows as FlowLabels;
    const n = flow.neighbour;
    const header = this.#header;
    const counter = rebuildCounter(flowCounterBits(this.#frame), FLOW_COUNTER_BITS, n.window.highest);
    const sequence = flows.take(nowUs, flow, flowSequenceBits(this.#frame), counter);
    if (sequence < 0) return this.#s.counters.drop("malformed-header");
    readFlow(flow, this.#frame, this.#s.area, header);
    header.sequence = sequence;
    port.lastDataUs = nowUs;
    port.traffic.received(header.trafficClass, this.#lengthOctets);
    this.#arq.oweReport(nowUs, port, n, false, -1, 0);
    if (header.source === this.#s.options.address) return this.#s.counters.count("duplicates");
    if (!this.#isFirst(nowUs, header.trafficClass, true)) return this.#s.counters.count("duplicates");
    port.traffic.wasFirst(header.trafficClass);
    if (!this.#descends(header)) flows.refuse(flow);
    this.#unicast(nowUs, port, n, this.#frame, FLOW_HEADER_OCTETS, end);
  }

  /** False if six bits of potential are too coarse to tell this node's distance from the transmitter's. */
  #descends(header: DataHeader): boolean {
    if (header.destination === this.#s.options.address) return true;
    const distance = this.#s.paths.from(this.#s.local, header.trafficClass)[header.destination & 0xff] as number;
    return distance < narrowLimit(header.potential);
  }

  #heardShared(nowUs: number, port: Port, n: Neighbour, endpoint: number, end: number, addressee: number): void {
    n.endpoint = endpoint;
    this.#adjacency.heard(nowUs, port, n);
    this.#turn(nowUs, port, n, end, addressee);
  }

  /** All who hear a frame take the order of turns from it, whether it is news to them or not. */
  #turn(nowUs: number, port: Port, n: Neighbour, end: number, addressee: number): void {
    // Of another area that would be somebody else.
    hearTurn(nowUs, port, n.local, this.#frame, end, n.foreign ? 0 : addressee);
  }

  #repeatedShared(nowUs: number, port: Port, n: Neighbour, end: number): void {
    this.#turn(nowUs, port, n, end, addresseeOf(this.#frame));
    this.#repeated(nowUs, port, n, false, SHARED_HEADER_OCTETS, end);
  }

  #plainShared(nowUs: number, port: Port, n: Neighbour, length: number, end: number): void {
    if (isControlKind(this.#frame[SHARED_HEADER_OCTETS] as number) && !mayControl(this.#s, nowUs, port, n, length))
      return;
    this.#plain(nowUs, port, n, false, this.#frame, SHARED_HEADER_OCTETS, end);
  }

  /**
   * A frame of somebody who has not said hello here: link state may tell who it is, which spares the channel a question
   * and an answer from each for each. `octets` is the frame as it came.
   */
  #stranger(nowUs: number, port: Port, endpoint: number, local: number, octets: Uint8Array, length: number): boolean {
    const known = this.#s.db.node(local)?.advertisement;
    if (known === undefined) return false;
    const { nodeId, bootEpoch } = known;
    for (let i = 0; i < STRANGER_BEARERS; i++) {
      const stranger = { nodeId, bootEpoch, bearerId: port.config.id ^ i };
      const end = this.#s.secure.openStranger(port, stranger, this.#frame, length);
      if (end === 0) {
        // What did not open is not what it was.
        copyOctets(octets, 0, length, this.#frame, 0);
        continue;
      }
      const counter = sharedCounterBits(octets);
      const n = this.#adjacency.admitStranger(nowUs, port, stranger, local, counter);
      if (n === undefined) return true;
      this.#heardShared(nowUs, port, n, endpoint, end, addresseeOf(this.#frame));
      this.#newest = true;
      this.#plainShared(nowUs, port, n, length, end);
      return true;
    }
    return false;
  }

  #direct(nowUs: number, port: Port, endpoint: number, length: number): void {
    const n = port.neighbours[this.#frame[1] as number];
    if (n === undefined || port.shared || n.directRemoteSlot === 0) return this.#s.counters.drop("unknown-index");
    const highest = n.directWindow.highest;
    this.#forEnds = isForEnds(this.#frame);
    const session = this.#forEnds ? this.#endToEnd.sessionFrom(n) : undefined;
    const end = this.#s.secure.openDirect(port, n, session?.handle ?? -1, this.#frame, length);
    if (this.#forEnds) this.#endToEnd.opened(nowUs, n, session, end !== 0);
    if (end < 0) return this.#repeated(nowUs, port, n, true, DIRECT_HEADER_OCTETS, -end);
    if (end === 0) return;
    n.endpoint = endpoint;
    if (n.directWindow.highest > highest) n.directArrivedUs = nowUs;
    this.#adjacency.heard(nowUs, port, n);
    if (highest >= 0 && n.directWindow.highest > highest + 1) this.#arq.noticeGap(nowUs, port, n, true);
    this.#plain(nowUs, port, n, true, this.#frame, DIRECT_HEADER_OCTETS, end);
  }

  /** A frame that this node has acknowledged comes again: the acknowledgement was lost, or is under way. */
  #repeated(nowUs: number, port: Port, n: Neighbour, direct: boolean, from: number, end: number): void {
    const kind = kindOf(this.#frame[from] as number);
    if (!isUnicastKind(kind) && kind !== FrameKind.fragment && !(direct && isGroupKind(kind))) return;
    if (!direct && (end <= from + 1 || this.#frame[from + 1] !== this.#s.local)) return;
    this.#arq.oweReport(nowUs, port, n, direct, -1, 0);
  }

  /** Plaintext of an authenticated frame, or one put together from fragments. */
  #plain(
    nowUs: number,
    port: Port,
    n: Neighbour,
    direct: boolean,
    octets: Uint8Array,
    from: number,
    end: number,
  ): void {
    const kind = kindOf(octets[from] as number);
    let ok = true;
    if (this.#forEnds && !isUnicastKind(kind) && kind !== FrameKind.path) return this.#s.counters.drop("unknown-kind");
    if (n.foreign && isGroupKind(kind)) return this.#s.counters.drop("foreign-area");
    if (isUnicastKind(kind) || isGroupKind(kind)) ok = this.#data(nowUs, port, n, direct, kind, octets, from, end);
    else if (kind === FrameKind.report) ok = this.#arq.handleReport(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.hello) ok = this.#adjacency.handleHello(nowUs, port, n, false, octets, from + 1, end);
    else if (kind === FrameKind.suspicion) ok = this.#merging.handleSuspicion(nowUs, n, octets, from + 1, end);
    else if (kind === FrameKind.path) {
      const trafficClass = classOf(octets[from] as number);
      port.traffic.received(trafficClass, this.#lengthOctets);
      if (trafficClass === TrafficClass.video) ok = this.#parity(nowUs, port, n, direct, octets, from + 1, end);
      else if (trafficClass !== TrafficClass.bulk) return this.#s.counters.drop("unknown-kind", trafficClass);
      else if (n.sealsForEnds && !this.#forEnds && !port.shared)
        return this.#s.counters.drop("end-to-end", trafficClass);
      else {
        ok = this.#pathFrames.handle(nowUs, port, n, octets, from + 1, end);
        this.#arq.passedBy(nowUs, port, n, direct);
      }
    } else if (n.foreign && kind !== FrameKind.fragment) this.#s.counters.counts.overheard++;
    else if (kind === FrameKind.linkState) ok = this.#flooding.handleUpdate(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.snapshot) ok = this.#snapshots.handle(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.pull) ok = this.#pulls.handlePull(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.label) ok = this.#labelOffer(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.fragment) ok = this.#fragmentFrame(nowUs, port, n, direct, octets, from, end);
    else return this.#s.counters.drop("unknown-kind");
    if (!ok) this.#s.counters.drop("malformed-body");
  }

  #labelOffer(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, from: number, end: number): boolean {
    const offer = decodeLabelOffer(octets, from, end);
    if (offer === undefined || offer.label === 0 || port.flows === undefined) return false;
    port.flows.offered(nowUs, n, offer, this.#s.local, this.#header);
    return true;
  }

  #fragmentFrame(
    nowUs: number,
    port: Port,
    n: Neighbour,
    direct: boolean,
    octets: Uint8Array,
    from: number,
    end: number,
  ): boolean {
    const fragment = this.#fragment;
    if (!decodeFragmentHeader(octets, from + 1, end, fragment)) return false;
    if (fragment.nextHop !== 0 && fragment.nextHop !== this.#s.local) {
      this.#s.counters.count("overheard");
      return true;
    }
    if (fragment.nextHop !== 0) this.#arq.oweReport(nowUs, port, n, direct, -1, 0);
    const whole = this.#reassembly.add(
      nowUs,
      port.config.id * 256 + n.index,
      fragment,
      octets,
      from + FRAGMENT_HEADER_OCTETS,
      end,
    );
    if (whole === undefined) return true;
    this.#newest = false;
    this.#lengthOctets = whole.length + FRAME_EXTRA_OCTETS;
    const kind = kindOf(whole[0] as number);
    if (!isUnicastKind(kind) && !isGroupKind(kind)) return false;
    return this.#data(nowUs, port, n, direct, kind, whole, 0, whole.length);
  }

  #data(
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
    if (headerOctets === 0 || (this.#forEnds && (header.flags & DATA_FLAG_ENDS) === 0)) return false;
    takeEnds(header, n.address, this.#s.options.address);
    let body = from + headerOctets;
    const group = isGroupKind(kind);
    const repaired = !group && (header.flags & DATA_FLAG_REPAIR) !== 0;
    if (repaired) {
      const octetsRead = decodeRepair(octets, body, end, this.#repair);
      if (octetsRead === 0) return false;
      body += octetsRead;
    } else header.flags = this.#forEnds ? DATA_FLAG_UNSEALED : 0;
    if (end - body > MAX_PAYLOAD_OCTETS || (header.source & 0xff) === 0) return false;
    port.lastDataUs = nowUs;
    if (header.digest >= 0 && this.#newest) this.#pulls.compareDigest(nowUs, port, n, header.digest);
    this.#newest = false;
    const here = header.destination === this.#s.options.address;
    const isKey = isKeyPacket(kind, header.trafficClass, header.precedence);
    if (isKey) giveFirstTurn(port, n.local, nowUs);
    if (!group) {
      const nextArea = header.nextHopArea < 0 ? n.area : header.nextHopArea;
      if (port.shared && (header.nextHop !== this.#s.local || nextArea !== this.#s.area)) {
        this.#s.counters.counts.overheard++;
        this.#arq.heardPassedOn(nowUs, port, n, header);
        this.#keyAnswers.overheard(nowUs, port, n, header);
        // What is for this node is for it whoever was to bring it.
        if (!here && !repaired) {
          const counterLow = sharedCounterBits(this.#frame);
          this.#s.pool.payerNow = n.local;
          this.#overhearing.overheard(nowUs, port, n, header, counterLow, octets, body, end - body);
        }
        // A stranger could not open this node's answer; whom it has asked, it can.
        if (!here || (isKey && port.narrow && this.#s.db.node(n.local) === undefined)) return true;
      } else {
        // Whoever chooses this node for its next hop hears it: on a narrow channel its advertisement tells that much later.
        if (port.narrow) this.#adjacency.heardBy(nowUs, port, n);
        this.#arq.oweReport(nowUs, port, n, direct, flowKey(this.#s.local, header), header.sequence, isKey && here);
      }
    } else if (direct && header.trafficClass === TrafficClass.command) {
      this.#arq.oweReport(nowUs, port, n, true, -1, 0);
    }
    port.traffic.received(header.trafficClass, this.#lengthOctets);
    // A repaired packet may pass a node again, or its own source: what it carries only ever shrinks, so that it cannot
    // circle. Only the destination need take it once.
    if (repaired && !here) {
      port.traffic.wasFirst(header.trafficClass);
      if (port.narrow)
        header.sequence = this.#s.duplicates.rebuild(header.source, header.trafficClass, header.sequence);
      this.#unicast(nowUs, port, n, octets, body, end);
      return true;
    }
    if (header.source === this.#s.options.address) {
      if (group) this.#relay.heardAgain(port, n, header);
      this.#s.counters.count("duplicates");
      return true;
    }
    const space = kind === FrameKind.groupNarrow ? NARROW_SPACE : header.trafficClass;
    if (port.narrow) header.sequence = this.#s.duplicates.rebuild(header.source, space, header.sequence);
    const first = this.#isFirst(nowUs, space, port.narrow);
    const voice = header.trafficClass === TrafficClass.voice;
    if (group) this.#arq.noticeGroupFrame(nowUs, n, header.source, first, voice);
    if (voice && port.config.halfDuplex) {
      const startUs = nowUs - airtimeUs(port.config, end - from + FRAME_EXTRA_OCTETS);
      noticeVoice(port, startUs, n.local, header.source, header.sequence);
    }
    // On a shared medium others may make a group frame needless: only elsewhere is its absence a sign.
    if (voice && !(group && port.shared)) this.#merging.heard(nowUs, port, n, header.source, header.sequence);
    if (port.flows !== undefined && !group && !repaired) this.#noticeFlow(nowUs, port, port.flows, n);
    if (!first) {
      this.#s.counters.counts.duplicates++;
      if (group) this.#relay.heardAgain(port, n, header);
      return true;
    }
    port.traffic.wasFirst(header.trafficClass);
    if (group) this.#group(nowUs, port, n, octets, body, end);
    else if (header.trafficClass === TrafficClass.video && !port.narrow) this.#video(nowUs, port, n, octets, body, end);
    else this.#unicast(nowUs, port, n, octets, body, end);
    return true;
  }

  /** The packet may be what was missing of a block with parity. */
  #video(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, body: number, end: number): void {
    const header = this.#header;
    const ends = header.source === n.address && header.destination === this.#s.options.address;
    this.#merging.parity.heard(nowUs, n.nodeId, header, ends, octets, body, end);
    this.#unicast(nowUs, port, n, octets, body, end);
    this.#rebuild(nowUs, port, n);
  }

  #parity(
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

  #noticeFlow(nowUs: number, port: Port, flows: FlowLabels, n: Neighbour): void {
    const { kind, trafficClass, precedence } = this.#header;
    // A question, and who asks: no more will follow.
    if (isKeyPacket(kind, trafficClass, precedence)) return;
    const random = this.#s.random.below(255);
    if (!flows.notice(nowUs, n, this.#header, n.window.highest, random)) return;
    port.labelDueUs = Math.min(port.labelDueUs, nowUs + FLOW_OFFER_DELAY_US);
  }

  #group(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, body: number, end: number): void {
    this.#s.pool.payerNow = n.local;
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

function isControlKind(octet: number): boolean {
  return kindOf(octet) <= FrameKind.pull || kindOf(octet) === FrameKind.snapshot;
}
