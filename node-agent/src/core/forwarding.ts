import {
  clearRepair,
  createRepair,
  DATA_FLAG_REPAIR,
  type DataHeader,
  MAX_CARRIED_FAILURES,
  MAX_GENERATION,
  MAX_ROUTE_HOPS,
  MAX_SEARCH_HOPS,
  narrowPotential,
  type Repair,
  VECTOR_GONE,
} from "@skein/codecs";
import { Custody } from "./custody.ts";
import { DuplicateFilter } from "./duplicate-filter.ts";
import { MAX_SEARCH_COPIES, QUEUE_AGE_NARROW_US, QUEUE_AGE_WIDE_US, SEARCH_BURST, SEARCH_GAP_US } from "./limits.ts";
import { UNREACHABLE } from "./link-cost.ts";
import { isTrusted, isUsable, type Neighbour, type Port } from "./port.ts";
import { createAvoid } from "./shortest-paths.ts";
import type { CoreState } from "./state.ts";

/** A next hop that was chosen; `route` is what the packet carries from there on, if it has to. */
export interface Choice {
  readonly local: number;
  readonly bearerId: number;
  readonly route: readonly number[] | undefined;
}

/** What is done with a packet now, and what would be if that next hop died. */
export interface Choices {
  readonly first: Choice | undefined;
  readonly second: Choice | undefined;
}

const ANYWHERE = createAvoid(0);
ANYWHERE.firstHops.fill(1);

/**
 * Unicast forwarding by descending potential. A packet carries the potential P of whoever sent it; a node may pass it
 * on only with a P' < P and to a neighbour whose own distance is below P'. Potentials fall at every hop and are never
 * negative, so that no packet loops, whatever the databases say.
 *
 * When the next hop is dead, in this order: a neighbour that descends and does not need the dead node (RFC 5286,
 * node-protecting); the failure carried in the packet, with a source route around it; any neighbour that descends; a
 * search among the neighbours; custody until links have changed. `docs/forwarding.md` argues why none of it can loop.
 */
export class Forwarding {
  readonly #s: CoreState;
  readonly #custody: Custody;
  readonly #searched = new DuplicateFilter();
  #searchesPaidUs = 0;
  readonly #avoid = createAvoid(MAX_CARRIED_FAILURES + MAX_ROUTE_HOPS);
  readonly #way = new Uint8Array(MAX_ROUTE_HOPS + 1);
  readonly #copy: Repair = createRepair();
  // The hop that the last successful choice found.
  #port: Port | undefined;
  #neighbour: Neighbour | undefined;
  #potential = 0;
  /** Local id of the next hop that the database wants, usable or not; 0 if it knows no way. */
  #wanted = 0;

  constructor(state: CoreState) {
    this.#s = state;
    this.#custody = new Custody(state, (nowUs, header, repair, slot) => this.#resume(nowUs, header, repair, slot));
  }

  get custody(): Custody {
    return this.#custody;
  }

