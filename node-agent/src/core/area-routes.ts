import {
  type AreaPart,
  type AreaRoute,
  areaCost,
  areaHops,
  hasMember,
  MAX_AREA_HOPS,
  MAX_AREA_ROUTES,
  NO_MEMBERS,
  narrowPotential,
  VECTOR_GONE,
} from "@skein/codecs";
import { aheadTo, setNearest } from "./area-paths.ts";
import {
  AREA_CHECK_US,
  AREA_UPDATE_BURST,
  AREA_UPDATE_GAP_US,
  DOUBT_GAP_US,
  PART_CALM_US,
  PART_SETTLES_US,
} from "./limits.ts";
import { CLASSES, linkCost, UNREACHABLE } from "./link-cost.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

const EVER = Number.POSITIVE_INFINITY;
/** A cost that has changed by no more than this many steps of its octet, 9 %, is no news. */
const COST_HYSTERESIS = 2;
const COMMAND = 1;

/** What neighbours of other areas are told. */
export interface AreaTold {
  /** The lowest local id that this node reaches in its own area; and all, where the area may have fallen apart. */
  readonly part: number;
  readonly members: Uint8Array;
  readonly routes: readonly AreaRoute[];
}

/**
 * What a border node, one that hears neighbours of other areas, says: to its own area, through its advertisement, which
 * areas it reaches over them, and to them which areas the own one reaches. Only this crosses from area to area.
 */
export class AreaRoutes {
  readonly #s: CoreState;
  readonly #flooding: LinkStateFlooding;
  /** Until when what the own area was told is paid for. */
  #paidUs = Number.NEGATIVE_INFINITY;
  #originateDueUs = EVER;
  #checkDueUs = EVER;
  #version = -1;
  #told: AreaTold = { part: 0, members: NO_MEMBERS, routes: [] };
  /** Name of the own part, whether there may be others, since when that is so, and when it is to be told. */
  #part: AreaPart = 0;
  #isTorn = false;
  #changedUs = EVER;
  #settledUs = EVER;
  #isSettled = false;
  #doubted = NO_MEMBERS;
  #doubtedUs = Number.NEGATIVE_INFINITY;
  /** Told which links may be gone. */
  onDoubt: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;
  /** Told when neighbours of other areas are to hear of a change. */
  onTold: (nowUs: number) => void = () => undefined;

  constructor(state: CoreState, flooding: LinkStateFlooding) {
    this.#s = state;
    this.#flooding = flooding;
  }

