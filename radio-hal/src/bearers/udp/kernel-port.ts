import { closeSync } from "node:fs";
import { constants } from "node:os";
import { copyOctets } from "@skein/codecs";
import { AF_INET, AF_INET6, checked, type KernelCalls, kernelCalls, systemError } from "./kernel-calls.ts";
import { DATAGRAM_MAX_OCTETS, MessageMemory } from "./message-memory.ts";
import { Polled } from "./polled.ts";
import { Peers, SOCKADDR_OCTETS, writeSockaddr } from "./socket-address.ts";
import { TransmitBatch } from "./transmit-batch.ts";
import {
  KERNEL_BUFFER_OCTETS,
  UDP_QUEUE_FRAMES,
  type UdpPort,
  type UdpPortEvents,
  type UdpPortOptions,
} from "./udp-port.ts";

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const IPPROTO_IP = 0;
const IP_MULTICAST_IF = 32;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_IF = 17;
const IPV6_V6ONLY = 26;
const SOL_UDP = 17;
const UDP_GRO = 104;
/** Messages taken by one call; each is one datagram, or up to 64 of one length from one peer. */
const RECEIVE_MESSAGES = 8;
/** Datagrams after which others get their turn of the event loop, about: what is left is taken in the next one. */
const TURN_FRAMES = 64;
/** So many go at once: they cost no more than in larger parts, and the first of a burst does not wait for its last. */
const FLUSH_FRAMES = 32;
/**
 * What is sent after such a pause, ms, goes at once: it is speech or news, and does not wait while the same is sealed for
 * another bearer. Batches would gain it nothing.
 */
const PAUSE_MS = 2;
/** Pause before what the kernel had no room for is tried again, ms. */
const AGAIN_MS = 1;
const { EAGAIN, EINTR } = constants.errno;

/**
 * A UDP socket's own way into the kernel: many datagrams a system call, and many that came or go as one (UDP_GRO,
 * UDP_SEGMENT, udp(7)), in memory that is used again.
 */
