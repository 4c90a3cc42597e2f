import { strict as assert } from "node:assert";
import {
  type Address,
  type CoreBearer,
  type CoreOptions,
  type CryptoPort,
  createCore,
  MAX_FRAME_OCTETS,
  type MeshCore,
  type NodeEvent,
  Role,
  type TransmitSlot,
} from "@skein/node-agent/core";
import type { Network } from "../scenario/schema.ts";
import { EventQueue } from "../sim/event-queue.ts";
import { airtimeUs, Medium } from "../sim/medium.ts";
import { streamKey } from "../sim/random-streams.ts";
import { SimCrypto } from "../sim/sim-crypto.ts";
import { SimIdentity } from "../sim/sim-identity.ts";
import { isUserFrame } from "./frame-view.ts";
import { LinkTable } from "./link-table.ts";
import { Radio } from "./radio.ts";

/**
 *   radio    one shared wide bearer of each member: whoever has a link hears it; no contention
 *   wires    one point-to-point wide bearer of each member, with an endpoint per link
 *   air9600  half-duplex serial radios at 9600 bit/s, with carrier sense and collisions, as in the simulator
 */
export type MediumKind = "radio" | "wires" | "air9600";

export interface FieldMedium {
  readonly name: string;
  readonly kind: MediumKind;
  /** Node indices; everyone where it is left out. */
  readonly members?: readonly number[];
  /** What differs from the usual bearer of this kind. */
  readonly bearer?: Partial<CoreBearer>;
}

export interface FieldOptions {
  readonly nodes: number;
  readonly seed: number;
  readonly media: readonly FieldMedium[];
  /** The bearer tells its core when a station appears or goes (`handleStation`). */
  readonly signalled?: boolean;
  /** Addresses of one area, 1.1, 1.2 ..., where it is left out. */
  readonly address?: (node: number) => Address;
  readonly crypto?: CryptoPort;
  readonly change?: (node: number, options: CoreOptions) => CoreOptions;
}

const WIDE: Omit<CoreBearer, "id" | "name"> = {
  kind: 0,
  medium: "shared",
  layout: "wide",
  mtuOctets: 1400,
  bitrateBps: 6_000_000,
  latencyUs: 1_000,
  costCentsPerMegabyte: 0,
  keyUpUs: 0,
  halfDuplex: false,
};
/** The serial radios of scenario files, with their defaults. */
const AIR: Network = {
  name: "air",
  type: "serial",
  kind: "serial",
  medium: "shared",
  baud: 9600,
  halfDuplex: true,
  keyUpMs: 20,
  mtuOctets: 240,
  latencyMs: 0,
  loss: { near: 0 },
  costCentsPerMegabyte: 0,
  queueMs: 500,
};
const NARROW: Omit<CoreBearer, "id" | "name"> = {
  kind: 1,
  medium: "shared",
  layout: "narrow",
  mtuOctets: AIR.mtuOctets,
  bitrateBps: AIR.baud,
  latencyUs: 0,
  costCentsPerMegabyte: 0,
  keyUpUs: AIR.keyUpMs * 1000,
  halfDuplex: true,
};
/** Time on air of a frame on an air9600 medium, key-up included, and of each octet more. */
export function airFrameUs(lengthOctets: number): number {
  return airtimeUs(AIR, lengthOctets);
}
export const AIR_OCTET_US = 10e6 / AIR.baud;
/** Order among what happens at the same microsecond. */
const Kind = { call: 0, carrier: 1, arrival: 2, airArrival: 3, wake: 4, access: 5, stop: 6 } as const;
const NOBODY = 0;
const MAX_NODES = 4096;
const MAX_MEDIA = 64;

interface Wide {
  readonly config: FieldMedium;
  readonly links: LinkTable;
  readonly radio: Radio | undefined;
  /** Network number in the simulator's medium, -1 for a radio. */
  readonly air: number;
}

/** Octets of frames sent, by node. A broadcast counts once. */
export interface OctetCount {
  readonly control: Float64Array;
  readonly user: Float64Array;
}

/**
 * Many real cores over links that a bench sets as it likes, in virtual time: integer microseconds, one agenda, one
 * wake-up a core, which is asked for its next one only after something touched it. The same seed gives the same run.
 * An endpoint is the index of the node at the other end.
 */
