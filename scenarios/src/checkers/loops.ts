import type { Evidence } from "./evidence.ts";

/** No unicast packet came back to a node that had forwarded it. */
export function checkLoops(evidence: Evidence): { pass: boolean; found: string } {
  const pass = evidence.loops.length === 0 && evidence.packetsWatched > 0;
  return { pass, found: evidence.loops[0] ?? `none in ${evidence.packetsWatched} packets` };
}
