import type { PolicyNode, PolicyView } from "@skein/controller/policy";
import type { PolicyDocument } from "@skein/node-agent/api";
import { formatAddress } from "./agent-client.ts";
import { type Cell, formatTable, type Paint } from "./table.ts";

const CLASSES = ["voice", "command", "video", "bulk"] as const;

/** The policy in force as lines for people. */
export function formatPolicy(view: PolicyView, paint: Paint): string[] {
  const { version, document, octets, publishedAt, has, missing } = view;
  if (version === 0 || document === null)
    return ["no policy is in force: bearers are used as their nodes' configurations say"];
  const lines = [
    `${paint("bold", `policy ${version}`)}  ${octets} octets  published ${publishedAt} by ${view.publisher === null ? "?" : nameOf(view.publisher)}  ${signedBy(view)}`,
    "",
    ...formatBearers(document, paint),
    "",
    ...formatClasses(document, paint),
    "",
    `on ${has.length} of ${has.length + missing.length} nodes: ${has.map(nameOf).join(", ")}`,
  ];
  if (missing.length > 0) lines.push(paint("yellow", `not known to have it: ${missing.map(stateOf).join(", ")}`));
  return lines;
}

function signedBy({ signature, key, signingKey }: PolicyView): string {
  if (signature === "none") return "not signed";
  if (signature === "unchecked") return "signed, but this agent has no key to check it with";
  const own = key === signingKey ? " (this controller)" : "";
  return `signed by ${key}${own}`;
}

function nameOf({ name, address }: PolicyNode): string {
  return name === "" ? formatAddress(address) : name;
}

function stateOf(node: PolicyNode): string {
  const what = node.version === 0 ? "has told nothing" : `has ${node.version}`;
  return `${nameOf(node)} (${node.reachable ? what : `not reachable, ${what}`})`;
}

function formatBearers({ bearers }: PolicyDocument, paint: Paint): string[] {
  const rows = Object.entries(bearers).map(([name, { costCentsPerMegabyte, preference, cap }]): Cell[] => [
    name,
    String(costCentsPerMegabyte ?? "-"),
    String(preference ?? "-"),
    cap === undefined ? "-" : `${cap.megabytes} MB a ${cap.per}`,
    cap === undefined ? "-" : `${cap.reservePercent} %`,
    cap === undefined ? "-" : cap.counts,
  ]);
  return formatTable(["bearer", "cents/MB", "preference ms", "cap", "reserve", "counts"], rows, paint);
}

function formatClasses({ classes }: PolicyDocument, paint: Paint): string[] {
  const rows = CLASSES.flatMap((name): Cell[][] => {
    const rule = classes[name];
    if (rule === undefined) return [];
    const { copies, only, never, maxKbps } = rule;
    const bearers = only === undefined ? (never === undefined ? "all" : `not ${never.join(", ")}`) : only.join(", ");
    return [[name, copies === undefined ? "-" : `${copies.calm} / ${copies.risk}`, bearers, String(maxKbps ?? "-")]];
  });
  return formatTable(["class", "copies calm / risk", "bearers", "kbit/s at most"], rows, paint);
}
