import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { HalError, systemCode } from "../../hal-error.ts";

/** Datagrams that may wait for the kernel; more are refused. */
const UDP_QUEUE_FRAMES = 128;
/** Kernel buffers: 0.2 s of 10 Mbit/s, so that a pause of the event loop loses nothing. */
const KERNEL_BUFFER_OCTETS = 262_144;

export interface UdpPortOptions {
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
  /** Several programs on this machine may take the same port: for multicast groups only. */
  readonly shared: boolean;
  readonly mtuOctets: number;
}

export interface UdpPortEvents {
  datagram(octets: Uint8Array, address: string, port: number): void;
  /** A datagram that `send` took has left, or was lost here if not `good`. */
  done(lengthOctets: number, good: boolean): void;
  /** The socket is of no use any more. */
  failed(error: Error): void;
}

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

/** One bound UDP socket with a bounded pool of transmit buffers. */
export class UdpPort {
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #free: Slot[] = [];
  #closed = false;

  constructor(socket: Socket, mtuOctets: number, events: UdpPortEvents) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.localAddress = address;
    this.localPort = port;
    for (let i = 0; i < UDP_QUEUE_FRAMES; i++) this.#free.push(this.#makeSlot(mtuOctets, events));
    socket.on("message", (octets: Buffer, from: RemoteInfo) => {
      if (!this.#closed) events.datagram(octets, from.address, from.port);
    });
    socket.on("error", (error) => {
      if (!this.#closed) events.failed(error);
    });
  }

  get full(): boolean {
    return this.#free.length === 0;
  }

  /** False if the queue is full. `address` is numeric, with its scope if it has one. */
  send(octets: Uint8Array, length: number, address: string, port: number): boolean {
    const slot = this.#free.pop();
    if (slot === undefined) return false;
    slot.length = length;
    for (let i = 0; i < length; i++) slot.octets[i] = octets[i]!;
    this.#socket.send(slot.octets, 0, length, port, address, slot.done);
    return true;
  }

  /** Receives the group's datagrams on an interface: its name's scope for IPv6, its address for IPv4. */
  join(group: string, interfaceAddress: string): void {
    this.#socket.addMembership(group, interfaceAddress);
  }

  /** Sends multicast through this interface. */
  multicastThrough(interfaceAddress: string): void {
    this.#socket.setMulticastInterface(interfaceAddress);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #makeSlot(mtuOctets: number, events: UdpPortEvents): Slot {
    const slot: Slot = {
      octets: new Uint8Array(mtuOctets),
      length: 0,
      done: (error) => {
        this.#free.push(slot);
        if (!this.#closed) events.done(slot.length, error === null || error === undefined);
      },
    };
    return slot;
  }
}

/**
 * Binds a socket.
 * @throws HalError `port-in-use`, `address-missing` (not on this machine now), `bind-failed`
 */
export async function openUdpPort(options: UdpPortOptions, events: UdpPortEvents): Promise<UdpPort> {
  const { family, host, port, shared, mtuOctets } = options;
  const type = family === 6 ? "udp6" : "udp4";
  const socket = createSocket({ type, reuseAddr: shared, ipv6Only: family === 6, lookup: noLookup });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    socket.close();
    throw bindError(host, port, error);
  }
  socket.removeAllListeners("error");
  socket.setRecvBufferSize(KERNEL_BUFFER_OCTETS);
  socket.setSendBufferSize(KERNEL_BUFFER_OCTETS);
  return new UdpPort(socket, mtuOctets, events);
}

function bindError(host: string, port: number, error: unknown): HalError {
  const where = `UDP ${host} port ${port}`;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new HalError("port-in-use", `${where} is in use by another program`, "choose another port", error);
    case "EADDRNOTAVAIL":
    case "ENODEV":
      return new HalError("address-missing", `${host} is not an address of this machine now`, "", error);
    default:
      return new HalError("bind-failed", `${where}: ${systemCode(error)}`, "", error);
  }
}
