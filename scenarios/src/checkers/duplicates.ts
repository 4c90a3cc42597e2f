import type { Evidence } from "./evidence.ts";

/** Nothing was handed to the same listener twice. */
export function checkDuplicates(evidence: Evidence): { pass: boolean; found: string } {
  const bad = Object.entries(evidence.duplicates).filter(([, count]) => count > 0);
  return { pass: bad.length === 0, found: bad.map(([what, count]) => `${count} x ${what}`).join(", ") || "none" };
}
