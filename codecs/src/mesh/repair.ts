/**
 * Repair extension: what a unicast packet carries behind its routing header once the ordinary descent has
 * failed it ("Failure-Carrying Packets", Lakshminarayanan et al., SIGCOMM 2007, with source routes).
 *
 *     octet 0                                octet 1         then                then
 *   +------------------------------------+----------------+-------------------+-------------------+
 *   | generation 2 | search 2 | failures 4 | route length 1 | failures 2 each   | route hops 1 each |
 *   +------------------------------------+----------------+-------------------+-------------------+
 *
 *   generation  how often a node has searched for a way, or kept the packet until links had changed, 0..3
 *   search      hops that this copy may still be spread to all neighbours; 0: it follows the route
 *   failure     local ids of the two ends of a link that the packet found dead: the finder, the lost
 *   route       local ids of the nodes to come after the next hop; the last is the destination
 *
 * (generation, search, failures, remaining route) only ever goes one way, so that a repaired packet cannot circle.
 */
export const MAX_CARRIED_FAILURES = 4;
export const MAX_ROUTE_HOPS = 32;
export const MAX_GENERATION = 3;
export const MAX_SEARCH_HOPS = 2;
const HEADER_OCTETS = 2;
export const MAX_REPAIR_OCTETS = HEADER_OCTETS + 2 * MAX_CARRIED_FAILURES + MAX_ROUTE_HOPS;

export interface Repair {
  generation: number;
  searchHops: number;
  failureCount: number;
  /** Pairs of local ids: finder, lost. The first `failureCount` pairs are valid. */
  readonly failures: Uint8Array;
  routeLength: number;
  /** The first `routeLength` are valid. */
  readonly route: Uint8Array;
}

export function createRepair(): Repair {
  return {
    generation: 0,
    searchHops: 0,
    failureCount: 0,
    failures: new Uint8Array(2 * MAX_CARRIED_FAILURES),
    routeLength: 0,
    route: new Uint8Array(MAX_ROUTE_HOPS),
  };
}

export function clearRepair(repair: Repair): void {
  repair.generation = 0;
  repair.searchHops = 0;
  repair.failureCount = 0;
  repair.routeLength = 0;
}

/** Notes a dead link. False if the list is full, or the failure is known already: then a way around it has been tried. */
export function addFailure(repair: Repair, finder: number, lost: number): boolean {
  for (let i = 0; i < repair.failureCount; i++)
    if (repair.failures[2 * i] === finder && repair.failures[2 * i + 1] === lost) return false;
  if (repair.failureCount === MAX_CARRIED_FAILURES) return false;
  repair.failures[2 * repair.failureCount] = finder;
  repair.failures[2 * repair.failureCount++ + 1] = lost;
  return true;
}

export function repairOctets(repair: Repair): number {
  return HEADER_OCTETS + 2 * repair.failureCount + repair.routeLength;
}

export function encodeRepair(repair: Repair, out: Uint8Array, offset: number): number {
  out[offset] = (repair.generation << 6) | (repair.searchHops << 4) | repair.failureCount;
  out[offset + 1] = repair.routeLength;
  let at = offset + HEADER_OCTETS;
  for (let i = 0; i < 2 * repair.failureCount; i++) out[at++] = repair.failures[i] as number;
  for (let i = 0; i < repair.routeLength; i++) out[at++] = repair.route[i] as number;
  return at - offset;
}

/** Fills `into` and returns the octets read; 0 on anything malformed. */
export function decodeRepair(octets: Uint8Array, offset: number, end: number, into: Repair): number {
  if (end - offset < HEADER_OCTETS) return 0;
  const first = octets[offset] as number;
  const failureCount = first & 15;
  const routeLength = octets[offset + 1] as number;
  const searchHops = (first >>> 4) & 3;
  if (failureCount > MAX_CARRIED_FAILURES || routeLength > MAX_ROUTE_HOPS || searchHops > MAX_SEARCH_HOPS) return 0;
  const length = HEADER_OCTETS + 2 * failureCount + routeLength;
  if (end - offset < length) return 0;
  into.generation = first >>> 6;
  into.searchHops = searchHops;
  into.failureCount = failureCount;
  into.routeLength = routeLength;
  let at = offset + HEADER_OCTETS;
  for (let i = 0; i < 2 * failureCount; i++) into.failures[i] = octets[at++] as number;
  for (let i = 0; i < routeLength; i++) into.route[i] = octets[at++] as number;
  return length;
}
