import {
  BULK_DATA_HEADER_OCTETS,
  BULK_FLAG_END,
  BULK_PATH_DISJOINT,
  BULK_PATH_ROUTED,
  type BulkAcknowledgement,
  BulkKind,
  type BulkPacket,
  type BulkReceipt,
  createBulkAcknowledgement,
  createBulkPacket,
  encodeBulkAcknowledgement,
  encodeBulkPacket,
  MAX_BULK_ACKNOWLEDGEMENT_OCTETS,
  MAX_BULK_PATHS_TOLD,
} from "@skein/codecs";
import { DISJOINT, ROUTED, type StreamPath } from "../api.ts";
import { BULK_ACKNOWLEDGE_PACKETS, BULK_ACKNOWLEDGE_US, BULK_CENT_DELAY_US, BULK_DEAD_US } from "../limits.ts";
import { BulkPath, type Carried, isOverNodes, nearest24, type Outcome } from "./bulk-path.ts";
import { Receipts } from "./receipts.ts";
import type { BulkStream, Segment } from "./streams.ts";

const EVER = Number.POSITIVE_INFINITY;
/** What came on a path so long ago is not told any more. */
const TOLD_US = 500_000;
/** Acknowledgements go over so many paths, the fastest: one may have gone silent. */
const ACKNOWLEDGEMENT_COPIES = 2;
/** A path on which nothing has come for so long may be the one. */
const HEARD_US = 50_000;
/** With no path that works, so many lost segments are tried at a time: a burst of losses takes some with it. */
const PROBES_WITH_DATA = 4;
/** What a better path would bring so much sooner is sent there again: that one was silent for a while. */
const LATE_US = 30_000;
/** What is left is so much slower than a path that is silent that this one is asked with data. */
const FAR_US = 100_000;
const CONTROL_TRIES = 8;
const DEAD_CHECK_US = 1_000_000;

/** A packet for one neighbour, or for the mesh to route. */
export interface BulkSlot {
  to: number;
  /** Bearer, ROUTED or DISJOINT. */
  path: number;
  readonly octets: Uint8Array;
  length: number;
}

interface Control extends Carried {
  readonly kind: "window" | "reset" | "probe";
  readonly streamId: number;
  readonly code: number;
  tries: number;
}

/** What a session tells its node. */
export interface SessionOwner {
  /** How late this process came to its time-outs lately, microseconds. */
  readonly lateUs: number;
  readonly session: number;
  readonly counters: { repeated: number; sent: number; silent: number };
  stream(peer: number, id: number): BulkStream | undefined;
  streamsOf(peer: number): readonly BulkStream[];
  /** The peer has octets of it, or all. */
  progressed(stream: BulkStream): void;
  timedOut(nowUs: number, stream: BulkStream): void;
}

/**
 * Everything between this node and one peer: the paths, what is lost, what is owed. A segment goes where it arrives
 * first: a slower path gets what the faster ones would not have sent yet when it arrives there, and nothing that the
 * reader would have to wait for.
 */
export class BulkSession implements Outcome {
  readonly peer: number;
  readonly #owner: SessionOwner;
  readonly #paths: BulkPath[] = [];
  readonly #receipts: Receipts[] = [];
  /** Segments of which no copy is under way any more, in the order of their streams. */
  #lost: Segment[] = [];
  #control: Control[] = [];
  #turn = 0;
  #delayUs = 0;
  #receiveDelayUs = 0;
  #acknowledgeUs = EVER;
  readonly #copiesTo: number[] = [];
  #deadCheckUs = 0;
  lastUs = 0;
  /** Session of the peer, -1 while nothing has come. */
  remoteSession = -1;
  readonly #packet: BulkPacket = createBulkPacket();
  readonly #acknowledgement: BulkAcknowledgement = createBulkAcknowledgement();
  readonly #acknowledgementOctets = new Uint8Array(MAX_BULK_ACKNOWLEDGEMENT_OCTETS);
  #acknowledgementLength = 0;

  constructor(peer: number, owner: SessionOwner) {
    this.peer = peer;
    this.#owner = owner;
  }

  // Paths