export class Field {
  nowUs = 1_000_000;
  readonly cores: MeshCore[] = [];
  readonly addresses: Address[] = [];
  readonly octets: OctetCount;
  onEvent: (node: number, event: NodeEvent) => void = () => undefined;
  /** Told of every transmission; the octets are only lent. */
  onFrame: (node: number, medium: number, endpoint: number, octets: Uint8Array, length: number) => void = () =>
    undefined;
  /** Told of every frame that reaches a node which is switched on; the octets are only lent. */
  onHeard: (node: number, medium: number, from: number, octets: Uint8Array, length: number) => void = () => undefined;
  readonly #signalled: boolean;
  readonly #media: Wide[];
  readonly #air: Medium | undefined;
  /** Media by node and bearer, bearers by medium and node (-1: no member). */
  readonly #mediaOf: number[][];
  readonly #bearerOf: Int8Array[];
  readonly #queue = new EventQueue();
  readonly #slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };
  readonly #calls: (() => void)[] = [];
  readonly #freeCalls: number[] = [];
  readonly #started: Uint8Array;
  /** When the core wants to be woken, and when it will be. */
  readonly #dueUs: Float64Array;
  readonly #wakeUs: Float64Array;

  constructor(options: FieldOptions) {
    const { nodes, media, seed } = options;
    assert(nodes <= MAX_NODES && media.length <= MAX_MEDIA);
    this.#signalled = options.signalled ?? false;
    this.#started = new Uint8Array(nodes);
    this.octets = { control: new Float64Array(nodes), user: new Float64Array(nodes) };
    this.#dueUs = new Float64Array(nodes).fill(Number.POSITIVE_INFINITY);
    this.#wakeUs = new Float64Array(nodes).fill(Number.POSITIVE_INFINITY);
    this.#mediaOf = Array.from({ length: nodes }, () => []);
    this.#bearerOf = media.map(() => new Int8Array(nodes).fill(-1));
    for (const [index, medium] of media.entries()) {
      for (const node of medium.members ?? this.#mediaOf.keys()) {
        const own = this.#mediaOf[node] as number[];
        (this.#bearerOf[index] as Int8Array)[node] = own.length;
        own.push(index);
      }
    }
    let air = 0;
    this.#media = media.map((config, index) => {
      const links = new LinkTable(nodes);
      if (config.kind === "air9600") return { config, links, radio: undefined, air: air++ };
      return { config, links, radio: this.#makeRadio(config, index, links, seed), air: -1 };
    });
    this.#air = air > 0 ? this.#makeAir(nodes, seed) : undefined;
    const crypto = options.crypto ?? new SimCrypto(seed);
    for (let node = 0; node < nodes; node++) this.#addCore(node, options, crypto);
  }

