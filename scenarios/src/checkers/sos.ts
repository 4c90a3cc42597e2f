import type { Evidence } from "./evidence.ts";

/** Every SOS was acknowledged at its sender within the limit. */
export function checkSos(evidence: Evidence, withinUs: number): { pass: boolean; found: string } {
  const late = evidence.sos.filter((s) => s.acknowledgedUs === undefined || s.acknowledgedUs - s.raisedUs > withinUs);
  const found = evidence.sos
    .map(
      (s) =>
        `${s.by}: ${s.acknowledgedUs === undefined ? "never" : `${((s.acknowledgedUs - s.raisedUs) / 1e6).toFixed(3)} s`}`,
    )
    .join(", ");
  return { pass: late.length === 0 && evidence.sos.length > 0, found: found || "no SOS was raised" };
}
