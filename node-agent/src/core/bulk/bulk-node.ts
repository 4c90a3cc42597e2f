import {
  BULK_FLAG_END,
  type BulkAcknowledgement,
  BulkKind,
  type BulkPacket,
  bulkKindOf,
  createBulkAcknowledgement,
  createBulkPacket,
  decodeBulkAcknowledgement,
  decodeBulkPacket,
} from "@skein/codecs";
import type { StreamPath } from "../api.ts";
import {
  BULK_PEER_IDLE_US,
  BULK_WINDOW_FIRST_OCTETS,
  MAX_BULK_ENDED,
  MAX_BULK_EVENTS,
  MAX_BULK_PEERS,
  MAX_BULK_SEND_OCTETS,
  MAX_BULK_SEND_TOTAL_OCTETS,
  MAX_BULK_STREAMS,
  MAX_BULK_WINDOW_TOTAL_OCTETS,
} from "../limits.ts";
import { BulkSession, type BulkSlot, type SessionOwner } from "./bulk-session.ts";
import { BulkStream } from "./streams.ts";

/** Why a stream was cut. The order is the wire value. */
export const ResetCode = {
  aborted: 0,
  refused: 1,
  unreachable: 2,
  unknown: 3,
  full: 4,
  timedOut: 5,
  restarted: 6,
} as const;
export type ResetCode = (typeof ResetCode)[keyof typeof ResetCode];

export type BulkEvent =
  /** A peer has opened a stream: its paths are to be given, see `setPaths`. */
  | { type: "opened"; stream: BulkStream }
  /** In order; the owner says `consumed` when it has used them. */
  | { type: "octets"; stream: BulkStream; octets: Uint8Array }
  /** The peer has ended its half. */
  | { type: "ended"; stream: BulkStream }
  | { type: "reset"; stream: BulkStream; code: number }
  /** A writer that was told to wait may go on. */
  | { type: "writable"; stream: BulkStream };

const OPENER_BIT = 0x8000;
const EVER = Number.POSITIVE_INFINITY;
const LATE_MEMORY = 0.995;
const MAX_LATE_US = 100_000;
const NONE: readonly BulkStream[] = [];

/**
 * Streams of octets between nodes, each over all paths that its nodes share. Like the core it does no I/O: packets and
 * time come in, packets and events are fetched.
 */
export class BulkNode implements SessionOwner {
  readonly session: number;
  readonly #address: number;
  readonly #sessions = new Map<number, BulkSession>();
  readonly #streams = new Map<number, BulkStream[]>();
  #streamCount = 0;
  #nextId: number;
  /** Peer x 65536 + stream of those that have ended, the oldest first. */
  readonly #ended = new Set<number>();
  #windowTotal = 0;
  lateUs = 0;
  /** What the owner was told last. */
  #dueUs = EVER;
  #events: BulkEvent[] = [];
  #nextEvent = 0;
  readonly #packet: BulkPacket = createBulkPacket();
  readonly #acknowledgement: BulkAcknowledgement = createBulkAcknowledgement();
  readonly counters = {
    opened: 0,
    accepted: 0,
    finished: 0,
    resetHere: 0,
    resetThere: 0,
    sent: 0,
    repeated: 0,
    /** Paths that went silent. */
    silent: 0,
    dropMalformed: 0,
    dropPeersFull: 0,
    dropStreamsFull: 0,
    dropEventsFull: 0,
    dropBeyondWindow: 0,
    dropStaleSession: 0,
  };

  /** `session`: another one for each run of the program, 0..255. */
  constructor(address: number, session: number) {
    this.#address = address;
    this.session = session & 0xff;
    this.#nextId = Math.imul(session, 40_503) & (OPENER_BIT - 1);
  }

  // Streams, for the owner

