import type { AgentStatus, ClassRoute, Detour, RouteExplanation, RouteHop } from "@skein/node-agent/api";
import { formatAddress } from "./agent-client.ts";
import { bearerName, channelName, groupBy, nameOf } from "./status-text.ts";
import { type Cell, formatTable, type Paint } from "./table.ts";

const REASONS: Record<NonNullable<ClassRoute["noPath"]>["reason"], string> = {
  "unknown-node": "nobody has told of this node",
  "no-neighbour": "this node hears nobody who hears it",
  "no-path": "none is known over links that both ends report",
  unanswered: "one is known, but the neighbours that it leads through do not answer",
};

/** The ways to a node, hop by hop; classes that take the same way are shown once. */
export function formatRoute(status: AgentStatus, route: RouteExplanation, paint: Paint): string[] {
  const to = `${nameOf(status, route.to)} (${formatAddress(route.to)})`;
  if (route.from === route.to) return [`${to} is this node`];
  const lines = [paint("bold", `${nameOf(status, route.from)} to ${to}`)];
  for (const { members, names } of groupBy(route.classes, wayOf)) {
    const classes = names === "all" ? "all classes" : names;
    const [first] = members as [ClassRoute];
    lines.push(
      "",
      ...(first.noPath ? formatNoPath(classes, members, paint) : formatWay(status, classes, members, paint)),
    );
  }
  return lines;
}

/** What classes have to have in common to be shown as one. */
function wayOf({ carried, hops, areas, noPath }: ClassRoute): string {
  const same = hops.map(({ to, channel, bearerId, alternate }) => [to, channel, bearerId, alternate]);
  return JSON.stringify([carried, same, areas, noPath?.reason]);
}

function formatWay(status: AgentStatus, classes: string, members: ClassRoute[], paint: Paint): string[] {
  const [{ hops, areas, latencyMs, carried }] = members as [ClassRoute];
  const beyond = areas.length === 0 ? "" : ` and ${areas.length === 1 ? "area" : "areas"} ${areas.join(", ")}`;
  const count = (hops.length === 1 ? "1 hop" : `${hops.length} hops`) + beyond;
  const cost = members.map((way) => way.cost).join("/");
  const note = carried ? ", carried by the packets: the usual way does not answer" : "";
  const rows = hops.map((hop, i): Cell[] => [
    String(i + 1),
    nameOf(status, hop.from),
    nameOf(status, hop.to),
    hop.bearerId >= 0 ? bearerName(status, hop.bearerId) : channelName(hop.channel),
    members.map((way) => (way.hops[i] as RouteHop).cost).join("/"),
    hop.latencyMs.toFixed(1),
    (100 * hop.loss).toFixed(0),
    hop.alternate === null ? { text: "none", style: "yellow" } : describe(status, hop.alternate),
  ]);
  const header = ["hop", "from", "to", "bearer", "cost", "latency ms", "loss <= %", "if that does not answer"];
  return [`${classes}: ${count}, cost ${cost}, ${latencyMs.toFixed(1)} ms${note}`, ...formatTable(header, rows, paint)];
}

function describe(status: AgentStatus, { way, carried, protects }: Detour): string {
  const names = way.map((address) => nameOf(status, address)).join(" > ");
  return `${names} (avoids the ${protects}${carried ? ", carried" : ""})`;
}

function formatNoPath(classes: string, members: ClassRoute[], paint: Paint): string[] {
  const [noPath] = members.map((way) => way.noPath) as [NonNullable<ClassRoute["noPath"]>];
  const kept = members.map((way) => (way.noPath?.keptMs ?? 0) / 1000).join("/");
  const asked = noPath.searched === 1 ? "1 neighbour is" : `${noPath.searched} neighbours are`;
  const search = noPath.searched === 0 ? "" : `${asked} asked for a way of their own; else `;
  return [
    `${classes}: ${paint("red", "no path")}: ${REASONS[noPath.reason]}`,
    `  a packet: ${search}it is kept here until there is a way, ${kept} s at most, then dropped (expired);`,
    "  this node's own messages are not kept but repeated",
  ];
}
