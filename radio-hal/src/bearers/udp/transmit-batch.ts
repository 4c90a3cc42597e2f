import { constants } from "node:os";
import { copyOctets } from "@skein/codecs";
import type { KernelCalls } from "./kernel-calls.ts";
import { MessageMemory } from "./message-memory.ts";
import type { Peer, Peers } from "./socket-address.ts";

const { EAGAIN, EINTR, ENOBUFS, EIO, EINVAL, EMSGSIZE, EOPNOTSUPP } = constants.errno;
/** Datagrams that the kernel cuts out of one (UDP_MAX_SEGMENTS of older kernels), and their octets together. */
const SEGMENTS_MAX = 64;
const SEGMENTED_OCTETS_MAX = 65_000;
/** How a kernel, device or path says that it does not do that. */
const WITHOUT_SEGMENTS: readonly number[] = [EIO, EINVAL, EMSGSIZE, EOPNOTSUPP];

/** What became of a datagram that was added. */
export interface FlushEvents {
  done(lengthOctets: number, good: boolean): void;
}

/**
 * Datagrams on their way into the kernel by one sendmmsg. Those of one length to one peer go as one and are cut apart at
 * the far end of the IP stack, or by the device (UDP_SEGMENT, udp(7)): on air they are what they would have been.
 */
export class TransmitBatch {
  readonly #calls: KernelCalls;
  readonly #peers: Peers;
  readonly #memory: MessageMemory;
  readonly #size: number;
  readonly #lengths: Uint16Array;
  readonly #to: (Peer | undefined)[];
  /** By header: how many frames it stands for. */
  readonly #runs: Uint8Array;
  #segments = true;
  /** Frames [first, count) wait. */
  #first = 0;
  #count = 0;

  constructor(calls: KernelCalls, peers: Peers, size: number, mtuOctets: number) {
    this.#calls = calls;
    this.#peers = peers;
    this.#memory = new MessageMemory(calls, size, mtuOctets);
    this.#size = size;
    this.#lengths = new Uint16Array(size);
    this.#to = new Array<Peer | undefined>(size).fill(undefined);
    this.#runs = new Uint8Array(size);
  }

  /** Datagrams that wait. */
  get waiting(): number {
    return this.#count - this.#first;
  }
  get isEmpty(): boolean {
    return this.#count === 0;
  }
  get isFull(): boolean {
    return this.#count === this.#size;
  }

  /** Copies a datagram; there must be room. */
  add(octets: Uint8Array, length: number, address: string, port: number): void {
    const index = this.#count++;
    const memory = this.#memory;
    const frame = memory.frames[index]!;
    copyOctets(octets, 0, length, frame, 0);
    const peer = this.#peers.ofText(address, port);
    const at = memory.nameAt(index);
    for (let i = 0; i < peer.sockaddr.length; i++) memory.names[at + i] = peer.sockaddr[i] as number;
    memory.setLength(index, length);
    this.#lengths[index] = length;
    this.#to[index] = peer;
  }

  /** Hands what waits to the kernel `fd`; false if that has no room for some of it now, which waits on. */
  flush(fd: number, events: FlushEvents): boolean {
    const count = this.#count;
    let next = this.#first;
    let segments = this.#segments;
    while (next < count) {
      const headers = this.#arrange(next, segments);
      const result = this.#calls.sendMany(fd, this.#memory.headerAt(0), headers);
      if (result === -EINTR) continue;
      if (result === -EAGAIN || result === -ENOBUFS) {
        this.#first = next;
        return false;
      }
      if (result < 0) this.#peers.forget();
      if (result > 0) next = this.#done(next, this.#framesOf(result), true, events);
      // An error is that of the first header. If it stands for one frame, that one is lost; if for more, each goes alone.
      else if (this.#runs[0] === 1) next = this.#done(next, 1, false, events);
      else {
        segments = false;
        if (WITHOUT_SEGMENTS.includes(-result)) this.#segments = false;
      }
    }
    this.#first = 0;
    this.#count = 0;
    return true;
  }

  /** Writes headers for frames [from, ...); returns how many there are. */
  #arrange(from: number, segments: boolean): number {
    let headers = 0;
    for (let first = from; first < this.#count; headers++) {
      const peer = this.#to[first] as Peer;
      const run = segments ? this.#runFrom(first) : 1;
      this.#memory.setHeader(headers, first, run, peer.sockaddrOctets);
      if (run > 1) this.#memory.setSegments(headers, this.#lengths[first] as number);
      this.#runs[headers] = run;
      first += run;
    }
    return headers;
  }

  /** Frames from `first` on that may go as one: to one peer, of one length, only the last may be shorter. */
  #runFrom(first: number): number {
    const peer = this.#to[first];
    const length = this.#lengths[first] as number;
    const most = Math.min(SEGMENTS_MAX, Math.floor(SEGMENTED_OCTETS_MAX / length), this.#count - first);
    let run = 1;
    while (run < most && this.#to[first + run] === peer) {
      const next = this.#lengths[first + run] as number;
      if (next > length) break;
      run++;
      if (next < length) break;
    }
    return run;
  }

  #framesOf(headers: number): number {
    let frames = 0;
    for (let i = 0; i < headers; i++) frames += this.#runs[i] as number;
    return frames;
  }

  #done(from: number, frames: number, good: boolean, events: FlushEvents): number {
    for (let i = from; i < from + frames; i++) events.done(this.#lengths[i] as number, good);
    return from + frames;
  }
}
