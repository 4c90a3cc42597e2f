import { BULK_WINDOW_FIRST_OCTETS, BULK_WINDOW_OCTETS } from "../limits.ts";
import type { Carried } from "./bulk-path.ts";

const OFFSETS = 2 ** 32;
const COMPACT = 1024;
/** So many of the first segments are looked at for some that are late. */
const LATE_SEGMENTS = 64;

/** A piece of a stream that travels in one packet; its bounds never change. */
export interface Segment extends Carried {
  readonly kind: "segment";
  readonly stream: BulkStream;
  readonly offset: number;
  readonly octets: Uint8Array;
  end: boolean;
  /** It was given to a path at least once. */
  sent: boolean;
  /** When the last copy is to arrive, on the clock of its path's delay; Infinity: that one was lost, a slower one is under way. */
  dueUs: number;
  /** It was sent once more because that was too late. */
  hurried: boolean;
  /** How often all copies were lost, and whether two are to be sent next. */
  losses: number;
  twice: boolean;
}

/** The sending half: what the writer has given, in segments, until the peer has it. */
class SendHalf {
  readonly #stream: BulkStream;
  #segments: Segment[] = [];
  /** Indices of the first segment that the peer may not have, and of the first that may be unsent. */
  #first = 0;
  #cursor = 0;
  #offset = 0;
  /** Octets held, and those of them that were never sent. */
  held = 0;
  unsent = 0;
  /** The peer has room up to here. */
  limit = BULK_WINDOW_FIRST_OCTETS;
  #ended = false;
  /** Writer and peer are done. */
  done = false;
  /** When the peer last acknowledged anything, or the first octet since nothing was outstanding was written. */
  progressUs = 0;
  /** The peer has acknowledged something of it. */
  isAnswered = false;
  /** The writer was told to wait. */
  blocked = false;

  constructor(stream: BulkStream) {
    this.#stream = stream;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  get isIdle(): boolean {
    return this.#segments.length === 0;
  }

  /** Takes the octets over, in pieces of `room` at most. */
  write(nowUs: number, octets: Uint8Array, room: number): void {
    if (this.isIdle) this.progressUs = nowUs;
    for (let from = 0; from < octets.length; from += room) this.#push(octets.subarray(from, from + room));
  }

