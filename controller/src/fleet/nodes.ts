import type { AgentReport } from "./agent-status.ts";
import type { FleetState } from "./fleet.ts";
import { LOST_AFTER_S, MAX_NODES, STALE_AFTER_S } from "./limits.ts";
import type { Liveness, PictureNode, PicturePosition } from "./picture.ts";

/** A node once heard of; it stays known after the mesh has forgotten it. */
export interface KnownNode {
  readonly address: number;
  readonly name: string;
  readonly role: number;
  readonly reachable: boolean;
  readonly heardAtMs: number;
  readonly batteryPercent: number | null;
  readonly position: (Omit<PicturePosition, "ageS"> & { atMs: number }) | null;
}

type Report = AgentReport["positions"][number];

/** Takes over what a status says of every node, and keeps the nodes that it no longer mentions as unreachable. */
export function mergeNodes(
  known: ReadonlyMap<number, KnownNode>,
  status: AgentReport,
  nowMs: number,
): Map<number, KnownNode> {
  const next = new Map<number, KnownNode>();
  for (const node of known.values()) next.set(node.address, { ...node, reachable: false });
  for (const node of status.core.nodes) {
    const before = next.get(node.address);
    if (before === undefined && next.size >= MAX_NODES) continue;
    next.set(node.address, {
      address: node.address,
      name: node.name || before?.name || "",
      role: node.role,
      reachable: node.reachable,
      heardAtMs: nowMs - (node.lastHeardMs ?? 0),
      batteryPercent: before?.batteryPercent ?? null,
      position: before?.position ?? null,
    });
  }
  addOwn(next, status, nowMs);
  for (const report of status.positions) addPosition(next, status.core.address, report, nowMs);
  return next;
}

function addOwn(nodes: Map<number, KnownNode>, status: AgentReport, nowMs: number): void {
  const { address } = status.core;
  const before = nodes.get(address);
  nodes.set(address, {
    address,
    name: status.name,
    role: before?.role ?? 0,
    reachable: true,
    heardAtMs: nowMs,
    batteryPercent: status.battery.percent ?? before?.batteryPercent ?? null,
    position: before?.position ?? null,
  });
}

function addPosition(
  nodes: Map<number, KnownNode>,
  own: number,
  { address, report, ageS }: Report,
  nowMs: number,
): void {
  const isOurs = address >>> 8 === own >>> 8;
  const node = nodes.get(address) ?? (isOurs || nodes.size >= MAX_NODES ? undefined : ofAnotherArea(address));
  const { latitudeDeg, longitudeDeg, altitudeM, speedKmh, courseDeg } = report;
  if (node === undefined || latitudeDeg === null || longitudeDeg === null) return;
  nodes.set(address, {
    ...node,
    reachable: isOurs ? node.reachable : ageS < LOST_AFTER_S,
    // A position is a sign of life too: routing may hear of a quiet node once in minutes only.
    heardAtMs: Math.max(node.heardAtMs, nowMs - ageS * 1000),
    batteryPercent: report.batteryPercent ?? node.batteryPercent,
    position: { latitudeDeg, longitudeDeg, altitudeM, speedKmh, courseDeg, atMs: nowMs - ageS * 1000 },
  });
}

/** All that is known of a node of another area is what it says to everybody: where it is. */
function ofAnotherArea(address: number): KnownNode {
  return { address, name: "", role: 0, reachable: true, heardAtMs: 0, batteryPercent: null, position: null };
}

/**
 * A node is live only while it was heard lately and a path leads to it. While routing still finds a path, which its
 * neighbours' hellos keep proving, silence makes it stale, not lost.
 */
function nodeLiveness(node: KnownNode, connected: boolean, nowMs: number): Liveness {
  const ageS = (nowMs - node.heardAtMs) / 1000;
  if (connected ? !node.reachable : ageS >= LOST_AFTER_S) return "lost";
  return ageS >= STALE_AFTER_S || !connected ? "stale" : "live";
}

export function nodePictures(state: FleetState, nowMs: number): PictureNode[] {
  const bearers = new Map(state.status?.core.bearers.map((b) => [b.id, b.name]));
  const routes = new Map(state.status?.core.routes.map((r) => [r.to, r.classes]));
  return [...state.nodes.values()]
    .sort((a, b) => a.address - b.address)
    .map((node) => {
      // Class 1 is command traffic, what messages and positions take; an older agent may know one class only.
      const classes = routes.get(node.address);
      const way = classes?.[1] ?? classes?.[0];
      const routed = state.connected && way !== undefined && way.nextHop !== 0;
      return {
        address: node.address,
        name: node.name,
        role: node.role,
        liveness: nodeLiveness(node, state.connected, nowMs),
        reachable: state.connected && node.reachable,
        ageS: Math.max(0, (nowMs - node.heardAtMs) / 1000),
        batteryPercent: node.batteryPercent,
        position: node.position === null ? null : positionPicture(node.position, nowMs),
        route: routed
          ? { nextHop: way.nextHop, bearer: bearers.get(way.bearerId) ?? "", alternate: way.alternate }
          : null,
      };
    });
}

function positionPicture(position: NonNullable<KnownNode["position"]>, nowMs: number): PicturePosition {
  const { atMs, ...rest } = position;
  return { ...rest, ageS: Math.max(0, (nowMs - atMs) / 1000) };
}
