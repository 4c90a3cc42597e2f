import { FOREIGN } from "./airtime-accounts.ts";
import type { Neighbour } from "./neighbour.ts";
import type { CoreState } from "./state.ts";

/**
 * Whose airtime account pays for a packet that a neighbour brought, as a local id. What is authenticated is the
 * neighbour; the source is what it says. It is believed of nodes that it is nearer to than this one: those it could
 * silence anyway, and nobody else's account can be emptied by lies. For the rest the neighbour pays itself.
 */
export function payerOf(s: CoreState, n: Neighbour, source: number, trafficClass: number): number {
  if (n.foreign) return FOREIGN;
  const local = source & 0xff;
  if (local === n.local || source >>> 8 !== s.area) return n.local;
  const fromThere = s.paths.from(n.local, trafficClass)[local] as number;
  return fromThere < (s.paths.from(s.local, trafficClass)[local] as number) ? local : n.local;
}
