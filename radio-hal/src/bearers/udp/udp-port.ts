import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { copyOctets } from "@skein/codecs";
import { HalError, systemCode } from "../../hal-error.ts";
import { type KernelSocket, keepPort, openKernelSocket, RECEIVE_FRAMES } from "./kernel-socket.ts";

/** Datagrams that may wait for the kernel; more are refused. */
const UDP_QUEUE_FRAMES = 256;
/**
 * Datagrams taken from the kernel in one turn of the event loop beside those that Node brings, so that others get their
 * turn. What is then left Node takes, up to 32, each at ten times the cost.
 */
const TURN_FRAMES = 192;
/** Kernel buffers: 0.2 s of 10 Mbit/s, so that a pause of the event loop loses nothing. */
const KERNEL_BUFFER_OCTETS = 262_144;

export interface UdpPortOptions {
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
  /** Several programs on this machine may take the same port: for multicast groups only. */
  readonly shared: boolean;
  readonly mtuOctets: number;
  /** Many datagrams a system call where the machine can; else Node's way alone. */
  readonly batch: boolean;
}

export interface UdpPortEvents {
  /** octets[0, length) are valid during the call only. */
  datagram(octets: Uint8Array, length: number, address: string, port: number): void;
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

/**
 * One bound UDP socket with a bounded queue of datagrams to send. Node polls it. Where the machine can, what came behind
 * the datagram that Node brings is taken by one system call, and what one turn of the event loop sends is given to the
 * kernel by one at its end; what the kernel has no room for goes Node's way.
 */
export class UdpPort {
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #kernel: KernelSocket | undefined;
  readonly #mtuOctets: number;
  readonly #events: UdpPortEvents;
  /** Buffers for Node's way, made when they are needed, and how many of them are under way. */
  readonly #free: Slot[] = [];
  #waiting = 0;
  readonly #flush = (): void => this.#flushNow();
  readonly #nextTurn = (): void => this.#turn();
  /** Datagrams that may still be taken from the kernel in this turn, and whether the next turn is announced. */
  #turnLeft = TURN_FRAMES;
  #turnAhead = false;
  #closed = false;

  constructor(socket: Socket, kernel: KernelSocket | undefined, mtuOctets: number, events: UdpPortEvents) {
    this.#socket = socket;
    this.#kernel = kernel;
    this.#events = events;
    const { address, port } = socket.address();
    this.localAddress = address;
    this.localPort = port;
    this.#mtuOctets = mtuOctets;
    socket.on("message", (octets: Buffer, from: RemoteInfo) => {
      if (this.#closed) return;
      events.datagram(octets, octets.length, from.address, from.port);
      this.#receive();
    });
    socket.on("error", (error) => {
      if (!this.#closed) events.failed(error);
    });
  }

  /** False if the queue is full. `address` is numeric, with its scope if it has one. */
  send(octets: Uint8Array, length: number, address: string, port: number): boolean {
    // While some wait in Node's queue those behind them must, too.
    if (this.#kernel === undefined || this.#waiting > 0) {
      return this.#sendByNode(octets, length, address, port);
    }
    const { outgoing } = this.#kernel;
    if (outgoing.isFull) return false;
    if (outgoing.isEmpty) queueMicrotask(this.#flush);
    outgoing.add(octets, length, address, port);
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
    this.#flushNow();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  /** Takes what waits in the kernel, as long as this turn's share lasts. */
  #receive(): void {
    if (this.#kernel === undefined) return;
    while (!this.#closed && this.#turnLeft > 0) {
      const most = Math.min(this.#turnLeft, RECEIVE_FRAMES);
      const count = this.#kernel.receive(most, this.#events);
      this.#turnLeft -= count;
      if (count > 0 && !this.#turnAhead) {
        this.#turnAhead = true;
        setImmediate(this.#nextTurn);
      }
      if (count < most) return;
    }
  }

  #turn(): void {
    this.#turnAhead = false;
    const usedUp = this.#turnLeft === 0;
    this.#turnLeft = TURN_FRAMES;
    if (usedUp) this.#receive();
  }

  #flushNow(): void {
    if (!this.#closed && this.#kernel !== undefined) this.#kernel.outgoing.flush(this.#kernel.fd, this);
  }

  /** See `FlushEvents`. */
  done(lengthOctets: number, good: boolean): void {
    if (!this.#closed) this.#events.done(lengthOctets, good);
  }

  /** See `FlushEvents`. */
  later(octets: Uint8Array, lengthOctets: number, address: string, port: number): void {
    if (!this.#sendByNode(octets, lengthOctets, address, port)) this.done(lengthOctets, false);
  }

  #sendByNode(octets: Uint8Array, length: number, address: string, port: number): boolean {
    if (this.#waiting === UDP_QUEUE_FRAMES) return false;
    this.#waiting++;
    const slot = this.#free.pop() ?? this.#makeSlot();
    slot.length = length;
    copyOctets(octets, 0, length, slot.octets, 0);
    this.#socket.send(slot.octets, 0, length, port, address, slot.done);
    return true;
  }

  #makeSlot(): Slot {
    const slot: Slot = {
      octets: new Uint8Array(this.#mtuOctets),
      length: 0,
      done: (error) => {
        this.#free.push(slot);
        this.#waiting--;
        this.done(slot.length, error === null || error === undefined);
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
  let kernel: KernelSocket | undefined;
  try {
    kernel = openKernelSocket(options, UDP_QUEUE_FRAMES);
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      if (kernel === undefined) socket.bind({ address: host, port, exclusive: true }, resolve);
      else socket.bind({ fd: kernel.fd, exclusive: true }, resolve);
    });
  } catch (error) {
    socket.close();
    throw bindError(host, port, error);
  }
  socket.removeAllListeners("error");
  if (kernel !== undefined && !shared) keepPort(kernel);
  socket.setRecvBufferSize(KERNEL_BUFFER_OCTETS);
  socket.setSendBufferSize(KERNEL_BUFFER_OCTETS);
  return new UdpPort(socket, kernel, mtuOctets, events);
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