  /**
   * Sends a unicast packet on its way, keeps it for later, or drops it with a count. `header.potential` is the
   * exclusive limit: what the packet carried, 0xffff at its origin. `repair` counts where the header's flags say so and
   * is written otherwise. False: it could not be queued now.
   */
  route(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs = 0,
    keep = true,
  ): boolean {
    if (header.destination >>> 8 !== this.#s.area) return this.#drop("foreign-area");
    const fresh = (header.flags & DATA_FLAG_REPAIR) === 0;
    if (this.forward(nowUs, header, repair, octets, from, length, deadlineUs, undefined)) return true;
    if (this.#search(nowUs, header, repair, octets, from, length, deadlineUs)) return true;
    const until = deadlineUs > 0 ? deadlineUs : nowUs + (QUEUE_AGE_WIDE_US[header.trafficClass] as number);
    if (keep && this.#custody.keep(nowUs, header, repair, octets, from, length, until)) return false;
    return this.#drop(fresh && header.potential === UNREACHABLE ? "no-route" : "no-descent");
  }

  /** Queues a packet for a next hop other than `except`; false, with nothing counted, if there is none. */
  forward(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
    except: Neighbour | undefined,
  ): boolean {
    if ((header.flags & DATA_FLAG_REPAIR) === 0) {
      if (!this.#descend(nowUs, header, repair, except)) return false;
      if ((header.flags & DATA_FLAG_REPAIR) !== 0) this.#s.counters.count("repaired");
    } else if (!this.#followRoute(nowUs, header, repair, except)) return false;
    return this.#enqueue(nowUs, header, repair, octets, from, length, deadlineUs);
  }

  /**
   * A second copy of a packet over a way that shares no node with the first one's, or at least no link with it.
   * To be called right after `route`; false if there is no such way.
   */
  routeCopy(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    const destination = header.destination & 0xff;
    const { trafficClass } = header;
    if (!this.#chooseDescent(nowUs, destination, trafficClass, UNREACHABLE, undefined)) return false;
    const first = this.#neighbour as Neighbour;
    const hops = this.#around(nowUs, destination, trafficClass, () =>
      this.#avoidWayThrough(first.local, destination, trafficClass),
    );
    if (hops === 0) return false;
    clearRepair(this.#copy);
    const copy = { ...header, flags: header.flags | DATA_FLAG_REPAIR };
    this.#takeRoute(nowUs, copy, this.#copy, hops, undefined);
    return this.#enqueue(nowUs, copy, this.#copy, octets, from, length, 0);
  }

  // Ordinary descent, and the first repair of what cannot descend

  #descend(nowUs: number, header: DataHeader, repair: Repair, except: Neighbour | undefined): boolean {
    const destination = header.destination & 0xff;
    const { trafficClass, potential } = header;
    if (this.#chooseDescent(nowUs, destination, trafficClass, potential, except)) return true;
    clearRepair(repair);
    const dead = this.#wanted;
    if (this.#goAround(nowUs, header, repair, dead, except)) return true;
    return this.#chooseAny(nowUs, destination, trafficClass, potential, except);
  }

  /** The nearest neighbour if it can be trusted, else the nearest that descends and does not need the one that cannot. */
  #chooseDescent(
    nowUs: number,
    destination: number,
    trafficClass: number,
    limit: number,
    except: Neighbour | undefined,
  ): boolean {
    const { paths, local } = this.#s;
    const tight = Math.min(paths.from(local, trafficClass)[destination] as number, limit - 1);
    this.#want(destination, trafficClass, tight);
    const wanted = this.#neighbour;
    if (wanted === undefined) return false;
    if (wanted !== except && isTrusted(this.#port as Port, wanted, nowUs)) {
      const distance = paths.from(wanted.local, trafficClass)[destination] as number;
      return this.#settle(this.#port as Port, wanted, tight, limit, distance);
    }
    return this.#chooseProtected(nowUs, destination, trafficClass, tight, limit, except);
  }

  /** What the database alone would choose, into #port and #neighbour. */
  #want(destination: number, trafficClass: number, tight: number): void {
    this.#port = undefined;
    this.#neighbour = undefined;
    let best = Number.POSITIVE_INFINITY;
    const { ports, paths } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n.advertisedVector === VECTOR_GONE) continue;
        const distance = paths.from(n.local, trafficClass)[destination] as number;
        if (distance >= tight) continue;
        const cost = this.#hopCost(port, n, trafficClass) + distance;
        if (cost >= best) continue;
        best = cost;
        this.#port = port;
        this.#neighbour = n;
      }
    }
    this.#wanted = this.#neighbour === undefined ? 0 : (this.#neighbour as Neighbour).local;
  }

  #chooseProtected(
    nowUs: number,
    destination: number,
    trafficClass: number,
    tight: number,
    limit: number,
    except: Neighbour | undefined,
  ): boolean {
    const { ports, paths } = this.#s;
    const dead = this.#wanted;
    const beyondDead = paths.from(dead, trafficClass)[destination] as number;
    let best = Number.POSITIVE_INFINITY;
    let bestDistance = 0;
    let bestPort: Port | undefined;
    let bestNeighbour: Neighbour | undefined;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n === except || n.advertisedVector === VECTOR_GONE || !isTrusted(port, n, nowUs)) continue;
        const distances = paths.from(n.local, trafficClass);
        const distance = distances[destination] as number;
        if (distance >= tight) continue;
        // Its way leads past the dead node only if it is shorter than any way through it.
        if (dead !== destination && distance >= (distances[dead] as number) + beyondDead) continue;
        const cost = this.#hopCost(port, n, trafficClass) + distance;
        if (cost >= best) continue;
        best = cost;
        bestDistance = distance;
        bestPort = port;
        bestNeighbour = n;
      }
    }
    if (bestPort === undefined || bestNeighbour === undefined) return false;
    return this.#settle(bestPort, bestNeighbour, tight, limit, bestDistance);
  }

  /** Any usable neighbour that descends, even one that is under suspicion. */
  #chooseAny(
    nowUs: number,
    destination: number,
    trafficClass: number,
    limit: number,
    except: Neighbour | undefined,
  ): boolean {
    const { paths, local } = this.#s;
    const tight = Math.min(paths.from(local, trafficClass)[destination] as number, limit - 1);
    let best = Number.POSITIVE_INFINITY;
    let bestDistance = 0;
    let bestPort: Port | undefined;
    let bestNeighbour: Neighbour | undefined;
    for (const port of this.#s.ports) {
      for (const n of port.neighbours) {
        if (n === except || n.advertisedVector === VECTOR_GONE || !isUsable(port, n, nowUs)) continue;
        const distance = paths.from(n.local, trafficClass)[destination] as number;
        if (distance >= tight) continue;
        const suspicion = isTrusted(port, n, nowUs) ? 0 : 0x10000;
        const cost = this.#hopCost(port, n, trafficClass) + distance + suspicion;
        if (cost >= best) continue;
        best = cost;
        bestDistance = distance;
        bestPort = port;
        bestNeighbour = n;
      }
    }
    if (bestPort === undefined || bestNeighbour === undefined) return false;
    return this.#settle(bestPort, bestNeighbour, tight, limit, bestDistance);
  }

  /**
   * Takes a hop with the potential to write: the own distance, raised on a narrow bearer, whose eight bits might not
   * tell it from the neighbour's, as far as the limit allows.
   */
  #settle(port: Port, n: Neighbour, tight: number, limit: number, distance: number): boolean {
    let potential = tight;
    if (port.narrow) {
      const beyond = narrowPotential(distance);
      if (narrowPotential(potential) <= beyond) potential = narrowLimit(beyond + 1);
      if (potential >= limit) return false;
    }
    this.#port = port;
    this.#neighbour = n;
    this.#potential = potential;
    return true;
  }

  // Source routes around carried failures

  #followRoute(nowUs: number, header: DataHeader, repair: Repair, except: Neighbour | undefined): boolean {
    if (repair.searchHops > 0) {
      repair.routeLength = 0;
      const hops = repair.searchHops;
      repair.searchHops = 0;
      if (this.#goAround(nowUs, header, repair, 0, except)) return true;
      repair.searchHops = hops;
      return false;
    }
    const next = except?.local ?? (repair.routeLength > 0 ? (repair.route[0] as number) : 0);
    if (next === 0) return false;
    if (except === undefined && this.#towards(nowUs, next, header.trafficClass, undefined)) {
      repair.routeLength--;
      repair.route.copyWithin(0, 1, repair.routeLength + 1);
      this.#potential = repair.routeLength;
      return true;
    }
    return this.#goAround(nowUs, header, repair, next, except);
  }

  /** Puts the dead link to `dead` (0: none) on the packet's list, and takes the best way around all that it lists. */
  #goAround(nowUs: number, header: DataHeader, repair: Repair, dead: number, except: Neighbour | undefined): boolean {
    if (dead !== 0 && !addFailure(repair, this.#s.local, dead)) return false;
    const destination = header.destination & 0xff;
    const hops = this.#around(nowUs, destination, header.trafficClass, () => this.#avoidFailures(repair, destination));
    return hops > 0 && this.#takeRoute(nowUs, header, repair, hops, except);
  }

  #takeRoute(nowUs: number, header: DataHeader, repair: Repair, hops: number, except: Neighbour | undefined): boolean {
    if (!this.#towards(nowUs, this.#way[0] as number, header.trafficClass, except)) return false;
    header.flags |= DATA_FLAG_REPAIR;
    repair.routeLength = hops - 1;
    for (let i = 1; i < hops; i++) repair.route[i - 1] = this.#way[i] as number;
    this.#potential = repair.routeLength;
    return true;
  }

  /** Ways around: first past the nodes behind the dead links, for a lost node shows as one of its links. */
  #around(nowUs: number, destination: number, trafficClass: number, avoid: () => void): number {
    const { paths, local } = this.#s;
    if ((paths.from(local, trafficClass)[destination] as number) === UNREACHABLE) return 0;
    this.#avoid.nodes.fill(0);
    this.#avoid.linkCount = 0;
    this.#markFirstHops(nowUs);
    avoid();
    const hops = paths.around(local, destination, trafficClass, this.#avoid, this.#way);
    if (hops > 0) return hops;
    this.#avoid.nodes.fill(0);
    return paths.around(local, destination, trafficClass, this.#avoid, this.#way);
  }

  #markFirstHops(nowUs: number): void {
    const { firstHops } = this.#avoid;
    firstHops.fill(0);
    for (const port of this.#s.ports)
      for (const n of port.neighbours) if (isTrusted(port, n, nowUs)) firstHops[n.local] = 1;
  }

  #avoidFailures(repair: Repair, destination: number): void {
    const avoid = this.#avoid;
    for (let i = 0; i < repair.failureCount; i++) {
      const finder = repair.failures[2 * i] as number;
      const lost = repair.failures[2 * i + 1] as number;
      avoid.links[2 * avoid.linkCount] = finder;
      avoid.links[2 * avoid.linkCount++ + 1] = lost;
      if (lost !== destination && lost !== this.#s.local) avoid.nodes[lost] = 1;
    }
  }

  /** Nodes and links of the way that the database sees through `first`. */
  #avoidWayThrough(first: number, destination: number, trafficClass: number): void {
    const avoid = this.#avoid;
    let before = this.#s.local;
    const whole =
      first === destination ? 0 : this.#s.paths.around(first, destination, trafficClass, ANYWHERE, this.#way);
    for (let i = -1; i < whole; i++) {
      const at = i < 0 ? first : (this.#way[i] as number);
      avoid.links[2 * avoid.linkCount] = before;
      avoid.links[2 * avoid.linkCount++ + 1] = at;
      if (at !== destination) avoid.nodes[at] = 1;
      before = at;
    }
  }

  /** The best bearer to a trusted neighbour. */
  #towards(nowUs: number, local: number, trafficClass: number, except: Neighbour | undefined): boolean {
    let best = Number.POSITIVE_INFINITY;
    this.#port = undefined;
    for (const port of this.#s.ports) {
      const n = port.byLocal[local];
      if (n === undefined || n === except || n.advertisedVector === VECTOR_GONE || !isTrusted(port, n, nowUs)) continue;
      const cost = this.#hopCost(port, n, trafficClass);
      if (cost >= best) continue;
      best = cost;
      this.#port = port;
      this.#neighbour = n;
    }
    return this.#port !== undefined;
  }

  #hopCost(port: Port, n: Neighbour, trafficClass: number): number {
    return this.#s.paths.hopCost(n.local, port.config.kind, n.advertisedVector, trafficClass);
  }

  // What nobody knows a way for

  /** Gives copies to the neighbours, which may know more than this node's database does. */
  #search(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const repaired = (header.flags & DATA_FLAG_REPAIR) !== 0;
    const spreading = repaired && repair.searchHops > 0;
    const hops = spreading ? repair.searchHops - 1 : MAX_SEARCH_HOPS;
    // A search takes a generation, as custody does: a packet is searched for three times at most.
    const generation = (repaired ? repair.generation : 0) + (spreading ? 0 : 1);
    if (hops === 0 || generation > MAX_GENERATION || !this.#maySearch(nowUs)) return false;
    if (!this.#searched.accept(header.source, header.trafficClass, header.sequence, nowUs)) return false;
    const copy = this.#copy;
    clearRepair(copy);
    copy.generation = generation;
    if (repaired) {
      copy.failureCount = repair.failureCount;
      copy.failures.set(repair.failures);
    }
    copy.searchHops = hops;
    const flags = header.flags;
    header.flags |= DATA_FLAG_REPAIR;
    let copies = 0;
    for (const port of this.#s.ports) {
      if (port.narrow) continue;
      for (const n of port.neighbours) {
        if (copies === MAX_SEARCH_COPIES || !isTrusted(port, n, nowUs)) continue;
        this.#port = port;
        this.#neighbour = n;
        this.#potential = 0;
        if (this.#enqueue(nowUs, header, copy, octets, from, length, deadlineUs)) copies++;
      }
    }
    header.flags = flags;
    if (copies > 0) this.#s.counters.count("searched");
    return copies > 0;
  }

  /** Searches cost many frames each, and while a mesh comes up nobody knows the way to anybody. */
  #maySearch(nowUs: number): boolean {
    if (this.#searchesPaidUs > nowUs + SEARCH_BURST * SEARCH_GAP_US) return false;
    this.#searchesPaidUs = Math.max(this.#searchesPaidUs, nowUs) + SEARCH_GAP_US;
    return true;
  }

  /** A packet in custody is tried again, for links have changed. */
  #resume(nowUs: number, header: DataHeader, repair: Repair, slot: number): boolean {
    const { pool } = this.#s;
    const from = pool.offset(slot);
    const length = pool.length[slot] as number;
    const deadlineUs = pool.deadlineUs[slot] as number;
    if ((header.flags & DATA_FLAG_REPAIR) === 0) {
      return this.forward(nowUs, header, repair, pool.payloads, from, length, deadlineUs, undefined);
    }
    if (repair.generation === MAX_GENERATION) return false;
    const { generation } = repair;
    clearRepair(repair);
    repair.generation = generation + 1;
    if (!this.#goAround(nowUs, header, repair, 0, undefined)) return false;
    return this.#enqueue(nowUs, header, repair, pool.payloads, from, length, deadlineUs);
  }

  #enqueue(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const port = this.#port as Port;
    const { pool } = this.#s;
    const slot = pool.allocate(header, repair, octets, from, length);
    if (slot === -1) return this.#drop("pool-empty");
    pool.potential[slot] = this.#potential;
    pool.neighbour[slot] = (this.#neighbour as Neighbour).index;
    pool.deadlineUs[slot] = deadlineUs > 0 ? deadlineUs : nowUs + queueAgeUs(port, header.trafficClass);
    port.queue.push(slot);
    return true;
  }

  #drop(reason: "foreign-area" | "no-route" | "no-descent" | "pool-empty"): false {
    this.#s.counters.drop(reason);
    return false;
  }

  // What others ask

  /** True if there is a path to a node now. */
  reachable(local: number): boolean {
    return (this.#s.paths.from(this.#s.local, 1)[local] as number) !== UNREACHABLE;
  }

  /** Bearer of the best path of a class to a node, undefined if there is none. */
  bestPort(nowUs: number, local: number, trafficClass: number): Port | undefined {
    return this.#chooseDescent(nowUs, local, trafficClass, UNREACHABLE, undefined) ? this.#port : undefined;
  }

  /** What would be done with a new packet: for people, it allocates. */
  choices(nowUs: number, local: number, trafficClass: number): Choices {
    const first = this.#choose(nowUs, local, trafficClass, undefined);
    if (first === undefined) return { first, second: undefined };
    const next = this.#neighbour as Neighbour;
    const since = next.suspectSinceUs;
    next.suspectSinceUs = nowUs;
    const second = this.#choose(nowUs, local, trafficClass, next);
    next.suspectSinceUs = since;
    return { first, second };
  }

  #choose(nowUs: number, local: number, trafficClass: number, except: Neighbour | undefined): Choice | undefined {
    const header = { destination: local, trafficClass, potential: UNREACHABLE, flags: 0 } as DataHeader;
    if (!this.#descend(nowUs, header, this.#copy, except)) return undefined;
    const { route, routeLength } = this.#copy;
    return {
      local: (this.#neighbour as Neighbour).local,
      bearerId: (this.#port as Port).config.id,
      route: (header.flags & DATA_FLAG_REPAIR) === 0 ? undefined : [...route.subarray(0, routeLength)],
    };
  }
}

/** False if the list is full, or the failure is known already: then a way around it has been tried. */
function addFailure(repair: Repair, finder: number, lost: number): boolean {
  for (let i = 0; i < repair.failureCount; i++)
    if (repair.failures[2 * i] === finder && repair.failures[2 * i + 1] === lost) return false;
  if (repair.failureCount === MAX_CARRIED_FAILURES) return false;
  repair.failures[2 * repair.failureCount] = finder;
  repair.failures[2 * repair.failureCount++ + 1] = lost;
  return true;
}

/** How long a packet of a class may wait on a bearer. */
export function queueAgeUs(port: Port, trafficClass: number): number {
  return (port.narrow ? QUEUE_AGE_NARROW_US : QUEUE_AGE_WIDE_US)[trafficClass] as number;
}

/** Smallest 16-bit potential whose 8-bit value is not below `carried`: the exclusive limit that it stands for. */
export function narrowLimit(carried: number): number {
  return Math.min(UNREACHABLE, Math.ceil(2 ** (carried / 16) - 1));
}
