import { MARKER, questionId } from "./asker.ts";
import { findMarker, plaintextStart } from "./frame-view.ts";

/** Packets followed at a time; a power of two. */
const TRACKED = 1 << 16;
/** Crossings of one packet that are remembered; more are counted as `overlong`. */
const MAX_CROSSINGS = 64;

/**
 * Watches numbered packets (see Asker) cross links. A packet loops if a node sends it twice over the same link with
 * the same routing header (potential and whatever repair state there is: all octets before the payload) although the
 * packet came back to the node in between. A frame that the hop repeats has the same octets to the last and is no
 * crossing; a node that sends again, in a new frame, what never came back has only tried twice (`resent`).
 *
 * Numbers have to grow: those TRACKED apart share their memory.
 */
export class LoopWatch {
  loops = 0;
  resent = 0;
  /** Packets that crossed a link, and how often they did. */
  packets = 0;
  hops = 0;
  overlong = 0;
  /** What the first loop looked like, for whoever has to find it. */
  first = "";
  readonly #ids = new Float64Array(TRACKED).fill(-1);
  readonly #counts = new Uint8Array(TRACKED);
  readonly #from = new Uint16Array(TRACKED * MAX_CROSSINGS);
  readonly #to = new Int16Array(TRACKED * MAX_CROSSINGS);
  readonly #headers = new Float64Array(TRACKED * MAX_CROSSINGS);
  readonly #frames = new Float64Array(TRACKED * MAX_CROSSINGS);

  /** A frame leaves `from` for `to`, a node index; -1 if it is for everyone. */
  transmitted(from: number, to: number, octets: Uint8Array, length: number): void {
    const payload = findMarker(octets, length, MARKER);
    if (payload < 0) return;
    const id = questionId(octets, payload);
    const slot = id % TRACKED;
    if (this.#ids[slot] !== id) {
      this.#ids[slot] = id;
      this.packets++;
      this.#counts[slot] = 0;
    }
    const header = hash(octets, plaintextStart(octets), payload);
    const frame = hash(octets, 0, length);
    const base = slot * MAX_CROSSINGS;
    const count = this.#counts[slot] as number;
    let earlier = -1;
    for (let at = base + count - 1; at >= base; at--) {
      if (this.#from[at] !== from || this.#to[at] !== to) continue;
      if (this.#frames[at] === frame) return;
      if (this.#headers[at] === header) earlier = at;
    }
    this.hops++;
    if (earlier >= 0) this.#again(id, from, to, earlier, base + count);
    if (count === MAX_CROSSINGS) this.overlong++;
    else this.#remember(base + count, from, to, header, frame, slot);
  }

  #remember(at: number, from: number, to: number, header: number, frame: number, slot: number): void {
    this.#from[at] = from;
    this.#to[at] = to;
    this.#headers[at] = header;
    this.#frames[at] = frame;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
  }

  #again(id: number, from: number, to: number, earlier: number, end: number): void {
    let cameBack = false;
    for (let at = earlier + 1; at < end; at++) cameBack ||= this.#to[at] === from;
    if (!cameBack) {
      this.resent++;
      return;
    }
    if (this.loops++ === 0) this.first = `packet ${id} over ${from} -> ${to} again`;
  }
}

/** Two 32-bit hashes as one number of 53 bits: of 10^8 pairs none is likely to be equal by accident. */
function hash(octets: Uint8Array, from: number, to: number): number {
  let a = 0x811c9dc5;
  let b = to - from;
  for (let i = from; i < to; i++) {
    a = Math.imul(a ^ (octets[i] as number), 0x01000193);
    b = Math.imul(b ^ (octets[i] as number), 0x85ebca6b) ^ (b >>> 13);
  }
  return (b & 0x1fffff) * 0x1_0000_0000 + (a >>> 0);
}