  /** Opens a stream; undefined (counted) if there are too many. */
  open(nowUs: number, to: number): BulkStream | undefined {
    if (!this.#mayOpen(to)) return undefined;
    const session = this.#sessionOf(nowUs, to);
    if (session === undefined) return undefined;
    const own = this.#openerBit(this.#address, to);
    let id = own;
    do {
      this.#nextId = (this.#nextId + 1) & (OPENER_BIT - 1);
      id = own | this.#nextId;
    } while (this.stream(to, id) !== undefined || this.#ended.has(endedKey(to, id)));
    this.counters.opened++;
    return this.#add(new BulkStream(id, to, true));
  }

  /** Tells which paths there are to a node now; those that are not named are gone. */
  setPaths(nowUs: number, to: number, hints: readonly StreamPath[]): void {
    this.#sessions.get(to)?.setPaths(nowUs, hints);
  }

  /** Nodes with which there is something to do. */
  peers(): number[] {
    return [...this.#sessions.keys()];
  }

  /** Takes the octets over; false if the writer is to wait for `writable` before it gives more. */
  write(nowUs: number, stream: BulkStream, octets: Uint8Array): boolean {
    const session = this.#sessions.get(stream.peer);
    const { send } = stream;
    if (session === undefined || send.isEnded) return true;
    send.write(nowUs, octets, session.segmentOctets);
    session.wake();
    send.blocked = send.held >= this.#sendRoom();
    return !send.blocked;
  }

  /** Ends the own half. */
  end(nowUs: number, stream: BulkStream): void {
    stream.send.end(nowUs);
    this.#sessions.get(stream.peer)?.wake();
  }

  /** Cuts the stream both ways. */
  reset(stream: BulkStream, code: ResetCode): void {
    if (!this.#remove(stream)) return;
    this.counters.resetHere++;
    this.#sessions.get(stream.peer)?.reset(stream.id, code);
  }

  /** The reader has used so many octets. */
  consumed(stream: BulkStream, octets: number): void {
    if (!stream.receive.consumed(octets, this.#mayGrow) || this.stream(stream.peer, stream.id) === undefined) return;
    this.#sessions.get(stream.peer)?.window(stream);
  }

  pollEvent(): BulkEvent | undefined {
    if (this.#nextEvent < this.#events.length) return this.#events[this.#nextEvent++];
    this.#events = [];
    this.#nextEvent = 0;
    return undefined;
  }

  get streamCount(): number {
    return this.#streamCount;
  }

  sessionTo(peer: number): BulkSession | undefined {
    return this.#sessions.get(peer);
  }

  // Packets and time

  /** A packet of a peer; the octets are kept. */
  handlePacket(nowUs: number, from: number, bearerId: number, octets: Uint8Array): void {
    if (bulkKindOf(octets, 0, octets.length) === BulkKind.acknowledgement)
      return this.#acknowledged(nowUs, from, octets);
    const packet = this.#packet;
    if (!decodeBulkPacket(octets, 0, octets.length, packet)) {
      this.counters.dropMalformed++;
      return;
    }
    if (this.#events.length - this.#nextEvent >= MAX_BULK_EVENTS) {
      this.counters.dropEventsFull++;
      return;
    }
    const session = this.#sessionOf(nowUs, from);
    if (session === undefined) return;
    session.lastUs = nowUs;
    if (session.remoteSession !== packet.session) this.#remoteStarted(session, packet.session);
    if (!this.#takeBody(session, octets)) return;
    session.noticed(nowUs, bearerId, packet);
  }

  handleTimeout(nowUs: number): void {
    const lateUs = this.#dueUs > 0 ? Math.max(0, nowUs - this.#dueUs) : 0;
    this.lateUs = Math.min(MAX_LATE_US, Math.max(LATE_MEMORY * this.lateUs, lateUs));
    for (const session of this.#sessions.values()) {
      session.handleTimeout(nowUs);
      const idle = !this.#streams.has(session.peer) && !session.isBusy;
      if (idle && nowUs - session.lastUs > BULK_PEER_IDLE_US) this.#sessions.delete(session.peer);
    }
  }

  nextTimeoutUs(): number {
    if (this.#nextEvent < this.#events.length) return 0;
    let next = EVER;
    for (const session of this.#sessions.values()) next = Math.min(next, session.nextTimeoutUs());
    this.#dueUs = next;
    return next;
  }

  /** Fills the slot and returns true while there is something to send now. */
  pollTransmit(nowUs: number, slot: BulkSlot): boolean {
    for (const session of this.#sessions.values()) if (session.poll(nowUs, slot)) return true;
    return false;
  }

  // In

  #acknowledged(nowUs: number, from: number, octets: Uint8Array): void {
    const told = this.#acknowledgement;
    if (!decodeBulkAcknowledgement(octets, 0, octets.length, told)) {
      this.counters.dropMalformed++;
      return;
    }
    if (told.session !== this.session) {
      this.counters.dropStaleSession++;
      return;
    }
    this.#sessions.get(from)?.acknowledged(nowUs, told);
  }

  /** The peer has started anew, or is met for the first time: what it knew of is gone. */
  #remoteStarted(session: BulkSession, remote: number): void {
    const again = session.remoteSession !== -1;
    session.remoteSession = remote;
    // If it goes on with what this node knew before it started anew, it has to learn that.
    if (!again) return session.greet();
    const known = [...this.streamsOf(session.peer)];
    session.restarted();
    for (const stream of known) {
      this.#cut(stream, ResetCode.restarted);
      session.reset(stream.id, ResetCode.restarted);
    }
  }

  /** False if the packet is to be sent again later. */
  #takeBody(session: BulkSession, octets: Uint8Array): boolean {
    const packet = this.#packet;
    if (packet.kind === BulkKind.probe) return true;
    const stream = this.stream(session.peer, packet.stream) ?? this.#meet(session);
    if (stream === undefined) return true;
    if (packet.kind === BulkKind.reset) this.#cut(stream, packet.code);
    else if (packet.kind === BulkKind.window) {
      if (stream.send.widen(packet.offset)) session.wake();
    } else return this.#takeOctets(stream, octets);
    return true;
  }

  #takeOctets(stream: BulkStream, octets: Uint8Array): boolean {
    const { offset, flags, from, length } = this.#packet;
    const { receive } = stream;
    if (!receive.accept(offset, octets.subarray(from, from + length), (flags & BULK_FLAG_END) !== 0)) {
      this.counters.dropBeyondWindow++;
      return false;
    }
    for (let piece = receive.take(); piece !== undefined; piece = receive.take()) {
      if (piece.octets.length > 0) this.#events.push({ type: "octets", stream, octets: piece.octets });
      if (piece.end) this.#events.push({ type: "ended", stream });
    }
    if (stream.isDone) this.#finish(stream);
    return true;
  }

  /** Of a stream that is not known: the peer opens it, or has to be told that it is over. */
  #meet(session: BulkSession): BulkStream | undefined {
    const { kind, stream: id } = this.#packet;
    const { peer } = session;
    if (kind === BulkKind.reset || this.#ended.has(endedKey(peer, id))) return undefined;
    const theirs = (id & OPENER_BIT) === this.#openerBit(peer, this.#address);
    if (kind !== BulkKind.data || !theirs) {
      session.reset(id, ResetCode.unknown);
      return undefined;
    }
    if (!this.#mayOpen(peer)) {
      session.reset(id, ResetCode.full);
      return undefined;
    }
    this.counters.accepted++;
    const stream = this.#add(new BulkStream(id, peer, false));
    this.#events.push({ type: "opened", stream });
    return stream;
  }

  // Tables

  stream(peer: number, id: number): BulkStream | undefined {
    return this.#streams.get(peer)?.find((stream) => stream.id === id);
  }

  streamsOf(peer: number): readonly BulkStream[] {
    return this.#streams.get(peer) ?? NONE;
  }

  progressed(stream: BulkStream): void {
    const { send } = stream;
    if (send.blocked && send.held < 0.75 * this.#sendRoom()) {
      send.blocked = false;
      this.#events.push({ type: "writable", stream });
    }
    if (stream.isDone) this.#finish(stream);
  }

  timedOut(_nowUs: number, stream: BulkStream): void {
    this.#sessions.get(stream.peer)?.reset(stream.id, ResetCode.timedOut);
    this.#cut(stream, ResetCode.timedOut);
  }

  #openerBit(opener: number, other: number): number {
    return opener > other ? OPENER_BIT : 0;
  }

  #sendRoom(): number {
    return Math.min(MAX_BULK_SEND_OCTETS, MAX_BULK_SEND_TOTAL_OCTETS / Math.max(1, this.#streamCount));
  }

  readonly #mayGrow = (more: number): boolean => {
    if (this.#windowTotal + more > MAX_BULK_WINDOW_TOTAL_OCTETS) return false;
    this.#windowTotal += more;
    return true;
  };

  #mayOpen(_peer: number): boolean {
    const room = this.#windowTotal + BULK_WINDOW_FIRST_OCTETS <= MAX_BULK_WINDOW_TOTAL_OCTETS;
    if (room && this.#streamCount < MAX_BULK_STREAMS) return true;
    this.counters.dropStreamsFull++;
    return false;
  }

  #sessionOf(nowUs: number, peer: number): BulkSession | undefined {
    const known = this.#sessions.get(peer);
    if (known !== undefined) return known;
    if (this.#sessions.size >= MAX_BULK_PEERS) {
      this.counters.dropPeersFull++;
      return undefined;
    }
    const session = new BulkSession(peer, this);
    session.lastUs = nowUs;
    this.#sessions.set(peer, session);
    return session;
  }

  #add(stream: BulkStream): BulkStream {
    const streams = this.#streams.get(stream.peer);
    if (streams === undefined) this.#streams.set(stream.peer, [stream]);
    else streams.push(stream);
    this.#streamCount++;
    this.#windowTotal += stream.receive.window;
    return stream;
  }

  #finish(stream: BulkStream): void {
    if (this.#remove(stream)) this.counters.finished++;
  }

  /** Cut by the other end or by circumstances: the owner is told. */
  #cut(stream: BulkStream, code: number): void {
    if (!this.#remove(stream)) return;
    this.counters.resetThere++;
    this.#events.push({ type: "reset", stream, code });
  }

  #remove(stream: BulkStream): boolean {
    const streams = this.#streams.get(stream.peer);
    const at = streams?.indexOf(stream) ?? -1;
    if (streams === undefined || at === -1) return false;
    streams.splice(at, 1);
    if (streams.length === 0) this.#streams.delete(stream.peer);
    this.#streamCount--;
    this.#windowTotal -= stream.receive.window;
    if (!stream.isDone) stream.send.abandon();
    if (this.#ended.size >= MAX_BULK_ENDED) this.#ended.delete(this.#ended.values().next().value as number);
    this.#ended.add(endedKey(stream.peer, stream.id));
    return true;
  }
}

function endedKey(peer: number, id: number): number {
  return peer * 0x10000 + id;
}
