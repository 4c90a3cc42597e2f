import { MAX_FRAME_OCTETS } from "./api.ts";
import { MAX_NEIGHBOURS_PER_BEARER, SENT_RING_FRAMES } from "./limits.ts";

/**
 * The last frames sent on one stream, as they went on air. A repetition sends the very same octets: the
 * same nonce with the same plaintext gives nothing away, and the receiver's window takes each once.
 */
export class SentRing {
  readonly octets: Uint8Array;
  readonly #frameOctets: number;
  readonly counter = new Float64Array(SENT_RING_FRAMES).fill(-1);
  readonly length = new Uint16Array(SENT_RING_FRAMES);
  /** Neighbour that must acknowledge, -1 = group frame, repaired on request only. */
  readonly neighbour = new Int16Array(SENT_RING_FRAMES).fill(-1);
  /** 1 while it may be repeated. */
  readonly open = new Uint8Array(SENT_RING_FRAMES);
  /** 1 if it was given up without an answer: the packet inside went another way. */
  readonly givenUp = new Uint8Array(SENT_RING_FRAMES);
  readonly tries = new Uint8Array(SENT_RING_FRAMES);
  /** Whole sequence of the packet inside: a narrow frame carries the low octet only. */
  readonly sequence = new Uint16Array(SENT_RING_FRAMES);
  readonly sentUs = new Float64Array(SENT_RING_FRAMES);
  readonly firstSentUs = new Float64Array(SENT_RING_FRAMES);
  readonly deadlineUs = new Float64Array(SENT_RING_FRAMES);
  /** Frames that wait for an acknowledgement. */
  unacknowledged = 0;
  /** The same by neighbour index. */
  readonly unacknowledgedBy = new Uint8Array(MAX_NEIGHBOURS_PER_BEARER);

  constructor(mtuOctets: number) {
    this.#frameOctets = Math.min(MAX_FRAME_OCTETS, mtuOctets);
    this.octets = new Uint8Array(SENT_RING_FRAMES * this.#frameOctets);
  }

  offset(index: number): number {
    return index * this.#frameOctets;
  }

  /** Keeps a frame; what stood in its place is forgotten. */
  keep(
    counter: number,
    frame: Uint8Array,
    length: number,
    neighbour: number,
    nowUs: number,
    deadlineUs: number,
    sequence: number,
  ): void {
    const index = counter % SENT_RING_FRAMES;
    this.close(index);
    this.counter[index] = counter;
    this.length[index] = length;
    this.neighbour[index] = neighbour;
    this.open[index] = 1;
    this.givenUp[index] = 0;
    this.tries[index] = 1;
    this.sequence[index] = sequence;
    this.sentUs[index] = nowUs;
    this.firstSentUs[index] = nowUs;
    this.deadlineUs[index] = deadlineUs;
    const at = this.offset(index);
    const octets = this.octets;
    for (let i = 0; i < length; i++) octets[at + i] = frame[i] as number;
    if (neighbour === -1) return;
    this.unacknowledged++;
    this.unacknowledgedBy[neighbour] = (this.unacknowledgedBy[neighbour] as number) + 1;
  }

  /** Index of a counter, -1 if it is not kept. */
  indexOf(counter: number): number {
    const index = counter % SENT_RING_FRAMES;
    return counter >= 0 && this.counter[index] === counter ? index : -1;
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
