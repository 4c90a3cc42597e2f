import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { copyOctets } from "@skein/codecs";
import {
  KERNEL_BUFFER_OCTETS,
  UDP_QUEUE_FRAMES,
  type UdpPort,
  type UdpPortEvents,
  type UdpPortOptions,
} from "./udp-port.ts";

/** A buffer on its way into the kernel; its callback is made once. */
interface Slot {
  readonly octets: Uint8Array;
  length: number;
  readonly done: (error: Error | null) => void;
}

/** Addresses are numeric here; the resolver is left out, so that a datagram enters the kernel within the call. */
function noLookup(
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, host, 0);
}

/** By Node alone, a datagram at a time. */
class NodePort implements UdpPort {
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #mtuOctets: number;
  readonly #events: UdpPortEvents;
  /** Buffers, made when they are needed, and how many of them are under way. */
  readonly #free: Slot[] = [];
  #waiting = 0;
  #closed = false;

  constructor(socket: Socket, mtuOctets: number, events: UdpPortEvents) {
    this.#socket = socket;
    this.#events = events;
    const { address, port } = socket.address();
    this.localAddress = address;
    this.localPort = port;
    this.#mtuOctets = mtuOctets;
    socket.on("message", (octets: Buffer, from: RemoteInfo) => {
      if (!this.#closed) events.datagram(octets, octets.length, from.address, from.port);
    });
    socket.on("error", (error) => {
      if (!this.#closed) events.failed(error);
    });
  }

  send(octets: Uint8Array, length: number, address: string, port: number): boolean {
    if (this.#waiting === UDP_QUEUE_FRAMES) return false;
    this.#waiting++;
    const slot = this.#free.pop() ?? this.#makeSlot();
    slot.length = length;
    copyOctets(octets, 0, length, slot.octets, 0);
    this.#socket.send(slot.octets, 0, length, port, address, slot.done);
    return true;
  }

  multicastThrough(interfaceAddress: string): void {
    this.#socket.setMulticastInterface(interfaceAddress);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #makeSlot(): Slot {
    const slot: Slot = {
      octets: new Uint8Array(this.#mtuOctets),
      length: 0,
      done: (error) => {
        this.#free.push(slot);
        this.#waiting--;
        if (!this.#closed) this.#events.done(slot.length, error === null || error === undefined);
      },
    };
    return slot;
  }
}

/** @throws Error with the system's `code` */
export async function openNodePort(options: UdpPortOptions, events: UdpPortEvents): Promise<NodePort> {
  const { family, host, port, groupOn, mtuOctets } = options;
  const type = family === 6 ? "udp6" : "udp4";
  const reuseAddr = groupOn !== undefined;
  const socket = createSocket({ type, reuseAddr, ipv6Only: family === 6, lookup: noLookup });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: host, port, exclusive: true }, resolve);
    });
    if (groupOn !== undefined) socket.addMembership(host, groupOn);
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.removeAllListeners("error");
  socket.setRecvBufferSize(KERNEL_BUFFER_OCTETS);
  socket.setSendBufferSize(KERNEL_BUFFER_OCTETS);
  return new NodePort(socket, mtuOctets, events);
}
