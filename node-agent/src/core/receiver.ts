import {
  classOf,
  copyOctets,
  createTalkNotice,
  DIRECT_HEADER_OCTETS,
  decodeFragmentHeader,
  FRAGMENT_HEADER_OCTETS,
  type FragmentHeader,
  FrameKind,
  FULL_HEADER_OCTETS,
  flowLabel,
  hasTalkNotice,
  isForEnds,
  isGroupKind,
  isUnicastKind,
  kindOf,
  readU16,
  SEAL_MIN_OCTETS,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
  sharedCounterBits,
  type TalkNotice,
  takeTalkNotice,
} from "@skein/codecs";
import type { Acquaintances } from "./acquaintances.ts";
import type { Adjacency } from "./adjacency.ts";
import { MAX_FRAME_OCTETS, TrafficClass } from "./api.ts";
import { mayControl } from "./control-share.ts";
import type { DatabasePulls } from "./database-pulls.ts";
import type { EndToEnd } from "./end-to-end.ts";
import type { Hellos } from "./hellos.ts";
import { HiddenTalks } from "./hidden-talks.ts";
import type { HopArq } from "./hop-arq.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Merging } from "./merge/merging.ts";
import type { Neighbour } from "./neighbour.ts";
import { type Arrival, type Deliver, FRAME_EXTRA_OCTETS, PacketIntake, type PacketParts } from "./packet-intake.ts";
import type { PathFrames } from "./path-frames.ts";
import { airtimeUs, type Port } from "./port.ts";
import { Reassembly } from "./reassembly.ts";
import type { Stranger } from "./secure-channel.ts";
import type { Snapshots } from "./snapshots.ts";
import type { CoreState } from "./state.ts";
import { addresseeOf, hearTurn } from "./turn-order.ts";

/**
 * The way in: opens a frame, tells who has sent it, and hands what is in it to whoever reads that kind; packets go to
 * `packet-intake.ts`. Every exit that is none of these is counted.
 */
export class Receiver {
  readonly #s: CoreState;
  readonly #hellos: Hellos;
  readonly #adjacency: Adjacency;
  readonly #flooding: LinkStateFlooding;
  readonly #pulls: DatabasePulls;
  readonly #arq: HopArq;
  readonly #snapshots: Snapshots;
  readonly #merging: Merging;
  readonly #endToEnd: EndToEnd;
  readonly #pathFrames: PathFrames;
  readonly #reassembly: Reassembly;
  readonly #packets: PacketIntake;
  readonly #acquaintances: Acquaintances;
  readonly #hiddenTalks: HiddenTalks;
  readonly #notice: TalkNotice = createTalkNotice();
  readonly #frame = new Uint8Array(MAX_FRAME_OCTETS);
  readonly #arrival: Arrival = { frame: this.#frame, lengthOctets: 0, newest: false, forEnds: false };
  readonly #fragment: FragmentHeader = { nextHop: 0, id: 0, index: 0, count: 0 };

  constructor(
    state: CoreState,
    parts: PacketParts & {
      readonly hellos: Hellos;
      readonly adjacency: Adjacency;
      readonly flooding: LinkStateFlooding;
      readonly snapshots: Snapshots;
      readonly acquaintances: Acquaintances;
      readonly pathFrames: PathFrames;
    },
    deliver: Deliver,
  ) {
    this.#s = state;
    this.#hellos = parts.hellos;
    this.#adjacency = parts.adjacency;
    this.#flooding = parts.flooding;
    this.#pulls = parts.pulls;
    this.#arq = parts.arq;
    this.#snapshots = parts.snapshots;
    this.#merging = parts.merging;
    this.#endToEnd = parts.endToEnd;
    this.#pathFrames = parts.pathFrames;
    this.#acquaintances = parts.acquaintances;
    this.#hiddenTalks = new HiddenTalks(parts.links, state.local);
    this.#packets = new PacketIntake(state, parts, this.#arrival, deliver);
    this.#reassembly = new Reassembly(state.counters);
  }