  /** Switches the radios of a node on. */
  start(node: number): void {
    const core = this.cores[node] as MeshCore;
    this.#started[node] = 1;
    for (const bearer of (this.#mediaOf[node] as number[]).keys()) core.handleBearer(this.nowUs, bearer, true);
    this.#service(node);
    for (const medium of this.#media.keys()) {
      for (const { to } of this.links(medium).of(node))
        if (this.#started[to] === 1) this.#signal(medium, node, to, true);
    }
  }

  /** Calls `action` at a time that is not past. */
  at(timeUs: number, action: () => void): void {
    const handle = this.#freeCalls.pop() ?? this.#calls.length;
    this.#calls[handle] = action;
    this.#queue.add(Math.max(this.nowUs, Math.round(timeUs)), Kind.call, NOBODY, handle);
  }

  /** Lets time pass. */
  run(forUs: number): void {
    this.#queue.add(this.nowUs + forUs, Kind.stop, NOBODY, 0);
    const queue = this.#queue;
    while (queue.take()) {
      this.nowUs = queue.timeUs;
      if (queue.kind === Kind.stop) return;
      this.#happen(queue.kind, queue.argument);
    }
  }

  /** Lets time pass until `done` holds, asked every `stepUs`; microseconds it took, Infinity if it did not happen. */
  runUntil(done: () => boolean, stepUs: number, atMostUs: number): number {
    const startUs = this.nowUs;
    while (!done()) {
      if (this.nowUs - startUs >= atMostUs) return Number.POSITIVE_INFINITY;
      this.run(stepUs);
    }
    return this.nowUs - startUs;
  }

  /** Talks to a core, then sees to what it wants to send. */
  use(node: number, talk: (core: MeshCore, nowUs: number) => void): void {
    talk(this.cores[node] as MeshCore, this.nowUs);
    this.#service(node);
  }

  links(medium: number): LinkTable {
    return (this.#media[medium] as Wide).links;
  }

  /** Joins two nodes, both ways alike. */
  join(medium: number, a: number, b: number, loss = 0, extraUs = 0): void {
    const links = this.links(medium);
    const isNew = links.set(a, b, loss, extraUs);
    links.set(b, a, loss, extraUs);
    if (isNew) this.#signalBoth(medium, a, b, true);
  }

  part(medium: number, a: number, b: number): void {
    const links = this.links(medium);
    const was = links.remove(a, b);
    links.remove(b, a);
    if (was) this.#signalBoth(medium, a, b, false);
  }

  /** Makes `pairs` the links of the medium: first come those that went. */
  setLinks(medium: number, pairs: readonly (readonly [number, number])[], loss = 0): void {
    const links = this.links(medium);
    const wanted = new Set(pairs.map(([a, b]) => Math.min(a, b) * MAX_NODES + Math.max(a, b)));
    for (const a of this.cores.keys()) {
      for (const { to } of [...links.of(a)]) if (a < to && !wanted.has(a * MAX_NODES + to)) this.part(medium, a, to);
    }
    for (const [a, b] of pairs) this.join(medium, a, b, loss);
  }

  #addCore(node: number, options: FieldOptions, crypto: CryptoPort): void {
    const address = options.address?.(node) ?? 0x101 + node;
    assert((address & 0xff) > 0 && (address & 0xff) < 255, "an area holds 254 nodes");
    const usual: CoreOptions = {
      address,
      nodeId: 1000 + node,
      nameUtf8: new TextEncoder().encode(`n${node}`),
      role: Role.relay,
      seed: streamKey(options.seed, `core/${node}`),
      bootEpoch: 1,
      crypto,
      identity: new SimIdentity(1000 + node),
      peerKeys: [],
      bearers: (this.#mediaOf[node] as number[]).map((medium, id) => coreBearer(this.#media[medium] as Wide, id)),
      groups: [1],
      bridgedGroups: [],
      prefixes: [],
      narrowVoice: false,
      acknowledgesSos: false,
    };
    this.addresses.push(address);
    this.cores.push(createCore(options.change?.(node, usual) ?? usual, this.nowUs));
  }

  #makeRadio(config: FieldMedium, index: number, links: LinkTable, seed: number): Radio {
    const { bitrateBps, latencyUs } = { ...WIDE, ...config.bearer };
    const air = { bitrateBps, latencyUs, wires: config.kind === "wires" };
    return new Radio(config.name, links, air, seed, {
      schedule: (atUs, flight) => this.#queue.add(atUs, Kind.arrival, NOBODY, flight * MAX_MEDIA + index),
      deliver: (to, from, octets, length) => this.#deliver(index, to, from, octets, length),
    });
  }

  #makeAir(nodes: number, seed: number): Medium {
    const media = [...this.#media.keys()].filter((medium) => (this.#media[medium] as Wide).air >= 0);
    const everyone = Array.from({ length: nodes }, (_, node) => node);
    const world = {
      nodes: everyone.map((node) => ({ name: `n${node}` })),
      networks: media.map((medium) => ({ ...AIR, name: (this.#media[medium] as Wide).config.name })),
      members: (air: number) => this.#media[media[air] as number]?.config.members ?? everyone,
      lossPpm: (air: number, from: number, to: number) =>
        Math.round((this.links(media[air] as number).get(from, to)?.loss ?? -1) * 1e6),
    };
    return new Medium(world, seed, {
      scheduleArrival: (atUs, frame) => this.#queue.add(atUs, Kind.airArrival, NOBODY, frame),
      scheduleCarrier: (atUs, frame, busy) => this.#queue.add(atUs, Kind.carrier, NOBODY, frame * 2 + (busy ? 1 : 0)),
      scheduleAccess: (atUs, node, air) => this.#queue.add(atUs, Kind.access, NOBODY, node * MAX_MEDIA + air),
      deliver: (to, air, _endpoint, octets, length, from) =>
        this.#deliver(media[air] as number, to, from, octets, length),
      carrier: (node, air, busy) => this.#carrier(media[air] as number, node, busy),
    });
  }

  #happen(kind: number, argument: number): void {
    const low = argument % MAX_MEDIA;
    const high = (argument - low) / MAX_MEDIA;
    if (kind === Kind.wake) this.#wake(argument);
    else if (kind === Kind.arrival) (this.#media[low] as Wide).radio?.arrive(high);
    else if (kind === Kind.airArrival) this.#air?.arrive(argument);
    else if (kind === Kind.carrier) this.#air?.changeCarrier(argument >> 1, (argument & 1) === 1);
    else if (kind === Kind.access) this.#air?.access(this.nowUs, high, low);
    else this.#call(argument);
  }

  #call(handle: number): void {
    const action = this.#calls[handle] as () => void;
    this.#freeCalls.push(handle);
    action();
  }

  #wake(node: number): void {
    // An earlier wake-up has taken the place of this one.
    if (this.#wakeUs[node] !== this.nowUs) return;
    this.#wakeUs[node] = Number.POSITIVE_INFINITY;
    if ((this.#dueUs[node] as number) > this.nowUs) return this.#setWake(node);
    (this.cores[node] as MeshCore).handleTimeout(this.nowUs);
    this.#service(node);
  }

  #setWake(node: number): void {
    const dueUs = this.#dueUs[node] as number;
    if (dueUs >= (this.#wakeUs[node] as number)) return;
    this.#wakeUs[node] = dueUs;
    this.#queue.add(dueUs, Kind.wake, NOBODY, node);
  }

  #deliver(medium: number, to: number, from: number, octets: Uint8Array, length: number): void {
    if (this.#started[to] === 0) return;
    const bearer = this.#bearerOf[medium]?.[to] as number;
    this.onHeard(to, medium, from, octets, length);
    (this.cores[to] as MeshCore).handleFrame(this.nowUs, bearer, from, octets, length);
    this.#service(to);
  }

  #carrier(medium: number, node: number, busy: boolean): void {
    if (this.#started[node] === 0) return;
    (this.cores[node] as MeshCore).handleCarrier(this.nowUs, this.#bearerOf[medium]?.[node] as number, busy);
    this.#service(node);
  }

  #signalBoth(medium: number, a: number, b: number, up: boolean): void {
    if (this.#started[a] === 1 && this.#started[b] === 1) this.#signal(medium, a, b, up);
  }

  #signal(medium: number, a: number, b: number, up: boolean): void {
    if (!this.#signalled) return;
    for (const [node, far] of [
      [a, b],
      [b, a],
    ] as const) {
      const core = this.cores[node] as MeshCore;
      core.handleStation(this.nowUs, this.#bearerOf[medium]?.[node] as number, far, up);
      this.#service(node);
    }
  }

  /** What an owner owes its core after every call: events out, frames out, and a look at the clock. */
  #service(node: number): void {
    const core = this.cores[node] as MeshCore;
    for (let event = core.pollEvent(); event !== undefined; event = core.pollEvent()) this.onEvent(node, event);
    while (core.pollTransmit(this.nowUs, this.#slot)) this.#transmit(node);
    // One microsecond on at least: a core that wants to be called at once, for ever, must not stop the clock.
    this.#dueUs[node] = Math.max(this.nowUs + 1, Math.ceil(core.nextTimeoutUs()));
    this.#setWake(node);
  }

  #transmit(node: number): void {
    const { bearerId, endpoint, octets, length } = this.#slot;
    const medium = (this.#mediaOf[node] as number[])[bearerId] as number;
    const { radio, air } = this.#media[medium] as Wide;
    const count = isUserFrame(octets) ? this.octets.user : this.octets.control;
    count[node] = (count[node] as number) + length;
    this.onFrame(node, medium, endpoint, octets, length);
    if (radio !== undefined) radio.send(this.nowUs, node, endpoint, octets, length);
    else this.#air?.send(this.nowUs, air, node, -1, octets, length);
  }
}

function coreBearer({ config }: Wide, id: number): CoreBearer {
  const usual = config.kind === "air9600" ? NARROW : WIDE;
  const medium = config.kind === "wires" ? "point-to-point" : "shared";
  return { ...usual, medium, ...config.bearer, id, name: config.name };
}