  setPaths(nowUs: number, hints: readonly StreamPath[]): void {
    for (const path of this.#paths) {
      if (path.present && !hints.some((hint) => hint.path === path.hint.path)) path.gone(nowUs, this);
    }
    for (const hint of hints) {
      const id = wireOf(hint.path);
      const known = this.#paths.find((path) => path.id === id);
      if (known === undefined) this.#paths.push(new BulkPath(id, hint));
      else {
        known.hint = hint;
        known.present = true;
      }
    }
    this.wake();
  }

  get paths(): readonly BulkPath[] {
    return this.#paths;
  }

  /** Octets of a stream in one packet: what fits on every path. */
  get segmentOctets(): number {
    let room = EVER;
    for (const path of this.#paths) if (path.present) room = Math.min(room, path.hint.roomOctets);
    return (room === EVER ? 512 : room) - BULK_DATA_HEADER_OCTETS;
  }

  /** Something may be sent now that could not before. */
  wake(): void {
    for (const path of this.#paths) path.asleep = false;
  }

  /** When a packet on it would arrive, price and preference taken for delay; comparable with other paths'. */
  #rank(path: BulkPath): number {
    const delayUs = path.isMeasured ? path.delayUs : path.hint.latencyUs;
    return delayUs + path.hint.costCentsPerMegabyte * BULK_CENT_DELAY_US - path.hint.preferenceUs;
  }

  /** Usable paths whose delay is known; until there is one, the one that is said to be fastest. */
  #isCandidate(path: BulkPath): boolean {
    if (!path.isUsable) return false;
    if (path.isMeasured) return true;
    for (const other of this.#paths) {
      if (other === path || !other.isUsable) continue;
      if (other.isMeasured || this.#rank(other) < this.#rank(path)) return false;
    }
    return true;
  }

  /** Octets that better paths send before a packet on this one arrives. */
  #ahead(path: BulkPath): number {
    const rank = this.#rank(path);
    let octets = 0;
    for (const other of this.#paths) {
      if (other === path || !other.isUsable || !other.isMeasured) continue;
      const lead = rank - this.#rank(other);
      if (lead > 0) octets += (lead * other.rate.bps) / 8e6;
    }
    return octets;
  }

  // What has to go