  handleFrame(nowUs: number, port: Port, endpoint: number, octets: Uint8Array, length: number): void {
    if (!port.up) return this.#s.counters.drop("bearer-down");
    if (length < SEAL_MIN_OCTETS || length > MAX_FRAME_OCTETS) return this.#s.counters.drop("frame-length");
    port.framesReceived++;
    port.octetsReceived += length;
    this.#arrival.lengthOctets = length;
    port.rules.received(length);
    // Opening is in place, and the caller's octets may be shared with other receivers.
    const frame = this.#frame;
    copyOctets(octets, 0, length, frame, 0);
    const format = sealFormat(frame);
    this.#arrival.forEnds = false;
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
    const opened = this.#s.secure.openShared(port, n, this.#frame, octets, length, false);
    if (opened === 0) {
      if (port.narrow && this.#newBoot(nowUs, port, n, endpoint, octets, length)) return;
      // It may have restarted: then its next full hello mends this. Forgers only cost a bounded number of hellos.
      if (nowUs - n.lastHeardUs > 1_000_000) this.#hellos.askFor(nowUs, port, transmitter);
      return;
    }
    const end = this.#withoutNotice(port, Math.abs(opened), length);
    if (end === 0) return;
    if (opened < 0) return this.#repeatedShared(nowUs, port, n, end);
    this.#heardShared(nowUs, port, n, endpoint, end, addresseeOf(this.#frame));
    this.#arrival.newest = n.window.highest > highest;
    this.#noticeTalk(nowUs, port, n, length);
    if (this.#arrival.newest) n.arrivedUs = nowUs;
    this.#arq.noticeMissing(nowUs, port, n, highest, beforeUs);
    this.#plainShared(nowUs, port, n, length, end);
  }

  /** Takes a notice of a talker out of an opened frame; returns the plaintext's end, 0 with a counted drop if it is malformed. */
  #withoutNotice(port: Port, end: number, length: number): number {
    this.#notice.talker = 0;
    if (!port.narrow || !hasTalkNotice(this.#frame[SHARED_HEADER_OCTETS] as number)) return end;
    const left = takeTalkNotice(this.#frame, SHARED_HEADER_OCTETS, end, length, this.#notice);
    if (left === 0) this.#s.counters.drop("malformed-body");
    return left;
  }

  /** What is said again tells of a talker at another time. Reports are not. */
  #noticeTalk(nowUs: number, port: Port, n: Neighbour, length: number): void {
    if (this.#notice.talker === 0) return;
    const kind = kindOf(this.#frame[SHARED_HEADER_OCTETS] as number);
    const isNew = this.#arrival.newest || kind === FrameKind.report;
    if (isNew) this.#hiddenTalks.told(nowUs, port, n.local, this.#notice, nowUs - airtimeUs(port.config, length));
  }

  /** The transmitter may be of another area: ids are local to their area, and the tag tells whose frame it is. */
  #sharedForeign(nowUs: number, port: Port, endpoint: number, octets: Uint8Array, length: number): boolean {
    const transmitter = octets[2] as number;
    for (let i = 0; i < port.foreign.length; i++) {
      const n = port.foreign[i] as Neighbour;
      if (n.local !== transmitter) continue;
      const highest = n.window.highest;
      const beforeUs = n.lastHeardUs;
      const end = this.#s.secure.openShared(port, n, this.#frame, octets, length, true);
      if (end === 0) {
        // What did not open is not what it was.
        copyOctets(octets, 0, length, this.#frame, 0);
        continue;
      }
      if (end < 0) this.#repeatedShared(nowUs, port, n, -end);
      else {
        this.#heardShared(nowUs, port, n, endpoint, end, addresseeOf(this.#frame));
        this.#arrival.newest = false;
        this.#arq.noticeMissing(nowUs, port, n, highest, beforeUs);
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
    else this.#packets.flowPacket(nowUs, port, flow, end);
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
   * A frame of somebody who has not said hello here: link state may tell who it is, or what was heard before the last start,
   * which spares the channel a question and an answer from each for each. `octets` is the frame as it came.
   */
  #stranger(nowUs: number, port: Port, endpoint: number, local: number, octets: Uint8Array, length: number): boolean {
    for (const stranger of this.#acquaintances.guesses(port, local, sharedCounterBits(octets))) {
      const end = this.#openGuess(port, stranger, octets, length);
      if (end === 0) continue;
      const n = this.#adjacency.admitStranger(nowUs, port, stranger, local);
      if (n !== undefined) this.#introduced(nowUs, port, n, endpoint, length, end);
      return true;
    }
    return false;
  }

  /** A frame that does not open may be the first to arrive of a new boot. */
  #newBoot(nowUs: number, port: Port, n: Neighbour, endpoint: number, octets: Uint8Array, length: number): boolean {
    for (const stranger of this.#acquaintances.laterBoots(n, sharedCounterBits(octets))) {
      const end = this.#openGuess(port, stranger, octets, length);
      if (end === 0) continue;
      this.#adjacency.admitBoot(nowUs, port, n, stranger);
      this.#introduced(nowUs, port, n, endpoint, length, end);
      return true;
    }
    return false;
  }

  /** `octets` is the frame as it came: what did not open is not what it was. */
  #openGuess(port: Port, stranger: Stranger, octets: Uint8Array, length: number): number {
    copyOctets(octets, 0, length, this.#frame, 0);
    const end = this.#s.secure.openStranger(port, stranger, this.#frame, length);
    return end === 0 ? 0 : this.#withoutNotice(port, end, length);
  }

  #introduced(nowUs: number, port: Port, n: Neighbour, endpoint: number, length: number, end: number): void {
    this.#heardShared(nowUs, port, n, endpoint, end, addresseeOf(this.#frame));
    this.#arrival.newest = true;
    this.#plainShared(nowUs, port, n, length, end);
  }

  #direct(nowUs: number, port: Port, endpoint: number, length: number): void {
    const n = port.neighbours[this.#frame[1] as number];
    if (n === undefined || port.shared || n.directRemoteSlot === 0) return this.#s.counters.drop("unknown-index");
    const highest = n.directWindow.highest;
    this.#arrival.forEnds = isForEnds(this.#frame);
    const session = this.#arrival.forEnds ? this.#endToEnd.sessionFrom(n) : undefined;
    const end = this.#s.secure.openDirect(port, n, session?.handle ?? -1, this.#frame, length);
    if (this.#arrival.forEnds) this.#endToEnd.opened(nowUs, n, session, end !== 0);
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
    if (this.#arrival.forEnds && !isUnicastKind(kind) && kind !== FrameKind.path)
      return this.#s.counters.drop("unknown-kind");
    if (port.narrow && kind === FrameKind.positions) ok = this.#packets.positions(nowUs, port, n, octets, from, end);
    else if (isUnicastKind(kind) || isGroupKind(kind))
      ok = this.#packets.packet(nowUs, port, n, direct, kind, octets, from, end);
    else if (kind === FrameKind.report) ok = this.#arq.handleReport(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.hello) ok = this.#adjacency.handleHello(nowUs, port, n, false, octets, from + 1, end);
    else if (kind === FrameKind.suspicion && !port.narrow)
      ok = this.#merging.handleSuspicion(nowUs, n, octets, from + 1, end);
    else if (kind === FrameKind.path) {
      const trafficClass = classOf(octets[from] as number);
      port.traffic.received(trafficClass, this.#arrival.lengthOctets);
      if (trafficClass === TrafficClass.video) ok = this.#packets.parity(nowUs, port, n, direct, octets, from + 1, end);
      else if (trafficClass !== TrafficClass.bulk) return this.#s.counters.drop("unknown-kind", trafficClass);
      else if (n.sealsForEnds && !this.#arrival.forEnds && !port.shared)
        return this.#s.counters.drop("end-to-end", trafficClass);
      else {
        ok = this.#pathFrames.handle(nowUs, port, n, octets, from + 1, end);
        this.#arq.passedBy(nowUs, port, n, direct);
      }
    } else if (n.foreign && kind !== FrameKind.fragment) this.#s.counters.counts.overheard++;
    else if (kind === FrameKind.linkState) ok = this.#flooding.handleUpdate(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.snapshot) ok = this.#snapshots.handle(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.pull) ok = this.#pulls.handlePull(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.label) ok = this.#packets.labelOffer(nowUs, port, n, octets, from + 1, end);
    else if (kind === FrameKind.fragment) ok = this.#fragmentFrame(nowUs, port, n, direct, octets, from, end);
    else return this.#s.counters.drop("unknown-kind");
    if (!ok) this.#s.counters.drop("malformed-body");
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
    this.#arrival.newest = false;
    this.#arrival.lengthOctets = whole.length + FRAME_EXTRA_OCTETS;
    const kind = kindOf(whole[0] as number);
    if (!isUnicastKind(kind) && !isGroupKind(kind)) return false;
    return this.#packets.packet(nowUs, port, n, direct, kind, whole, 0, whole.length);
  }
}

function isControlKind(octet: number): boolean {
  return kindOf(octet) <= FrameKind.pull || kindOf(octet) === FrameKind.snapshot;
}
