import { strict as assert } from "node:assert";
import {
  type Acquaintance,
  type CoreOptions,
  createCore,
  MAX_FRAME_OCTETS,
  type MeshCore,
  type NodeEvent,
  type TransmitSlot,
} from "@skein/node-agent/core";
import type { FaultGap } from "../checkers/evidence.ts";
import { ForwardingLoopWatcher } from "../checkers/forwarding-loop.ts";
import { addressOf } from "../scenario/load.ts";
import type { Scenario } from "../scenario/schema.ts";
import { type TimedFault, timedFaults } from "../world/fault-actions.ts";
import { World } from "../world/world.ts";
import { coreOptions } from "./core-options.ts";
import { EventKind } from "./event-kind.ts";
import { EventQueue, NO_NODE } from "./event-queue.ts";
import { Medium } from "./medium.ts";
import { RandomStream, streamKey } from "./random-streams.ts";
import { SimCrypto } from "./sim-crypto.ts";
import { Trace } from "./trace.ts";
import { TrafficDriver } from "./traffic-driver.ts";

/** From power to the first hello of a rebooted agent. */
const BOOT_US = 800_000;
/** Agents that are switched on together start within this time. */
const START_SPREAD_US = 200_000;
/** Between looks at queues and routes. */
const SAMPLE_US = 2_000_000;
/** As often as agents do. */
const LINK_STATE_KEPT_US = 30_000_000;
const REACH_SAMPLE_US = 100_000;
/** A mesh that is not whole by then is not asked again. */
export const REACH_LIMIT_US = 20_000_000;
/** Calls of handleTimeout in a row without time going on before the core is held to spin. */
const MAX_SPINS = 64;
/** Speech is looked at for this long after a fault. */
const FAULT_WINDOW_US = 3_000_000;

export interface SimulationOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly durationUs?: number;
  /** The core under test; a test may put another one in. */
  readonly createCore?: (options: CoreOptions, nowUs: number) => MeshCore;
}

interface SimNode {
  readonly index: number;
  readonly address: number;
  /** Network index by bearer id, and bearer id by network index (-1: none). */
  readonly networks: readonly number[];
  readonly bearers: Int16Array;
  core: MeshCore | undefined;
  bootEpoch: number;
  /** Kept over new starts, by bearer and address. */
  readonly acquaintances: Map<number, Acquaintance>;
  /** As last kept, for the next start. */
  linkState: Uint8Array;
  wakeUs: number;
  spins: number;
}

/**
 * One run of a scenario in virtual time: the agenda, the medium, and a core per node. Everything that happens is
 * decided by scenario and seed; `trace` is the proof.
 */
export class Simulation {
  readonly scenario: Scenario;
  readonly world: World;
  readonly medium: Medium;
  readonly traffic: TrafficDriver;
  readonly loops: ForwardingLoopWatcher;
  readonly durationUs: number;
  readonly faults: readonly TimedFault[];
  readonly unpoweredTransmissions: string[] = [];
  nowUs = 0;
  events = 0;
  longestQueueUs = 0;
  /** When every node first had a route to every other; undefined if never. */
  allPairsReachableUs: number | undefined;

  readonly #seed: number;
  readonly #createCore: (options: CoreOptions, nowUs: number) => MeshCore;
  readonly #crypto: SimCrypto;
  readonly #queue = new EventQueue();
  readonly #trace = new Trace();
  readonly #nodes: SimNode[];
  readonly #indexOfAddress = new Map<number, number>();
  readonly #faultHandles: number[] = [];
  readonly #slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };

