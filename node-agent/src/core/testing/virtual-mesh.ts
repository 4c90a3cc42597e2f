import {
  type CoreBearer,
  type CoreOptions,
  MAX_FRAME_OCTETS,
  type MeshCore,
  type NodeEvent,
  Role,
  type TransmitSlot,
} from "../api.ts";
import { createCore } from "../core.ts";
import { Random } from "../random.ts";
import { createNullCrypto } from "./null-crypto.ts";
import { createNullIdentity } from "./null-identity.ts";

/** A medium that nodes share: everyone attached hears everyone, unless a pair is cut or a frame is lost. */
export interface Medium {
  readonly name: string;
  readonly bearer: Partial<CoreBearer>;
  readonly members: number[];
  loss: number;
}
interface InFlight {
  atUs: number;
  order: number;
  node: number;
  bearerId: number;
  octets: Uint8Array;
}
export interface VirtualNode {
  core: MeshCore;
  readonly options: CoreOptions;
  readonly media: Medium[];
  readonly events: NodeEvent[];
  powered: boolean;
}

const WIDE: Omit<CoreBearer, "id" | "name"> = {
  kind: 0,
  medium: "shared",
  layout: "wide",
  mtuOctets: 1400,
  bitrateBps: 2_000_000,
  latencyUs: 5_000,
  costCentsPerMegabyte: 0,
  keyUpUs: 0,
  halfDuplex: false,
};

/** A channel of 9600 bit/s. */
export const NARROW: Partial<CoreBearer> = {
  kind: 1,
  layout: "narrow",
  mtuOctets: 240,
  bitrateBps: 9600,
  latencyUs: 1_000,
  keyUpUs: 20_000,
  halfDuplex: true,
};

/** Several cores in virtual time: the rig of the core's tests (`step` goes to the next thing that happens). */
export class VirtualMesh {
  nowUs = 1_000_000;
  readonly nodes: VirtualNode[] = [];
  readonly #media: Medium[];
  readonly #cut = new Set<string>();
  readonly #airUntilUs = new Map<string, number>();
  readonly #random: Random;
  #inFlight: InFlight[] = [];
  #order = 0;
  readonly #slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };
  /** Called for each frame on air; may return other octets to deliver, or undefined to leave it. */
  onFrame: (from: number, medium: Medium, octets: Uint8Array) => void = () => undefined;

  /** `count` nodes with addresses 1.1, 1.2, ...; members of media by node index. */
  constructor(
    count: number,
    media: Medium[],
    seed = 1,
    change: (index: number, options: CoreOptions) => CoreOptions = (_, o) => o,
  ) {
    this.#media = media;
    this.#random = new Random(seed, 77);
    for (let i = 0; i < count; i++) {
      const mine = media.filter((m) => m.members.includes(i));
      const options = change(i, {
        address: 0x101 + i,
        nodeId: 1000 + i,
        nameUtf8: new Uint8Array([0x41 + (i % 26)]),
        role: Role.terminal,
        seed,
        bootEpoch: 1,
        crypto: createNullCrypto(),
        identity: createNullIdentity(1000 + i),
        peerKeys: [],
        bearers: mine.map((m, id) => ({ ...WIDE, ...m.bearer, id, name: m.name })),
        groups: [1],
        bridgedGroups: [],
        narrowVoice: false,
        acknowledgesSos: false,
        prefixes: [],
      });
      this.nodes.push({ core: createCore(options, this.nowUs), options, media: mine, events: [], powered: true });
      this.#start(i);
    }
  }

  node(index: number): VirtualNode {
    return this.nodes[index] as VirtualNode;
  }

