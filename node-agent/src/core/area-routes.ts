import {
  type AreaRoute,
  areaCost,
  areaHops,
  MAX_AREA_HOPS,
  MAX_AREA_ROUTES,
  narrowPotential,
  VECTOR_GONE,
} from "@skein/codecs";
import { NO_WAY } from "./area-paths.ts";
import { AREA_CHECK_US, AREA_UPDATE_GAP_US } from "./limits.ts";
import { CLASSES, linkCost } from "./link-cost.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

const EVER = Number.POSITIVE_INFINITY;
/** A cost that has changed by no more than this many steps of its octet, 9 %, is no news. */
const COST_HYSTERESIS = 2;
const COMMAND = 1;

/**
 * What a border node, one that hears neighbours of other areas, says: to its own area, through its advertisement, which
 * areas it reaches over them, and to them which areas the own one reaches. Only this crosses from area to area.
 */
export class AreaRoutes {
  readonly #s: CoreState;
  readonly #flooding: LinkStateFlooding;
  #originatedUs = Number.NEGATIVE_INFINITY;
  #originateDueUs = EVER;
  #checkDueUs = EVER;
  #version = -1;
  #told: AreaRoute[] = [];
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
    this.#checkDueUs = EVER;
    const before = this.#told;
    if (this.told() !== before) this.onTold(nowUs);
  }

  // What neighbours of other areas say

  /** Routes that lead back through the own area are left alone: that is what keeps from counting to infinity. */
  heard(nowUs: number, n: Neighbour, routes: readonly AreaRoute[]): void {
    const { area } = this.#s;
    n.routes = routes.filter((route) => route.area !== area && route.area !== n.area && !route.via.includes(area));
    for (let c = 0; c < CLASSES; c++) {
      const ahead = n.ahead[c] as Uint32Array;
      ahead.fill(NO_WAY);
      ahead[n.area] = 0;
      for (const route of n.routes) ahead[route.area] = (areaHops(route) << 16) | areaCost(route.costs[c] as number);
    }
    this.refresh(nowUs);
  }

  /** Links to neighbours of other areas, or what these say, have changed: loss is told at once, the rest in company. */
  refresh(nowUs: number): void {
    const own = this.#own();
    const routes = this.#best(own);
    if (isSame(routes, own)) return;
    const lost = own.some((route) => !routes.some((other) => other.area === route.area));
    const dueUs = lost ? nowUs : Math.max(nowUs + AREA_CHECK_US, this.#originatedUs + AREA_UPDATE_GAP_US);
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
    this.#originatedUs = nowUs;
    this.#flooding.originateAreas(nowUs, routes);
  }

  /** The shortest way to each area, the nearest MAX_AREA_ROUTES of them; what is told already is kept while it is as good. */
  #best(own: readonly AreaRoute[]): AreaRoute[] {
    const best = new Map<number, AreaRoute>();
    const offers: AreaRoute[] = [];
    for (const port of this.#s.ports) for (const n of port.foreign) if (n.twoWay) offer(n, offers);
    for (const route of offers) {
      const other = best.get(route.area);
      if (other === undefined || compare(route, other) < 0) best.set(route.area, route);
    }
    for (const route of own) {
      const better = best.get(route.area);
      if (better === undefined || areaHops(better) !== areaHops(route)) continue;
      if (offers.some((other) => other.area === route.area && isAlike(other, route)) && isClose(better, route))
        best.set(route.area, route);
    }
    return [...best.values()].sort((a, b) => areaHops(a) - areaHops(b) || a.area - b.area).slice(0, MAX_AREA_ROUTES);
  }

  // What they are told

  /** The area's database has changed, perhaps with what they are told. */
  databaseChanged(nowUs: number): void {
    if (this.#s.ports.some(hasForeign)) this.#checkDueUs = Math.min(this.#checkDueUs, nowUs + AREA_CHECK_US);
  }

  /** Ways to other areas as seen from this node; the same array until one of them has changed. */
  told(): readonly AreaRoute[] {
    const { db, areaPaths, local } = this.#s;
    if (this.#version === db.version) return this.#told;
    this.#version = db.version;
    const ahead = areaPaths.from(local, COMMAND);
    const routes: AreaRoute[] = [];
    for (let area = 0; area < ahead.length; area++) {
      const route = ahead[area] === NO_WAY ? undefined : this.#routeTo(area, ahead[area] as number);
      if (route !== undefined) routes.push(route);
    }
    routes.sort((a, b) => areaHops(a) - areaHops(b) || a.area - b.area);
    const nearest = routes.slice(0, MAX_AREA_ROUTES);
    if (!isSame(nearest, this.#told)) this.#told = nearest;
    return this.#told;
  }

  /** With the path of a border node that is as near as that. */
  #routeTo(area: number, ahead: number): AreaRoute | undefined {
    const { db, areaPaths, paths, local } = this.#s;
    const distances = paths.from(local, COMMAND);
    for (const border of db.locals()) {
      const route = db.node(border)?.advertisement.areas.find((r) => r.area === area);
      if (route === undefined || areaHops(route) !== ahead >>> 16) continue;
      const whole = (distances[border] as number) + Math.max(1, areaCost(route.costs[COMMAND] as number));
      if (whole > (ahead & 0xffff) && (ahead & 0xffff) !== 0xfffe) continue;
      const costs: number[] = [];
      for (let c = 0; c < CLASSES; c++)
        costs.push(narrowPotential((areaPaths.from(local, c)[area] as number) & 0xffff));
      return { area, via: route.via, costs };
    }
    return undefined;
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
  into.push({ area: n.area, via: [], costs: link.map(narrowPotential) });
  for (const route of n.routes) {
    if (areaHops(route) === MAX_AREA_HOPS) continue;
    const costs = route.costs.map((cost, c) => narrowPotential(areaCost(cost) + (link[c] as number)));
    into.push({ area: route.area, via: [n.area, ...route.via], costs });
  }
}

function compare(a: AreaRoute, b: AreaRoute): number {
  return areaHops(a) - areaHops(b) || (a.costs[COMMAND] as number) - (b.costs[COMMAND] as number);
}

/** The same path, at about the same cost. */
function isAlike(a: AreaRoute, b: AreaRoute): boolean {
  return a.via.length === b.via.length && a.via.every((area, i) => area === b.via[i]) && isClose(a, b);
}

function isClose(a: AreaRoute, b: AreaRoute): boolean {
  return a.costs.every((cost, c) => Math.abs(cost - (b.costs[c] as number)) <= COST_HYSTERESIS);
}

function isSame(a: readonly AreaRoute[], b: readonly AreaRoute[]): boolean {
  return a.length === b.length && a.every((route, i) => route.area === b[i]?.area && isAlike(route, b[i] as AreaRoute));
}
