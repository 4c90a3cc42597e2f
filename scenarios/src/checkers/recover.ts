import type { Evidence } from "./evidence.ts";

/** Speech came back within the limit after every fault, for every listener that still had a path. */
export function checkRecover(evidence: Evidence, withinUs: number): { pass: boolean; found: string } {
  const measured = evidence.faults.filter((f) => f.voiceGapUs !== undefined);
  const bad = measured.filter((f) => (f.voiceGapUs as number) > withinUs);
  const found = measured.map((f) => `${Math.round((f.voiceGapUs as number) / 1000)} ms (${f.what})`).join(", ");
  return { pass: bad.length === 0 && measured.length > 0, found: found || "nobody spoke at any fault" };
}