  #start(index: number): void {
    const node = this.node(index);
    node.media.forEach((_, id) => {
      node.core.handleBearer(this.nowUs, id, true);
    });
    this.#drain(index);
  }

  /** Starts a node again, with nothing remembered but the next boot epoch and what is given. */
  restart(index: number, remembered: Partial<CoreOptions> = {}): void {
    const node = this.node(index);
    const options = { ...node.options, ...remembered, bootEpoch: node.options.bootEpoch + 1 };
    this.nodes[index] = { ...node, options, core: createCore(options, this.nowUs), powered: true };
    this.#start(index);
  }

  /** A policy that changes what one bearer of a node costs, and nothing else. */
  price(index: number, bearerId: number, costCentsPerMegabyte: number): void {
    const { core, options } = this.node(index);
    const bearers = options.bearers.map((bearer) => ({
      costCentsPerMegabyte: bearer.id === bearerId ? costCentsPerMegabyte : bearer.costCentsPerMegabyte,
      preferenceMs: 0,
      closedTo: [],
    }));
    core.setRules(this.nowUs, { bearers, classes: [] });
  }

  cut(a: number, b: number, medium: Medium): void {
    this.#cut.add(`${a}-${b}-${medium.name}`).add(`${b}-${a}-${medium.name}`);
  }
  restore(a: number, b: number, medium: Medium): void {
    this.#cut.delete(`${a}-${b}-${medium.name}`);
    this.#cut.delete(`${b}-${a}-${medium.name}`);
  }

  /** Runs until `untilUs` or until `done` holds; returns whether it does. */
  run(forUs: number, done: () => boolean = () => false): boolean {
    const untilUs = this.nowUs + forUs;
    while (this.nowUs <= untilUs) {
      if (done()) return true;
      const next = this.#nextUs();
      if (next > untilUs) break;
      this.nowUs = Math.max(this.nowUs, next);
      this.#step();
    }
    this.nowUs = untilUs;
    return done();
  }

  #nextUs(): number {
    let next = this.#inFlight[0]?.atUs ?? Number.POSITIVE_INFINITY;
    for (const node of this.nodes) if (node.powered) next = Math.min(next, node.core.nextTimeoutUs());
    return next;
  }

  #step(): void {
    while ((this.#inFlight[0]?.atUs ?? Number.POSITIVE_INFINITY) <= this.nowUs) {
      const frame = this.#inFlight.shift() as InFlight;
      const node = this.node(frame.node);
      if (!node.powered) continue;
      node.core.handleFrame(this.nowUs, frame.bearerId, 0, frame.octets, frame.octets.length);
      this.#drain(frame.node);
    }
    for (let i = 0; i < this.nodes.length; i++) {
      const node = this.node(i);
      if (!node.powered || node.core.nextTimeoutUs() > this.nowUs) continue;
      node.core.handleTimeout(this.nowUs);
      this.#drain(i);
    }
  }

  /** Takes what a node has to say; call it after talking to a core directly. */
  drain(index: number): void {
    this.#drain(index);
  }

  #drain(index: number): void {
    const node = this.node(index);
    // What is kept here must be a copy where it is not the receiver's own.
    for (let e = node.core.pollEvent(); e !== undefined; e = node.core.pollEvent())
      node.events.push(e.type === "ip" ? { ...e, octets: e.octets.slice() } : e);
    while (node.core.pollTransmit(this.nowUs, this.#slot)) {
      const medium = node.media[this.#slot.bearerId] as Medium;
      const octets = this.#slot.octets.slice(0, this.#slot.length);
      this.onFrame(index, medium, octets);
      this.#spread(index, medium, octets);
    }
  }

  #spread(from: number, medium: Medium, octets: Uint8Array): void {
    const bearer = { ...WIDE, ...medium.bearer };
    // Frames of one burst follow each other.
    const key = `${from}-${medium.name}`;
    const beginUs = Math.max(this.nowUs, this.#airUntilUs.get(key) ?? 0);
    const endUs = beginUs + bearer.keyUpUs + Math.round((octets.length * 8e6) / bearer.bitrateBps);
    if (bearer.halfDuplex) this.#airUntilUs.set(key, endUs);
    const atUs = endUs + bearer.latencyUs;
    for (const to of medium.members) {
      if (to === from || this.#cut.has(`${from}-${to}-${medium.name}`)) continue;
      if (this.#random.below(1_000_000) < medium.loss * 1_000_000) continue;
      this.inject(atUs, to, this.node(to).media.indexOf(medium), octets);
    }
  }

  /** Puts octets on their way to a node, as anybody could. */
  inject(atUs: number, node: number, bearerId: number, octets: Uint8Array): void {
    this.#inFlight.push({ atUs, order: this.#order++, node, bearerId, octets });
    this.#inFlight.sort((a, b) => a.atUs - b.atUs || a.order - b.order);
  }

  /** True if every powered node has a path to every other. */
  allReachable(): boolean {
    const powered = this.nodes.filter((n) => n.powered);
    return powered.every((n) => {
      const reachable = new Set(
        n.core
          .status(this.nowUs)
          .nodes.filter((r) => r.reachable)
          .map((r) => r.address),
      );
      return powered.every((other) => reachable.has(other.options.address));
    });
  }
}

/** A link that nobody else hears. */
export function wire(name: string, members: number[], bearer: Partial<CoreBearer> = {}): Medium {
  return { name, bearer: { medium: "point-to-point", ...bearer }, members, loss: 0 };
}

/** One medium per pair of neighbours: a point-to-point graph. */
export function wires(edges: [number, number][], bearer: Partial<CoreBearer> = {}): Medium[] {
  return edges.map(([a, b]) => wire(`w${a}-${b}`, [a, b], bearer));
}
