import { VECTOR_GONE } from "@skein/codecs";
import { DistanceQueue } from "./distance-queue.ts";
import { CLASSES, linkCost, UNREACHABLE } from "./link-cost.ts";
import type { LinkStateDb } from "./link-state-db.ts";

const NODES = 256;
const CHANNELS = 8;

/**
 * Vector + 1 of each link from -> to by channel while a graph is laid out, 0 for none (VECTOR_GONE becomes 0 as well);
 * shared by all, for it is empty in between.
 */
const advertised = new Uint16Array(CHANNELS * NODES * NODES);

/** Shared as well: one search is made at a time. */
const queue = new DistanceQueue();

/** What a search for a way leaves out. */
export interface Avoid {
  /** 1 for each neighbour of the start that may be the first hop; OUTSIDE for those of other areas. */
  readonly firstHops: Uint8Array;
  /** 1 for each node that must not be passed; the destination never counts. */
  readonly nodes: Uint8Array;
  /** Pairs of local ids: links that are dead, in both directions. */
  readonly links: Uint8Array;
  linkCount: number;
  /** By node, what it costs to leave the area there for the one that is searched for (OUTSIDE); 0: no way there. */
  readonly exits: Uint16Array;
}

/** Stands for another area as the destination of a search: the local id that nobody has. */
export const OUTSIDE = 0;

export function createAvoid(maxLinks: number): Avoid {
  return {
    firstHops: new Uint8Array(NODES),
    nodes: new Uint8Array(NODES),
    links: new Uint8Array(2 * maxLinks),
    linkCount: 0,
    exits: new Uint16Array(NODES),
  };
}

/**
 * Distances over the two-way links of the database (Dijkstra), by local id. A link costs what the worse of its two ends
 * says: a node that claims to be near everybody is believed as far as its neighbours say the same. The graph is laid out once per database
 * version; runs are made when somebody asks: forwarding needs one for the node itself and one for each of its
 * neighbours, per class, and these tell of all destinations and of their alternates (RFC 5286).
 */
export class ShortestPaths {
  readonly #db: LinkStateDb;
  readonly #self: number;
  #version = -1;
  /** Edges of node n: #edgeStart[n] .. #edgeStart[n + 1]. */
  readonly #edgeStart = new Int32Array(NODES + 1);
  #edgeTo = new Uint8Array(256);
  /** What the edge costs each class. */
  #edgeCosts = Array.from({ length: CLASSES }, () => new Uint16Array(256));
  /** Distances by root and class, valid for #version. */
  readonly #runs: (Uint16Array | undefined)[] = [];
  readonly #valid: number[] = [];
  readonly #spare: Uint16Array[] = [];
  readonly #around = new Uint16Array(NODES);
  #aroundEnd = 0;
  readonly #parent = new Uint8Array(NODES);
  /** Vector + 1 of each link to `self`, by channel and local id of the other end; 0: none. */
  readonly #inbound = new Uint16Array(CHANNELS * NODES);
  computations = 0;

  /** `self`: local id of the node whose own hops `hopCost` is asked for. */
  constructor(db: LinkStateDb, self = 0) {
    this.#db = db;
    this.#self = self;
  }

