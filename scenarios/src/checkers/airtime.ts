import type { Evidence } from "./evidence.ts";

/** The channel was held for at most this share of the run, wherever one listens. */
export function checkAirtime(evidence: Evidence, network: string, atMost: number): { pass: boolean; found: string } {
  const share = evidence.airtime[network];
  if (share === undefined) return { pass: false, found: "nobody listened" };
  return { pass: share <= atMost, found: `${(share * 100).toFixed(1)} %` };
}
