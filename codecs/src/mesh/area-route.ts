/**
 * Ways to other areas: border nodes tell their own area of them in their advertisements, and neighbours of another area
 * in hellos. A path vector, so that nobody counts to infinity (as BGP, RFC 4271 9.1.2): who finds its own area on a path
 * leaves that route alone.
 *
 *   +---------+--------+     route  +--------+--------+-----------------+---------+
 *   | count 1 | routes |            | area 1 | hops 1 | via, hops - 1   | costs 4 |
 *   +---------+--------+            +--------+--------+-----------------+---------+
 *
 *   hops    areas to enter on the way, the last included
 *   via     the areas before it, the first to enter first
 *   costs   by class, `narrowPotential` of the distance to the area
 */
import { CLASS_COUNT } from "./frame-kind.ts";

/** Areas on one path; with 64 areas in a grid of 8 x 8 it takes 14. */
export const MAX_AREA_HOPS = 15;
/** Areas that one node tells of. */
export const MAX_AREA_ROUTES = 64;
const ROUTE_HEADER_OCTETS = 2;
const AREAS = 256;

export interface AreaRoute {
  area: number;
  via: number[];
  /** One octet for each class. */
  costs: number[];
}

export function areaHops(route: AreaRoute): number {
  return route.via.length + 1;
}

/** Distance that a cost octet stands for. */
export function areaCost(octet: number): number {
  return Math.min(0xfffe, Math.ceil(2 ** (octet / 16) - 1));
}

export function areaRouteOctets(route: AreaRoute): number {
  return ROUTE_HEADER_OCTETS + route.via.length + CLASS_COUNT;
}

export function areaRoutesOctets(routes: readonly AreaRoute[]): number {
  let octets = 1;
  for (const route of routes) octets += areaRouteOctets(route);
  return octets;
}

export function encodeAreaRoutes(routes: readonly AreaRoute[], out: Uint8Array, offset: number): number {
  let at = offset;
  out[at++] = routes.length;
  for (const route of routes) {
    out[at++] = route.area;
    out[at++] = areaHops(route);
    for (const area of route.via) out[at++] = area;
    for (const cost of route.costs) out[at++] = cost;
  }
  return at - offset;
}

/** Appends to `into`; returns the octets read, 0 on anything malformed: an area twice, or twice on one path. */
export function decodeAreaRoutes(octets: Uint8Array, offset: number, end: number, into: AreaRoute[]): number {
  if (offset >= end) return 0;
  const count = octets[offset] as number;
  if (count > MAX_AREA_ROUTES) return 0;
  const known = new Uint8Array(AREAS);
  let at = offset + 1;
  for (let i = 0; i < count; i++) {
    if (end - at < ROUTE_HEADER_OCTETS) return 0;
    const area = octets[at] as number;
    const hops = octets[at + 1] as number;
    at += ROUTE_HEADER_OCTETS;
    if (hops === 0 || hops > MAX_AREA_HOPS || known[area] === 1 || end - at < hops - 1 + CLASS_COUNT) return 0;
    known[area] = 1;
    const via = Array.from(octets.subarray(at, at + hops - 1));
    if (via.includes(area) || new Set(via).size < via.length) return 0;
    at += hops - 1;
    into.push({ area, via, costs: Array.from(octets.subarray(at, at + CLASS_COUNT)) });
    at += CLASS_COUNT;
  }
  return at - offset;
}