  constructor(options: SimulationOptions) {
    this.scenario = options.scenario;
    this.#seed = options.seed;
    this.durationUs = options.durationUs ?? options.scenario.duration;
    this.#createCore = options.createCore ?? createCore;
    this.#crypto = new SimCrypto(streamKey(options.seed, "mission"));
    this.world = new World(options.scenario, options.seed);
    this.medium = new Medium(this.world, options.seed, {
      scheduleArrival: (atUs, frame) => this.#queue.add(atUs, EventKind.arrival, NO_NODE, frame),
      scheduleCarrier: (atUs, frame, busy) =>
        this.#queue.add(atUs, EventKind.carrier, NO_NODE, frame * 2 + (busy ? 1 : 0)),
      scheduleAccess: (atUs, node, network) => this.#queue.add(atUs, EventKind.access, node, network),
      deliver: (node, network, endpoint, octets, length) => this.#deliver(node, network, endpoint, octets, length),
      carrier: (node, network, busy) => this.#carrier(node, network, busy),
    });
    this.#nodes = this.scenario.nodes.map((n, index) => this.#makeNode(addressOf(n), n.networks, index));
    this.loops = new ForwardingLoopWatcher(this.#nodes.map((n) => n.address));
    this.faults = timedFaults(this.scenario);
    this.traffic = new TrafficDriver(this.scenario, this.#seed, this.durationUs, this.world, {
      schedule: (atUs, kind, node, argument) => this.#queue.add(atUs, kind, node, argument),
      core: (node) => this.#nodes[node]?.core,
      indexOf: (address) => this.#indexOfAddress.get(address) ?? -1,
      addressOf: (node) => (this.#nodes[node] as SimNode).address,
      touched: (node) => this.#service(this.#nodes[node] as SimNode),
    });
    this.#schedule();
  }

  /** Runs until the end, or until `untilUs`. */
  run(untilUs: number = this.durationUs): void {
    const queue = this.#queue;
    const endUs = Math.min(untilUs, this.durationUs);
    while (this.nowUs < endUs && queue.take()) {
      this.nowUs = queue.timeUs;
      if (queue.timeUs > endUs) {
        queue.add(queue.timeUs, queue.kind, queue.node, queue.argument);
        break;
      }
      this.events++;
      this.#happen(queue.kind, queue.node, queue.argument);
    }
    this.nowUs = endUs;
    this.traffic.pathsChanged(endUs);
  }

  /** SHA-256 of everything that happened; ends the run. */
  traceSha256(): string {
    return this.#trace.digest();
  }

  faultGaps(): FaultGap[] {
    return this.faults
      .filter((f) => f.atUs < this.durationUs)
      .map((f) => ({
        what: f.what,
        atUs: f.atUs,
        voiceGapUs: this.traffic.voice.longestGapUs(f.atUs, FAULT_WINDOW_US),
      }));
  }

  /** Drop reasons and counters of all cores together. */
  coreTotals(): { drops: Record<string, number>; counters: Record<string, number> } {
    const drops: Record<string, number> = {};
    const counters: Record<string, number> = {};
    for (const node of this.#nodes) {
      const status = node.core?.status(this.nowUs);
      for (const [k, v] of Object.entries(status?.drops ?? {})) drops[k] = (drops[k] ?? 0) + v;
      for (const [k, v] of Object.entries(status?.counters ?? {})) counters[k] = (counters[k] ?? 0) + v;
    }
    return { drops, counters };
  }

  #makeNode(address: number, networkNames: readonly string[], index: number): SimNode {
    const networks = networkNames.map((name) => this.world.networkIndex(name));
    const bearers = new Int16Array(this.world.networks.length).fill(-1);
    for (const [bearerId, network] of networks.entries()) bearers[network] = bearerId;
    this.#indexOfAddress.set(address, index);
    return {
      index,
      address,
      networks,
      bearers,
      core: undefined,
      bootEpoch: 0,
      acquaintances: new Map(),
      linkState: new Uint8Array(0),
      wakeUs: Number.POSITIVE_INFINITY,
      spins: 0,
    };
  }

