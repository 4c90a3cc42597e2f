import {
  CLASS_COUNT,
  classOf,
  copyOctets,
  createDataHeader,
  createLabelOffer,
  DATA_FLAG_ENDS,
  DATA_FLAG_REPAIR,
  type DataHeader,
  DIRECT_HEADER_OCTETS,
  encodeFragmentHeader,
  encodeLabelOffer,
  encodeNarrowDataHeader,
  encodeWideDataHeader,
  FLOW_HEADER_OCTETS,
  FRAGMENT_HEADER_OCTETS,
  FrameKind,
  FULL_HEADER_OCTETS,
  flowPotential,
  isGroupKind,
  isKeyPacket,
  isUnicastKind,
  kindOctet,
  MAX_FRAGMENTS,
  MAX_REPAIR_OCTETS,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { MAX_FRAME_OCTETS, Precedence, TrafficClass, type TransmitSlot } from "./api.ts";
import { FLASH_LEVELS, HEAVY_LEVEL, URGENT_LEVELS } from "./bearer-queue.ts";
import { noteControl } from "./control-share.ts";
import type { DatabasePulls } from "./database-pulls.ts";
import { type FlowLabels, flowKey } from "./flow-labels.ts";
import type { Hellos } from "./hellos.ts";
import type { HopArq } from "./hop-arq.ts";
import type { KeyAnswers } from "./key-answers.ts";
import {
  CATCH_UP_US,
  MAX_FLOW_AHEAD,
  MAX_UNSETTLED_NEWS,
  NEWS_AGAIN_SPREAD_US,
  NEWS_REPAIR_NARROW_US,
  SENT_RING_FRAMES,
  SILENCE_NARROW_US,
} from "./limits.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Merging } from "./merge/merging.ts";
import type { PacketPool } from "./packet-pool.ts";
import { airtimeUs, isUnheard, type Neighbour, type Port, reckonAnswerDue } from "./port.ts";
import type { SentRing } from "./sent-ring.ts";
import type { Snapshots } from "./snapshots.ts";
import type { CoreState } from "./state.ts";
import {
  accessUs,
  afterTalk,
  burstAirtimeUs,
  channelQuiet,
  drawOrder,
  firstAfter,
  inBurst,
  isSettling,
  settledUs,
  type Urgency,
} from "./turn-taking.ts";

const CONTROL = kindOctet(0, TrafficClass.command, Precedence.immediate);
const EVER = Number.POSITIVE_INFINITY;
/** A link-state update is repeated on request this long. */
const UPDATE_REPAIR_US = 3_000_000;

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

/**
 * The way out: decides what each bearer sends next, encodes, seals, and keeps what may have to be
 * repeated. Order on a bearer: flash and voice, repetitions, reports, hellos and link state, the rest.
 */
export class Transmitter {
  readonly #s: CoreState;
  readonly #hellos: Hellos;
  readonly #flooding: LinkStateFlooding;
  readonly #pulls: DatabasePulls;
  readonly #arq: HopArq;
  readonly #snapshots: Snapshots;
  readonly #merging: Merging;
  readonly #keyAnswers: KeyAnswers;
  readonly #header: DataHeader = createDataHeader();
  /** Two by bearer: video and bulk, and what goes between their parts. */
  readonly #fragmenting: Fragmenting[];
  readonly #news = new Uint8Array(MAX_FRAME_OCTETS);
  readonly #offer = createLabelOffer();
  #nextPort = 0;
  /** When it was last asked for a frame. */
  #polledUs = 0;
  /** Class of the packet in the frame at hand; CLASS_COUNT if there is none. */
  #trafficClass: number = CLASS_COUNT;
  /** What has just been encoded is a hello, link state or a pull. */
  #isControl = false;
  #isData = false;
  /** Who has the turn after it, 0: whoever had. */
  #turnFirst = 0;

  constructor(
    state: CoreState,
    parts: {
      hellos: Hellos;
      flooding: LinkStateFlooding;
      pulls: DatabasePulls;
      arq: HopArq;
      snapshots: Snapshots;
      merging: Merging;
      keyAnswers: KeyAnswers;
    },
  ) {
    this.#s = state;
    this.#hellos = parts.hellos;
    this.#flooding = parts.flooding;
    this.#pulls = parts.pulls;
    this.#arq = parts.arq;
    this.#snapshots = parts.snapshots;
    this.#merging = parts.merging;
    this.#keyAnswers = parts.keyAnswers;
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

  poll(nowUs: number, slot: TransmitSlot): boolean {
    this.#polledUs = nowUs;
    const ports = this.#s.ports;
    for (let i = 0; i < ports.length; i++) {
      const port = ports[(this.#nextPort + i) % ports.length] as Port;
      if (!port.up || port.carrierBusy || (nowUs < this.#accessUs(port) && !inBurst(port, nowUs))) continue;
      this.#trafficClass = CLASS_COUNT;
      if (port.burstNews.length > 0 && !inBurst(port, nowUs)) port.burstNews.length = 0;
      if (!this.#pollPort(nowUs, port, slot)) continue;
      slot.bearerId = port.config.id;
      this.#onAir(nowUs, port, slot);
      this.#nextPort = (this.#nextPort + i + 1) % ports.length;
      return true;
    }
    return false;
  }

  /** When this bearer could send something that is waiting; Infinity if nothing waits. */
  nextUs(port: Port): number {
    if (!port.up || port.carrierBusy) return EVER;
    if (
      port.queue.isReady(windowOf(port)) ||
      port.repeats.length > 0 ||
      port.direct.length > 0 ||
      port.suspicions.length > 0 ||
      port.keyAnswers.length > 0 ||
      this.#fragmentReady(port)
    )
      return this.#accessUs(port);
    const controlUs = Math.min(this.#helloDueUs(port), this.#paced(port, port.updateDueUs));
    return Math.max(
      Math.min(
        controlUs,
        port.newsAgainDueUs,
        port.badNewsDueUs,
        port.snapshotDueUs,
        port.labelDueUs,
        port.answerDueUs,
      ),
      this.#accessUs(port),
    );
  }

  /** When a control frame that is due may go: a newcomer's first hello at once, anything else within control's share. */
  #paced(port: Port, dueUs: number): number {
    return port.narrow ? Math.max(dueUs, port.controlBackUs) : dueUs;
  }

  #helloDueUs(port: Port): number {
    if (port.hellosSent === 0 || port.helloUrgent) return port.helloDueUs;
    // Whoever keeps silent for too long is taken for dead, which costs more than a hello.
    const dueUs = Math.min(this.#paced(port, port.helloDueUs), port.helloDueUs + SILENCE_NARROW_US);
    // Nobody can open what a stranger says, so it does not wait until somebody has finished talking.
    return port.narrow && isUnheard(port) ? dueUs : afterTalk(port, dueUs);
  }

  /** When this bearer may next begin to transmit: its own pace, and on half-duplex media its turn. */
  #accessUs(port: Port): number {
    if (!port.config.halfDuplex) return port.accessUs;
    return Math.max(port.accessUs, accessUs(port, this.#s.local, urgencyOf(port), this.#polledUs));
  }

  #onAir(nowUs: number, port: Port, slot: TransmitSlot): void {
    const length = slot.length;
    const air = burstAirtimeUs(port, nowUs, airtimeUs(port.config, length));
    port.framesSent++;
    port.octetsSent += length;
    port.traffic.sent(this.#trafficClass, length);
    port.rules.sent(length);
    port.airtimeUs += air;
    const second = Math.floor(nowUs / 1e6);
    if (second !== port.airtimeSecond) {
      for (let s = Math.max(port.airtimeSecond + 1, second - 9); s <= second; s++) port.airtimeBySecond[s % 10] = 0;
      port.airtimeSecond = second;
    }
    port.airtimeBySecond[second % 10] = (port.airtimeBySecond[second % 10] as number) + air;
    // Bitrate pacing; the last frame may overlap the next by nothing, so that the device's own queue stays empty.
    // A process that sleeps makes up for what it could have sent meanwhile; who shares a channel must not.
    port.accessUs = Math.max(port.accessUs, port.config.halfDuplex ? nowUs : nowUs - CATCH_UP_US) + air;
    if (port.narrow) this.#onNarrowAir(nowUs, port, air);
    if (!port.config.halfDuplex) return;
    channelQuiet(port, port.accessUs, this.#s.random);
    const first = this.#turnFirst > 0 ? this.#turnFirst : firstAfter(port, this.#s.local, this.#isData);
    drawOrder(port, slot.octets, slot.length - port.tagOctets, first);
    this.#turnFirst = 0;
    this.#isData = false;
  }

  #onNarrowAir(nowUs: number, port: Port, airUs: number): void {
    if (this.#isControl) noteControl(port, nowUs, airUs, this.#s.local);
    this.#isControl = false;
    this.#hellos.sentAny(nowUs, port);
  }

  #pollPort(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (port.queue.count > 0 && this.#hellos.introducesItself(nowUs, port)) return this.#hello(nowUs, port, slot);
    if (port.suspicions.length > 0 && this.#suspicion(port, slot)) return true;
    if (port.keyAnswers.length > 0 && this.#keyAnswer(nowUs, port, slot)) return true;
    if (port.queue.urgency() < URGENT_LEVELS && this.#data(nowUs, port, slot)) return true;
    if (port.newsAgainDueUs <= nowUs) this.#sayAgain(nowUs, port);
    if (port.badNewsDueUs <= nowUs) return this.#update(nowUs, port, slot, true);
    if (port.labelDueUs <= nowUs && this.#labelOffer(port, slot)) return true;
    if (port.snapshotDueUs <= nowUs && this.#snapshot(nowUs, port, slot)) return true;
    return (
      this.#repeat(nowUs, port, slot) ||
      this.#answers(nowUs, port, slot) ||
      // A turn on a narrow channel comes seldom, and link state is told for the sake of such messages.
      (port.narrow && this.#command(nowUs, port, slot)) ||
      this.#control(nowUs, port, slot) ||
      (!port.narrow && this.#command(nowUs, port, slot)) ||
      this.#fragment(nowUs, port, this.#fragmentingOf(port, true), slot) ||
      this.#data(nowUs, port, slot)
    );
  }

  /** What is more urgent than video and bulk: one that is on its way in parts, then others. */
  #command(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (this.#fragment(nowUs, port, this.#fragmentingOf(port, false), slot)) return true;
    return port.queue.urgency() < HEAVY_LEVEL && this.#data(nowUs, port, slot);
  }

  // Control frames

  /** What is owed to neighbours: reports, then pulls. */
  #answers(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (port.answerDueUs > nowUs) return false;
    if (this.#report(nowUs, port, slot) || this.#pull(nowUs, port, slot)) return true;
    reckonAnswerDue(port);
    return false;
  }

  #report(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    for (let i = 0; i < port.neighbours.length; i++) {
      const n = port.neighbours[i] as Neighbour;
      const direct = n.directReportDueUs <= nowUs;
      if (n.gapDueUs <= nowUs && !this.#arq.isStillMissing(port, n)) n.gapDueUs = EVER;
      if (!direct && n.reportDueUs > nowUs && n.gapDueUs > nowUs) continue;
      if (!n.alive || (!port.shared && n.receiverIndex < 0)) {
        n.reportDueUs = EVER;
        n.directReportDueUs = EVER;
        n.gapDueUs = EVER;
        continue;
      }
      const from = this.#begin(port, FrameKind.report, slot);
      const end = from + this.#arq.encodeReportFor(nowUs, port, n, direct, slot.octets, from);
      return this.#finishControl(port, n, slot, end);
    }
    return false;
  }

  #pull(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    for (let i = 0; i < port.neighbours.length; i++) {
      const n = port.neighbours[i] as Neighbour;
      if (n.pullDueUs > nowUs) continue;
      if (port.controlBackUs > nowUs) {
        n.pullDueUs = port.controlBackUs;
        continue;
      }
      if (this.#hellos.introducesItself(nowUs, port)) return this.#hello(nowUs, port, slot);
      n.pullDueUs = EVER;
      if (!this.#pulls.pullStillNeeded(port, n) || (!port.shared && n.receiverIndex < 0)) continue;
      n.lastPullUs = nowUs;
      port.lastPullUs = nowUs;
      this.#s.counters.count("pulls-sent");
      this.#isControl = true;
      const from = this.#begin(port, FrameKind.pull, slot);
      const room = port.config.mtuOctets - from - port.tagOctets;
      const end = from + this.#pulls.encodePullFor(port, n, slot.octets, from, room);
      return this.#finishControl(port, n, slot, end);
    }
    return false;
  }

  #suspicion(port: Port, slot: TransmitSlot): boolean {
    const next = port.suspicions.shift() as Port["suspicions"][number];
    const from = this.#begin(port, FrameKind.suspicion, slot);
    const end = this.#merging.encodeSuspicion(port, next, slot.octets, from);
    return this.#finishControl(port, port.neighbours[next.neighbour], slot, end);
  }

  #keyAnswer(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (this.#hellos.introducesItself(nowUs, port)) return this.#hello(nowUs, port, slot);
    const from = this.#begin(port, FrameKind.linkState, slot);
    const room = port.config.mtuOctets - from - port.tagOctets;
    const octets = this.#keyAnswers.encode(nowUs, port, slot.octets, from, room);
    if (octets === 0) return false;
    this.#turnFirst = this.#keyAnswers.asker;
    this.#s.counters.count("updates-sent");
    this.#isControl = true;
    this.#trafficClass = CLASS_COUNT;
    this.#sendData(nowUs, port, undefined, slot, from + octets, false, nowUs + UPDATE_REPAIR_US, 0);
    return true;
  }

  #labelOffer(port: Port, slot: TransmitSlot): boolean {
    if (port.flows === undefined || !port.flows.nextOffer(this.#offer)) {
      port.labelDueUs = EVER;
      return false;
    }
    this.#s.counters.count("labels-offered");
    const from = this.#begin(port, FrameKind.label, slot);
    return this.#finishControl(port, undefined, slot, from + encodeLabelOffer(this.#offer, slot.octets, from));
  }

  #snapshot(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    // A stranger cannot open anything before it has a full hello.
    if (port.snapshotTarget !== 0 && port.needFullHello) return this.#hello(nowUs, port, slot);
    const from = this.#begin(port, FrameKind.snapshot, slot);
    const room = port.config.mtuOctets - from - port.tagOctets;
    const octets = this.#snapshots.encode(nowUs, port, slot.octets, from, room);
    if (octets === 0) return false;
    this.#s.counters.count("snapshots-sent");
    this.#isControl = true;
    return this.#finishControl(port, undefined, slot, from + octets);
  }

  #control(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (this.#direct(port, slot)) return true;
    if (this.#helloDueUs(port) <= nowUs) return this.#hello(nowUs, port, slot);
    return this.#paced(port, port.updateDueUs) <= nowUs && this.#update(nowUs, port, slot, false);
  }

  #hello(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    const full = this.#hellos.wantsFull(nowUs, port) || !port.shared;
    const from = full ? FULL_HEADER_OCTETS : SHARED_HEADER_OCTETS;
    slot.octets[from] = CONTROL | (FrameKind.hello << 4);
    const end = from + 1 + this.#hellos.encode(nowUs, port, full, slot.octets, from + 1);
    this.#isControl = true;
    if (full) this.#snapshots.accompany(nowUs, port);
    slot.endpoint = -1;
    slot.length = full
      ? this.#s.secure.sealFull(port, slot.octets, end)
      : this.#s.secure.sealShared(port, this.#s.local, slot.octets, end);
    return true;
  }

  /** One update for everyone on a shared bearer; on point-to-point ones, one neighbour after the other. */
  #update(nowUs: number, port: Port, slot: TransmitSlot, bad: boolean): boolean {
    if (this.#hellos.introducesItself(nowUs, port)) return this.#hello(nowUs, port, slot);
    const room = port.config.mtuOctets - SHARED_HEADER_OCTETS - 2 - port.tagOctets;
    if (port.shared) {
      const from = this.#begin(port, FrameKind.linkState, slot);
      const octets = bad
        ? this.#flooding.encodeBadNews(port, slot.octets, from, room)
        : this.#flooding.encodeUpdate(nowUs, port, slot.octets, from, room);
      if (octets === 0) return false;
      this.#s.counters.count("updates-sent");
      this.#isControl = true;
      this.#trafficClass = CLASS_COUNT;
      // Kept like a group frame: who has missed it asks for it, sooner than digests would tell.
      this.#sendData(nowUs, port, undefined, slot, from + octets, false, nowUs + UPDATE_REPAIR_US, 0);
      return true;
    }
    return this.#updateEach(nowUs, port, slot, room);
  }

  #updateEach(nowUs: number, port: Port, slot: TransmitSlot, room: number): boolean {
    const news = this.#news;
    const octets = this.#flooding.encodeUpdate(nowUs, port, news, 1, room);
    if (octets === 0) return false;
    news[0] = CONTROL | (FrameKind.linkState << 4);
    for (const n of port.neighbours)
      if (n.alive && !n.foreign && n.receiverIndex >= 0)
        port.direct.push({ neighbour: n.index, octets: news.slice(0, octets + 1) });
    return this.#direct(port, slot);
  }

  #direct(port: Port, slot: TransmitSlot): boolean {
    if (port.direct.length === 0) return false;
    const next = port.direct.shift() as Port["direct"][number];
    this.#s.counters.count("updates-sent");
    slot.octets.set(next.octets, DIRECT_HEADER_OCTETS);
    return this.#finishControl(port, port.neighbours[next.neighbour], slot, DIRECT_HEADER_OCTETS + next.octets.length);
  }

  /** Writes the kind octet where the layout's plaintext begins; returns where the body begins. */
  #begin(port: Port, kind: number, slot: TransmitSlot): number {
    const from = port.shared ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
    slot.octets[from] = CONTROL | (kind << 4);
    return from + 1;
  }

  #finishControl(port: Port, n: Neighbour | undefined, slot: TransmitSlot, end: number): boolean {
    this.#seal(port, n, slot, end);
    return true;
  }

  #seal(port: Port, n: Neighbour | undefined, slot: TransmitSlot, end: number): void {
    slot.endpoint = n === undefined ? -1 : n.endpoint;
    if (port.shared) slot.length = this.#s.secure.sealShared(port, this.#s.local, slot.octets, end);
    else slot.length = this.#s.secure.sealDirect(port, n as Neighbour, slot.octets, end);
  }

  // Repetitions

  #repeat(nowUs: number, port: Port, slot: TransmitSlot): boolean {
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
      this.#trafficClass = ring.trafficClass[index] as number;
      slot.length = length;
      const owner = neighbourAt(port, ring.neighbour[index] as number) ?? n;
      slot.endpoint = owner === undefined ? -1 : owner.endpoint;
      this.#s.counters.count("repeated");
      return true;
    }
    return false;
  }

  // Data

  #data(nowUs: number, port: Port, slot: TransmitSlot): boolean {
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
    this.#trafficClass = pool.trafficClass[packet] as number;
    this.#isData = true;
    if (!port.shared && (n === undefined || n.receiverIndex < 0)) {
      this.#s.counters.drop("bearer-lost", pool.trafficClass[packet], port.config.id);
      return false;
    }
    if (pool.kind[packet] === FrameKind.path) return this.#path(nowUs, port, n as Neighbour, packet, slot);
    if (port.flows !== undefined && n !== undefined && this.#flow(nowUs, port, port.flows, n, packet, slot))
      return true;
    if (pool.trafficClass[packet] === TrafficClass.voice) port.ownVoiceUs = nowUs;
    const from = port.shared ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
    const end = this.#encode(port, n, packet, slot.octets, from);
    const deadlineUs = pool.deadlineUs[packet] as number;
    const kind = pool.kind[packet] as number;
    if (isKeyPacket(kind, this.#trafficClass, pool.precedence[packet] as number)) this.#turnFirst = this.#s.local;
    if (end + port.tagOctets > port.config.mtuOctets)
      return this.#startFragments(nowUs, port, n, slot, from, end, deadlineUs, kind);
    const acknowledged =
      isUnicastKind(kind) || (n !== undefined && isNewsForOne(port, kind, pool.trafficClass[packet]));
    // On a slow channel a gap shows with the sender's next frame only, and news is worth repeating until then.
    const isNews = port.narrow && !acknowledged && pool.trafficClass[packet] !== TrafficClass.voice;
    const repairUntilUs = isNews ? nowUs + NEWS_REPAIR_NARROW_US : deadlineUs;
    this.#sendData(nowUs, port, n, slot, end, acknowledged, repairUntilUs, pool.sequence[packet] as number);
    if (isNews) {
      port.burstNews.push(port.counter - 1);
      if (isSettling(port, nowUs)) this.#sayAgainLater(port);
    }
    if (pool.copyKey[packet] !== -1) noteCopy(port, n, pool, packet);
    if (n !== undefined && acknowledged && port.shared) {
      this.#noteFlow(port, flowKey(n.local, this.#header));
      if (!port.narrow) this.#arq.passedOn(port, this.#header);
    }
    return true;
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
    for (const counter of port.burstNews) port.repeats.push(counter * 256);
    if (port.burstNews.length > 0) this.#s.counters.count("news-spoiled");
    port.burstNews.length = 0;
  }

  /** The channel has settled: what was said before is said once more. */
  #sayAgain(nowUs: number, port: Port): void {
    if (isSettling(port, nowUs)) {
      port.newsAgainDueUs = settledUs(port) + this.#s.random.below(NEWS_AGAIN_SPREAD_US);
      return;
    }
    for (const counter of port.unsettledNews) port.repeats.push(counter * 256);
    port.unsettledNews.length = 0;
    port.newsAgainDueUs = EVER;
  }

  /** A frame whose sender chose the bearer, and repeats by itself. */
  #path(nowUs: number, port: Port, n: Neighbour, packet: number, slot: TransmitSlot): boolean {
    const { pool } = this.#s;
    let at = port.shared ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
    const length = pool.length[packet] as number;
    slot.octets[at++] = kindOctet(FrameKind.path, this.#trafficClass, Precedence.routine);
    if (port.shared) slot.octets[at++] = n.local;
    if (at + length + port.tagOctets > port.config.mtuOctets) {
      this.#s.counters.drop("too-long", this.#trafficClass, port.config.id);
      return false;
    }
    const from = pool.offset(packet);
    const { payloads } = pool;
    copyOctets(payloads, from, from + length, slot.octets, at);
    // Parity tells what its path is like, as video does, and is not repeated: its time is over at once.
    if (this.#trafficClass === TrafficClass.video) this.#sendData(nowUs, port, n, slot, at + length, false, nowUs, 0);
    else this.#seal(port, n, slot, at + length);
    return true;
  }

  /** Sends a packet under its flow's label; false if it needs its full header. */
  #flow(nowUs: number, port: Port, flows: FlowLabels, n: Neighbour, packet: number, slot: TransmitSlot): boolean {
    const { pool } = this.#s;
    const header = this.#header;
    pool.header(packet, header);
    const length = pool.length[packet] as number;
    const end = FLOW_HEADER_OCTETS + length;
    if (!isUnicastKind(header.kind) || (header.flags & DATA_FLAG_REPAIR) !== 0) return false;
    if (length === 0 || end + port.tagOctets > port.config.mtuOctets) return false;
    const key = flowKey(n.local, header);
    const label = flows.labelFor(n, key, header.sequence);
    // Two bits of sequence tell apart what is in flight only if it is close together.
    if (label === 0 || port.sent.isWaitedFor(key, header.sequence, MAX_FLOW_AHEAD)) return false;
    const at = pool.offset(packet);
    copyOctets(pool.payloads, at, at + length, slot.octets, FLOW_HEADER_OCTETS);
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
      this.#trafficClass,
    );
    this.#noteFlow(port, key);
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
    if (n !== undefined && this.#isWhole(port, n)) header.flags = DATA_FLAG_ENDS;
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
    return at + length;
  }

  #sendData(
    nowUs: number,
    port: Port,
    n: Neighbour | undefined,
    slot: TransmitSlot,
    end: number,
    acknowledged: boolean,
    deadlineUs: number,
    sequence: number,
  ): void {
    const direct = !port.shared;
    const counter = direct ? (n as Neighbour).directCounter : port.counter;
    this.#seal(port, n, slot, end);
    this.#arq.sent(
      nowUs,
      port,
      n,
      direct,
      counter,
      slot.octets,
      slot.length,
      acknowledged,
      deadlineUs,
      sequence,
      this.#trafficClass,
    );
  }

  // Fragments

  #fragmentingOf(port: Port, heavy: boolean): Fragmenting {
    return this.#fragmenting[2 * port.config.id + (heavy ? 1 : 0)] as Fragmenting;
  }

  /** A next part may go: the ring still holds the first part when the last is acknowledged. */
  #fragmentReady(port: Port): boolean {
    if (port.sent.unacknowledged > SENT_RING_FRAMES / 2) return false;
    return isLeft(this.#fragmentingOf(port, false)) || isLeft(this.#fragmentingOf(port, true));
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
    const f = this.#fragmentingOf(port, trafficClass >= TrafficClass.video);
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
    return this.#fragment(nowUs, port, f, slot);
  }

  #fragment(nowUs: number, port: Port, f: Fragmenting, slot: TransmitSlot): boolean {
    if (!isLeft(f) || !this.#fragmentReady(port)) return false;
    const n = neighbourAt(port, f.neighbour);
    const at = this.#begin(port, FrameKind.fragment, slot);
    const header = { nextHop: n === undefined ? 0 : n.local, id: f.id, index: f.next, count: f.count };
    let end = at + encodeFragmentHeader(header, slot.octets, at);
    const to = Math.min(f.innerOctets, (f.next + 1) * f.partOctets);
    copyOctets(f.inner, f.next * f.partOctets, to, slot.octets, end);
    end += to - f.next * f.partOctets;
    f.next++;
    this.#isData = true;
    this.#trafficClass = classOf(f.inner[0] as number);
    this.#sendData(nowUs, port, n, slot, end, isUnicastKind(f.kind), f.deadlineUs, 0);
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

/** Nobody can open a newcomer's frames before its first hello: that goes like voice. */
function urgencyOf(port: Port): Urgency {
  if (port.hellosSent === 0) return "voice";
  if (port.keyAnswers.length > 0 || port.snapshotSpoiled) return "flash";
  const level = port.queue.urgency();
  if (level < 0 || level >= URGENT_LEVELS) return "ordinary";
  return level < FLASH_LEVELS ? "flash" : "voice";
}

/**
 * What video and bulk have to wait for on a shared bearer. A point-to-point bearer is paced by its rate alone: a
 * satellite holds more than any window.
 */
function windowOf(port: Port): SentRing | undefined {
  return port.shared ? port.sent : undefined;
}
