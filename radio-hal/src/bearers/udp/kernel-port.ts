import { closeSync } from "node:fs";
import { constants } from "node:os";
import { AF_INET, AF_INET6, type KernelCalls, kernelCalls, systemError } from "./kernel-calls.ts";
import { MessageMemory } from "./message-memory.ts";
import { Peers, writeSockaddr } from "./socket-address.ts";
import { TransmitBatch } from "./transmit-batch.ts";
import type { UdpPortEvents, UdpPortOptions } from "./udp-port.ts";

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Datagrams taken by one call. */
export const RECEIVE_FRAMES = 32;
const { EAGAIN, EINTR } = constants.errno;

/**
 * A UDP socket's own way into the kernel: many datagrams a system call, in memory that is used again. Node polls the
 * descriptor and closes it.
 */
export class KernelSocket {
  readonly fd: number;
  readonly outgoing: TransmitBatch;
  readonly #calls: KernelCalls;
  readonly #peers: Peers;
  readonly #incoming: MessageMemory;

  /** `queueFrames`: datagrams that may wait to be sent. */
  constructor(calls: KernelCalls, fd: number, mtuOctets: number, queueFrames: number) {
    this.fd = fd;
    this.#calls = calls;
    this.#peers = new Peers(calls);
    // One more than fits: what is too long shows.
    this.#incoming = new MessageMemory(calls, RECEIVE_FRAMES, mtuOctets + 1);
    this.outgoing = new TransmitBatch(calls, this.#peers, queueFrames, mtuOctets);
  }

  /** Takes at most `limit` (RECEIVE_FRAMES) of what waits in the kernel, tells of it, and returns how many came. */
  receive(limit: number, events: UdpPortEvents): number {
    const memory = this.#incoming;
    const count = this.#calls.receiveMany(this.fd, memory.headerAt(0), limit);
    if (count < 0) {
      if (count !== -EAGAIN && count !== -EINTR) events.failed(systemError("recvmmsg", -count));
      return 0;
    }
    for (let i = 0; i < count; i++) {
      const { address, port } = this.#peers.ofSockaddr(memory.names, memory.nameAt(i));
      events.datagram(memory.frames[i]!, memory.takeReceived(i), address, port);
    }
    return count;
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
