import type { Evidence } from "./evidence.ts";

type Call = Evidence["sos"][number];

/** Every SOS was acknowledged at its sender within the limit, counted from when there was a path to somebody who answers. */
export function checkSos({ sos }: Evidence, withinUs: number): { pass: boolean; found: string } {
  const isInTime = ({ pathUs, acknowledgedUs }: Call): boolean =>
    pathUs !== undefined && acknowledgedUs !== undefined && acknowledgedUs - pathUs <= withinUs;
  const found = sos.map((call) => `${call.by}: ${waitOf(call)}`).join(", ");
  return { pass: sos.length > 0 && sos.every(isInTime), found: found || "no SOS was raised" };
}

function waitOf({ raisedUs, pathUs, acknowledgedUs }: Call): string {
  if (pathUs === undefined) return "nobody who answers could be reached";
  const since = pathUs === raisedUs ? "" : `, ${seconds(pathUs - raisedUs)} of it without a path`;
  return acknowledgedUs === undefined ? `never${since}` : seconds(acknowledgedUs - raisedUs) + since;
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`;
}
