import {
  addFailure,
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
import { TrafficClass } from "./api.ts";
import { NO_WAY } from "./area-paths.ts";
import { isClosed, refusal } from "./bearer-rules.ts";
import { Custody } from "./custody.ts";
import { DuplicateFilter } from "./duplicate-filter.ts";
import {
  CRITICAL_AGE_US,
  MAX_SEARCH_COPIES,
  QUEUE_AGE_NARROW_US,
  QUEUE_AGE_WIDE_US,
  SEARCH_BURST,
  SEARCH_GAP_US,
} from "./limits.ts";
import { CLASSES, COST_UNIT_US, linkCost, MAX_LINK_COST, UNREACHABLE } from "./link-cost.ts";
import type { Merging } from "./merge/merging.ts";
import type { Copy } from "./merge/placement.ts";
import { isTrusted, isUsable, type Neighbour, type Port } from "./port.ts";
import {
  ANY_POTENTIAL,
  detoursOf,
  idInArea,
  narrowLimit,
  rank,
  STAGE_AREAS,
  STAGE_DETOUR,
  STAGE_DETOURS,
  stageGiven,
} from "./potential.ts";
import { createAvoid, OUTSIDE } from "./shortest-paths.ts";
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

/**
 * Unicast forwarding by descending potential. A packet carries the potential P of whoever sent it; a node may pass it
 * on only with a P' < P and to a neighbour whose own distance is below P'. Potentials fall at every hop and are never
 * negative, so that no packet loops, whatever the databases say. On the way to another area the number of areas still
 * to enter stands before the distance to the border node.
 *
 * When the next hop is dead, in this order: a neighbour that descends and does not need the dead node (RFC 5286,
 * node-protecting); the failure carried in the packet, with a source route around it; any neighbour that descends; a
 * search among the neighbours; custody until links have changed. `docs/forwarding.md` argues why none of it can loop.
 */
export class Forwarding {
  readonly #s: CoreState;
  readonly #merging: Merging;
  readonly #custody: Custody;
  readonly #searched: DuplicateFilter;
  #searchesPaidUs = 0;
  readonly #avoid = createAvoid(MAX_CARRIED_FAILURES + MAX_ROUTE_HOPS);
  /** Avoids nothing, and leaves the area where `#avoid` does. */
  readonly #anywhere = { ...createAvoid(0), exits: this.#avoid.exits };
  readonly #way = new Uint8Array(MAX_ROUTE_HOPS + 1);
  readonly #copy: Repair = createRepair();
  // Where the packet at hand goes: its area, whether that is another one, and the end of its way inside the own one.
  #area = 0;
  #outside = false;
  #end = 0;
  /** Who says that it reaches the end, where the database has no way; 0: nobody. */
  #via = 0;
  #nowUs = 0;
  // The hop that the last successful choice found.
  #port: Port | undefined;
  #neighbour: Neighbour | undefined;
  #potential = 0;
  /** What the packet at hand is: to be sent twice; one of several copies; to leave later. */
  #critical = false;
  #copied = false;
  #delayUs = 0;
  /** Policy or a data cap has kept the packet at hand off its bearer: nobody searches for another way. */
  #refused = false;
  /** The next hop that the database wants, usable or not. */
  #wanted: Neighbour | undefined;

  constructor(state: CoreState, merging: Merging) {
    this.#s = state;
    this.#merging = merging;
    this.#searched = new DuplicateFilter(state.counters);
    this.#anywhere.firstHops.fill(1);
    this.#custody = new Custody(state, (nowUs, header, repair, slot) => this.#resume(nowUs, header, repair, slot));
  }

  get custody(): Custody {
    return this.#custody;
  }

  /**
   * Sends a unicast packet on its way, keeps it for later, or drops it with a count. `header.potential` is the
   * exclusive limit: what the packet carried, ANY_POTENTIAL at its origin. `repair` counts where the header's flags say so and
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
    critical = false,
  ): boolean {
    this.#critical = critical;
    const sent = this.#route(nowUs, header, repair, octets, from, length, deadlineUs, keep);
    this.#critical = false;
    return sent;
  }

  #route(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
    keep: boolean,
  ): boolean {
    const fresh = (header.flags & DATA_FLAG_REPAIR) === 0;
    this.#refused = false;
    if (this.forward(nowUs, header, repair, octets, from, length, deadlineUs, undefined)) return true;
    if (this.#refused) return false;
    if (this.#search(nowUs, header, repair, octets, from, length, deadlineUs)) return true;
    const until = deadlineUs > 0 ? deadlineUs : nowUs + (QUEUE_AGE_WIDE_US[header.trafficClass] as number);
    if (keep && this.#custody.keep(nowUs, header, repair, octets, from, length, until)) return false;
    return this.#drop(fresh && header.potential === ANY_POTENTIAL ? "no-route" : "no-descent", header);
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
    this.#aim(nowUs, header.destination);
    if ((header.flags & DATA_FLAG_REPAIR) === 0) {
      if (!this.#descend(nowUs, header, repair, except)) return false;
      if ((header.flags & DATA_FLAG_REPAIR) !== 0) this.#s.counters.count("repaired");
    } else if (!this.#followRoute(nowUs, header, repair, except)) return false;
    if (this.#paced(nowUs, header.trafficClass))
      return this.#enqueueVideo(nowUs, header, repair, octets, from, length, deadlineUs);
    if (this.#merged(nowUs, header.trafficClass, except))
      return this.#enqueueCopies(nowUs, header, repair, octets, from, length, deadlineUs);
    return this.#enqueue(nowUs, header, repair, octets, from, length, deadlineUs);
  }

  /** True of video that several bearers carry to the next node. */
  #paced(nowUs: number, trafficClass: number): boolean {
    if (trafficClass !== TrafficClass.video || this.#critical || (this.#port as Port).narrow) return false;
    return this.#merging.video.isMerged(nowUs, this.#neighbour as Neighbour);
  }

  #enqueueVideo(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const { pool } = this.#s;
    const { video } = this.#merging;
    this.#copied = false;
    const slot = pool.allocate(header, repair, octets, from, length);
    if (slot === -1) return this.#drop("pool-empty", header);
    pool.potential[slot] = this.#potential;
    pool.deadlineUs[slot] = deadlineUs > 0 ? deadlineUs : video.deadlineUs(nowUs);
    video.push(nowUs, this.#neighbour as Neighbour, slot);
    return true;
  }

  /** True if the next node is reached over several bearers, and copies have been chosen. */
  #merged(nowUs: number, trafficClass: number, except: Neighbour | undefined): boolean {
    this.#copied = false;
    const { classRules, ports } = this.#s;
    const least = this.#critical ? 2 : 1;
    const calm = Math.max(least, classRules.calm[trafficClass] as number);
    const risk = Math.max(least, classRules.risk[trafficClass] as number);
    if ((this.#port as Port).narrow || (trafficClass !== TrafficClass.voice && risk < 2)) return false;
    const hop = this.#neighbour as Neighbour;
    return this.#merging.placement.choose(nowUs, ports, hop, trafficClass, calm, risk, except);
  }

  #enqueueCopies(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const { placement } = this.#merging;
    this.#copied = placement.count > 1;
    if (this.#copied) this.#s.counters.count("copied");
    let sent = false;
    const untilUs = deadlineUs === 0 && this.#critical ? nowUs + CRITICAL_AGE_US : deadlineUs;
    for (let i = 0; i < placement.count; i++) {
      const { port, neighbour, delayUs } = placement.copies[i] as Copy;
      this.#port = port;
      this.#neighbour = neighbour;
      this.#delayUs = delayUs;
      sent = this.#enqueue(nowUs, header, repair, octets, from, length, untilUs) || sent;
    }
    this.#delayUs = 0;
    return sent;
  }

  /**
   * A second copy of a packet over a way that shares no node with the first one's, or at least no link with it.
   * To be called right after `route`; false if there is no such way, or if `route` has made copies.
   */
  routeCopy(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    if (this.#copied) return false;
    this.#aim(nowUs, header.destination);
    const { trafficClass } = header;
    if (!this.#chooseDescent(nowUs, trafficClass, ANY_POTENTIAL, undefined)) return false;
    const first = idInArea(this.#neighbour as Neighbour);
    const stage = this.#outside ? ANY_POTENTIAL >>> 16 : 0;
    const hops = this.#around(nowUs, trafficClass, stage, () => this.#avoidWayThrough(first, trafficClass));
    if (hops === 0) return false;
    clearRepair(this.#copy);
    const copy = { ...header };
    if (!this.#takeRoute(nowUs, copy, this.#copy, hops, stage, undefined)) return false;
    return this.#enqueue(nowUs, copy, this.#copy, octets, from, length, 0);
  }

  // Ordinary descent, and the first repair of what cannot descend

  #descend(nowUs: number, header: DataHeader, repair: Repair, except: Neighbour | undefined): boolean {
    const { trafficClass, potential } = header;
    if (this.#chooseDescent(nowUs, trafficClass, potential, except)) return true;
    clearRepair(repair);
    const dead = this.#wanted === undefined ? -1 : idInArea(this.#wanted);
    if (this.#goAround(nowUs, header, repair, dead, except)) return true;
    if (this.#chooseAny(nowUs, trafficClass, potential, except)) return true;
    const detour = this.#outside ? detoursOf(potential) : 0;
    return detour > 0 && this.#chooseDescent(nowUs, trafficClass, detour, except);
  }

  #aim(nowUs: number, destination: number): void {
    this.#area = destination >>> 8;
    this.#outside = this.#area !== this.#s.area;
    this.#end = this.#outside ? OUTSIDE : destination & 0xff;
    this.#via = this.#outside ? 0 : this.#s.hearsay.via(nowUs, this.#end);
    this.#nowUs = nowUs;
  }

  /** How far a node of the own area is from where the packet goes, detours apart. */
  #ahead(local: number, trafficClass: number): number {
    const { paths, areaPaths } = this.#s;
    if (this.#outside) return areaPaths.from(local, trafficClass)[this.#area] as number;
    const distance = paths.from(local, trafficClass)[this.#end] as number;
    return distance === UNREACHABLE && this.#via !== 0 ? this.#aheadByHearsay(local, trafficClass) : distance;
  }

  /** The same by what a node says that it reaches. Each of its steps is one down: it promised what it does not exceed. */
  #aheadByHearsay(local: number, trafficClass: number): number {
    const via = this.#via;
    const rest = this.#s.hearsay.distance(this.#end);
    if (local === via) return rest;
    let toVia = this.#s.paths.from(local, trafficClass)[via] as number;
    // Somebody met just now is not in the database either.
    if (toVia === UNREACHABLE && local === this.#s.local) toVia = this.#hopTo(via, trafficClass);
    return Math.min(UNREACHABLE, toVia + rest);
  }

  #hopTo(local: number, trafficClass: number): number {
    let best = UNREACHABLE;
    for (const port of this.#s.ports) {
      const n = port.byLocal[local];
      if (n !== undefined && n.advertisedVector !== VECTOR_GONE && isUsable(port, n, this.#nowUs))
        best = Math.min(best, this.#hopCost(port, n, trafficClass));
    }
    return best;
  }

  /** The same of a neighbour. One of another area leads out of the own one, and nowhere in it. */
  #aheadOf(n: Neighbour, trafficClass: number): number {
    if (!n.foreign) return this.#ahead(n.local, trafficClass);
    return this.#outside ? ((n.ahead[trafficClass] as Uint32Array)[this.#area] as number) : NO_WAY;
  }

  /** Narrow frames carry ids of their own area only. */
  #serves(port: Port): boolean {
    return !(port.narrow && this.#outside);
  }

  /** The nearest neighbour if it can be trusted, else the nearest that descends and does not need the one that cannot. */
  #chooseDescent(nowUs: number, trafficClass: number, limit: number, except: Neighbour | undefined): boolean {
    const tight = this.#tight(trafficClass, limit);
    this.#want(trafficClass, tight);
    const wanted = this.#neighbour;
    if (wanted === undefined) return false;
    if (wanted !== except && isTrusted(this.#port as Port, wanted, nowUs)) {
      return this.#settle(this.#port as Port, wanted, tight, limit, this.#aheadOf(wanted, trafficClass));
    }
    return this.#chooseProtected(nowUs, trafficClass, tight, limit, except);
  }

  /** The own distance, or what is just below the limit, both without detours. */
  #tight(trafficClass: number, limit: number): number {
    return Math.min(this.#ahead(this.#s.local, trafficClass), limit - 1 - this.#detours(limit));
  }

  /** The part of what is written under this limit that tells of detours. */
  #detours(limit: number): number {
    return this.#outside ? detoursOf(limit) : 0;
  }

  /** What the database alone would choose, into #port and #neighbour. */
  #want(trafficClass: number, tight: number): void {
    this.#port = undefined;
    this.#neighbour = undefined;
    let best = Number.POSITIVE_INFINITY;
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (!this.#serves(port)) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n.advertisedVector === VECTOR_GONE) continue;
        const distance = this.#aheadOf(n, trafficClass);
        if (distance >= tight) continue;
        const cost = rank(this.#choiceCost(port, n, trafficClass), distance);
        if (cost >= best) continue;
        best = cost;
        this.#port = port;
        this.#neighbour = n;
      }
    }
    this.#wanted = this.#neighbour;
  }

  #chooseProtected(
    nowUs: number,
    trafficClass: number,
    tight: number,
    limit: number,
    except: Neighbour | undefined,
  ): boolean {
    const { ports, paths } = this.#s;
    const dead = idInArea(this.#wanted as Neighbour);
    const beyondDead = dead === this.#end ? 0 : this.#ahead(dead, trafficClass);
    let best = Number.POSITIVE_INFINITY;
    let bestDistance = 0;
    let bestPort: Port | undefined;
    let bestNeighbour: Neighbour | undefined;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (!this.#serves(port)) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n === except || n.advertisedVector === VECTOR_GONE || !isTrusted(port, n, nowUs)) continue;
        const distance = this.#aheadOf(n, trafficClass);
        if (distance >= tight) continue;
        // Its way leads past the dead node only if it is shorter than any way through it.
        if (dead !== this.#end && !n.foreign) {
          const toDead = paths.from(n.local, trafficClass)[dead] as number;
          if (distance >= toDead + beyondDead) continue;
        }
        const cost = rank(this.#choiceCost(port, n, trafficClass), distance);
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
  #chooseAny(nowUs: number, trafficClass: number, limit: number, except: Neighbour | undefined): boolean {
    const tight = this.#tight(trafficClass, limit);
    let best = Number.POSITIVE_INFINITY;
    let bestDistance = 0;
    let bestPort: Port | undefined;
    let bestNeighbour: Neighbour | undefined;
    for (const port of this.#s.ports) {
      if (!this.#serves(port)) continue;
      for (const n of port.neighbours) {
        if (n === except || n.advertisedVector === VECTOR_GONE || !isUsable(port, n, nowUs)) continue;
        const distance = this.#aheadOf(n, trafficClass);
        if (distance >= tight) continue;
        const suspicion = isTrusted(port, n, nowUs) ? 0 : ANY_POTENTIAL;
        const cost = rank(this.#choiceCost(port, n, trafficClass), distance) + suspicion;
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
    let potential = this.#detours(limit) + tight;
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
      if (this.#goAround(nowUs, header, repair, -1, except)) return true;
      repair.searchHops = hops;
      return false;
    }
    const ahead = repair.routeLength > 0 ? (repair.route[0] as number) : -1;
    const next = except === undefined ? ahead : idInArea(except);
    if (next < 0 || (next === OUTSIDE && !this.#outside)) return false;
    const stage = this.#outside ? header.potential >>> 16 : 0;
    if (next === OUTSIDE && this.#leave(nowUs, header, stage, except)) return true;
    if (next !== OUTSIDE && except === undefined && this.#towards(nowUs, next, header.trafficClass, undefined)) {
      repair.routeLength--;
      repair.route.copyWithin(0, 1, repair.routeLength + 1);
      this.#potential = (stage << 16) | repair.routeLength;
      return true;
    }
    return this.#goAround(nowUs, header, repair, next, except);
  }

  /** Puts the dead link to `dead` (-1: none) on the packet's list, and takes the best way around all that it lists. */
  #goAround(nowUs: number, header: DataHeader, repair: Repair, dead: number, except: Neighbour | undefined): boolean {
    if (dead >= 0 && !addFailure(repair, this.#s.local, dead)) return false;
    const { trafficClass } = header;
    const avoid = (): void => this.#avoidFailures(repair);
    if (!this.#outside) {
      const hops = this.#around(nowUs, trafficClass, 0, avoid);
      return hops > 0 && this.#takeRoute(nowUs, header, repair, hops, 0, except);
    }
    // Through as few areas as the own database wants, as many as the packet still may, and more for a detour.
    const given = stageGiven(header);
    const wanted = (given & STAGE_DETOURS) | (this.#ahead(this.#s.local, trafficClass) >>> 16);
    const detour = given < STAGE_DETOUR ? -1 : ((given & STAGE_DETOURS) - STAGE_DETOUR) | STAGE_AREAS;
    for (const stage of [Math.min(wanted, given), given, detour]) {
      if (stage < 0) return false;
      const hops = this.#around(nowUs, trafficClass, stage, avoid);
      if (hops > 0 && this.#takeRoute(nowUs, header, repair, hops, stage, except)) {
        if (stage === detour) this.#s.counters.count("detours");
        return true;
      }
    }
    return false;
  }

  /** `stage`: the most that may be written; less if the border node at the end of the route needs fewer areas. */
  #takeRoute(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    hops: number,
    stage: number,
    except: Neighbour | undefined,
  ): boolean {
    let written = stage;
    if (this.#outside) {
      const border = hops < 2 ? this.#s.local : (this.#way[hops - 2] as number);
      const areas = this.#s.areaPaths.hopsAt(border, this.#area);
      written = (stage & STAGE_DETOURS) | Math.min(areas, stage & STAGE_AREAS);
      if (hops === 1) return this.#leave(nowUs, header, written, except);
    }
    if (!this.#towards(nowUs, this.#way[0] as number, header.trafficClass, except)) return false;
    header.flags |= DATA_FLAG_REPAIR;
    repair.routeLength = hops - 1;
    for (let i = 1; i < hops; i++) repair.route[i - 1] = this.#way[i] as number;
    this.#potential = (written << 16) | repair.routeLength;
    return true;
  }

  /**
   * Gives the packet to a neighbour in an area from which there are fewer to enter. There it descends as an ordinary
   * one: what it has met here means nothing there.
   */
  #leave(nowUs: number, header: DataHeader, stage: number, except: Neighbour | undefined): boolean {
    let best = Number.POSITIVE_INFINITY;
    for (const port of this.#s.ports) {
      for (const n of port.foreign) {
        if (n === except || n.advertisedVector === VECTOR_GONE || !isTrusted(port, n, nowUs)) continue;
        const distance = this.#aheadOf(n, header.trafficClass);
        const cost = rank(this.#choiceCost(port, n, header.trafficClass), distance);
        if (distance >>> 16 >= (stage & STAGE_AREAS) || cost >= best) continue;
        best = cost;
        this.#port = port;
        this.#neighbour = n;
      }
    }
    if (best === Number.POSITIVE_INFINITY) return false;
    header.flags &= ~DATA_FLAG_REPAIR;
    this.#potential = (stage << 16) - 1;
    return true;
  }

  /**
   * Ways around: first past the nodes behind the dead links, for a lost node shows as one of its links. To another area
   * through as many as `stage` has left.
   */
  #around(nowUs: number, trafficClass: number, stage: number, avoid: () => void): number {
    const { paths, areaPaths, local } = this.#s;
    const none = this.#outside ? NO_WAY : UNREACHABLE;
    if (this.#ahead(local, trafficClass) === none) return 0;
    const { nodes, exits } = this.#avoid;
    nodes.fill(0);
    this.#avoid.linkCount = 0;
    if (this.#outside) areaPaths.markExits(this.#area, trafficClass, stage & STAGE_AREAS, exits);
    else exits.fill(0);
    this.#markFirstHops(nowUs, trafficClass, stage);
    avoid();
    const hops = paths.around(local, this.#end, trafficClass, this.#avoid, this.#way);
    if (hops > 0) return hops;
    nodes.fill(0);
    return paths.around(local, this.#end, trafficClass, this.#avoid, this.#way);
  }

  #markFirstHops(nowUs: number, trafficClass: number, stage: number): void {
    const { firstHops } = this.#avoid;
    firstHops.fill(0);
    for (const port of this.#s.ports) {
      if (!this.#serves(port)) continue;
      for (const n of port.neighbours) {
        if (!isTrusted(port, n, nowUs)) continue;
        if (!n.foreign || this.#aheadOf(n, trafficClass) >>> 16 < (stage & STAGE_AREAS)) firstHops[idInArea(n)] = 1;
      }
    }
  }

  #avoidFailures(repair: Repair): void {
    const avoid = this.#avoid;
    for (let i = 0; i < repair.failureCount; i++) {
      const finder = repair.failures[2 * i] as number;
      const lost = repair.failures[2 * i + 1] as number;
      avoid.links[2 * avoid.linkCount] = finder;
      avoid.links[2 * avoid.linkCount++ + 1] = lost;
      if (lost !== this.#end && lost !== this.#s.local) avoid.nodes[lost] = 1;
    }
  }

  /** Nodes and links of the way that the database sees through `first`. */
  #avoidWayThrough(first: number, trafficClass: number): void {
    const avoid = this.#avoid;
    let before = this.#s.local;
    const whole =
      first === this.#end ? 0 : this.#s.paths.around(first, this.#end, trafficClass, this.#anywhere, this.#way);
    for (let i = -1; i < whole; i++) {
      const at = i < 0 ? first : (this.#way[i] as number);
      avoid.links[2 * avoid.linkCount] = before;
      avoid.links[2 * avoid.linkCount++ + 1] = at;
      if (at !== this.#end) avoid.nodes[at] = 1;
      before = at;
    }
  }

  /** The best bearer to a trusted neighbour. */
  #towards(nowUs: number, local: number, trafficClass: number, except: Neighbour | undefined): boolean {
    let best = Number.POSITIVE_INFINITY;
    this.#port = undefined;
    for (const port of this.#s.ports) {
      if (!this.#serves(port)) continue;
      const n = port.byLocal[local];
      if (n === undefined || n === except || n.advertisedVector === VECTOR_GONE || !isTrusted(port, n, nowUs)) continue;
      const cost = this.#choiceCost(port, n, trafficClass);
      if (cost >= best) continue;
      best = cost;
      this.#port = port;
      this.#neighbour = n;
    }
    return this.#port !== undefined;
  }

  #hopCost(port: Port, n: Neighbour, trafficClass: number): number {
    if (isClosed(port.rules, n.closedTo, trafficClass)) return MAX_LINK_COST;
    // What one of another area says of the link does not come here.
    if (n.foreign) return linkCost(n.advertisedVector, trafficClass);
    return this.#s.paths.hopCost(n.local, port.config.kind, n.advertisedVector, trafficClass);
  }

  /** The same with what the policy prefers among the own bearers; distances, which others reckon alike, are without. */
  #choiceCost(port: Port, n: Neighbour, trafficClass: number): number {
    const cost = this.#hopCost(port, n, trafficClass);
    const { preferenceUs } = port.rules;
    return preferenceUs === 0 ? cost : Math.max(1, cost - Math.round(preferenceUs / COST_UNIT_US));
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
    this.#aim(nowUs, header.destination);
    const flags = header.flags;
    header.flags |= DATA_FLAG_REPAIR;
    let copies = 0;
    for (const port of this.#s.ports) {
      if (port.narrow) continue;
      for (const n of port.neighbours) {
        if (copies === MAX_SEARCH_COPIES || n.foreign || !isTrusted(port, n, nowUs)) continue;
        this.#port = port;
        this.#neighbour = n;
        this.#potential = this.#outside ? stageGiven(header, repaired) << 16 : 0;
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
    this.#aim(nowUs, header.destination);
    if (!this.#goAround(nowUs, header, repair, -1, undefined)) return false;
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
    const { closedTo } = this.#neighbour as Neighbour;
    const refused = refusal(port.rules, closedTo, header.kind, header.trafficClass, header.precedence);
    if (refused !== undefined) {
      this.#refused = true;
      return this.#drop(refused, header, port);
    }
    if (isTooSlow(port, header.trafficClass, pool.payerNow, length)) return false;
    const slot = pool.allocate(header, repair, octets, from, length);
    if (slot === -1) return this.#drop("pool-empty", header, port);
    pool.potential[slot] = this.#potential;
    pool.neighbour[slot] = (this.#neighbour as Neighbour).index;
    pool.deadlineUs[slot] = deadlineUs > 0 ? deadlineUs : nowUs + queueAgeUs(port, header.trafficClass);
    if (this.#copied) {
      pool.copyKey[slot] = this.#merging.keyOf(header.source, header.sequence);
      pool.patienceUs[slot] = this.#merging.patienceUs();
    }
    if (this.#delayUs > 0) this.#merging.later(port, slot, nowUs + this.#delayUs);
    else port.queue.push(slot);
    return true;
  }

  #drop(
    reason: "no-route" | "no-descent" | "pool-empty" | "cap" | "class-rule",
    header: DataHeader,
    port?: Port,
  ): false {
    this.#s.counters.drop(reason, header.trafficClass, port?.config.id);
    return false;
  }

  // What others ask

  /** True if there is a path to a node now; of one in another area, to that area. */
  reachable(address: number): boolean {
    this.#aim(this.#nowUs, address);
    const ahead = this.#ahead(this.#s.local, 1);
    return this.#outside ? ahead !== NO_WAY : ahead !== UNREACHABLE;
  }

  /** Distance of a node of the own area in the class to which it is farthest; UNREACHABLE if there is no path. */
  farthest(nowUs: number, address: number): number {
    this.#aim(nowUs, address);
    let distance = 0;
    for (let c = 0; c < CLASSES; c++) distance = Math.max(distance, this.#ahead(this.#s.local, c));
    return distance;
  }

  /** True if a node of the own area is only known of by what another one says. */
  isHearsay(nowUs: number, local: number): boolean {
    return this.#s.paths.from(this.#s.local, 1)[local] === UNREACHABLE && this.#s.hearsay.via(nowUs, local) !== 0;
  }

  /** Bearer of the best path of a class to a node, undefined if there is none. */
  bestPort(nowUs: number, address: number, trafficClass: number): Port | undefined {
    this.#aim(nowUs, address);
    return this.#chooseDescent(nowUs, trafficClass, ANY_POTENTIAL, undefined) ? this.#port : undefined;
  }

  /** What would be done with a new packet: for people, it allocates. */
  choices(nowUs: number, address: number, trafficClass: number): Choices {
    const first = this.#choose(nowUs, address, trafficClass, undefined);
    if (first === undefined) return { first, second: undefined };
    const next = this.#neighbour as Neighbour;
    const since = next.suspectSinceUs;
    next.suspectSinceUs = nowUs;
    const second = this.#choose(nowUs, address, trafficClass, next);
    next.suspectSinceUs = since;
    return { first, second };
  }

  #choose(nowUs: number, address: number, trafficClass: number, except: Neighbour | undefined): Choice | undefined {
    this.#aim(nowUs, address);
    const header = { destination: address, trafficClass, potential: ANY_POTENTIAL, flags: 0 } as DataHeader;
    if (!this.#descend(nowUs, header, this.#copy, except)) return undefined;
    const { route, routeLength } = this.#copy;
    return {
      local: (this.#neighbour as Neighbour).local,
      bearerId: (this.#port as Port).config.id,
      route: (header.flags & DATA_FLAG_REPAIR) === 0 ? undefined : [...route.subarray(0, routeLength)],
    };
  }
}

/** How long a packet of a class may wait on a bearer. */
export function queueAgeUs(port: Port, trafficClass: number): number {
  return (port.narrow ? QUEUE_AGE_NARROW_US : QUEUE_AGE_WIDE_US)[trafficClass] as number;
}

/** True if video or bulk would be too old when its turn came, behind what waits on a narrow bearer already. */
function isTooSlow(port: Port, trafficClass: number, account: number, length: number): boolean {
  if (!port.narrow || trafficClass < TrafficClass.video) return false;
  return port.queue.waitUs(account, length) > queueAgeUs(port, trafficClass);
}
