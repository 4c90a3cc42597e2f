import { appendFileSync } from "node:fs";
import { monotonicUs } from "@skein/node-agent/clock";
import { openPty, type Pty } from "@skein/radio-hal/pty";
import type { Scenario } from "../scenario/schema.ts";
import type { FaultAction } from "../world/fault-actions.ts";
import { World } from "../world/world.ts";
import { Agenda } from "./agenda.ts";
import { connectivityLabels } from "./connectivity.ts";
import { DatagramAir, type EmulatedPort } from "./datagram-air.ts";
import { SerialChannel } from "./serial-channel.ts";

/** What is on the agenda. */
const ARRIVAL = 0;
const ACCESS = 1;
const SERIAL_STEP = 2;
const WORLD_STEP = 3;
/** Movement is looked at this often; faults take effect at once. */
const WORLD_STEP_US = 100_000;

/** Device file of an emulated serial radio. */
export interface EmulatedDevice {
  network: number;
  node: number;
  device: string;
}
export interface AirPorts {
  udp: EmulatedPort[];
  serial: EmulatedDevice[];
  /** Monotonic instant at which the world began. */
  startedUs: number;
}
interface Channel {
  readonly channel: SerialChannel;
  readonly ptys: Map<number, Pty>;
  /** Instant for which the next step is on the agenda; Infinity when none is. */
  armedUs: number;
}

/**
 * The air between real agents: it alone decides who hears whom, with the simulator's world and medium, in real time.
 * Datagram radios are sockets on loopback, serial radios pseudo-terminals. Every change of who has a path to whom
 * is appended to the timeline file.
 */
export class Air {
  readonly world: World;
  readonly #seed: number;
  readonly #agenda: Agenda;
  readonly #datagrams: DatagramAir;
  readonly #channels = new Map<number, Channel>();
  readonly #timeline: string | undefined;
  #labels = "";
  /** Lines that the timeline file did not take: no room, or the folder is gone. They are tried again. */
  #unwritten = "";
  #startedUs = 0;

  constructor(scenario: Scenario, seed: number, timeline?: string) {
    this.world = new World(scenario, seed);
    this.#seed = seed;
    this.#timeline = timeline;
    this.#agenda = new Agenda((kind, argument, dueUs) => this.#due(kind, argument, dueUs));
    this.#datagrams = new DatagramAir(this.world, seed, this.#agenda, { arrival: ARRIVAL, access: ACCESS });
  }

  /** @throws the system's error when sockets or pseudo-terminals cannot be had */
  async open(): Promise<AirPorts> {
    const udp = await this.#datagrams.open();
    const serial: EmulatedDevice[] = [];
    for (const [network, config] of this.world.networks.entries()) {
      if (config.type === "serial") serial.push(...this.#openChannel(network));
    }
    this.#startedUs = monotonicUs();
    this.#record();
    this.#agenda.add(this.#startedUs + WORLD_STEP_US, WORLD_STEP, 0);
    return { udp, serial, startedUs: this.#startedUs };
  }

  /** Breaks something now; returns the handle for `revert`. */
  apply(action: FaultAction): number {
    const id = this.world.apply(action);
    if (action.kind === "power") this.#datagrams.powerOff(this.world.nodeIndex(action.node));
    this.#record();
    return id;
  }
  revert(id: number): boolean {
    const isMended = this.world.revert(id);
    this.#record();
    return isMended;
  }

  counters(): Record<string, number> {
    const { received, sent, refused } = this.#datagrams;
    const all: Record<string, number> = { "udp-received": received, "udp-sent": sent, "udp-refused": refused };
    for (const [name, value] of Object.entries(this.#datagrams.counters)) all[`medium-${name}`] = value;
    for (const [network, { channel }] of this.#channels) {
      const name = this.world.networks[network]?.name;
      for (const [counter, value] of Object.entries(channel.counters)) all[`${name}-${counter}`] = value;
    }
    all["latest-us"] = this.#agenda.latestUs;
    all["timeline-unwritten"] = this.#unwritten.length;
    return all;
  }

  close(): void {
    this.#agenda.close();
    this.#datagrams.close();
    for (const { ptys } of this.#channels.values()) for (const pty of ptys.values()) pty.close();
  }

  #openChannel(network: number): EmulatedDevice[] {
    const ptys = new Map<number, Pty>();
    const channel = new SerialChannel(this.world, network, this.#seed, (node, octets, length) => {
      ptys.get(node)?.write(octets, length);
    });
    const entry: Channel = { channel, ptys, armedUs: Number.POSITIVE_INFINITY };
    this.#channels.set(network, entry);
    return this.world.members(network).map((node) => {
      const pty = openPty((octets, length) => {
        channel.write(monotonicUs(), node, octets, length);
        this.#armChannel(network, entry);
      });
      ptys.set(node, pty);
      return { network, node, device: pty.path };
    });
  }

  #armChannel(network: number, entry: Channel): void {
    const nextUs = entry.channel.nextUs();
    if (nextUs >= entry.armedUs) return;
    entry.armedUs = nextUs;
    this.#agenda.add(nextUs, SERIAL_STEP, network);
  }

  #due(kind: number, argument: number, dueUs: number): void {
    if (kind === ARRIVAL) this.#datagrams.arrive(argument);
    else if (kind === ACCESS) this.#datagrams.access(dueUs, argument);
    else if (kind === SERIAL_STEP) this.#stepChannel(argument, dueUs);
    else this.#stepWorld(dueUs);
  }

  #stepChannel(network: number, dueUs: number): void {
    const entry = this.#channels.get(network);
    // An entry that a sooner one has overtaken.
    if (entry === undefined || dueUs !== entry.armedUs) return;
    entry.armedUs = Number.POSITIVE_INFINITY;
    entry.channel.step(monotonicUs());
    this.#armChannel(network, entry);
  }

  #stepWorld(dueUs: number): void {
    if (this.world.advance(dueUs - this.#startedUs) || this.#unwritten !== "") this.#record();
    this.#agenda.add(Math.max(dueUs + WORLD_STEP_US, monotonicUs()), WORLD_STEP, 0);
  }

  #record(): void {
    if (this.#timeline === undefined) return;
    const labels = JSON.stringify(connectivityLabels(this.world));
    if (labels !== this.#labels) this.#unwritten += `{"atUs":${monotonicUs()},"labels":${labels}}\n`;
    this.#labels = labels;
    if (this.#unwritten === "") return;
    try {
      appendFileSync(this.#timeline, this.#unwritten);
      this.#unwritten = "";
    } catch {
      // Told by its counter: the air is there for the agents, whatever happens to the measurement.
    }
  }
}
