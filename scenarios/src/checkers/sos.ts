import type { Evidence, Finding } from "./evidence.ts";

type Call = Evidence["sos"][number];

/** Every SOS was acknowledged at its sender within the limit; only time with a path to somebody who answers counts. */
export function checkSos({ sos }: Evidence, withinUs: number): Finding {
  if (sos.length === 0) return { pass: false, found: "no SOS was raised", untested: true };
  const isInTime = ({ acknowledgedUs, withPathUs }: Call): boolean =>
    acknowledgedUs !== undefined && withPathUs <= withinUs;
  const found = sos.map((call) => `${call.by}: ${waitOf(call)}`).join(", ");
  return { pass: sos.every(isInTime), found };
}

function waitOf({ raisedUs, withPathUs, acknowledgedUs }: Call): string {
  if (acknowledgedUs === undefined) return `never, in ${seconds(withPathUs)} with a path`;
  const waitUs = acknowledgedUs - raisedUs;
  return waitUs === withPathUs ? seconds(waitUs) : `${seconds(waitUs)}, ${seconds(withPathUs)} of it with a path`;
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`;
}
