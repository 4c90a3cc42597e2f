import type { AgentStatus } from "@skein/node-agent/api";
import { formatAddress } from "./agent-client.ts";
import { formatTable } from "./table.ts";

const ROLES = ["terminal", "relay", "airborne", "vehicle", "headquarters"];
const CLASSES = ["voice", "command", "video", "bulk"];

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}

/** Name of a node, or its address where none is known. */
function nameOf(status: AgentStatus, address: number): string {
  if (address === 0) return "-";
  return status.core.nodes.find((node) => node.address === address)?.name || formatAddress(address);
}

/** An agent's status as lines for people: itself, nodes, neighbours, bearers, alarms. */
export function formatStatus(status: AgentStatus): string[] {
  const { core } = status;
  const battery = status.battery.percent === null ? "unknown" : `${status.battery.percent} %`;
  const lines = [
    `${status.name} (${formatAddress(core.address)})  version ${status.version}  up ${seconds(status.uptimeMs)} s  ` +
      `boot ${core.bootEpoch}  battery ${battery}  policy ${status.policy.version}`,
  ];
  for (const sos of status.sos.filter((record) => !record.confirmed)) {
    const answer =
      sos.acknowledgedBy === null ? "not acknowledged" : `acknowledged by ${nameOf(status, sos.acknowledgedBy)}`;
    lines.push(`SOS from ${nameOf(status, sos.from)}: ${answer}`);
  }
  lines.push("", ...formatNodes(status), "", ...formatNeighbours(status), "", ...formatBearers(status));
  return lines;
}

function formatNodes(status: AgentStatus): string[] {
  const rows = status.core.nodes.map((node) => {
    const route = status.core.routes.find((entry) => entry.to === node.address)?.classes[0];
    const position = status.positions.find((entry) => entry.address === node.address);
    return [
      formatAddress(node.address),
      node.name,
      ROLES[node.role] ?? "?",
      node.reachable ? "yes" : "NO",
      route === undefined ? "-" : nameOf(status, route.nextHop),
      seconds(node.lastHeardMs),
      position === undefined ? "-" : position.ageS.toFixed(0),
    ];
  });
  return formatTable(["address", "node", "role", "reachable", "voice via", "heard s", "position s"], rows);
}

function formatNeighbours(status: AgentStatus): string[] {
  const rows = status.core.neighbours.map((neighbour) => [
    nameOf(status, neighbour.address),
    status.core.bearers.find((bearer) => bearer.id === neighbour.bearerId)?.name ?? "?",
    neighbour.bidirectional ? "both ways" : "one way",
    (100 * neighbour.rxQuality).toFixed(0),
    (100 * neighbour.txQuality).toFixed(0),
    neighbour.rttMs.toFixed(0),
    seconds(neighbour.lastHeardMs),
  ]);
  return formatTable(["neighbour", "bearer", "link", "rx %", "tx %", "rtt ms", "heard s"], rows);
}

function formatBearers(status: AgentStatus): string[] {
  const rows = status.core.bearers.map((bearer) => [
    bearer.name,
    bearer.up ? "up" : "DOWN",
    String(bearer.framesSent),
    String(bearer.framesReceived),
    String(bearer.octetsSent),
    String(bearer.octetsReceived),
    bearer.queuedMs.toFixed(0),
    (100 * bearer.airtimeShare).toFixed(0),
  ]);
  const header = ["bearer", "state", "frames tx", "frames rx", "octets tx", "octets rx", "queue ms", "airtime %"];
  return formatTable(header, rows);
}

/** The routes to one node, a line per traffic class; undefined if the agent knows no such node. */
export function formatRoute(status: AgentStatus, node: string): string[] | undefined {
  const known = status.core.nodes.find((entry) => entry.name === node || formatAddress(entry.address) === node);
  if (known === undefined) return undefined;
  const route = status.core.routes.find((entry) => entry.to === known.address);
  const rows = CLASSES.map((name, index) => {
    const way = route?.classes[index];
    if (way === undefined || way.nextHop === 0) return [name, "no route", "-", "-", "-"];
    const bearer = status.core.bearers.find((entry) => entry.id === way.bearerId)?.name ?? "?";
    return [name, nameOf(status, way.nextHop), bearer, String(way.cost), nameOf(status, way.alternate)];
  });
  const title = `${status.name} to ${known.name || node} (${formatAddress(known.address)})`;
  return [title, "", ...formatTable(["class", "next hop", "bearer", "cost", "alternate"], rows)];
}