  end(nowUs: number): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.isIdle) this.progressUs = nowUs;
    this.#push(new Uint8Array(0));
    (this.#segments[this.#segments.length - 1] as Segment).end = true;
  }

  #push(octets: Uint8Array): void {
    this.#segments.push({
      kind: "segment",
      stream: this.#stream,
      offset: this.#offset,
      octets,
      end: false,
      sent: false,
      dueUs: 0,
      hurried: false,
      losses: 0,
      twice: false,
      copies: 0,
      done: false,
    });
    this.#offset += octets.length;
    this.held += octets.length;
    this.unsent += octets.length;
  }

  /**
   * The first segment that was not sent yet and has at least `ahead` unsent octets before it; undefined if there are not
   * so many, or the peer has no room for it.
   */
  pick(ahead: number): Segment | undefined {
    const segments = this.#segments;
    while (this.#cursor < segments.length && isOver(segments[this.#cursor] as Segment)) this.#cursor++;
    let before = 0;
    for (let i = this.#cursor; i < segments.length; i++) {
      const segment = segments[i] as Segment;
      if (segment.offset + segment.octets.length > this.limit) return undefined;
      if (isOver(segment)) continue;
      if (before >= ahead) return segment;
      before += segment.octets.length;
    }
    return undefined;
  }

  /** A segment in front of `before` that the reader will soon wait for, and that is to arrive only after `dueUs`. */
  late(dueUs: number, before = Number.POSITIVE_INFINITY): Segment | undefined {
    const end = Math.min(this.#segments.length, this.#first + LATE_SEGMENTS);
    for (let i = this.#first; i < end; i++) {
      const segment = this.#segments[i] as Segment;
      if (!segment.sent || segment.offset >= before) return undefined;
      if (segment.done || segment.copies === 0 || segment.hurried || segment.dueUs <= dueUs) continue;
      segment.hurried = true;
      return segment;
    }
    return undefined;
  }

  /** One of several copies was lost. */
  lostOne(segment: Segment): void {
    if (!segment.hurried) return;
    segment.hurried = false;
    segment.dueUs = Number.POSITIVE_INFINITY;
  }

  sent(segment: Segment): void {
    segment.sent = true;
    this.unsent -= segment.octets.length;
  }

  arrived(nowUs: number, segment: Segment): void {
    this.held -= segment.octets.length;
    this.isAnswered = true;
    this.progressUs = nowUs;
    const segments = this.#segments;
    while (this.#first < segments.length && (segments[this.#first] as Segment).done) this.#first++;
    if (this.#first === segments.length) {
      this.#clear();
      if (this.#ended) this.done = true;
    } else if (this.#first >= COMPACT) {
      segments.splice(0, this.#first);
      this.#cursor = Math.max(0, this.#cursor - this.#first);
      this.#first = 0;
    }
  }

  #clear(): void {
    this.#segments = [];
    this.#first = 0;
    this.#cursor = 0;
  }

  /** Nothing of it is of use any more. */
  abandon(): void {
    for (const segment of this.#segments) segment.done = true;
    this.#clear();
    this.held = 0;
    this.unsent = 0;
    this.#ended = true;
    this.done = true;
  }

  widen(low: number): boolean {
    const limit = rebuild(low, this.limit);
    if (limit <= this.limit) return false;
    this.limit = limit;
    return true;
  }
}

function isOver(segment: Segment): boolean {
  return segment.sent || segment.done;
}

/** The receiving half: puts what comes in order, and lets the peer send as much as the reader takes. */
class ReceiveHalf {
  readonly #held = new Map<number, { octets: Uint8Array; end: boolean }>();
  #next = 0;
  #taken = 0;
  #told = BULK_WINDOW_FIRST_OCTETS;
  window = BULK_WINDOW_FIRST_OCTETS;
  /** The reader has had the last octet. */
  done = false;

  /** False if it is beyond what the peer was told that there is room for. */
  accept(low: number, octets: Uint8Array, end: boolean): boolean {
    const offset = rebuild(low, this.#next);
    if (offset + octets.length > this.#told) return false;
    // Every copy has the same bounds, and the end is a piece of its own.
    if (!this.done && offset >= this.#next && !this.#held.has(offset)) this.#held.set(offset, { octets, end });
    return true;
  }

  /** What comes next in order, if it is there. */
  take(): { octets: Uint8Array; end: boolean } | undefined {
    const piece = this.#held.get(this.#next);
    if (piece === undefined) return undefined;
    this.#held.delete(this.#next);
    this.#next += piece.octets.length;
    if (piece.end) this.done = true;
    return piece;
  }

  /** The reader has used so many octets; true if the peer is to be told. */
  consumed(octets: number, mayGrow: (more: number) => boolean): boolean {
    this.#taken += octets;
    if (this.done || this.#taken + this.window - this.#told < this.window / 4) return false;
    const more = Math.min(this.window, BULK_WINDOW_OCTETS - this.window);
    if (more > 0 && mayGrow(more)) this.window += more;
    return true;
  }

  /** The edge to tell, 32 bits. */
  edge(): number {
    this.#told = this.#taken + this.window;
    return this.#told % OFFSETS;
  }
}

/** A stream of octets each way between two nodes. */
export class BulkStream {
  readonly id: number;
  readonly peer: number;
  /** This node has opened it. */
  readonly opener: boolean;
  readonly send = new SendHalf(this);
  readonly receive = new ReceiveHalf();

  constructor(id: number, peer: number, opener: boolean) {
    this.id = id;
    this.peer = peer;
    this.opener = opener;
  }

  get isDone(): boolean {
    return this.send.done && this.receive.done;
  }
}

function rebuild(low: number, near: number): number {
  let ahead = (low - near) % OFFSETS;
  if (ahead < -OFFSETS / 2) ahead += OFFSETS;
  if (ahead >= OFFSETS / 2) ahead -= OFFSETS;
  return near + ahead;
}
