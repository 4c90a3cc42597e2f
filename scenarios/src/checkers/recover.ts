import type { Evidence, Finding } from "./evidence.ts";

/** Speech came back within the limit after every fault, for every listener that still had a path. */
export function checkRecover(evidence: Evidence, withinUs: number): Finding {
  const measured = evidence.faults.filter((f) => f.voiceGapUs !== undefined);
  if (measured.length === 0) return { pass: false, found: "nobody spoke at any fault", untested: true };
  const bad = measured.filter((f) => (f.voiceGapUs as number) > withinUs);
  const found = measured.map((f) => `${Math.round((f.voiceGapUs as number) / 1000)} ms (${f.what})`).join(", ");
  return { pass: bad.length === 0, found };
}
