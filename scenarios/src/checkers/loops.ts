import type { Evidence, Finding } from "./evidence.ts";

/** No unicast packet came back to a node that had forwarded it. */
export function checkLoops(evidence: Evidence): Finding {
  const found = evidence.loops[0] ?? `none in ${evidence.packetsWatched} packets`;
  if (evidence.packetsWatched === 0) return { pass: false, found, untested: true };
  return { pass: evidence.loops.length === 0, found };
}
