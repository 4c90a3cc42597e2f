import { DATA_FLAG_REPAIR, type DataHeader } from "@skein/codecs";
import { UNREACHABLE } from "./link-cost.ts";
import type { Neighbour } from "./neighbour.ts";
import { OUTSIDE } from "./shortest-paths.ts";

/*
 * A potential, 24 bits:
 *
 *     23 22          | 21 .. 16       | 15 .. 0
 *     3 - detours      areas to enter   distance inside the area
 *     stage, 0 inside the destination's area
 */

/** Potential of a packet at its origin: everybody's is below it. */
export const ANY_POTENTIAL = 0xff_ffff;
/** The part of one that falls with each detour of a packet to another area. */
const DETOURS = 0xc0_0000;
/** The same in a stage, a potential's third octet. */
export const STAGE_DETOURS = DETOURS >>> 16;
export const STAGE_DETOUR = 0x40;
export const STAGE_AREAS = STAGE_DETOUR - 1;

/** What names a neighbour inside the own area: its local id, or the way out. */
export function idInArea(n: Neighbour): number {
  return n.foreign ? OUTSIDE : n.local;
}

/** Cost over a neighbour at `distance`: the number of areas comes before all costs, however much a link adds. */
export function rank(cost: number, distance: number): number {
  return distance + (distance >>> 16) * 0x10000 + cost;
}

/** The part of a potential below `limit` that tells of detours. */
export function detoursOf(limit: number): number {
  return limit > 0 ? (limit - 1) & DETOURS : 0;
}

/** The stage that a packet to another area may still be given: below its limit, or what it follows a route at. */
export function stageGiven(header: DataHeader, repaired = (header.flags & DATA_FLAG_REPAIR) !== 0): number {
  if (repaired) return header.potential >>> 16;
  return header.potential > 0 ? (header.potential - 1) >>> 16 : 0;
}

/** Smallest 16-bit potential whose 8-bit value is not below `carried`: the exclusive limit that it stands for. */
export function narrowLimit(carried: number): number {
  return Math.min(UNREACHABLE, Math.ceil(2 ** (carried / 16) - 1));
}