  #schedule(): void {
    const start = new RandomStream(this.#seed, "start");
    for (const node of this.#nodes) {
      this.#queue.add(Math.floor(start.unit() * START_SPREAD_US), EventKind.boot, node.index, 0);
    }
    for (const [i, fault] of this.faults.entries()) {
      this.#queue.add(fault.atUs, EventKind.fault, NO_NODE, i * 2 + 1);
      const mendedUs = fault.untilUs + (fault.action.kind === "power" ? BOOT_US : 0);
      if (mendedUs < this.durationUs) this.#queue.add(mendedUs, EventKind.fault, NO_NODE, i * 2);
    }
    if (Number.isFinite(this.world.nextStepUs()))
      this.#queue.add(this.world.nextStepUs(), EventKind.mobility, NO_NODE, 0);
    this.#queue.add(REACH_SAMPLE_US, EventKind.reach, NO_NODE, 0);
    this.#queue.add(SAMPLE_US, EventKind.sample, NO_NODE, 0);
  }

  #happen(kind: number, node: number, argument: number): void {
    switch (kind) {
      case EventKind.arrival:
        return this.medium.arrive(argument);
      case EventKind.wake:
        return this.#wake(this.#nodes[node] as SimNode);
      case EventKind.access:
        return this.medium.access(this.nowUs, node, argument);
      case EventKind.carrier:
        return this.medium.changeCarrier(argument >> 1, (argument & 1) === 1);
      case EventKind.fault:
        return this.#fault(argument >> 1, (argument & 1) === 1);
      case EventKind.mobility:
        this.world.advance(this.nowUs);
        this.traffic.pathsChanged(this.nowUs);
        this.#queue.add(this.world.nextStepUs(), EventKind.mobility, NO_NODE, 0);
        return;
      case EventKind.boot:
        return this.#boot(this.#nodes[node] as SimNode);
      case EventKind.sample:
        return this.#sample();
      case EventKind.reach:
        return this.#sampleReach();
      default:
        this.traffic.happen(this.nowUs, kind, node, argument);
    }
  }

  #boot(node: SimNode): void {
    if (!this.world.powered(node.index) || node.core !== undefined) return;
    node.bootEpoch++;
    node.spins = 0;
    const config = this.scenario.nodes[node.index];
    assert(config);
    const own = coreOptions(this.scenario, config, this.#seed, node.bootEpoch, this.#crypto);
    const { acquaintances, linkState } = node;
    const options = { ...own, acquaintances: [...acquaintances.values()], linkState };
    const core = this.#createCore(options, this.nowUs);
    node.core = core;
    for (const [bearerId, network] of node.networks.entries()) {
      core.handleBearer(this.nowUs, bearerId, true);
      if (this.medium.carrierAt(network, node.index)) core.handleCarrier(this.nowUs, bearerId, true);
    }
    this.traffic.booted(this.nowUs, node.index, core);
    this.#service(node);
  }

  #fault(index: number, begins: boolean): void {
    const fault = this.faults[index] as TimedFault;
    if (begins) this.#faultHandles[index] = this.world.apply(fault.action);
    else this.world.revert(this.#faultHandles[index] as number);
    for (const node of this.#nodes) {
      const powered = this.world.powered(node.index);
      if (powered && node.core === undefined) this.#boot(node);
      if (!powered && node.core !== undefined) {
        node.core = undefined;
        node.wakeUs = Number.POSITIVE_INFINITY;
        this.medium.powerOff(this.nowUs, node.index);
      }
    }
    this.traffic.pathsChanged(this.nowUs);
    if (fault.action.kind === "controller" && !begins) this.traffic.controllerIsBack(this.nowUs);
  }

  #deliver(index: number, network: number, endpoint: number, octets: Uint8Array, length: number): void {
    const node = this.#nodes[index] as SimNode;
    if (node.core === undefined) return;
    node.core.handleFrame(this.nowUs, node.bearers[network] as number, endpoint, octets, length);
    this.#service(node);
  }

  #carrier(index: number, network: number, busy: boolean): void {
    const node = this.#nodes[index] as SimNode;
    if (node.core === undefined) return;
    node.core.handleCarrier(this.nowUs, node.bearers[network] as number, busy);
    this.#service(node);
  }

  #wake(node: SimNode): void {
    if (node.core === undefined || node.wakeUs !== this.nowUs) return;
    node.wakeUs = Number.POSITIVE_INFINITY;
    node.core.handleTimeout(this.nowUs);
    this.#service(node);
  }

  /** What an owner owes its core after every call: events out, frames out, and a look at the clock. */
  #service(node: SimNode): void {
    const core = node.core;
    if (core === undefined) return;
    let nextUs = core.nextTimeoutUs();
    // Most frames that a node hears leave it nothing to send or to tell.
    if (nextUs <= this.nowUs) {
      const slot = this.#slot;
      while (core.pollTransmit(this.nowUs, slot)) this.#transmit(node, slot);
      for (let event = core.pollEvent(); event !== undefined; event = core.pollEvent()) this.#event(node, event);
      nextUs = core.nextTimeoutUs();
    }
    if (nextUs === Number.POSITIVE_INFINITY) {
      node.wakeUs = nextUs;
      return;
    }
    node.spins = nextUs <= this.nowUs ? node.spins + 1 : 0;
    // Not as an argument of an assertion: the sentence would be made each time.
    if (node.spins >= MAX_SPINS) assert.fail(`${this.scenario.nodes[node.index]?.name} spins at ${this.nowUs} us`);
    const wakeUs = Math.max(this.nowUs, Math.ceil(nextUs));
    if (wakeUs === node.wakeUs) return;
    node.wakeUs = wakeUs;
    this.#queue.add(wakeUs, EventKind.wake, node.index, 0);
  }

  #event(node: SimNode, event: NodeEvent): void {
    this.#trace.event(this.nowUs, node.index, event);
    if (event.type === "acquaintance") {
      const { bearerId, address } = event.acquaintance;
      node.acquaintances.set(bearerId * 0x10000 + address, event.acquaintance);
    } else this.traffic.event(this.nowUs, node.index, event);
  }

  #transmit(node: SimNode, slot: TransmitSlot): void {
    const network = node.networks[slot.bearerId] as number;
    if (!this.world.powered(node.index)) {
      this.unpoweredTransmissions.push(`${this.scenario.nodes[node.index]?.name} at ${this.nowUs} us`);
    }
    this.#trace.transmission(this.nowUs, node.index, slot.bearerId, slot.endpoint, slot.octets, slot.length);
    const config = this.world.networks[network];
    if (config?.type === "udp") {
      const to = config.medium === "shared" ? -1 : this.#farEnd(network, node.index, slot.endpoint);
      this.loops.transmitted(this.nowUs, node.index, to, slot.octets, slot.length);
    } else this.loops.transmittedNarrow(this.nowUs, node.index, slot.octets, slot.length);
    this.medium.send(this.nowUs, network, node.index, slot.endpoint, slot.octets, slot.length);
  }

  #farEnd(network: number, from: number, endpoint: number): number {
    let far = Math.max(0, endpoint);
    for (const member of this.world.members(network)) if (member !== from && far-- === 0) return member;
    return from;
  }

  #sample(): void {
    const isToKeep = this.nowUs % LINK_STATE_KEPT_US === 0;
    for (const node of this.#nodes) {
      if (isToKeep && node.core !== undefined) node.linkState = node.core.linkState();
      for (const bearer of node.core?.bearerStatus(this.nowUs) ?? []) {
        this.longestQueueUs = Math.max(this.longestQueueUs, Math.round(bearer.queuedMs * 1000));
      }
    }
    this.#queue.add(this.nowUs + SAMPLE_US, EventKind.sample, NO_NODE, 0);
  }

  #sampleReach(): void {
    const nodes = this.#nodes;
    const reached = nodes.every((n) => nodes.every((to) => to === n || n.core?.isReachable(to.address) === true));
    if (reached) this.allPairsReachableUs = this.nowUs;
    else if (this.nowUs < REACH_LIMIT_US) this.#queue.add(this.nowUs + REACH_SAMPLE_US, EventKind.reach, NO_NODE, 0);
  }
}
