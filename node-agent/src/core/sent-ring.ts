import { CLASS_COUNT, copyOctets } from "@skein/codecs";
import { MAX_FRAME_OCTETS } from "./api.ts";
import { MAX_NEIGHBOURS_PER_BEARER } from "./limits.ts";

/** Room for each frame until a longer one is kept: voice, positions and hellos need no more. */
const SHORT_FRAME_OCTETS = 256;

/**
 * The last frames sent on one stream, as they went on air. A repetition sends the very same octets: the
 * same nonce with the same plaintext gives nothing away, and the receiver's window takes each once.
 */
export class SentRing {
  /** Frames, each at its `offset`. Both change when a longer frame is kept than any before. */
  octets: Uint8Array;
  /** How many frames it holds. Frames that are not kept take a place as well: it goes by the counter. */
  readonly frames: number;
  #frameOctets: number;
  readonly #longestOctets: number;
  readonly counter: Float64Array;
  readonly length: Uint16Array;
  /** Neighbour that must acknowledge, -1 = group frame, repaired on request only. */
  readonly neighbour: Int16Array;
  /** 1 while it may be repeated. */
  readonly open: Uint8Array;
  /** 1 if it was given up without an answer: the packet inside went another way. */
  readonly givenUp: Uint8Array;
  readonly tries: Uint8Array;
  /** Class of the packet inside; CLASS_COUNT if it is none. */
  readonly trafficClass: Uint8Array;
  /** Whole sequence of the packet inside: a narrow frame carries the low octet only. */
  readonly sequence: Uint16Array;
  readonly sentUs: Float64Array;
  readonly firstSentUs: Float64Array;
  readonly deadlineUs: Float64Array;
  /** Key of the flow of a unicast packet on a shared bearer, else -1. */
  readonly flowKey: Float64Array;
  /** Whole potential of that packet: a flow frame carries six bits. */
  readonly potential: Uint32Array;
  /** What it has in common with copies of the same packet on other paths, -1 if there are none; */
  readonly copyKey: Float64Array;
  /** it is not repeated for so long, */
  readonly patienceUs: Float64Array;
  /** nor at all if one of them has arrived: 1. */
  readonly needless: Uint8Array;
  /** 1 once its silence has been counted: a copy waits for longer than that takes. */
  readonly missed: Uint8Array;
  /** Frames that wait for an acknowledgement. */
  unacknowledged = 0;
  /** The same by neighbour index. */
  readonly unacknowledgedBy = new Uint16Array(MAX_NEIGHBOURS_PER_BEARER);

  constructor(mtuOctets: number, frames: number) {
    this.frames = frames;
    this.#longestOctets = Math.min(MAX_FRAME_OCTETS, mtuOctets);
    this.#frameOctets = Math.min(SHORT_FRAME_OCTETS, this.#longestOctets);
    this.octets = new Uint8Array(frames * this.#frameOctets);
    this.counter = new Float64Array(frames).fill(-1);
    this.length = new Uint16Array(frames);
    this.neighbour = new Int16Array(frames).fill(-1);
    this.open = new Uint8Array(frames);
    this.givenUp = new Uint8Array(frames);
    this.potential = new Uint32Array(frames);
    this.flowKey = new Float64Array(frames).fill(-1);
    this.copyKey = new Float64Array(frames).fill(-1);
    this.patienceUs = new Float64Array(frames);
    this.needless = new Uint8Array(frames);
    this.missed = new Uint8Array(frames);
    this.tries = new Uint8Array(frames);
    this.trafficClass = new Uint8Array(frames);
    this.sequence = new Uint16Array(frames);
    this.sentUs = new Float64Array(frames);
    this.firstSentUs = new Float64Array(frames);
    this.deadlineUs = new Float64Array(frames);
  }

  offset(index: number): number {
    return index * this.#frameOctets;
  }

  /** Keeps a frame; what stood in its place is forgotten. True if that still waited for its acknowledgement. */
  keep(
    counter: number,
    frame: Uint8Array,
    length: number,
    neighbour: number,
    nowUs: number,
    deadlineUs: number,
    sequence: number,
    trafficClass: number = CLASS_COUNT,
  ): boolean {
    const index = counter % this.frames;
    const forgotten = this.open[index] === 1 && this.neighbour[index] !== -1;
    this.close(index);
    this.counter[index] = counter;
    this.length[index] = length;
    this.neighbour[index] = neighbour;
    this.open[index] = 1;
    this.givenUp[index] = 0;
    this.flowKey[index] = -1;
    this.copyKey[index] = -1;
    this.needless[index] = 0;
    this.missed[index] = 0;
    this.tries[index] = 1;
    this.trafficClass[index] = trafficClass;
    this.sequence[index] = sequence;
    this.sentUs[index] = nowUs;
    this.firstSentUs[index] = nowUs;
    this.deadlineUs[index] = deadlineUs;
    if (length > this.#frameOctets) this.#growFrames();
    copyOctets(frame, 0, length, this.octets, this.offset(index));
    if (neighbour === -1) return forgotten;
    this.unacknowledged++;
    this.unacknowledgedBy[neighbour] = (this.unacknowledgedBy[neighbour] as number) + 1;
    return forgotten;
  }

  #growFrames(): void {
    const short = this.octets;
    const shortOctets = this.#frameOctets;
    this.#frameOctets = this.#longestOctets;
    this.octets = new Uint8Array(this.frames * this.#frameOctets);
    for (let index = 0; index < this.frames; index++) {
      const at = index * shortOctets;
      copyOctets(short, at, at + shortOctets, this.octets, this.offset(index));
    }
  }

  /** Index of a counter, -1 if it is not kept. */
  indexOf(counter: number): number {
    const index = counter % this.frames;
    return counter >= 0 && this.counter[index] === counter ? index : -1;
  }

  /** Index of the frame with a packet of a flow that waits for its acknowledgement, -1 if there is none. */
  find(key: number, sequence: number): number {
    for (let i = 0; i < this.frames; i++) {
      if (this.open[i] === 1 && this.sequence[i] === sequence && this.flowKey[i] === key) return i;
    }
    return -1;
  }

  /** True if a packet of a flow that is more than `most` before `sequence` may still be repeated. */
  isWaitedFor(key: number, sequence: number, most: number): boolean {
    for (let i = 0; i < this.frames; i++) {
      if (this.open[i] === 0 || this.flowKey[i] !== key) continue;
      if (((sequence - (this.sequence[i] as number)) & 0xffff) > most) return true;
    }
    return false;
  }

  /** True if a copy of this packet is waiting for its acknowledgement. */
  holds(copyKey: number): boolean {
    for (let i = 0; i < this.frames; i++) if (this.copyKey[i] === copyKey && this.open[i] === 1) return true;
    return false;
  }

  /** A copy of this packet has arrived: what is here of it need not be repeated. */
  settle(copyKey: number): void {
    for (let i = 0; i < this.frames; i++) if (this.copyKey[i] === copyKey) this.needless[i] = 1;
  }

  /** The packet in this frame goes another way; an answer may still come. */
  giveUp(index: number): void {
    this.close(index);
    this.givenUp[index] = 1;
  }

  /** Nothing more is expected of this frame. */
  close(index: number): void {
    if (this.open[index] === 0) return;
    this.open[index] = 0;
    const neighbour = this.neighbour[index] as number;
    if (neighbour === -1) return;
    this.unacknowledged--;
    this.unacknowledgedBy[neighbour] = (this.unacknowledgedBy[neighbour] as number) - 1;
  }
}
