import type { KernelCalls } from "./kernel-calls.ts";
import { type Peer, SOCKADDR_OCTETS } from "./socket-address.ts";

/**
 * Memory for many datagrams that the kernel reads and writes itself (recvmmsg(2), sendmmsg(2); 64-bit Linux), used
 * again and again. For each datagram:
 *
 *   +--------+-------------+-------+--------+-------------+-----------+-----------------+---------+---------+-------+
 *   | name 8 | name size 4 | pad 4 | iov 8  | iov count 8 | control 8 | control size 8  | flags 4 | pad 4   |       |
 *   +--------+-------------+-------+--------+-------------+-----------+-----------------+---------+---------+       |
 *   | length 4 | pad 4     |                                                                                  mmsghdr |
 *   +----------+-----------+-----------------------------------------------------------------------------------------+
 *   | address 8 | length 8 |   iovec
 *   +-----------+----------+
 */
const HEADER_OCTETS = 64;
const HEADER_WORDS = HEADER_OCTETS / 4;
const NAME_LENGTH_WORD = 2;
const LENGTH_WORD = 14;
const IOVEC_OCTETS = 16;
const IOVEC_LENGTH_WORD = 2;
const NAME_OCTETS = 32;
const NAME_WORDS = NAME_OCTETS / 4;

export class MessageBatch {
  readonly frames: readonly Uint8Array[];
  readonly names: Uint32Array;
  readonly #headers: Uint32Array;
  readonly #vectors: Uint32Array;
  readonly #headersAt: number;

  /** Room for `count` datagrams of at most `frameOctets`. */
  constructor(calls: KernelCalls, count: number, frameOctets: number) {
    const memory = new ArrayBuffer(count * (HEADER_OCTETS + IOVEC_OCTETS + NAME_OCTETS + frameOctets));
    const vectorsFrom = count * HEADER_OCTETS;
    const namesFrom = vectorsFrom + count * IOVEC_OCTETS;
    const framesFrom = namesFrom + count * NAME_OCTETS;
    const base = calls.addressOf(memory);
    this.#headersAt = base;
    this.#headers = new Uint32Array(memory, 0, count * HEADER_WORDS);
    this.#vectors = new Uint32Array(memory, vectorsFrom, (count * IOVEC_OCTETS) / 4);
    this.names = new Uint32Array(memory, namesFrom, count * NAME_WORDS);
    const frames: Uint8Array[] = [];
    const view = new DataView(memory);
    const address = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
    for (let i = 0; i < count; i++) {
      const header = i * HEADER_OCTETS;
      const vector = vectorsFrom + i * IOVEC_OCTETS;
      const frame = framesFrom + i * frameOctets;
      address(header, base + namesFrom + i * NAME_OCTETS);
      address(header + 16, base + vector);
      address(header + 24, 1);
      address(vector, base + frame);
      address(vector + 8, frameOctets);
      this.#headers[i * HEADER_WORDS + NAME_LENGTH_WORD] = SOCKADDR_OCTETS;
      frames.push(new Uint8Array(memory, frame, frameOctets));
    }
    this.frames = frames;
  }

  /** Address of header `index`. */
  headerAt(index: number): number {
    return this.#headersAt + index * HEADER_OCTETS;
  }

  /** Where the name of datagram `index` stands in `names`. */
  nameAt(index: number): number {
    return index * NAME_WORDS;
  }

  /** Octets that the kernel has put into frame `index`. */
  receivedOctets(index: number): number {
    return this.#headers[index * HEADER_WORDS + LENGTH_WORD] as number;
  }

  /** The kernel may write a name of any family into header `index` again. */
  reset(index: number): void {
    this.#headers[index * HEADER_WORDS + NAME_LENGTH_WORD] = SOCKADDR_OCTETS;
  }

  /** Frame `index` goes to a peer, `lengthOctets` of it. */
  address(index: number, peer: Peer, lengthOctets: number): void {
    this.#vectors[index * (IOVEC_OCTETS / 4) + IOVEC_LENGTH_WORD] = lengthOctets;
    this.#headers[index * HEADER_WORDS + NAME_LENGTH_WORD] = peer.sockaddrOctets;
    const at = index * NAME_WORDS;
    const { sockaddr } = peer;
    for (let i = 0; i < sockaddr.length; i++) this.names[at + i] = sockaddr[i] as number;
  }
}
