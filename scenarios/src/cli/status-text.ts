import type { AgentStatus } from "@skein/node-agent/api";
import { formatAddress } from "./agent-client.ts";
import { type Cell, formatTable, type Paint } from "./table.ts";

const ROLES = ["terminal", "relay", "airborne", "vehicle", "headquarters"];
export const CLASSES = ["voice", "command", "video", "bulk"];
/** By channel number of link-state advertisements. */
const CHANNELS = ["udp", "serial", "satellite", "cellular", "mock"];
/** Ends of a link whose rates or latencies are further apart than this cannot both be right. */
const DISAGREEMENT = 4;

/** What is to be shown beyond the ordinary. */
export interface StatusView {
  readonly paint: Paint;
  /** The table of routes. */
  readonly routes: boolean;
  /** All reasons of drops, also those that never came. */
  readonly drops: boolean;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}

function percent(share: number): string {
  return (100 * share).toFixed(0);
}

/** Name of a node, or its address where none is known. */
export function nameOf(status: AgentStatus, address: number): string {
  if (address === 0) return "-";
  return status.core.nodes.find((node) => node.address === address)?.name || formatAddress(address);
}

export function bearerName(status: AgentStatus, bearerId: number): string {
  return status.core.bearers.find((bearer) => bearer.id === bearerId)?.name ?? "?";
}

export function channelName(channel: number): string {
  return CHANNELS[channel] ?? "?";
}

/** An agent's status as lines for people: itself, alarms, nodes, neighbours, links, routes, bearers, drops. */
export function formatStatus(status: AgentStatus, view: StatusView): string[] {
  const { core } = status;
  const battery = status.battery.percent === null ? "unknown" : `${status.battery.percent} %`;
  const lines = [
    `${view.paint("bold", status.name)} (${formatAddress(core.address)})  version ${status.version}  ` +
      `up ${seconds(status.uptimeMs)} s  boot ${core.bootEpoch}  battery ${battery}  policy ${status.policy.version}`,
  ];
  for (const sos of status.sos.filter((record) => !record.confirmed)) {
    const answer =
      sos.acknowledgedBy === null ? "not acknowledged" : `acknowledged by ${nameOf(status, sos.acknowledgedBy)}`;
    lines.push(view.paint("red", `SOS from ${nameOf(status, sos.from)}: ${answer}`));
  }
  const sections = [formatNodes, formatNeighbours, formatLinks, formatBearers];
  if (view.routes) sections.push(formatRoutes);
  for (const section of sections) lines.push("", ...section(status, view));
  return [...lines, "", ...formatDrops(status, view)];
}

function formatNodes(status: AgentStatus, { paint }: StatusView): string[] {
  const rows = status.core.nodes.map((node): Cell[] => {
    const route = status.core.routes.find((entry) => entry.to === node.address)?.classes[0];
    const position = status.positions.find((entry) => entry.address === node.address);
    return [
      formatAddress(node.address),
      node.name,
      ROLES[node.role] ?? "?",
      node.reachable ? "yes" : { text: "NO", style: "red" },
      route === undefined ? "-" : nameOf(status, route.nextHop),
      seconds(node.lastHeardMs),
      position === undefined ? "-" : position.ageS.toFixed(0),
    ];
  });
  return formatTable(["address", "node", "role", "reachable", "voice via", "heard s", "position s"], rows, paint);
}

function formatNeighbours(status: AgentStatus, { paint }: StatusView): string[] {
  const rows = status.core.neighbours.map((neighbour): Cell[] => [
    nameOf(status, neighbour.address),
    bearerName(status, neighbour.bearerId),
    stateOf(neighbour),
    percent(neighbour.rxQuality),
    percent(1 - neighbour.txQuality),
    neighbour.rttMs.toFixed(0),
    seconds(neighbour.lastHeardMs),
  ]);
  return formatTable(["neighbour", "bearer", "state", "quality %", "loss %", "rtt ms", "heard s"], rows, paint);
}

function stateOf({ bidirectional, suspected }: AgentStatus["core"]["neighbours"][number]): Cell {
  if (suspected) return { text: "SUSPECTED", style: "red" };
  return bidirectional ? "both ways" : { text: "one way", style: "yellow" };
}

