import {
  CLASS_COUNT,
  createLabelOffer,
  DIRECT_HEADER_OCTETS,
  encodeLabelOffer,
  FrameKind,
  FULL_HEADER_OCTETS,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { MAX_FRAME_OCTETS, type TransmitSlot } from "./api.ts";
import type { DatabasePulls } from "./database-pulls.ts";
import type { Hellos } from "./hellos.ts";
import type { HopArq } from "./hop-arq.ts";
import type { KeyAnswers } from "./key-answers.ts";
import { SILENCE_NARROW_US } from "./limits.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Merging } from "./merge/merging.ts";
import type { Neighbour } from "./neighbour.ts";
import { controlOctet, type OutgoingFrame } from "./outgoing-frame.ts";
import { isUnheard, type Port, reckonAnswerDue } from "./port.ts";
import type { Snapshots } from "./snapshots.ts";
import type { CoreState } from "./state.ts";
import { afterTalk, inBurst } from "./turn-taking.ts";

const EVER = Number.POSITIVE_INFINITY;
/** A link-state update is repeated on request this long. */
const UPDATE_REPAIR_US = 3_000_000;

/** Who has what to say of this node, its links and its neighbours. */
export interface ControlParts {
  readonly hellos: Hellos;
  readonly flooding: LinkStateFlooding;
  readonly pulls: DatabasePulls;
  readonly arq: HopArq;
  readonly snapshots: Snapshots;
  readonly merging: Merging;
  readonly keyAnswers: KeyAnswers;
}

/** Control frames on their way out: each method makes the one that is due, and is false if there is none. */
export class ControlSender {
  readonly #s: CoreState;
  readonly #frame: OutgoingFrame;
  readonly #hellos: Hellos;
  readonly #flooding: LinkStateFlooding;
  readonly #pulls: DatabasePulls;
  readonly #arq: HopArq;
  readonly #snapshots: Snapshots;
  readonly #merging: Merging;
  readonly #keyAnswers: KeyAnswers;
  readonly #news = new Uint8Array(MAX_FRAME_OCTETS);
  readonly #offer = createLabelOffer();

  constructor(state: CoreState, frame: OutgoingFrame, parts: ControlParts) {
    this.#s = state;
    this.#frame = frame;
    this.#hellos = parts.hellos;
    this.#flooding = parts.flooding;
    this.#pulls = parts.pulls;
    this.#arq = parts.arq;
    this.#snapshots = parts.snapshots;
    this.#merging = parts.merging;
    this.#keyAnswers = parts.keyAnswers;
  }

  /** When a control frame that is due may go: a newcomer's first hello at once, anything else within control's share. */
  paced(port: Port, dueUs: number): number {
    return port.narrow ? Math.max(dueUs, port.controlBackUs) : dueUs;
  }

  helloDueUs(port: Port): number {
    if (port.hellosSent === 0 || port.helloUrgent) return port.helloDueUs;
    // Whoever keeps silent for too long is taken for dead, which costs more than a hello.
    const wantedUs = Math.min(port.helloDueUs, port.digestDueUs);
    const dueUs = Math.min(this.paced(port, wantedUs), port.helloDueUs + SILENCE_NARROW_US);
    // Nobody can open what a stranger says, so it does not wait until somebody has finished talking.
    return port.narrow && isUnheard(port) ? dueUs : afterTalk(port, dueUs);
  }

  suspicion(port: Port, slot: TransmitSlot): boolean {
    const next = port.suspicions.shift() as Port["suspicions"][number];
    const from = this.#frame.begin(port, FrameKind.suspicion, slot);
    const end = this.#merging.encodeSuspicion(port, next, slot.octets, from);
    return this.#frame.sealControl(port, port.neighbours[next.neighbour], slot, end);
  }

  keyAnswer(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (this.#hellos.introducesItself(nowUs, port)) return this.hello(nowUs, port, slot);
    const from = this.#frame.begin(port, FrameKind.linkState, slot);
    const room = port.config.mtuOctets - from - port.tagOctets;
    const octets = this.#keyAnswers.encode(nowUs, port, slot.octets, from, room);
    if (octets === 0) return false;
    this.#frame.turnFirst = this.#keyAnswers.asker;
    this.#s.counters.count("updates-sent");
    this.#frame.isControl = true;
    this.#frame.trafficClass = CLASS_COUNT;
    this.#frame.keep(nowUs, port, undefined, slot, from + octets, false, nowUs + UPDATE_REPAIR_US, 0);
    return true;
  }

  labelOffer(port: Port, slot: TransmitSlot): boolean {
    if (port.flows === undefined || !port.flows.nextOffer(this.#offer)) {
      port.labelDueUs = EVER;
      return false;
    }
    this.#s.counters.count("labels-offered");
    const from = this.#frame.begin(port, FrameKind.label, slot);
    return this.#frame.sealControl(port, undefined, slot, from + encodeLabelOffer(this.#offer, slot.octets, from));
  }

  snapshot(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    // A stranger cannot open anything before it has a full hello: in this burst it has had one, or it has answered another.
    const isSaid = inBurst(port, nowUs) && port.lastHelloUs >= port.burstStartUs;
    const isKnown = port.snapshotTarget === 0 || port.snapshotIntroduced || isSaid;
    if (port.needFullHello && !isKnown) return this.hello(nowUs, port, slot);
    const from = this.#frame.begin(port, FrameKind.snapshot, slot);
    const room = port.config.mtuOctets - from - port.tagOctets;
    const octets = this.#snapshots.encode(nowUs, port, slot.octets, from, room);
    if (octets === 0) return false;
    this.#s.counters.count("snapshots-sent");
    if (port.snapshotTarget === 0) this.#frame.turnFirst = this.#s.local;
    this.#frame.isControl = true;
    return this.#frame.sealControl(port, undefined, slot, from + octets);
  }

  due(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (this.#direct(port, slot)) return true;
    if (this.helloDueUs(port) <= nowUs && this.#hellos.isWanted(nowUs, port)) return this.hello(nowUs, port, slot);
    return this.paced(port, port.updateDueUs) <= nowUs && this.update(nowUs, port, slot, false);
  }

  /** What is owed to neighbours: reports, then pulls. */
  answers(nowUs: number, port: Port, slot: TransmitSlot): boolean {
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
      const from = this.#frame.begin(port, FrameKind.report, slot);
      const end = from + this.#arq.encodeReportFor(nowUs, port, n, direct, slot.octets, from);
      return this.#frame.sealReport(port, n, slot, end);
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
      if (this.#hellos.introducesItself(nowUs, port)) return this.hello(nowUs, port, slot);
      n.pullDueUs = EVER;
      if (!this.#pulls.pullStillNeeded(port, n) || (!port.shared && n.receiverIndex < 0)) continue;
      n.lastPullUs = nowUs;
      port.lastPullUs = nowUs;
      this.#s.counters.count("pulls-sent");
      this.#frame.isControl = true;
      const from = this.#frame.begin(port, FrameKind.pull, slot);
      const room = port.config.mtuOctets - from - port.tagOctets;
      const end = from + this.#pulls.encodePullFor(port, n, slot.octets, from, room);
      return this.#frame.sealControl(port, n, slot, end);
    }
    return false;
  }

  hello(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    const full = this.#hellos.wantsFull(nowUs, port) || !port.shared;
    const from = full ? FULL_HEADER_OCTETS : SHARED_HEADER_OCTETS;
    slot.octets[from] = controlOctet(FrameKind.hello);
    const end = from + 1 + this.#hellos.encode(nowUs, port, full, slot.octets, from + 1);
    this.#frame.isControl = true;
    if (full) this.#snapshots.accompany(nowUs, port);
    slot.endpoint = -1;
    slot.length = full
      ? this.#s.secure.sealFull(port, slot.octets, end)
      : this.#s.secure.sealShared(port, this.#s.local, slot.octets, end);
    return true;
  }

  /** One update for everyone on a shared bearer; on point-to-point ones, one neighbour after the other. */
  update(nowUs: number, port: Port, slot: TransmitSlot, bad: boolean): boolean {
    if (this.#hellos.introducesItself(nowUs, port)) return this.hello(nowUs, port, slot);
    const room = port.config.mtuOctets - SHARED_HEADER_OCTETS - 2 - port.tagOctets;
    if (port.shared) {
      const from = this.#frame.begin(port, FrameKind.linkState, slot);
      const octets = bad
        ? this.#flooding.encodeBadNews(port, slot.octets, from, room)
        : this.#flooding.encodeUpdate(nowUs, port, slot.octets, from, room);
      if (octets === 0) return false;
      this.#s.counters.count("updates-sent");
      this.#frame.isControl = true;
      this.#frame.trafficClass = CLASS_COUNT;
      // Kept like a group frame: who has missed it asks for it, sooner than digests would tell.
      this.#frame.keep(nowUs, port, undefined, slot, from + octets, false, nowUs + UPDATE_REPAIR_US, 0);
      return true;
    }
    return this.#updateEach(nowUs, port, slot, room);
  }

  #updateEach(nowUs: number, port: Port, slot: TransmitSlot, room: number): boolean {
    const news = this.#news;
    const octets = this.#flooding.encodeUpdate(nowUs, port, news, 1, room);
    if (octets === 0) return false;
    news[0] = controlOctet(FrameKind.linkState);
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
    return this.#frame.sealControl(
      port,
      port.neighbours[next.neighbour],
      slot,
      DIRECT_HEADER_OCTETS + next.octets.length,
    );
  }
}
