import { decodeLinkVector, VECTOR_GONE } from "@skein/codecs";
import type { Address, ClassRoute, Detour, NoPath, RouteHop } from "./api.ts";
import type { Choice, Choices } from "./forwarding.ts";
import { CLASSES, linkCost, MAX_LINK_COST, UNREACHABLE } from "./link-cost.ts";
import type { LinkStateDb } from "./link-state-db.ts";
import { type Avoid, createAvoid, type ShortestPaths } from "./shortest-paths.ts";

const NODES = 256;

/**
 * The whole way of each class to `destination` as one database tells it, for people. The first hop is what forwarding
 * does now, which may be better informed than the database; everything behind it is the database's word. Pure.
 */
export function explainRoute(
  db: LinkStateDb,
  paths: ShortestPaths,
  start: number,
  destination: number,
  choices: (trafficClass: number) => Choices,
  noPath: (trafficClass: number, isInDatabase: boolean) => NoPath,
): ClassRoute[] {
  return Array.from({ length: CLASSES }, (_, trafficClass) => {
    if (start === destination) return { cost: 0, latencyMs: 0, carried: false, hops: [], areas: [], noPath: null };
    const { first, second } = choices(trafficClass);
    const isInDatabase = paths.from(start, trafficClass)[destination] !== UNREACHABLE;
    if (first === undefined || !isInDatabase) return without(noPath(trafficClass, isInDatabase));
    return explainWay(db, paths, start, destination, trafficClass, first, second);
  });
}

/** The way of one class that begins with `first`; `second` is what is done if that does not answer. */
export function explainWay(
  db: LinkStateDb,
  paths: ShortestPaths,
  start: number,
  destination: number,
  trafficClass: number,
  first: Choice,
  second: Choice | undefined,
): ClassRoute {
  return new Explainer(db, paths, trafficClass, destination).explain(start, first, second);
}

/** What is told of a class that has no way. */
export function without(noPath: NoPath): ClassRoute {
  return { cost: UNREACHABLE, latencyMs: 0, carried: false, hops: [], areas: [], noPath };
}

/** True if a packet that leaves `from` for `destination` by descent does not pass `node` (RFC 5286, inequality 3). */
export function passesBy(
  paths: ShortestPaths,
  from: number,
  node: number,
  destination: number,
  trafficClass: number,
): boolean {
  const distances = paths.from(from, trafficClass);
  const beyond = paths.from(node, trafficClass)[destination] as number;
  return (distances[destination] as number) < (distances[node] as number) + beyond;
}

/** The nodes behind the start of the way that begins with a choice. */
export function wayOf(
  paths: ShortestPaths,
  { local, route }: Pick<Choice, "local" | "route">,
  destination: number,
  trafficClass: number,
): number[] {
  return [local, ...(route ?? shortestWay(paths, local, destination, trafficClass))];
}

function shortestWay(paths: ShortestPaths, from: number, destination: number, trafficClass: number): number[] {
  return from === destination ? [] : wayAround(paths, from, destination, trafficClass, anywhere());
}

function wayAround(
  paths: ShortestPaths,
  from: number,
  destination: number,
  trafficClass: number,
  avoid: Avoid,
): number[] {
  const way = new Uint8Array(NODES);
  return [...way.subarray(0, paths.around(from, destination, trafficClass, avoid, way))];
}

/** The cheapest channel between two nodes for a class, as the worse of both ends says. */
function cheapestLink(
  db: LinkStateDb,
  from: number,
  to: number,
  trafficClass: number,
): Omit<RouteHop, "from" | "to" | "bearerId" | "alternate"> {
  let channel = -1;
  let cost = UNREACHABLE;
  let worse: [number, number] = [VECTOR_GONE, VECTOR_GONE];
  for (const link of db.node(from)?.advertisement.links ?? []) {
    if (link.neighbour !== to || !db.isTwoWay(from, to, link.channel)) continue;
    const ends: [number, number] = [db.vector(from, to, link.channel), db.vector(to, from, link.channel)];
    const dearer = Math.max(linkCost(ends[0], trafficClass), linkCost(ends[1], trafficClass));
    if (dearer >= cost) continue;
    channel = link.channel;
    cost = dearer;
    worse = ends;
  }
  const a = decodeLinkVector(worse[0]);
  const b = decodeLinkVector(worse[1]);
  return {
    channel,
    cost,
    bitrateBps: Math.min(a.bitrateBps, b.bitrateBps),
    latencyMs: Math.max(a.latencyUs, b.latencyUs) / 1000,
    loss: Math.max(a.loss, b.loss),
    costCentsPerMegabyte: Math.max(a.costCentsPerMegabyte, b.costCentsPerMegabyte),
  };
}

/** What links are like together, one behind the other. */
export interface Way {
  bitrateBps: number;
  /** The least that one of them passes, losses being repeated. */
  goodputBps: number;
  latencyUs: number;
  costCentsPerMegabyte: number;
}

