import {
  type Advertisement,
  createDataHeader,
  createRepair,
  DATA_FLAG_REPAIR,
  type DataHeader,
  encodeLinkVector,
  FrameKind,
  type Repair,
  VECTOR_GONE,
} from "@skein/codecs";
import { type CoreOptions, Role } from "../api.ts";
import { Forwarding } from "../forwarding.ts";
import { UNREACHABLE } from "../link-cost.ts";
import { Merging } from "../merge/merging.ts";
import { createNeighbour, type Neighbour } from "../neighbour.ts";
import type { Port } from "../port.ts";
import { type CoreState, createState } from "../state.ts";
import { createNullCrypto } from "../testing/null-crypto.ts";
import { createNullIdentity } from "../testing/null-identity.ts";

/** What the two ends of a dead link, and everybody else, know of it. */
export type Knowledge =
  /** The ends find it dead when they try it; all databases still have it. */
  | "silent"
  /** The ends have withdrawn it; nobody else has heard of that. */
  | "withdrawn"
  /** The news has reached some nodes and not others. */
  | "spreading";

const AREA = 0x100;
const PAYLOAD = new Uint8Array(4);
/** More hops than any packet may take; one that does is counted as a loop. */
const MAX_HOPS = 4096;

interface StillNode {
  readonly state: CoreState;
  readonly forwarding: Forwarding;
  readonly port: Port;
  /** By index of the other node. */
  readonly neighbours: (Neighbour | undefined)[];
}

export interface Trial {
  delivered: boolean;
  hops: number;
  /** A node was in the same state of the same packet twice. */
  looped: boolean;
  repaired: boolean;
}

/**
 * The forwarding rule alone, on a graph that stands still: real forwarding, databases and queues, no frames and no
 * time. One mesh serves many graphs.
 */
export class StillMesh {
  readonly #nodes: StillNode[] = [];
  readonly #count: number;
  readonly #vectors: number[];
  #sequence = 0;
  #epoch = 1;

