import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from "node:dgram";
import { monotonicUs } from "@skein/node-agent/clock";
import { Medium, type MediumCounters } from "../sim/medium.ts";
import type { World } from "../world/world.ts";
import type { Agenda } from "./agenda.ts";

const LOOPBACK = "127.0.0.1";
const BUFFERS = 512;
const BUFFER_OCTETS = 1500;
const SOCKET_BUFFER_OCTETS = 1 << 20;
const NODES_MAX = 256;

/** Where an agent's bearer finds its neighbour: one port a radio, or one a far end on point-to-point networks. */
export interface EmulatedPort {
  network: number;
  node: number;
  /** Node index of the far end; -1 on a shared medium. */
  far: number;
  port: number;
}

/** An emulated radio's socket. Its agent is whoever sent to it last: a restarted agent has another port. */
interface Radio {
  readonly network: number;
  readonly node: number;
  readonly endpoint: number;
  readonly far: number;
  readonly socket: Socket;
  agentPort: number;
}

const SOCKET_OPTIONS: SocketOptions = {
  type: "udp4",
  recvBufferSize: SOCKET_BUFFER_OCTETS,
  sendBufferSize: SOCKET_BUFFER_OCTETS,
  // Destinations are addresses; the default would look each one up in a further turn of the event loop.
  lookup: (host, _options, done) => done(null, host, 4),
};

/** Datagram networks: sockets around the simulator's own medium, in real time. */
export class DatagramAir {
  /** Datagrams from elsewhere, from radios without power, or too long for any bearer. */
  refused = 0;
  received = 0;
  sent = 0;
  readonly #world: World;
  readonly #medium: Medium;
  readonly #radios: Radio[] = [];
  readonly #byReceiver = new Map<number, Radio>();
  readonly #buffers = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(BUFFER_OCTETS));
  #nextBuffer = 0;

  /** What the medium plans goes on the agenda under these kinds; its owner calls `arrive` and `access` for them. */
  constructor(world: World, seed: number, agenda: Agenda, kinds: { arrival: number; access: number }) {
    this.#world = world;
    this.#medium = new Medium(world, seed, {
      scheduleArrival: (atUs, frame) => agenda.add(atUs, kinds.arrival, frame),
      scheduleAccess: (atUs, node, network) => agenda.add(atUs, kinds.access, network * NODES_MAX + node),
      // Only half-duplex serial radios tell of carriers; those have a channel of their own here.
      scheduleCarrier: () => undefined,
      carrier: () => undefined,
      deliver: (node, network, endpoint, octets, length) => this.#deliver(node, network, endpoint, octets, length),
    });
  }

  /** Binds every socket to a free port. */
  async open(): Promise<EmulatedPort[]> {
    for (const [network, config] of this.#world.networks.entries()) {
      if (config.type !== "udp") continue;
      for (const node of this.#world.members(network)) {
        const others = this.#world.members(network).filter((other) => other !== node);
        const fars = config.medium === "shared" ? [-1] : others;
        for (const [endpoint, far] of fars.entries()) await this.#openRadio(network, node, endpoint, far);
      }
    }
    return this.#radios.map(({ network, node, far, socket }) => ({ network, node, far, port: socket.address().port }));
  }

  arrive(frame: number): void {
    this.#medium.arrive(frame);
  }
  /** `dueUs`: when it was to be; lateness of this machine must not add up on a busy channel. */
  access(dueUs: number, argument: number): void {
    this.#medium.access(dueUs, argument % NODES_MAX, Math.floor(argument / NODES_MAX));
  }
  powerOff(node: number): void {
    this.#medium.powerOff(monotonicUs(), node);
  }
  get counters(): MediumCounters {
    return this.#medium.counters;
  }

  close(): void {
    for (const { socket } of this.#radios) socket.close();
    this.#radios.length = 0;
  }

  async #openRadio(network: number, node: number, endpoint: number, far: number): Promise<void> {
    const socket = createSocket(SOCKET_OPTIONS);
    const radio: Radio = { network, node, endpoint, far, socket, agentPort: 0 };
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(0, LOOPBACK, resolve);
    });
    socket.removeAllListeners("error");
    // An agent that is gone answers with ICMP; the next one is learned from its first datagram.
    socket.on("error", () => this.refused++);
    socket.on("message", (octets, from) => this.#heard(radio, octets, from));
    this.#radios.push(radio);
    this.#byReceiver.set(this.#key(network, node, endpoint), radio);
  }

  #heard(radio: Radio, octets: Uint8Array, from: RemoteInfo): void {
    if (octets.length === 0 || octets.length > BUFFER_OCTETS || !this.#world.powered(radio.node)) {
      this.refused++;
      return;
    }
    this.received++;
    radio.agentPort = from.port;
    const endpoint = radio.far < 0 ? -1 : radio.endpoint;
    this.#medium.send(monotonicUs(), radio.network, radio.node, endpoint, octets, octets.length);
  }

  #deliver(node: number, network: number, endpoint: number, octets: Uint8Array, length: number): void {
    const radio = this.#byReceiver.get(this.#key(network, node, endpoint));
    if (radio === undefined || radio.agentPort === 0) return;
    // The kernel usually takes the datagram at once; if not, it is read later, when the medium's array is in use again.
    const buffer = this.#buffers[this.#nextBuffer] as Buffer;
    this.#nextBuffer = (this.#nextBuffer + 1) % BUFFERS;
    for (let i = 0; i < length; i++) buffer[i] = octets[i] as number;
    this.sent++;
    radio.socket.send(buffer, 0, length, radio.agentPort, LOOPBACK);
  }

  #key(network: number, node: number, endpoint: number): number {
    return (network * NODES_MAX + node) * NODES_MAX + endpoint;
  }
}