  get isBusy(): boolean {
    if (this.#lost.length > 0 || this.#control.length > 0) return true;
    for (const stream of this.#owner.streamsOf(this.peer)) if (!stream.send.isIdle) return true;
    for (const path of this.#paths) if (path.hasFlight) return true;
    return false;
  }

  reset(streamId: number, code: number): void {
    this.#control.push({ kind: "reset", streamId, code, tries: 0, copies: 0, done: false });
    this.wake();
  }

  window(stream: BulkStream): void {
    if (this.#control.some((c) => c.kind === "window" && c.streamId === stream.id)) return;
    this.#control.push({ kind: "window", streamId: stream.id, code: 0, tries: 0, copies: 0, done: false });
    this.wake();
  }

  /** Tells the peer of this run of the program. */
  greet(): void {
    this.#control.push({ kind: "probe", streamId: 0, code: 0, tries: 0, copies: 0, done: false });
    this.wake();
  }

  /** The peer does not know anything any more. */
  restarted(): void {
    this.#lost = [];
    this.#control = [];
    for (const receipts of this.#receipts) receipts.forget();
  }

  // Outcome

  arrived(nowUs: number, carried: Carried): void {
    if (carried.done) return;
    carried.done = true;
    if (!isSegment(carried)) return;
    carried.stream.send.arrived(nowUs, carried);
    this.#owner.progressed(carried.stream);
  }

  lost(_nowUs: number, carried: Carried): void {
    if (carried.done) return;
    if (carried.copies > 0) {
      if (isSegment(carried)) carried.stream.send.lostOne(carried);
      return;
    }
    if (isSegment(carried)) return this.#queueLost(carried);
    const control = carried as Control;
    if (++control.tries >= CONTROL_TRIES) return;
    const stream = this.#owner.stream(this.peer, control.streamId);
    if (control.kind !== "window") this.#control.push(control);
    else if (stream !== undefined) this.window(stream);
  }

  #queueLost(segment: Segment): void {
    segment.losses++;
    segment.twice = segment.losses > 1;
    const lost = this.#lost;
    let at = lost.length;
    while (at > 0 && isBehind(lost[at - 1] as Segment, segment)) at--;
    lost.splice(at, 0, segment);
  }

  // In

  /** A numbered packet has come on a bearer. */
  noticed(nowUs: number, bearerId: number, packet: BulkPacket): void {
    let receipts = this.#receipts.find((r) => r.path === packet.path);
    if (receipts === undefined) {
      if (this.#receipts.length >= 2 * MAX_BULK_PATHS_TOLD) this.#forgetOldest();
      receipts = new Receipts(packet.path);
      this.#receipts.push(receipts);
    }
    // Two ways over other nodes look alike to who is at their end.
    receipts.wayBack = bearerId === ROUTED && packet.path === BULK_PATH_DISJOINT ? DISJOINT : bearerId;
    const gap = receipts.take(nowUs, packet.sequence);
    this.#receiveDelayUs = nearest24(nowUs - packet.sentUs, this.#receiveDelayUs);
    receipts.delayUs = this.#receiveDelayUs;
    let waiting = 0;
    for (const r of this.#receipts) waiting += r.waiting;
    const atOnce = gap || waiting >= BULK_ACKNOWLEDGE_PACKETS;
    this.#acknowledgeUs = Math.min(this.#acknowledgeUs, atOnce ? nowUs : nowUs + BULK_ACKNOWLEDGE_US);
  }

  #forgetOldest(): void {
    let oldest = 0;
    this.#receipts.forEach((r, i) => {
      if (r.heardUs < (this.#receipts[oldest] as Receipts).heardUs) oldest = i;
    });
    this.#receipts.splice(oldest, 1);
  }

  acknowledged(nowUs: number, told: BulkAcknowledgement): void {
    for (let i = 0; i < told.count; i++) {
      const receipt = told.receipts[i] as BulkReceipt;
      const path = this.#paths.find((p) => p.id === receipt.path);
      if (path === undefined) continue;
      path.told(nowUs, receipt, this, this.#delayUs, this.#owner.lateUs);
      if (path.isMeasured) this.#delayUs = path.delayUs;
    }
    this.wake();
  }

  // Time

  /** How far the peer's clock is ahead, if the fastest path takes as long there as back. */
  #clockAheadUs(): number {
    let aheadUs = EVER;
    for (const path of this.#paths)
      if (path.isMeasured) aheadUs = Math.min(aheadUs, path.delayUs - path.roundTripUs / 2);
    return aheadUs;
  }

  handleTimeout(nowUs: number): void {
    for (const path of this.#paths) {
      if (path.silenceUs(this.#owner.lateUs) > nowUs) continue;
      path.silent(nowUs, this, nowUs + this.#clockAheadUs());
      if (path.isSuspect) {
        this.#owner.counters.silent++;
        for (const other of this.#paths) if (other !== path) other.bePatient();
      }
      this.wake();
    }
    if (this.#deadCheckUs > nowUs) return;
    this.#deadCheckUs = nowUs + DEAD_CHECK_US;
    for (const stream of [...this.#owner.streamsOf(this.peer)]) {
      const { send } = stream;
      if (send.held > send.unsent && nowUs - send.progressUs > BULK_DEAD_US) this.#owner.timedOut(nowUs, stream);
    }
  }

  nextTimeoutUs(): number {
    let next = this.#copiesTo.length > 0 ? 0 : this.#acknowledgeUs;
    const busy = this.isBusy;
    if (busy) next = Math.min(next, this.#deadCheckUs);
    for (const path of this.#paths) {
      next = Math.min(next, path.silenceUs(this.#owner.lateUs));
      if (busy) next = Math.min(next, path.probeUs);
      if (busy && !path.asleep && this.#isCandidate(path)) next = Math.min(next, path.sendUs);
    }
    return next;
  }

  // Out

  poll(nowUs: number, slot: BulkSlot): boolean {
    slot.to = this.peer;
    if (this.#acknowledgeUs <= nowUs) this.#acknowledge(nowUs);
    const copyTo = this.#copiesTo.pop();
    if (copyTo !== undefined) {
      slot.path = copyTo;
      slot.octets.set(this.#acknowledgementOctets.subarray(0, this.#acknowledgementLength));
      slot.length = this.#acknowledgementLength;
      return true;
    }
    for (const path of this.#paths) {
      if (path.asleep || path.sendUs > nowUs || !this.#isCandidate(path)) continue;
      const control = this.#control.shift();
      if (control !== undefined) {
        this.#emit(nowUs, path, control, slot);
        return true;
      }
      const segment = this.#pick(nowUs, path);
      if (segment === undefined) path.starve();
      else {
        this.#emit(nowUs, path, segment, slot);
        return true;
      }
    }
    return this.#probe(nowUs, slot);
  }

  #pick(nowUs: number, path: BulkPath): Segment | undefined {
    let ahead = this.#ahead(path);
    const room = path.hint.roomOctets - BULK_DATA_HEADER_OCTETS;
    const lost = this.#lost;
    const [next] = lost;
    // What the reader waits for first may be on its way over a slow path, though none of it is lost.
    const sooner = ahead <= 0 && next !== undefined ? this.#late(nowUs, path, next) : undefined;
    if (sooner !== undefined) return sooner;
    for (let i = 0; i < lost.length; i++) {
      const segment = lost[i] as Segment;
      if (segment.done) lost.splice(i--, 1);
      else if (ahead > 0 || segment.octets.length > room) ahead -= segment.octets.length;
      else {
        // A slower path had it in advance: what was to come before it is waited for first.
        const unsent = segment.stream.send.pick(0);
        if (unsent !== undefined && unsent.offset < segment.offset && unsent.octets.length <= room) {
          segment.stream.send.sent(unsent);
          return unsent;
        }
        // What was lost twice is what the reader waits for: two copies at a time.
        if (!segment.twice) lost.splice(i, 1);
        segment.twice = false;
        this.#owner.counters.repeated++;
        return segment;
      }
    }
    const late = ahead <= 0 ? this.#late(nowUs, path) : undefined;
    if (late !== undefined) return late;
    const streams = this.#owner.streamsOf(this.peer);
    let waiting = 0;
    for (const stream of streams) if (!stream.send.isIdle) waiting++;
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[(this.#turn + i) % streams.length] as BulkStream;
      const segment = stream.send.isIdle ? undefined : stream.send.pick(Math.max(0, ahead) / waiting);
      if (segment === undefined || segment.octets.length > room) continue;
      this.#turn = (this.#turn + i + 1) % streams.length;
      stream.send.sent(segment);
      return segment;
    }
    return undefined;
  }

  /** Paths of which nothing is known, or that went silent, are asked; with data, if others are no match for it. */
  #probe(nowUs: number, slot: BulkSlot): boolean {
    if (!this.isBusy) return false;
    for (const path of this.#paths) {
      if (path.probeUs > nowUs) continue;
      const segment = this.#isMissed(path) ? this.#waitedFor(nowUs, path) : undefined;
      const probe: Control = { kind: "probe", streamId: 0, code: 0, tries: CONTROL_TRIES, copies: 0, done: false };
      this.#emit(nowUs, path, segment ?? probe, slot);
      path.probed(nowUs, segment === undefined ? 1 : PROBES_WITH_DATA);
      return true;
    }
    return false;
  }

  /** True if what is silent was quicker by far than all that is left: it may be its answers that do not come. */
  #isMissed(path: BulkPath): boolean {
    if (!this.#paths.some((other) => other.isUsable)) return true;
    if (!path.isMeasured || !path.isSuspect) return false;
    const rank = this.#rank(path) + FAR_US;
    return !this.#paths.some((other) => other.isUsable && (!other.isMeasured || this.#rank(other) < rank));
  }

  /** One of the first segments that nobody carries, or that come later than this path would bring them. */
  #waitedFor(nowUs: number, path: BulkPath): Segment | undefined {
    const lost = this.#lost.filter((segment) => !segment.done);
    return lost.length > 0 ? lost[path.probesSent % lost.length] : this.#late(nowUs, path);
  }

  /** A segment on its way that this path would bring clearly sooner; with `before` one of its stream that comes before it. */
  #late(nowUs: number, path: BulkPath, before?: Segment): Segment | undefined {
    if (!path.isMeasured) return undefined;
    const room = path.hint.roomOctets - BULK_DATA_HEADER_OCTETS;
    for (const stream of this.#owner.streamsOf(this.peer)) {
      if (before !== undefined && before.stream !== stream) continue;
      const late = stream.send.late(nowUs + path.delayUs + LATE_US, before?.offset);
      if (late !== undefined && late.octets.length <= room) return late;
    }
    return undefined;
  }

  #emit(nowUs: number, path: BulkPath, carried: Segment | Control, slot: BulkSlot): void {
    const packet = this.#packet;
    packet.path = path.id;
    packet.session = this.#owner.session;
    packet.sequence = path.nextSequence;
    packet.sentUs = nowUs % 2 ** 24;
    packet.flags = 0;
    if (isSegment(carried)) {
      packet.kind = BulkKind.data;
      packet.flags = carried.end ? BULK_FLAG_END : 0;
      packet.stream = carried.stream.id;
      packet.offset = carried.offset % 2 ** 32;
      carried.dueUs = nowUs + (path.isMeasured ? path.delayUs : 0);
    } else {
      packet.kind = BulkKind[carried.kind];
      packet.stream = carried.streamId;
      packet.code = carried.code;
      if (carried.kind === "window")
        packet.offset = this.#owner.stream(this.peer, carried.streamId)?.receive.edge() ?? 0;
    }
    let length = encodeBulkPacket(packet, slot.octets, 0);
    if (isSegment(carried)) {
      slot.octets.set(carried.octets, length);
      length += carried.octets.length;
    }
    slot.path = path.hint.path;
    slot.length = length;
    this.#owner.counters.sent++;
    path.sent(nowUs, length, carried, packet.kind === BulkKind.probe);
  }

  #acknowledge(nowUs: number): void {
    this.#acknowledgeUs = EVER;
    const told = this.#receipts.filter((r) => !r.isEmpty && nowUs - r.heardUs < TOLD_US);
    told.sort((a, b) => a.delayUs - b.delayUs);
    const acknowledgement = this.#acknowledgement;
    acknowledgement.session = this.remoteSession;
    acknowledgement.count = Math.min(told.length, MAX_BULK_PATHS_TOLD);
    for (let i = 0; i < acknowledgement.count; i++)
      (told[i] as Receipts).tell(acknowledgement.receipts[i] as BulkReceipt);
    for (const receipts of this.#receipts) receipts.waiting = 0;
    this.#acknowledgementLength = encodeBulkAcknowledgement(acknowledgement, this.#acknowledgementOctets, 0);
    this.#copiesTo.length = 0;
    for (const { wayBack } of told.slice(0, ACKNOWLEDGEMENT_COPIES))
      if (!this.#copiesTo.includes(wayBack)) this.#copiesTo.push(wayBack);
    // The only quick path left carries two of them: where some are lost in a row, it looks silent from the other end. Over
    // other nodes the hops repeat what they lose.
    const [first, second] = told;
    if (first === undefined || isOverNodes(first.wayBack)) return;
    if (second === undefined || !isMatch(nowUs, first, second)) this.#copiesTo.push(first.wayBack);
  }
}

function wireOf(path: number): number {
  if (path === ROUTED) return BULK_PATH_ROUTED;
  return path === DISJOINT ? BULK_PATH_DISJOINT : path;
}

/** True if what is told on the second path is there soon enough to stand in for the first. */
function isMatch(nowUs: number, first: Receipts, second: Receipts): boolean {
  return nowUs - second.heardUs <= HEARD_US && second.delayUs <= first.delayUs + FAR_US;
}

function isSegment(carried: Carried): carried is Segment {
  return (carried as Segment | Control).kind === "segment";
}

function isBehind(queued: Segment, segment: Segment): boolean {
  return queued.stream === segment.stream && queued.offset > segment.offset;
}