  /** `bitrates`: a link's rate is one of these, by the caller's choice per edge. */
  constructor(count: number, bitratesBps: readonly number[] = [2_000_000]) {
    this.#count = count;
    this.#vectors = bitratesBps.map((bitrateBps) =>
      encodeLinkVector({ bitrateBps, latencyUs: 2000, loss: 0, costCentsPerMegabyte: 0, closed: 0 }),
    );
    for (let i = 0; i < count; i++) this.#nodes.push(this.#makeNode(i));
  }

  #makeNode(index: number): StillNode {
    const options: CoreOptions = {
      address: AREA + index + 1,
      nodeId: index + 1,
      nameUtf8: new Uint8Array(0),
      role: Role.relay,
      seed: 1,
      bootEpoch: 1,
      crypto: createNullCrypto(),
      identity: createNullIdentity(index + 1),
      peerKeys: [],
      bearers: [
        {
          id: 0,
          name: "w",
          kind: 0,
          medium: "point-to-point",
          layout: "wide",
          mtuOctets: 1400,
          bitrateBps: 1e9,
          latencyUs: 100,
          costCentsPerMegabyte: 0,
          keyUpUs: 0,
          halfDuplex: false,
        },
      ],
      prefixes: [],
      groups: [],
      bridgedGroups: [],
      narrowVoice: false,
      acknowledgesSos: false,
    };
    const state = createState(options);
    const port = state.ports[0] as Port;
    port.up = true;
    const neighbours: (Neighbour | undefined)[] = [];
    for (let other = 0; other < this.#count; other++) {
      if (other === index) {
        neighbours.push(undefined);
        continue;
      }
      const n = createNeighbour(port.neighbours.length, other + 1, AREA + other + 1, 0, 0);
      port.neighbours.push(n);
      port.byLocal[other + 1] = n;
      neighbours.push(n);
    }
    return { state, forwarding: new Forwarding(state, new Merging(state)), port, neighbours };
  }

  /** Everybody's databases say this graph, and all its links work. `edges[k]` has rate `rates[k]`. */
  setGraph(edges: readonly (readonly [number, number])[], rates: readonly number[] = []): void {
    this.#epoch++;
    for (let i = 0; i < this.#count; i++) {
      const node = this.#nodes[i] as StillNode;
      for (const n of node.neighbours) {
        if (n === undefined) continue;
        n.advertisedVector = VECTOR_GONE;
        n.twoWay = false;
        n.alive = true;
        n.suspectSinceUs = Number.POSITIVE_INFINITY;
      }
    }
    const links: Advertisement["links"][] = Array.from({ length: this.#count }, () => []);
    edges.forEach(([a, b], k) => {
      const vector = this.#vectors[rates[k] ?? 0] as number;
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        links[from]?.push({ neighbour: to + 1, channel: 0, vector });
        const n = this.#nodes[from]?.neighbours[to] as Neighbour;
        n.advertisedVector = vector;
        n.twoWay = true;
      }
    });
    for (let i = 0; i < this.#count; i++) this.#advertise(i, links[i] ?? [], 1, () => true);
  }

  #advertise(index: number, links: Advertisement["links"], sequence: number, reaches: (node: number) => boolean): void {
    const advertisement: Advertisement = {
      originator: AREA + index + 1,
      nodeId: index + 1,
      bootEpoch: this.#epoch,
      sequence,
      role: 0,
      capabilities: 0,
      name: new Uint8Array(0),
      links,
      prefixes: [],
      areas: [],
    };
    for (let i = 0; i < this.#count; i++) {
      if (reaches(i)) this.#nodes[i]?.state.db.applyFull(advertisement, 0);
    }
  }

  /** Links fail; `knows(node)`: the news has reached it (`spreading`). Follow with `restore`. */
  fail(dead: readonly (readonly [number, number])[], knowledge: Knowledge, knows: (node: number) => boolean): void {
    for (const [a, b] of dead) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const n = this.#nodes[from]?.neighbours[to] as Neighbour;
        if (knowledge === "silent") n.suspectSinceUs = 0;
        else n.advertisedVector = VECTOR_GONE;
        n.twoWay = false;
      }
    }
    if (knowledge === "silent") return;
    const ends = new Set(dead.flat());
    for (const end of ends) {
      const links = (this.#nodes[end] as StillNode).neighbours.flatMap((n) =>
        n !== undefined && n.advertisedVector !== VECTOR_GONE
          ? [{ neighbour: n.local, channel: 0, vector: n.advertisedVector }]
          : [],
      );
      this.#advertise(end, links, 2, (node) => node === end || (knowledge === "spreading" && knows(node)));
    }
  }

  /** A link that only its two ends know of as yet. */
  discover(a: number, b: number): void {
    const vector = this.#vectors[0] as number;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const n = this.#nodes[from]?.neighbours[to] as Neighbour;
      n.advertisedVector = vector;
      n.twoWay = true;
    }
    for (const end of [a, b]) {
      for (const from of [a, b]) {
        const links = (this.#nodes[from] as StillNode).neighbours.flatMap((n) =>
          n?.twoWay ? [{ neighbour: n.local, channel: 0, vector: n.advertisedVector }] : [],
        );
        this.#advertise(from, links, 2, (node) => node === end);
      }
    }
  }

  /** Sends one packet and follows it, and its copies, to the end. */
  send(from: number, to: number, trafficClass: number): Trial {
    const trial: Trial = { delivered: false, hops: 0, looped: false, repaired: false };
    const header = createDataHeader();
    header.kind = FrameKind.unicast;
    header.trafficClass = trafficClass;
    header.source = AREA + from + 1;
    header.destination = AREA + to + 1;
    header.potential = UNREACHABLE;
    header.sequence = this.#sequence = (this.#sequence + 1) & 0xffff;
    const travelling = this.#route({ at: from, header, repair: createRepair(), carried: "", before: undefined });
    for (let copy = travelling.pop(); copy !== undefined; copy = travelling.pop()) {
      trial.hops++;
      if ((copy.header.flags & DATA_FLAG_REPAIR) !== 0) trial.repaired = true;
      if (copy.at === to) trial.delivered = true;
      else if (hasBeenHere(copy) || trial.hops > MAX_HOPS) trial.looped = true;
      else travelling.push(...this.#route(copy));
    }
    return trial;
  }

  /** Lets a node forward a copy; what leaves it. */
  #route(copy: Copy): Copy[] {
    const { forwarding, state, port } = this.#nodes[copy.at] as StillNode;
    const { pool } = state;
    forwarding.route(0, copy.header, copy.repair, PAYLOAD, 0, PAYLOAD.length, 0, false);
    const leaving: Copy[] = [];
    for (let slot = port.queue.pop(0, undefined); slot !== -1; slot = port.queue.pop(0, undefined)) {
      const header = createDataHeader();
      const repair = createRepair();
      pool.header(slot, header);
      const repaired = (header.flags & DATA_FLAG_REPAIR) !== 0;
      if (repaired) pool.repair(slot, repair);
      const at = (port.neighbours[pool.neighbour[slot] as number] as Neighbour).local - 1;
      pool.release(slot);
      const { generation, failureCount, failures, searchHops, routeLength, route } = repair;
      const carried = repaired
        ? `${generation} ${searchHops} ${failures.slice(0, 2 * failureCount)} ${route.slice(0, routeLength)}`
        : `${header.potential}`;
      leaving.push({ at, header, repair, carried, before: copy });
    }
    return leaving;
  }
}

/** One copy of a packet as it arrives somewhere, and what it was a hop before. */
interface Copy {
  readonly at: number;
  readonly header: DataHeader;
  readonly repair: Repair;
  /** All that decides about its way. */
  readonly carried: string;
  readonly before: Copy | undefined;
}

/** True if this very copy was at this node before, carrying the same: then it could go round for ever. */
function hasBeenHere(copy: Copy): boolean {
  for (let past = copy.before; past !== undefined; past = past.before)
    if (past.at === copy.at && past.carried === copy.carried) return true;
  return false;
}