/** What the links between these nodes are like together; undefined if one is not known, or closed to the class. */
export function sumOfLinks(db: LinkStateDb, nodes: readonly number[], trafficClass: number): Way | undefined {
  const most = Number.POSITIVE_INFINITY;
  const sum: Way = { bitrateBps: most, goodputBps: most, latencyUs: 0, costCentsPerMegabyte: 0 };
  for (let i = 1; i < nodes.length; i++) {
    const link = cheapestLink(db, nodes[i - 1] as number, nodes[i] as number, trafficClass);
    if (link.cost >= MAX_LINK_COST) return undefined;
    sum.bitrateBps = Math.min(sum.bitrateBps, link.bitrateBps);
    sum.goodputBps = Math.min(sum.goodputBps, link.bitrateBps * (1 - link.loss));
    sum.latencyUs += 1000 * link.latencyMs;
    sum.costCentsPerMegabyte += link.costCentsPerMegabyte;
  }
  return sum;
}

/** Ways of one class to one destination. */
class Explainer {
  readonly #db: LinkStateDb;
  readonly #paths: ShortestPaths;
  readonly #class: number;
  readonly #destination: number;

  constructor(db: LinkStateDb, paths: ShortestPaths, trafficClass: number, destination: number) {
    this.#db = db;
    this.#paths = paths;
    this.#class = trafficClass;
    this.#destination = destination;
  }

  explain(start: number, first: Choice, second: Choice | undefined): ClassRoute {
    const carried = first.route !== undefined;
    const way = wayOf(this.#paths, first, this.#destination, this.#class);
    let at = start;
    const hops = way.map((next, i): RouteHop => {
      const alternate = i > 0 ? this.#detour(at, next, carried) : second && this.#liveDetour(first, second);
      const hop = { ...this.#hop(at, next), bearerId: i === 0 ? first.bearerId : -1, alternate: alternate ?? null };
      at = next;
      return hop;
    });
    const cost = hops.reduce((sum, hop) => sum + hop.cost, 0);
    const latencyMs = hops.reduce((sum, hop) => sum + hop.latencyMs, 0);
    return { cost, latencyMs, carried, hops, areas: [], noPath: null };
  }

  #liveDetour(first: Choice, second: Choice): Detour {
    const way = wayOf(this.#paths, second, this.#destination, this.#class);
    const isAvoided = first.local !== this.#destination && !way.includes(first.local);
    return this.#detourOf(way, second.route !== undefined, isAvoided ? "node" : "link");
  }

  /** What a node on the way would do if `next` did not answer: as `Forwarding` does, but that all its links work. */
  #detour(at: number, next: number, carried: boolean): Detour | undefined {
    const neighbour = carried ? 0 : this.#descending(at, next);
    const protects = next === this.#destination ? "link" : "node";
    if (neighbour !== 0) return this.#detourOf([neighbour, ...this.#shortest(neighbour)], false, protects);
    const avoid = anywhere();
    avoid.links.set([at, next]);
    avoid.linkCount = 1;
    avoid.nodes[next] = 1;
    const past = this.#around(at, avoid);
    if (past.length > 0) return this.#detourOf(past, true, protects);
    avoid.nodes[next] = 0;
    const beside = this.#around(at, avoid);
    return beside.length > 0 ? this.#detourOf(beside, true, "link") : undefined;
  }

  /** The nearest neighbour that is nearer to the destination and does not need `next`; 0: none. */
  #descending(at: number, next: number): number {
    const limit = this.#paths.from(at, this.#class)[this.#destination] as number;
    let best = Number.POSITIVE_INFINITY;
    let found = 0;
    for (const { neighbour } of this.#db.node(at)?.advertisement.links ?? []) {
      if (neighbour === next || !this.#isLinked(at, neighbour)) continue;
      const distance = this.#paths.from(neighbour, this.#class)[this.#destination] as number;
      if (distance >= limit) continue;
      if (next !== this.#destination && !passesBy(this.#paths, neighbour, next, this.#destination, this.#class))
        continue;
      const cost = this.#hop(at, neighbour).cost + distance;
      if (cost >= best) continue;
      best = cost;
      found = neighbour;
    }
    return found;
  }

  #shortest(from: number): number[] {
    return shortestWay(this.#paths, from, this.#destination, this.#class);
  }

  #around(from: number, avoid: Avoid): number[] {
    return wayAround(this.#paths, from, this.#destination, this.#class, avoid);
  }

  #detourOf(way: number[], carried: boolean, protects: "node" | "link"): Detour {
    return { way: way.map((local) => this.#address(local)), carried, protects };
  }

  #isLinked(from: number, to: number): boolean {
    return (this.#db.node(from)?.advertisement.links ?? []).some(
      (link) => link.neighbour === to && this.#db.isTwoWay(from, to, link.channel),
    );
  }

  #hop(from: number, to: number): Omit<RouteHop, "bearerId" | "alternate"> {
    return { from: this.#address(from), to: this.#address(to), ...cheapestLink(this.#db, from, to, this.#class) };
  }

  #address(local: number): Address {
    return (this.#db.area << 8) | local;
  }
}

function anywhere(): Avoid {
  const avoid = createAvoid(1);
  avoid.firstHops.fill(1);
  return avoid;
}
