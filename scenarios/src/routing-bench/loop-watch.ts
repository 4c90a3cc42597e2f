import { MARKER, questionId } from "./asker.ts";
import { carriesPacket, findMarker, remainingIn } from "./frame-view.ts";

/** Packets followed at a time; a power of two. */
const TRACKED = 1 << 16;
/** Crossings of one packet that are remembered; more are counted as `overlong`. A search gives out dozens of copies. */
const MAX_CROSSINGS = 2048;
const USUAL_CROSSINGS = 16;
/** A crossing: from, to, what remained, and a hash of the frame. */
const FIELDS = 4;
/** How often a node may send on one copy that it was given: silence of a next hop makes it try others. */
const TRIES_PER_COPY = 3;
/** Instead of a transmitter: the most that remained of a copy that a node received which was for another one. */
const OVERHEARD = 0xffff_ffff;
/** The source was given the packet with all before it. */
const EVER = Number.POSITIVE_INFINITY;

/**
 * Watches numbered packets (see Asker) cross links. A packet cannot circle if whatever a node sends lies below
 * something that it was given (see `remainingIn`): along the way of any copy the remaining falls, and it is finite.
 * A crossing is an ascent if it does not. Since several copies of one packet may travel (a search, or a next hop whose
 * acknowledgement was lost), a copy that circles could hide behind another that was given more: therefore a node also
 * circulates a packet if it sends it over one link, with no less remaining, more often than it was given more,
 * TRIES_PER_COPY times over. Both are loops.
 *
 * A node that received a copy for somebody else, on a shared radio, was given it as well: it may send it on, lower. It
 * counts as given once at most, and not at all if the node was given the packet otherwise.
 *
 * A frame that the hop repeats has the same octets to the last and is no crossing. Numbers have to grow: those TRACKED
 * apart share their memory.
 */
export class LoopWatch {
  /** Crossings that ascend, and crossings too many of one link. */
  ascents = 0;
  circulations = 0;
  /** Crossings to a node that had sent the packet on before: repair may lead back, with less remaining. */
  revisits = 0;
  /** Crossings of a link that the node had used for the packet before, with no less remaining. */
  resent = 0;
  /** Packets that crossed a link, and how often they did. */
  packets = 0;
  hops = 0;
  overlong = 0;
  /** What the first loop looked like, for whoever has to find it. */
  first = "";
  readonly #ids = new Float64Array(TRACKED).fill(-1);
  readonly #counts = new Uint16Array(TRACKED);
  readonly #sources = new Uint16Array(TRACKED);
  readonly #crossings: (Uint32Array | undefined)[] = new Array<undefined>(TRACKED).fill(undefined);

  get loops(): number {
    return this.ascents + this.circulations;
  }

  /** A frame leaves `from` for the node `to`. */
  transmitted(from: number, to: number, octets: Uint8Array, length: number): void {
    const payload = payloadIn(octets, length);
    if (payload < 0) return;
    const id = questionId(octets, payload);
    const slot = id % TRACKED;
    if (this.#ids[slot] !== id) {
      this.#ids[slot] = id;
      this.packets++;
      this.#counts[slot] = 0;
      this.#sources[slot] = from;
    }
    const count = this.#counts[slot] as number;
    const crossings = this.#room(slot, count);
    const frame = hash(octets, 0, length);
    for (let at = 0; at < count * FIELDS; at += FIELDS)
      if (crossings[at] === from && crossings[at + 3] === frame) return;
    this.hops++;
    if (count === MAX_CROSSINGS) {
      this.overlong++;
      return;
    }
    const remaining = remainingIn(octets, length);
    this.#judge(slot, crossings, count, from, to, remaining);
    crossings.set([from, to, remaining, frame], count * FIELDS);
    this.#counts[slot] = count + 1;
  }

  /** The frame of a transmission that was told of has reached `node`, and was for another one. */
  overheard(node: number, octets: Uint8Array, length: number): void {
    const payload = payloadIn(octets, length);
    if (payload < 0) return;
    const id = questionId(octets, payload);
    const slot = id % TRACKED;
    const count = this.#counts[slot] as number;
    if (this.#ids[slot] !== id || count === MAX_CROSSINGS) return;
    const crossings = this.#room(slot, count);
    const remaining = remainingIn(octets, length);
    for (let at = 0; at < count * FIELDS; at += FIELDS) {
      if (crossings[at] !== OVERHEARD || crossings[at + 1] !== node) continue;
      crossings[at + 2] = Math.max(crossings[at + 2] as number, remaining);
      return;
    }
    crossings.set([OVERHEARD, node, remaining, 0], count * FIELDS);
    this.#counts[slot] = count + 1;
  }

  #room(slot: number, count: number): Uint32Array {
    const had = this.#crossings[slot];
    if (had !== undefined && had.length > count * FIELDS) return had;
    const has = new Uint32Array(Math.max(USUAL_CROSSINGS, 2 * count) * FIELDS);
    if (had !== undefined) has.set(had);
    this.#crossings[slot] = has;
    return has;
  }

  #judge(slot: number, crossings: Uint32Array, count: number, from: number, to: number, remaining: number): void {
    let most = this.#sources[slot] === from ? EVER : 0;
    let given = most === EVER ? 1 : 0;
    let sent = 1;
    let back = false;
    for (let at = 0; at < count * FIELDS; at += FIELDS) {
      const carried = crossings[at + 2] as number;
      if (crossings[at] === to) back = true;
      if (crossings[at + 1] === from) {
        most = Math.max(most, carried);
        if (carried > remaining && crossings[at] !== OVERHEARD) given++;
      } else if (crossings[at] === from && crossings[at + 1] === to && carried >= remaining) sent++;
    }
    if (back) this.revisits++;
    if (sent > 1) this.resent++;
    if (remaining >= most) {
      this.#loop(`packet ${this.#ids[slot]} ascends to ${remaining} over ${from} -> ${to}`);
      this.ascents++;
    } else if (sent > TRIES_PER_COPY * Math.max(1, given)) {
      this.#loop(`packet ${this.#ids[slot]} crosses ${from} -> ${to} ${sent} times, given ${given} times`);
      this.circulations++;
    }
  }

  #loop(text: string): void {
    if (this.loops === 0) this.first = text;
  }
}

/** Where the payload of a numbered packet begins; -1 if there is none. */
function payloadIn(octets: Uint8Array, length: number): number {
  return carriesPacket(octets) ? findMarker(octets, length, MARKER) : -1;
}

/** Equal by accident once in 2^32: then a crossing is taken for a repetition. */
function hash(octets: Uint8Array, from: number, to: number): number {
  let a = 0x811c9dc5;
  for (let i = from; i < to; i++) a = Math.imul(a ^ (octets[i] as number), 0x01000193);
  return a >>> 0;
}