export class KernelPort implements UdpPort {
  readonly localAddress: string;
  readonly localPort: number;
  readonly #calls: KernelCalls;
  readonly #fd: number;
  readonly #family: 4 | 6;
  readonly #events: UdpPortEvents;
  readonly #peers: Peers;
  readonly #incoming: MessageMemory;
  readonly #outgoing: TransmitBatch;
  /** One of several datagrams that came as one; with an octet more, so that what is too long shows. */
  readonly #frame: Uint8Array;
  readonly #flush = (): void => {
    this.#isFlushDue = false;
    this.#gone = 0;
    this.#flushNow();
  };
  #isFlushDue = false;
  #flushedMs = 0;
  /** Datagrams that have gone before the end of this turn. */
  #gone = 0;
  #polled: Polled | undefined;
  /** Datagrams in a message, of late. */
  #framesEach = 1;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(calls: KernelCalls, fd: number, options: UdpPortOptions, events: UdpPortEvents) {
    this.#calls = calls;
    this.#fd = fd;
    this.#family = options.family;
    this.#events = events;
    this.#peers = new Peers(calls);
    this.#incoming = new MessageMemory(calls, RECEIVE_MESSAGES, DATAGRAM_MAX_OCTETS);
    this.#outgoing = new TransmitBatch(calls, this.#peers, UDP_QUEUE_FRAMES, options.mtuOctets);
    this.#frame = new Uint8Array(options.mtuOctets + 1);
    const name = new Uint32Array(SOCKADDR_OCTETS / 4);
    checked("getsockname", calls.nameOf(fd, new Uint8Array(name.buffer)));
    const { address, port } = this.#peers.ofSockaddr(name, 0);
    this.localAddress = address;
    this.localPort = port;
  }

  /** @throws Error with the system's `code` */
  static async open(calls: KernelCalls, options: UdpPortOptions, events: UdpPortEvents): Promise<KernelPort> {
    const { family, host, port } = options;
    const fd = checked("socket", calls.socket(family === 6 ? AF_INET6 : AF_INET));
    let opened: KernelPort | undefined;
    let polled: Polled | undefined;
    try {
      polled = await Polled.open(calls, fd, () => {
        if (opened !== undefined) opened.#receive();
      });
      if (family === 6) checked("setsockopt", calls.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
      // Kernels before 5.0 do without.
      calls.setOption(fd, SOL_UDP, UDP_GRO, 1);
      calls.setOption(fd, SOL_SOCKET, SO_RCVBUF, KERNEL_BUFFER_OCTETS);
      calls.setOption(fd, SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER_OCTETS);
      const { sockaddr, sockaddrOctets } = writeSockaddr(calls, host, port);
      checked("bind", calls.bind(fd, new Uint8Array(sockaddr.buffer), sockaddrOctets));
      opened = new KernelPort(calls, fd, options, events);
      opened.#polled = polled;
      return opened;
    } catch (error) {
      await polled?.close();
      closeSync(fd);
      throw error;
    }
  }

  send(octets: Uint8Array, length: number, address: string, port: number): boolean {
    const outgoing = this.#outgoing;
    if (this.#closed || outgoing.isFull || this.#gone + outgoing.waiting >= UDP_QUEUE_FRAMES) return false;
    const isFirst = !this.#isFlushDue;
    if (isFirst) {
      this.#isFlushDue = true;
      queueMicrotask(this.#flush);
    }
    outgoing.add(octets, length, address, port);
    // The last ones stay for the end of the turn: whoever is refused then is told of room.
    const isBatch = outgoing.waiting === FLUSH_FRAMES && this.#gone + 2 * FLUSH_FRAMES <= UDP_QUEUE_FRAMES;
    if (isBatch || (isFirst && performance.now() - this.#flushedMs > PAUSE_MS)) {
      const { waiting } = outgoing;
      this.#flushNow();
      this.#gone += waiting - outgoing.waiting;
    }
    return true;
  }

  multicastThrough(interfaceAddress: string): void {
    const { sockaddr } = writeSockaddr(this.#calls, interfaceAddress, 0);
    const result =
      this.#family === 6
        ? this.#calls.setOption(this.#fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, sockaddr[6] as number)
        : this.#calls.setOption(this.#fd, IPPROTO_IP, IP_MULTICAST_IF, sockaddr[1] as number);
    checked("setsockopt", result);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flushNow();
    this.#closed = true;
    clearTimeout(this.#again);
    const ended = this.#polled?.close();
    closeSync(this.#fd);
    await ended;
  }

  /** Takes what waits in the kernel, as far as this turn's share goes. */
  #receive(): void {
    const memory = this.#incoming;
    let left = TURN_FRAMES;
    while (!this.#closed && left > 0) {
      const most = Math.min(RECEIVE_MESSAGES, Math.ceil(left / this.#framesEach));
      const count = this.#calls.receiveMany(this.#fd, memory.headerAt(0), most);
      if (count < 0) {
        if (count !== -EAGAIN && count !== -EINTR) this.#events.failed(systemError("recvmmsg", -count));
        return;
      }
      const before = left;
      for (let i = 0; i < count; i++) left -= this.#take(i);
      this.#framesEach = (before - left) / count;
      if (count < most) return;
    }
  }

  /** Tells of the datagrams in message `i`, and returns how many there are. */
  #take(i: number): number {
    const memory = this.#incoming;
    const { address, port } = this.#peers.ofSockaddr(memory.names, memory.nameAt(i));
    const octets = memory.frames[i] as Uint8Array;
    const segmentOctets = memory.takeSegments(i);
    const length = memory.takeReceived(i);
    if (segmentOctets === 0 || segmentOctets >= length) {
      if (!this.#closed) this.#events.datagram(octets, length, address, port);
      return 1;
    }
    let frames = 0;
    for (let at = 0; at < length && !this.#closed; at += segmentOctets, frames++) {
      const frameOctets = Math.min(segmentOctets, length - at, this.#frame.length);
      copyOctets(octets, at, at + frameOctets, this.#frame, 0);
      this.#events.datagram(this.#frame, frameOctets, address, port);
    }
    return frames;
  }

  #flushNow(): void {
    this.#flushedMs = performance.now();
    if (this.#closed || this.#again !== undefined || this.#outgoing.flush(this.#fd, this.#events)) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.#flushNow();
    }, AGAIN_MS);
  }
}

/** Opens and binds a socket of this machine's kernel; undefined where it has no such calls. */
export function openKernelPort(options: UdpPortOptions, events: UdpPortEvents): Promise<KernelPort> | undefined {
  const calls = options.batch ? kernelCalls() : null;
  return calls === null ? undefined : KernelPort.open(calls, options, events);
}
