import { closeSync } from "node:fs";
import { constants } from "node:os";
import { AF_INET, AF_INET6, type KernelCalls, kernelCalls, systemError } from "./kernel-calls.ts";
import { MessageBatch } from "./message-batch.ts";
import { Peers, writeSockaddr } from "./socket-address.ts";
import type { UdpPortEvents, UdpPortOptions } from "./udp-port.ts";

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** A report acknowledges 33 frames: so many are taken, then what is owed for them may be sent. */
const RECEIVE_FRAMES = 32;
const { EAGAIN, EINTR, ENOBUFS } = constants.errno;

/** What became of datagrams that were handed to `KernelSocket.add`. */
export interface FlushEvents {
  done(lengthOctets: number, good: boolean): void;
  /** The kernel has no room for this one now; those after it follow in order. */
  later(octets: Uint8Array, lengthOctets: number, address: string, port: number): void;
}

/**
 * A UDP socket's own way into the kernel: many datagrams a system call, in memory that is used again. Node polls the
 * descriptor and closes it.
 */
export class KernelSocket {
  readonly fd: number;
  readonly #calls: KernelCalls;
  readonly #peers: Peers;
  readonly #incoming: MessageBatch;
  readonly #outgoing: MessageBatch;
  readonly #lengths: Uint16Array;
  readonly #ports: Uint16Array;
  readonly #addresses: string[];
  #queued = 0;

  /** `queueFrames`: datagrams that may wait for `flush`. */
  constructor(calls: KernelCalls, fd: number, mtuOctets: number, queueFrames: number) {
    this.fd = fd;
    this.#calls = calls;
    this.#peers = new Peers(calls);
    // One more than fits: what is too long shows.
    this.#incoming = new MessageBatch(calls, RECEIVE_FRAMES, mtuOctets + 1);
    this.#outgoing = new MessageBatch(calls, queueFrames, mtuOctets);
    this.#lengths = new Uint16Array(queueFrames);
    this.#ports = new Uint16Array(queueFrames);
    this.#addresses = new Array<string>(queueFrames).fill("");
  }

  get queued(): number {
    return this.#queued;
  }

  /** Takes at most `limit` datagrams that wait in the kernel, tells of them, and returns how many they were. */
  receive(limit: number, events: UdpPortEvents): number {
    const batch = this.#incoming;
    const count = this.#calls.receiveMany(this.fd, batch.headerAt(0), Math.min(limit, RECEIVE_FRAMES));
    if (count < 0) {
      if (count !== -EAGAIN && count !== -EINTR) events.failed(systemError("recvmmsg", -count));
      return 0;
    }
    for (let i = 0; i < count; i++) {
      const { address, port } = this.#peers.ofSockaddr(batch.names, batch.nameAt(i));
      batch.reset(i);
      events.datagram(batch.frames[i]!, batch.receivedOctets(i), address, port);
    }
    return count;
  }

  /** Copies a datagram for the next `flush`; the caller sees to it that there is room. */
  add(octets: Uint8Array, length: number, address: string, port: number): void {
    const index = this.#queued++;
    const frame = this.#outgoing.frames[index]!;
    for (let i = 0; i < length; i++) frame[i] = octets[i] as number;
    this.#outgoing.address(index, this.#peers.ofText(address, port), length);
    this.#lengths[index] = length;
    this.#ports[index] = port;
    this.#addresses[index] = address;
  }

  /** Hands everything that was added to the kernel. */
  flush(events: FlushEvents): void {
    const count = this.#queued;
    this.#queued = 0;
    let next = 0;
    while (next < count) {
      const result = this.#calls.sendMany(this.fd, this.#outgoing.headerAt(next), count - next);
      if (result === -EINTR) continue;
      if (result === -EAGAIN || result === -ENOBUFS) break;
      // An error is that of the first one; it alone is lost.
      const end = next + Math.max(1, result);
      for (; next < end; next++) events.done(this.#lengths[next] as number, result > 0);
    }
    for (; next < count; next++) {
      const frame = this.#outgoing.frames[next]!;
      events.later(frame, this.#lengths[next] as number, this.#addresses[next] as string, this.#ports[next] as number);
    }
  }
}

/**
 * Opens and binds a socket; undefined where the machine has no such calls.
 * @throws Error with the system's `code`
 */
export function openKernelSocket(options: UdpPortOptions, queueFrames: number): KernelSocket | undefined {
  const calls = options.batch ? kernelCalls() : null;
  if (calls === null) return undefined;
  const { family, host, port, shared, mtuOctets } = options;
  const fd = checked("socket", calls.socket(family === 6 ? AF_INET6 : AF_INET));
  try {
    if (family === 6) checked("setsockopt", calls.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    if (shared) checked("setsockopt", calls.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    const { sockaddr, sockaddrOctets } = writeSockaddr(calls, host, port);
    checked("bind", calls.bind(fd, new Uint8Array(sockaddr.buffer), sockaddrOctets));
    return new KernelSocket(calls, fd, mtuOctets, queueFrames);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Node lets others share the port of any descriptor that it adopts; only groups are for sharing. */
export function keepPort(socket: KernelSocket): void {
  kernelCalls()?.setOption(socket.fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

function checked(call: string, result: number): number {
  if (result < 0) throw systemError(call, -result);
  return result;
}
