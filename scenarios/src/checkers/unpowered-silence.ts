import type { Evidence } from "./evidence.ts";

/** Nobody without power was heard. */
export function checkUnpoweredSilence(evidence: Evidence): { pass: boolean; found: string } {
  return { pass: evidence.unpoweredTransmissions.length === 0, found: evidence.unpoweredTransmissions[0] ?? "none" };
}