  get dueUs(): number {
    return Math.min(this.#originateDueUs, this.#checkDueUs);
  }

  handleTimeout(nowUs: number): void {
    if (this.#originateDueUs <= nowUs) this.#originate(nowUs);
    if (this.#checkDueUs > nowUs) return;
    const before = this.#told;
    const isNews = this.told(nowUs) !== before;
    this.#checkDueUs = nowUs < this.#settledUs ? this.#settledUs : EVER;
    if (isNews) this.onTold(nowUs);
  }

  // What neighbours of other areas say

  /** Routes that lead back through this part of the own area are left alone: that is what keeps from counting to infinity. */
  heard(nowUs: number, n: Neighbour, told: AreaTold): void {
    const { area, local, areaPaths } = this.#s;
    n.part = (n.area << 8) | told.part;
    n.members = told.members;
    const isOwn = (place: AreaPart): boolean => place === area << 8 || place === areaPaths.part;
    const isItself = (place: AreaPart): boolean => place === n.area << 8 || place === n.part;
    n.routes = told.routes.filter(({ to, members, via }) => {
      if (isItself(to) || via.some((place) => isOwn(place) || isItself(place))) return false;
      if (to >>> 8 !== area) return true;
      // A part under the name of this one is another if it is without this node, one under another name is this one if not,
      // unless it has somebody whom this node does not reach: then it does not know yet that they have parted.
      if (members.length === 0) return !isOwn(to);
      return !hasMember(members, local) || (!isOwn(to) && this.#lacksAny(members));
    });
    for (let c = 0; c < CLASSES; c++) {
      const ahead = n.ahead[c] as Map<AreaPart, number>;
      ahead.clear();
      setNearest(ahead, n.part, 0);
      for (const route of n.routes)
        setNearest(ahead, route.to, (areaHops(route) << 16) | areaCost(route.costs[c] as number));
    }
    this.refresh(nowUs);
  }

  /** True if this node does not reach one of these in its own area. */
  #lacksAny(members: Uint8Array): boolean {
    const { db, paths, local } = this.#s;
    const distances = paths.from(local, COMMAND);
    for (const other of db.locals()) if (hasMember(members, other) && distances[other] === UNREACHABLE) return true;
    return false;
  }

  /** Links to neighbours of other areas, or what these say, have changed: that a way is gone is told at once, the rest in company. */
  refresh(nowUs: number): void {
    const own = this.#own();
    const routes = this.#best(own);
    if (isSame(routes, own)) return;
    const lost = own.some((route) => hopsLeft(routes, route.to) > areaHops(route));
    const inHandUs = AREA_UPDATE_BURST * AREA_UPDATE_GAP_US;
    const dueUs = lost ? nowUs : Math.max(nowUs + AREA_CHECK_US, this.#paidUs - inHandUs);
    this.#originateDueUs = Math.min(this.#originateDueUs, dueUs);
    if (lost) this.#originate(nowUs);
  }

  #own(): readonly AreaRoute[] {
    return this.#s.db.node(this.#s.local)?.advertisement.areas ?? [];
  }

  #originate(nowUs: number): void {
    this.#originateDueUs = EVER;
    const own = this.#own();
    const routes = this.#best(own);
    if (isSame(routes, own)) return;
    this.#paidUs = Math.max(this.#paidUs, nowUs) + AREA_UPDATE_GAP_US;
    this.#flooding.originateAreas(nowUs, routes);
  }

  /** The shortest way to each area, or part of one, the nearest MAX_AREA_ROUTES; what is told already is kept while it is as good. */
  #best(own: readonly AreaRoute[]): AreaRoute[] {
    const best = new Map<AreaPart, AreaRoute>();
    const offers: AreaRoute[] = [];
    for (const port of this.#s.ports) for (const n of port.foreign) if (n.twoWay) offer(n, offers);
    for (const route of offers) {
      const other = best.get(route.to);
      if (other === undefined || compare(route, other) < 0) best.set(route.to, route);
    }
    for (const route of own) {
      const better = best.get(route.to);
      if (better === undefined || areaHops(better) !== areaHops(route)) continue;
      if (offers.some((other) => other.to === route.to && isAlike(other, route)) && isClose(better, route))
        best.set(route.to, route);
    }
    return nearest([...best.values()]);
  }

  // What they are told

  /** The area's database has changed, perhaps with what they are told. */
  databaseChanged(nowUs: number): void {
    if (this.#s.ports.some(hasForeign) || this.#s.areaPaths.isTold)
      this.#checkDueUs = Math.min(this.#checkDueUs, nowUs + AREA_CHECK_US);
  }

  /** In which part of its area this node is now. */
  #look(nowUs: number): void {
    const { part, isTorn } = this.#s.areaPaths;
    if (part !== this.#part || isTorn !== this.#isTorn) {
      this.#settledUs = nowUs > this.#changedUs + PART_CALM_US ? nowUs : nowUs + PART_SETTLES_US;
      this.#changedUs = nowUs;
    }
    this.#part = part;
    this.#isTorn = isTorn;
    this.#doubt(nowUs);
  }

  /**
   * Some who are reached are in another part by what other areas say. If that is so, a link on the way to them is gone in
   * silence, and what is left of the area learns of it from whoever asks first.
   */
  #doubt(nowUs: number): void {
    const { others } = this.#s.areaPaths;
    if (isSameSet(others, this.#doubted) || nowUs < this.#doubtedUs + DOUBT_GAP_US) return;
    this.#doubted = others;
    if (others.length > 0) this.#doubtedUs = nowUs;
    for (const port of this.#s.ports)
      for (const n of port.neighbours)
        if (!n.foreign && this.#leadsToAny(n.local, others)) this.onDoubt(nowUs, port, n);
  }

  /** True if a neighbour is one of these, or nearer to one of them than this node. */
  #leadsToAny(local: number, others: Uint8Array): boolean {
    const { db, paths, local: own } = this.#s;
    const ahead = paths.from(local, COMMAND);
    const here = paths.from(own, COMMAND);
    for (const other of db.locals())
      if (hasMember(others, other) && (ahead[other] as number) < (here[other] as number)) return true;
    return false;
  }

  /** The own part, and ways to other areas as seen from this node; the same object until something has changed. */
  told(nowUs: number): AreaTold {
    const { db, areaPaths, local } = this.#s;
    if (this.#version !== db.version) this.#look(nowUs);
    const isSettled = nowUs >= this.#settledUs;
    if (this.#version === db.version && this.#isSettled === isSettled) return this.#told;
    this.#version = db.version;
    this.#isSettled = isSettled;
    const routes: AreaRoute[] = [];
    for (const to of areaPaths.from(local, COMMAND).keys()) {
      const route = this.#routeTo(to);
      if (route !== undefined) routes.push(route);
    }
    const before = this.#told;
    const part = isSettled ? areaPaths.part & 0xff : before.part;
    const members = isSettled ? areaPaths.members() : before.members;
    const told = { part, members, routes: nearest(routes) };
    const isNews =
      told.part !== before.part || !isSameSet(members, before.members) || !isSame(told.routes, before.routes);
    if (isNews) this.#told = told;
    return this.#told;
  }

  /** What is told of the nearest exit; nothing where an area is told of part by part. */
  #routeTo(to: AreaPart): AreaRoute | undefined {
    const { areaPaths, local } = this.#s;
    const exit = areaPaths.exitOf(local, COMMAND, to);
    if (exit?.route.to !== to) return undefined;
    const costs: number[] = [];
    for (let c = 0; c < CLASSES; c++) costs.push(narrowPotential(aheadTo(areaPaths.from(local, c), to) & 0xffff));
    return { to, members: areaPaths.membersIn(to, exit.hops), via: exit.route.via, costs };
  }
}

export function hasForeign(port: Port): boolean {
  for (const n of port.foreign) if (n.alive) return true;
  return false;
}

/** Appends the ways over a neighbour of another area: to that area, and to what lies behind it. */
function offer(n: Neighbour, into: AreaRoute[]): void {
  if (n.advertisedVector === VECTOR_GONE) return;
  const link: number[] = [];
  for (let c = 0; c < CLASSES; c++) link.push(linkCost(n.advertisedVector, c));
  into.push({ to: n.part, members: n.members, via: [], costs: link.map(narrowPotential) });
  const first = n.members.length === 0 ? n.area << 8 : n.part;
  for (const route of n.routes) {
    if (areaHops(route) === MAX_AREA_HOPS) continue;
    const costs = route.costs.map((cost, c) => narrowPotential(areaCost(cost) + (link[c] as number)));
    into.push({ ...route, via: [first, ...route.via], costs });
  }
}

/** Areas to enter on the way that is left to a part of an area; under another name, to its area. */
function hopsLeft(routes: readonly AreaRoute[], to: AreaPart): number {
  const same = routes.filter((route) => route.to === to);
  const left = same.length > 0 ? same : routes.filter((route) => route.to >>> 8 === to >>> 8);
  return Math.min(...left.map(areaHops));
}

function nearest(routes: AreaRoute[]): AreaRoute[] {
  return routes.sort((a, b) => areaHops(a) - areaHops(b) || a.to - b.to).slice(0, MAX_AREA_ROUTES);
}

function compare(a: AreaRoute, b: AreaRoute): number {
  return areaHops(a) - areaHops(b) || (a.costs[COMMAND] as number) - (b.costs[COMMAND] as number);
}

/** The same path to the same nodes, at about the same cost. */
function isAlike(a: AreaRoute, b: AreaRoute): boolean {
  const isSamePath = a.via.length === b.via.length && a.via.every((area, i) => area === b.via[i]);
  return isSamePath && isSameSet(a.members, b.members) && isClose(a, b);
}

function isClose(a: AreaRoute, b: AreaRoute): boolean {
  return a.costs.every((cost, c) => Math.abs(cost - (b.costs[c] as number)) <= COST_HYSTERESIS);
}

function isSame(a: readonly AreaRoute[], b: readonly AreaRoute[]): boolean {
  return a.length === b.length && a.every((route, i) => route.to === b[i]?.to && isAlike(route, b[i] as AreaRoute));
}

function isSameSet(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