  /** Cost of the hop from `self` to a neighbour: by `own` vector, or what the other end reports if that is worse. */
  hopCost(to: number, channel: number, own: number, trafficClass: number): number {
    if (this.#version !== this.#db.version) this.#layOut();
    const cost = linkCost(own, trafficClass);
    const inbound = this.#inbound[channel * NODES + to] as number;
    return inbound === 0 ? cost : Math.max(cost, linkCost(inbound - 1, trafficClass));
  }

  /** Distances from `root` to every local id for a class; UNREACHABLE where there is no path. */
  from(root: number, trafficClass: number): Uint16Array {
    if (this.#version !== this.#db.version) this.#layOut();
    const key = (root << 2) | trafficClass;
    const known = this.#runs[key];
    if (known !== undefined) return known;
    const distances = this.#spare.pop() ?? new Uint16Array(NODES);
    this.#run(root, trafficClass, distances);
    this.#runs[key] = distances;
    this.#valid.push(key);
    return distances;
  }

  /**
   * The shortest way from `start` to `destination`, perhaps OUTSIDE, around what is to be avoided, as the local ids after `start`.
   * Returns its length in hops; 0 if there is none within `out`.
   */
  around(start: number, destination: number, trafficClass: number, avoid: Avoid, out: Uint8Array): number {
    if (this.#version !== this.#db.version) this.#layOut();
    this.#aroundEnd = destination;
    if (!this.#search(start, destination, trafficClass, avoid)) return 0;
    let hops = 0;
    for (let at = destination; at !== start; at = this.#parent[at] as number) hops++;
    if (hops > out.length) return 0;
    let index = hops;
    for (let at = destination; at !== start; at = this.#parent[at] as number) out[--index] = at;
    return hops;
  }

  /** What the last way of `around` costs. */
  get aroundCost(): number {
    return this.#around[this.#aroundEnd] as number;
  }

  #layOut(): void {
    this.#version = this.#db.version;
    for (const key of this.#valid) {
      this.#spare.push(this.#runs[key] as Uint16Array);
      this.#runs[key] = undefined;
    }
    this.#valid.length = 0;
    this.#mark(true);
    this.#inbound.fill(0);
    let edges = 0;
    for (let local = 0; local < NODES; local++) {
      this.#edgeStart[local] = edges;
      const links = this.#db.node(local)?.advertisement.links;
      if (links === undefined) continue;
      for (let i = 0; i < links.length; i++) {
        const { neighbour, channel, vector } = links[i] as (typeof links)[number];
        if (channel >= CHANNELS || vector === VECTOR_GONE) continue;
        if (neighbour === this.#self) this.#inbound[channel * NODES + local] = vector + 1;
        const reported = advertised[cell(neighbour, local, channel)] as number;
        if (reported === 0) continue;
        // Whether its own links are there a node knows without being told.
        const isOwn = local === this.#self || neighbour === this.#self;
        if (!isOwn && this.#db.isPast(local, neighbour, channel)) continue;
        if (edges === this.#edgeTo.length) this.#grow();
        this.#edgeTo[edges] = neighbour;
        for (let c = 0; c < CLASSES; c++)
          (this.#edgeCosts[c] as Uint16Array)[edges] = Math.max(linkCost(vector, c), linkCost(reported - 1, c));
        edges++;
      }
    }
    this.#edgeStart[NODES] = edges;
    this.#mark(false);
  }

  /** Enters all links into the shared table, or clears them again. */
  #mark(enter: boolean): void {
    for (let local = 0; local < NODES; local++) {
      const links = this.#db.node(local)?.advertisement.links;
      if (links === undefined) continue;
      for (let i = 0; i < links.length; i++) {
        const { neighbour, channel, vector } = links[i] as (typeof links)[number];
        if (channel < CHANNELS) advertised[cell(local, neighbour, channel)] = enter ? vector + 1 : 0;
      }
    }
  }

  #grow(): void {
    const size = this.#edgeTo.length * 2;
    const to = new Uint8Array(size);
    to.set(this.#edgeTo);
    this.#edgeTo = to;
    this.#edgeCosts = this.#edgeCosts.map((costs) => {
      const more = new Uint16Array(size);
      more.set(costs);
      return more;
    });
  }

  /** A node that is found again on a shorter way stays in the queue at its old distance, and is passed over there. */
  #run(root: number, trafficClass: number, distances: Uint16Array): void {
    this.computations++;
    distances.fill(UNREACHABLE);
    distances[root] = 0;
    const edgeTo = this.#edgeTo;
    const edgeStart = this.#edgeStart;
    const costs = this.#edgeCosts[trafficClass] as Uint16Array;
    queue.clear();
    queue.add(0, root);
    for (let node = queue.take(); node !== -1; node = queue.take()) {
      const { distance } = queue;
      if (distance > (distances[node] as number)) continue;
      const end = edgeStart[node + 1] as number;
      for (let e = edgeStart[node] as number; e < end; e++) {
        const to = edgeTo[e] as number;
        const through = distance + (costs[e] as number);
        if (through >= (distances[to] as number)) continue;
        distances[to] = through;
        queue.add(through, to);
      }
    }
  }

  #search(start: number, destination: number, trafficClass: number, avoid: Avoid): boolean {
    this.computations++;
    const distances = this.#around.fill(UNREACHABLE);
    const costs = this.#edgeCosts[trafficClass] as Uint16Array;
    distances[start] = 0;
    queue.clear();
    queue.add(0, start);
    for (let node = queue.take(); node !== -1; node = queue.take()) {
      if (node === destination) return true;
      const { distance } = queue;
      if (distance > (distances[node] as number)) continue;
      const exit = distance + (avoid.exits[node] as number);
      if (exit > distance && exit < (distances[OUTSIDE] as number) && mayLeave(avoid, node, start)) {
        distances[OUTSIDE] = exit;
        this.#parent[OUTSIDE] = node;
        queue.add(exit, OUTSIDE);
      }
      const end = this.#edgeStart[node + 1] as number;
      for (let e = this.#edgeStart[node] as number; e < end; e++) {
        const to = this.#edgeTo[e] as number;
        const through = distance + (costs[e] as number);
        if (through >= (distances[to] as number)) continue;
        if (to !== destination && avoid.nodes[to] === 1) continue;
        if (node === start && avoid.firstHops[to] === 0) continue;
        if (isDead(avoid, node, to)) continue;
        distances[to] = through;
        this.#parent[to] = node;
        queue.add(through, to);
      }
    }
    return false;
  }
}

function cell(from: number, to: number, channel: number): number {
  return (channel * NODES + from) * NODES + to;
}

function mayLeave(avoid: Avoid, node: number, start: number): boolean {
  return (node !== start || avoid.firstHops[OUTSIDE] === 1) && !isDead(avoid, node, OUTSIDE);
}

function isDead(avoid: Avoid, a: number, b: number): boolean {
  for (let i = 0; i < avoid.linkCount; i++) {
    const x = avoid.links[2 * i] as number;
    const y = avoid.links[2 * i + 1] as number;
    if ((x === a && y === b) || (x === b && y === a)) return true;
  }
  return false;
}
