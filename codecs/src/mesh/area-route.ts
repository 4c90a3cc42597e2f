/**
 * Ways to other areas: border nodes tell their own area of them in their advertisements, and neighbours of another area
 * in hellos. A path vector, so that nobody counts to infinity (as BGP, RFC 4271 9.1.2): who finds its own area on a path
 * leaves that route alone.
 *
 *   +---------+--------+     route  +--------+--------+--------+-----------------+-------------------+---------+
 *   | count 1 | routes |            | area 1 | part 1 | hops 1 | [members 1 + n] | via, 1 or 2 each  | costs 4 |
 *   +---------+--------+            +--------+--------+--------+-----------------+-------------------+---------+
 *
 *   part     lowest local id in the part of the area that the way leads to; all of it, while it has not fallen apart
 *   hops     bits 0 to 3: areas to enter on the way, the last included; bit 6: members follow; bit 7: via names parts
 *   members  count of octets | a bit for each local id in that part, lowest first, up to the last octet that is not 0
 *   via      the areas before it, the first to enter first, each with its part where these are named
 *   costs    by class, `narrowPotential` of the distance to the area
 */
import { readU16 } from "../wire/octets.ts";
import { CLASS_COUNT } from "./frame-kind.ts";

/**
 * A part of an area, which is all of it while it has not fallen apart: area << 8 | lowest local id there. With 0 in the low
 * octet whichever part is nearest.
 */
export type AreaPart = number;

/** Areas on one path; with 64 areas in a grid of 8 x 8 it takes 14. */
export const MAX_AREA_HOPS = 15;
/** Areas that one node tells of, each part of an area counted. */
export const MAX_AREA_ROUTES = 64;
/** Local ids are one octet. */
export const MAX_MEMBER_OCTETS = 32;
export const NO_MEMBERS: Uint8Array = new Uint8Array(0);
const ROUTE_HEADER_OCTETS = 3;
const HOPS = 0x0f;
const HAS_MEMBERS = 0x40;
const VIA_NAMES_PARTS = 0x80;

export interface AreaRoute {
  to: AreaPart;
  /** Local ids in that part, one bit each as on the wire; none unless there is, or may be, another part. */
  members: Uint8Array;
  via: AreaPart[];
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

export function hasMember(members: Uint8Array, local: number): boolean {
  return (((members[local >>> 3] ?? 0) >>> (local & 7)) & 1) === 1;
}

/** Local ids as octets. */
export function membersOf(locals: Iterable<number>): Uint8Array {
  const members = new Uint8Array(MAX_MEMBER_OCTETS);
  let used = 0;
  for (const local of locals) {
    members[local >>> 3] = (members[local >>> 3] as number) | (1 << (local & 7));
    used = Math.max(used, (local >>> 3) + 1);
  }
  return members.slice(0, used);
}

export function encodeAreaMembers(members: Uint8Array, out: Uint8Array, offset: number): number {
  out[offset] = members.length;
  out.set(members, offset + 1);
  return 1 + members.length;
}

/** Undefined on anything malformed. */
export function decodeAreaMembers(octets: Uint8Array, offset: number, end: number): Uint8Array | undefined {
  if (offset >= end) return undefined;
  const length = octets[offset] as number;
  if (length > MAX_MEMBER_OCTETS || end - offset < 1 + length) return undefined;
  if (length === 0) return NO_MEMBERS;
  return octets[offset + length] === 0 ? undefined : octets.slice(offset + 1, offset + 1 + length);
}

function viaNamesParts(route: AreaRoute): boolean {
  return route.via.some((area) => (area & 0xff) !== 0);
}

export function areaRouteOctets(route: AreaRoute): number {
  const { via, members } = route;
  const membersOctets = members.length > 0 ? 1 + members.length : 0;
  return ROUTE_HEADER_OCTETS + membersOctets + (viaNamesParts(route) ? 2 : 1) * via.length + CLASS_COUNT;
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
    const { to, members, via, costs } = route;
    const named = viaNamesParts(route);
    out[at++] = to >>> 8;
    out[at++] = to;
    out[at++] = areaHops(route) | (members.length > 0 ? HAS_MEMBERS : 0) | (named ? VIA_NAMES_PARTS : 0);
    if (members.length > 0) at += encodeAreaMembers(members, out, at);
    for (const area of via) {
      out[at++] = area >>> 8;
      if (named) out[at++] = area;
    }
    for (const cost of costs) out[at++] = cost;
  }
  return at - offset;
}

/** Appends to `into`; returns the octets read, 0 on anything malformed: an area twice, or twice on one path. */
export function decodeAreaRoutes(octets: Uint8Array, offset: number, end: number, into: AreaRoute[]): number {
  if (offset >= end) return 0;
  const count = octets[offset] as number;
  if (count > MAX_AREA_ROUTES) return 0;
  const known = new Set<AreaPart>();
  let at = offset + 1;
  for (let i = 0; i < count; i++) {
    const read = decodeAreaRoute(octets, at, end, into);
    const route = into[into.length - 1];
    if (read === 0 || route === undefined || known.has(route.to)) return 0;
    known.add(route.to);
    at += read;
  }
  return at - offset;
}

function decodeAreaRoute(octets: Uint8Array, offset: number, end: number, into: AreaRoute[]): number {
  if (end - offset < ROUTE_HEADER_OCTETS) return 0;
  const to = readU16(octets, offset);
  const flags = octets[offset + 2] as number;
  const hops = flags & HOPS;
  if (hops === 0 || (flags & ~(HOPS | HAS_MEMBERS | VIA_NAMES_PARTS)) !== 0) return 0;
  let at = offset + ROUTE_HEADER_OCTETS;
  let members = NO_MEMBERS;
  if ((flags & HAS_MEMBERS) !== 0) {
    const read = decodeAreaMembers(octets, at, end);
    if (read === undefined || read.length === 0) return 0;
    members = read;
    at += 1 + read.length;
  }
  const named = (flags & VIA_NAMES_PARTS) !== 0;
  const step = named ? 2 : 1;
  if (end - at < step * (hops - 1) + CLASS_COUNT) return 0;
  const via: AreaPart[] = [];
  for (; via.length < hops - 1; at += step) via.push(named ? readU16(octets, at) : (octets[at] as number) << 8);
  if (via.includes(to) || new Set(via).size < via.length) return 0;
  const route = { to, members, via, costs: Array.from(octets.subarray(at, at + CLASS_COUNT)) };
  if (viaNamesParts(route) !== named) return 0;
  into.push(route);
  return at + CLASS_COUNT - offset;
}
