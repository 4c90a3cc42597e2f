import {
  addFailure,
  clearRepair,
  DATA_FLAG_REPAIR,
  type DataHeader,
  MAX_CARRIED_FAILURES,
  MAX_GENERATION,
  MAX_ROUTE_HOPS,
  type Repair,
  VECTOR_GONE,
} from "@skein/codecs";
import { NO_WAY } from "./area-paths.ts";
import { DISJOINT_WAY_US } from "./limits.ts";
import { UNREACHABLE } from "./link-cost.ts";
import type { Neighbour } from "./neighbour.ts";
import { mayTake, type NextHop } from "./next-hop.ts";
import { ANY_POTENTIAL, idInArea, rank, STAGE_AREAS, STAGE_DETOUR, STAGE_DETOURS, stageGiven } from "./potential.ts";
import { createAvoid, OUTSIDE } from "./shortest-paths.ts";
import type { CoreState } from "./state.ts";

/**
 * Source routes around what is broken: a packet that cannot descend carries the dead links that it has met, and the
 * rest of a way that avoids them. The hop that is taken is left in the `NextHop` that was given.
 */
export class SourceRoutes {
  readonly #s: CoreState;
  readonly #hop: NextHop;
  readonly #avoid = createAvoid(MAX_CARRIED_FAILURES + MAX_ROUTE_HOPS);
  /** Avoids nothing, and leaves the area where `#avoid` does. */
  readonly #anywhere = { ...createAvoid(0), exits: this.#avoid.exits };
  readonly #way = new Uint8Array(MAX_ROUTE_HOPS + 1);
  /** True while a way may begin with a link under suspicion, which may be wrong. */
  #mayRisk = false;
  /** The last way of `takeDisjoint`, and what it was found for. */
  readonly #disjoint = {
    destination: 0,
    trafficClass: 0,
    first: 0,
    version: -1,
    untilUs: 0,
    hops: 0,
    cost: 0,
    way: new Uint8Array(MAX_ROUTE_HOPS + 1),
  };

  constructor(state: CoreState, hop: NextHop) {
    this.#s = state;
    this.#hop = hop;
    this.#anywhere.firstHops.fill(1);
  }

  follow(nowUs: number, header: DataHeader, repair: Repair, except: Neighbour | undefined): boolean {
    if (repair.searchHops > 0) {
      repair.routeLength = 0;
      const hops = repair.searchHops;
      repair.searchHops = 0;
      if (this.goAround(nowUs, header, repair, -1, except)) return true;
      repair.searchHops = hops;
      return false;
    }
    const ahead = repair.routeLength > 0 ? (repair.route[0] as number) : -1;
    const next = except === undefined ? ahead : idInArea(except);
    if (next < 0 || (next === OUTSIDE && !this.#hop.outside)) return false;
    const stage = this.#hop.outside ? header.potential >>> 16 : 0;
    if (next === OUTSIDE && this.#leave(nowUs, header, stage, except)) return true;
    if (next !== OUTSIDE && except === undefined && this.#hop.towards(nowUs, next, header.trafficClass, undefined)) {
      repair.routeLength--;
      repair.route.copyWithin(0, 1, repair.routeLength + 1);
      this.#hop.potential = (stage << 16) | repair.routeLength;
      return true;
    }
    return this.goAround(nowUs, header, repair, next, except);
  }

  /** Puts the dead link to `dead` (-1: none) on the packet's list, and takes the best way around all that it lists. */
  goAround(nowUs: number, header: DataHeader, repair: Repair, dead: number, except: Neighbour | undefined): boolean {
    if (dead >= 0 && !addFailure(repair, this.#s.local, dead)) return false;
    const { trafficClass } = header;
    const avoid = (): void => this.#avoidFailures(repair);
    if (!this.#hop.outside) {
      const hops = this.#around(nowUs, trafficClass, 0, avoid);
      return hops > 0 && this.#takeRoute(nowUs, header, repair, hops, 0, except);
    }
    // Through as few areas as the own database wants, as many as the packet still may, and more for a detour.
    const given = stageGiven(header);
    const wanted = (given & STAGE_DETOURS) | (this.#hop.ahead(this.#s.local, trafficClass) >>> 16);
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

  /**
   * Where everything else has been tried: begins anew, over a link of one's own that is under suspicion, and takes a
   * generation for that. `into` gets what the packet is to carry, which came with `repair`.
   */
  risk(nowUs: number, header: DataHeader, repair: Repair, into: Repair): boolean {
    if (repair.generation === MAX_GENERATION) return false;
    clearRepair(into);
    into.generation = repair.generation + 1;
    for (let i = 0; i < repair.failureCount; i++) {
      const finder = repair.failures[2 * i] as number;
      if (finder !== this.#s.local) addFailure(into, finder, repair.failures[2 * i + 1] as number);
    }
    this.#mayRisk = true;
    const found = this.goAround(nowUs, header, into, -1, undefined);
    this.#mayRisk = false;
    return found;
  }

  /** A way that shares no node, or at least no link, with the one through `taken`, and may begin with a link under suspicion. */
  riskBeside(nowUs: number, header: DataHeader, repair: Repair, taken: Neighbour): boolean {
    const { trafficClass } = header;
    const stage = this.#hop.outside ? ANY_POTENTIAL >>> 16 : 0;
    const avoid = (): void => this.#avoidWayThrough(idInArea(taken), trafficClass);
    clearRepair(repair);
    this.#mayRisk = true;
    const hops = this.#around(nowUs, trafficClass, stage, avoid);
    const found = hops > 0 && this.#takeRoute(nowUs, header, repair, hops, stage, undefined);
    this.#mayRisk = false;
    return found;
  }

  /**
   * A way that shares no node with the one on which the packet descends, or at least no link with it. False if there is
   * none; `header` and `repair` are written.
   */
  takeDisjoint(nowUs: number, header: DataHeader, repair: Repair): boolean {
    const { trafficClass } = header;
    if (!this.#hop.chooseDescent(nowUs, trafficClass, ANY_POTENTIAL, undefined)) return false;
    const first = idInArea(this.#hop.neighbour as Neighbour);
    const stage = this.#hop.outside ? ANY_POTENTIAL >>> 16 : 0;
    this.#findDisjoint(nowUs, header, first, stage);
    if (this.#takeFound(nowUs, header, repair, stage)) return true;
    if (this.#disjoint.hops === 0) return false;
    // Its first hop has fallen silent since it was found.
    this.#disjoint.version = -1;
    this.#findDisjoint(nowUs, header, first, stage);
    return this.#takeFound(nowUs, header, repair, stage);
  }

  #takeFound(nowUs: number, header: DataHeader, repair: Repair, stage: number): boolean {
    const { hops, way } = this.#disjoint;
    if (hops === 0) return false;
    this.#way.set(way);
    clearRepair(repair);
    return this.#takeRoute(nowUs, header, repair, hops, stage, undefined);
  }

  /** What the last way of `takeDisjoint` costs its class. */
  get disjointCost(): number {
    return this.#disjoint.cost;
  }

  /** A stream asks for the same way with each packet. */
  #findDisjoint(nowUs: number, { destination, trafficClass }: DataHeader, first: number, stage: number): void {
    const known = this.#disjoint;
    const { version } = this.#s.db;
    const isSame = known.destination === destination && known.trafficClass === trafficClass && known.first === first;
    if (isSame && known.version === version && nowUs < known.untilUs) return;
    known.hops = this.#around(nowUs, trafficClass, stage, () => this.#avoidWayThrough(first, trafficClass));
    known.cost = this.#s.paths.aroundCost;
    known.way.set(this.#way);
    known.destination = destination;
    known.trafficClass = trafficClass;
    known.first = first;
    known.version = version;
    known.untilUs = nowUs + DISJOINT_WAY_US;
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
    if (this.#hop.outside) {
      const border = hops < 2 ? this.#s.local : (this.#way[hops - 2] as number);
      const areas = this.#s.areaPaths.hopsAt(border, this.#hop.to);
      written = (stage & STAGE_DETOURS) | Math.min(areas, stage & STAGE_AREAS);
      if (hops === 1) return this.#leave(nowUs, header, written, except);
    }
    const first = this.#way[0] as number;
    if (!this.#hop.towards(nowUs, first, header.trafficClass, except, this.#mayRisk)) return false;
    header.flags |= DATA_FLAG_REPAIR;
    repair.routeLength = hops - 1;
    for (let i = 1; i < hops; i++) repair.route[i - 1] = this.#way[i] as number;
    this.#hop.potential = (written << 16) | repair.routeLength;
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
        if (n === except || n.advertisedVector === VECTOR_GONE || !mayTake(nowUs, port, n, this.#mayRisk)) continue;
        const distance = this.#hop.aheadOf(n, header.trafficClass);
        const cost = rank(this.#hop.choiceCost(port, n, header.trafficClass), distance);
        if (distance >>> 16 >= (stage & STAGE_AREAS) || cost >= best) continue;
        best = cost;
        this.#hop.port = port;
        this.#hop.neighbour = n;
      }
    }
    if (best === Number.POSITIVE_INFINITY) return false;
    header.flags &= ~DATA_FLAG_REPAIR;
    this.#hop.potential = (stage << 16) - 1;
    return true;
  }

  /**
   * Ways around: first past the nodes behind the dead links, for a lost node shows as one of its links. To another area
   * through as many as `stage` has left.
   */
  #around(nowUs: number, trafficClass: number, stage: number, avoid: () => void): number {
    const { paths, areaPaths, local } = this.#s;
    const none = this.#hop.outside ? NO_WAY : UNREACHABLE;
    if (this.#hop.ahead(local, trafficClass) === none) return 0;
    const { nodes, exits } = this.#avoid;
    nodes.fill(0);
    this.#avoid.linkCount = 0;
    if (this.#hop.outside) areaPaths.markExits(this.#hop.to, trafficClass, stage & STAGE_AREAS, exits);
    else exits.fill(0);
    this.#markFirstHops(nowUs, trafficClass, stage);
    avoid();
    const hops = paths.around(local, this.#hop.end, trafficClass, this.#avoid, this.#way);
    if (hops > 0) return hops;
    nodes.fill(0);
    return paths.around(local, this.#hop.end, trafficClass, this.#avoid, this.#way);
  }

  #markFirstHops(nowUs: number, trafficClass: number, stage: number): void {
    const { firstHops } = this.#avoid;
    firstHops.fill(0);
    for (const port of this.#s.ports) {
      if (!this.#hop.serves(port)) continue;
      for (const n of port.neighbours) {
        if (!mayTake(nowUs, port, n, this.#mayRisk)) continue;
        if (!n.foreign || this.#hop.aheadOf(n, trafficClass) >>> 16 < (stage & STAGE_AREAS)) firstHops[idInArea(n)] = 1;
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
      if (lost !== this.#hop.end && lost !== this.#s.local) avoid.nodes[lost] = 1;
    }
  }

  /** Nodes and links of the way that the database sees through `first`. */
  #avoidWayThrough(first: number, trafficClass: number): void {
    const avoid = this.#avoid;
    let before = this.#s.local;
    const whole =
      first === this.#hop.end ? 0 : this.#s.paths.around(first, this.#hop.end, trafficClass, this.#anywhere, this.#way);
    for (let i = -1; i < whole; i++) {
      const at = i < 0 ? first : (this.#way[i] as number);
      avoid.links[2 * avoid.linkCount] = before;
      avoid.links[2 * avoid.linkCount++ + 1] = at;
      if (at !== this.#hop.end) avoid.nodes[at] = 1;
      before = at;
    }
  }
}
