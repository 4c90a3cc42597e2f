import type { Evidence } from "./evidence.ts";

/** Nothing queued, in a node or in a device, ever had to wait longer than the limit. */
export function checkQueues(evidence: Evidence, atMostUs: number): { pass: boolean; found: string } {
  return { pass: evidence.longestQueueUs <= atMostUs, found: `${Math.round(evidence.longestQueueUs / 1000)} ms` };
}
