import {
  createRepair,
  DATA_FLAG_REPAIR,
  type DataHeader,
  decodeRepair,
  MAX_CARRIED_FAILURES,
  MAX_GENERATION,
  MAX_ROUTE_HOPS,
  MAX_SEARCH_HOPS,
} from "@skein/codecs";

const repair = createRepair();
/** More than a packet under repair can still have before it. */
const REPAIR_STATES = (MAX_GENERATION + 1) * (MAX_SEARCH_HOPS + 1) * (MAX_CARRIED_FAILURES + 1) * (MAX_ROUTE_HOPS + 1);
/** Potentials inside a stage. */
const POTENTIALS = 0x1_0000;

/** True of a packet that this node has just put under repair: the only failure that it carries is one that the node found. */
export function beginsRepair(octets: Uint8Array, body: number, length: number, local: number): boolean {
  decodeRepair(octets, body, length, repair);
  return repair.generation === 0 && repair.failureCount === 1 && repair.failures[0] === local;
}

/**
 * How far a wide unicast packet still is from the end of a way on which it cannot return: what it carries as one number
 * above 0, which each hop must lower. The stage of a way to another area comes before all else; then ordinary descent
 * before repair; then each generation, hop of a search, failure, and hop of the route. `body` is where the header ends.
 */
export function remainingOf(header: DataHeader, octets: Uint8Array, body: number, length: number): number {
  const stage = (header.potential >>> 16) * (REPAIR_STATES + POTENTIALS);
  if ((header.flags & DATA_FLAG_REPAIR) === 0) return stage + REPAIR_STATES + (header.potential & (POTENTIALS - 1));
  decodeRepair(octets, body, length, repair);
  let state = MAX_GENERATION - repair.generation;
  state = state * (MAX_SEARCH_HOPS + 1) + repair.searchHops;
  state = state * (MAX_CARRIED_FAILURES + 1) + MAX_CARRIED_FAILURES - repair.failureCount;
  return stage + state * (MAX_ROUTE_HOPS + 1) + repair.routeLength;
}
