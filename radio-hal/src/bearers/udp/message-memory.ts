import type { KernelCalls } from "./kernel-calls.ts";
import { SOCKADDR_OCTETS } from "./socket-address.ts";

/**
 * Memory for many datagrams that the kernel reads and writes itself (recvmmsg(2), sendmmsg(2); 64-bit Linux), used
 * again and again:
 *
 *   headers [count x 64] | vectors [count x 16] | names [count x 32] | controls [count x 24] | frames [count x size]
 *
 *   header:  name 8 | name size 4 | pad 4 | vectors 8 | their number 8 | control 8 | its size 8 | flags 4 | pad 4
 *            received octets 4 | pad 4                                                        (struct mmsghdr)
 *   vector:  address 8 | size 8                                                               (struct iovec)
 *   control: size 8 | level 4 | type 4 | value 2, received 4 | pad                             (struct cmsghdr, udp(7))
 */
const HEADER_OCTETS = 64;
const VECTOR_OCTETS = 16;
const NAME_OCTETS = 32;
const CONTROL_OCTETS = 24;
const HEADER_WORDS = HEADER_OCTETS / 4;
const NAME_WORDS = NAME_OCTETS / 4;
const CONTROL_WORDS = CONTROL_OCTETS / 4;
/** Offsets in a header, 32-bit words. */
const NAME = 0;
const NAME_SIZE = 2;
const VECTORS = 4;
const VECTOR_COUNT = 6;
const CONTROL = 8;
const CONTROL_SIZE = 10;
const RECEIVED = 14;
/** The longest that UDP carries. */
export const DATAGRAM_MAX_OCTETS = 65_535;
/** A control message with a 16-bit value, its padding not counted. */
const CONTROL_LENGTH = 18;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

export class MessageMemory {
  readonly frames: readonly Uint8Array[];
  /** Peers' socket addresses; that of frame i is at `nameAt(i)`. */
  readonly names: Uint32Array;
  readonly #headers: Uint32Array;
  readonly #vectors: Uint32Array;
  readonly #controls: Uint32Array;
  readonly #headersAt: number;
  readonly #vectorsAt: number;
  readonly #namesAt: number;
  readonly #controlsAt: number;

  /** Room for `count` datagrams of at most `frameOctets`; header i is that of frame i. */
  constructor(calls: KernelCalls, count: number, frameOctets: number) {
    const vectors = count * HEADER_OCTETS;
    const names = vectors + count * VECTOR_OCTETS;
    const controls = names + count * NAME_OCTETS;
    const frames = controls + count * CONTROL_OCTETS;
    const memory = new ArrayBuffer(frames + count * frameOctets);
    const base = calls.addressOf(memory);
    this.#headersAt = base;
    this.#vectorsAt = base + vectors;
    this.#namesAt = base + names;
    this.#controlsAt = base + controls;
    this.#headers = new Uint32Array(memory, 0, count * HEADER_WORDS);
    this.#vectors = new Uint32Array(memory, vectors, (count * VECTOR_OCTETS) / 4);
    this.names = new Uint32Array(memory, names, count * NAME_WORDS);
    this.#controls = new Uint32Array(memory, controls, count * CONTROL_WORDS);
    this.frames = Array.from({ length: count }, (_, i) => {
      writePointer(this.#vectors, (i * VECTOR_OCTETS) / 4, base + frames + i * frameOctets);
      this.setLength(i, frameOctets);
      this.setHeader(i, i, 1, SOCKADDR_OCTETS);
      this.#expectControl(i);
      return new Uint8Array(memory, frames + i * frameOctets, frameOctets);
    });
  }

  headerAt(index: number): number {
    return this.#headersAt + index * HEADER_OCTETS;
  }

  nameAt(frame: number): number {
    return frame * NAME_WORDS;
  }

  setLength(frame: number, octets: number): void {
    this.#vectors[(frame * VECTOR_OCTETS) / 4 + 2] = octets;
  }

  /** A header stands for frames [first, first + count), all to (or from) the name of the first. */
  setHeader(header: number, first: number, count: number, nameOctets: number): void {
    const at = header * HEADER_WORDS;
    writePointer(this.#headers, at + NAME, this.#namesAt + first * NAME_OCTETS);
    this.#headers[at + NAME_SIZE] = nameOctets;
    writePointer(this.#headers, at + VECTORS, this.#vectorsAt + first * VECTOR_OCTETS);
    this.#headers[at + VECTOR_COUNT] = count;
    this.#headers[at + CONTROL_SIZE] = 0;
  }

  /** What the header sends is one datagram for every `octets`, the last one of what is left. */
  setSegments(header: number, octets: number): void {
    const control = header * CONTROL_WORDS;
    this.#controls[control] = CONTROL_LENGTH;
    this.#controls[control + 2] = SOL_UDP;
    this.#controls[control + 3] = UDP_SEGMENT;
    this.#controls[control + 4] = octets;
    this.#expectControl(header);
  }

  /** What frame `index` received is one datagram for every so many octets (UDP_GRO); 0: it is one. */
  takeSegments(index: number): number {
    const control = index * CONTROL_WORDS;
    const isTold = this.#headers[index * HEADER_WORDS + CONTROL_SIZE] !== 0;
    this.#expectControl(index);
    const isSegments = isTold && this.#controls[control + 2] === SOL_UDP && this.#controls[control + 3] === UDP_GRO;
    return isSegments ? (this.#controls[control + 4] as number) : 0;
  }

  #expectControl(index: number): void {
    const at = index * HEADER_WORDS;
    writePointer(this.#headers, at + CONTROL, this.#controlsAt + index * CONTROL_OCTETS);
    this.#headers[at + CONTROL_SIZE] = CONTROL_OCTETS;
  }

  /** Octets that the kernel has put into frame `index`; it may write a name of any family there again. */
  takeReceived(index: number): number {
    const at = index * HEADER_WORDS;
    this.#headers[at + NAME_SIZE] = SOCKADDR_OCTETS;
    return this.#headers[at + RECEIVED] as number;
  }
}

function writePointer(words: Uint32Array, at: number, address: number): void {
  words[at] = address >>> 0;
  words[at + 1] = Math.floor(address / 0x1_0000_0000);
}