/** The own links that both ends report, with what each end says. */
function formatLinks(status: AgentStatus, { paint }: StatusView): string[] {
  const { address, links } = status.core;
  const rows = links
    .filter((link) => link.from === address)
    .map((link): Cell[] => {
      const back = links.find(({ from, to, kind }) => from === link.to && to === address && kind === link.kind);
      const agree = isNear(link.bitrateBps, back?.bitrateBps) && isNear(link.latencyMs, back?.latencyMs);
      return [
        nameOf(status, link.to),
        channelName(link.kind),
        (link.bitrateBps / 1000).toFixed(1),
        link.latencyMs.toFixed(1),
        percent(link.loss),
        back === undefined ? "-" : percent(back.loss),
        String(link.costCentsPerMegabyte),
        agree ? "agree" : { text: "DISAGREE", style: "red" },
      ];
    });
  const header = ["link to", "kind", "kbit/s", "latency ms", "loss <= %", "at other end", "cents/MB", "ends"];
  return formatTable(header, rows, paint);
}

function isNear(a: number, b = a): boolean {
  return Math.max(a, b) <= DISAGREEMENT * Math.min(a, b);
}

function formatBearers(status: AgentStatus, { paint }: StatusView): string[] {
  const rows = status.core.bearers.map((bearer): Cell[] => [
    bearer.name,
    bearer.up ? "up" : { text: "DOWN", style: "red" },
    String(bearer.framesSent),
    String(bearer.framesReceived),
    String(bearer.octetsSent),
    String(bearer.octetsReceived),
    bearer.queuedMs.toFixed(0),
    percent(bearer.airtimeShare),
    formatCap(bearer.cap),
  ]);
  const header = [
    "bearer",
    "state",
    "frames tx",
    "frames rx",
    "octets tx",
    "octets rx",
    "queue ms",
    "airtime %",
    "cap",
  ];
  return formatTable(header, rows, paint);
}

/** Used of how much; red from the reserve on. */
export function formatCap(cap: AgentStatus["core"]["bearers"][number]["cap"]): Cell {
  if (cap == null) return "-";
  const text = `${(cap.usedOctets / 1e6).toFixed(1)} of ${(cap.capOctets / 1e6).toFixed(1)} MB`;
  if (cap.level === 0) return text;
  return cap.level === 1
    ? { text, style: "yellow" }
    : { text: `${text} ${cap.level === 2 ? "RESERVE" : "USED"}`, style: "red" };
}

/** A line for each destination and for all classes that take the same way; their distances follow each other. */
function formatRoutes(status: AgentStatus, { paint }: StatusView): string[] {
  const rows = status.core.routes.flatMap(({ to, classes }) =>
    groupBy(classes, ({ cost: _, ...way }) => JSON.stringify(way)).map(({ members, names }): Cell[] => {
      const way = members[0] as (typeof classes)[number];
      if (way.nextHop === 0) return [nameOf(status, to), names, { text: "no path", style: "red" }, "-", "-", "-", "-"];
      return [
        nameOf(status, to),
        names,
        nameOf(status, way.nextHop),
        bearerName(status, way.bearerId),
        members.map(({ cost }) => cost).join("/"),
        way.alternate === 0 ? { text: "none", style: "yellow" } : nameOf(status, way.alternate),
        way.protects ?? "-",
      ];
    }),
  );
  const header = ["destination", "classes", "next hop", "bearer", "distance", "alternate", "protects"];
  return formatTable(header, rows, paint);
}

/** Traffic classes that are alike, with their names: `voice, command`, or `all`. */
export function groupBy<T>(classes: readonly T[], keyOf: (way: T) => string): { members: T[]; names: string }[] {
  const groups = new Map<string, { members: T[]; names: string[] }>();
  classes.forEach((way, index) => {
    const key = keyOf(way);
    const group = groups.get(key) ?? { members: [], names: [] };
    group.members.push(way);
    group.names.push(CLASSES[index] ?? "?");
    groups.set(key, group);
  });
  return [...groups.values()].map(({ members, names }) => ({
    members,
    names: names.length === CLASSES.length ? "all" : names.join(", "),
  }));
}

function formatDrops({ core }: AgentStatus, { drops, paint }: StatusView): string[] {
  const reasons = Object.entries(core.drops).filter(([, count]) => drops || count > 0);
  if (reasons.length === 0) return ["no drops"];
  reasons.sort(([, a], [, b]) => b - a);
  const rows = reasons.map(([reason, count]) => [reason, String(count)]);
  return formatTable(["dropped because", "packets or frames"], rows, paint);
}
