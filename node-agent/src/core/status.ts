import { decodeLinkVector, decodeUtf8 } from "@skein/codecs";
import type {
  Address,
  BearerStatus,
  CapStatus,
  CoreStatus,
  LinkStatus,
  NeighbourStatus,
  NodeStatus,
  NoPath,
  Role,
  RouteExplanation,
  RouteStatus,
} from "./api.ts";
import { aheadTo } from "./area-paths.ts";
import type { Counters } from "./counters.ts";
import { explainAreas } from "./explain-areas.ts";
import { explainRoute, passesBy } from "./explain-route.ts";
import type { Choice, Choices, Forwarding } from "./forwarding.ts";
import { MAX_SEARCH_COPIES, QUEUE_AGE_WIDE_US } from "./limits.ts";
import { CLASSES, UNREACHABLE } from "./link-cost.ts";
import { isTrusted, isUsable, type Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/** Everything that people want to know about a node, made on demand. */
export function readStatus(s: CoreState, forwarding: Forwarding, nowUs: number): CoreStatus {
  return {
    address: s.options.address,
    nodeId: s.options.nodeId,
    bootEpoch: s.options.bootEpoch,
    neighbours: s.ports.flatMap((port) => readNeighbours(port, nowUs)),
    nodes: readNodes(s, forwarding, nowUs),
    links: readLinks(s),
    routes: readRoutes(s, forwarding, nowUs),
    bearers: s.ports.map((port) => readBearer(port, s.counters, nowUs)),
    drops: { ...s.counters.drops },
    counters: { ...s.counters.counts, "path-computations": s.paths.computations },
  };
}

function readNeighbours(port: Port, nowUs: number): NeighbourStatus[] {
  return port.neighbours
    .filter((n) => n.alive)
    .map((n) => ({
      bearerId: port.config.id,
      address: n.address,
      bidirectional: n.twoWay,
      suspected: n.suspectSinceUs !== Number.POSITIVE_INFINITY,
      rxQuality: n.rxQuality,
      txQuality: n.txQuality,
      rttMs: n.rttUs / 1000,
      lastHeardMs: (nowUs - n.lastHeardUs) / 1000,
    }));
}

function readNodes(s: CoreState, forwarding: Forwarding, nowUs: number): NodeStatus[] {
  const nodes: NodeStatus[] = [];
  for (const local of s.db.locals()) {
    const record = s.db.node(local);
    if (record === undefined) continue;
    const { advertisement, heardUs } = record;
    nodes.push({
      address: advertisement.originator,
      nodeId: advertisement.nodeId,
      name: decodeUtf8(advertisement.name, 0, advertisement.name.length) ?? "",
      role: Math.min(4, advertisement.role) as Role,
      reachable: local === s.local || forwarding.reachable(advertisement.originator),
      lastHeardMs: local === s.local ? 0 : (nowUs - heardUs) / 1000,
    });
  }
  return nodes;
}

function readLinks(s: CoreState): LinkStatus[] {
  const links: LinkStatus[] = [];
  for (const local of s.db.locals()) {
    for (const link of s.db.node(local)?.advertisement.links ?? []) {
      if (!s.db.isTwoWay(local, link.neighbour, link.channel)) continue;
      const { bitrateBps, latencyUs, loss, costCentsPerMegabyte } = decodeLinkVector(link.vector);
      links.push({
        from: (s.area << 8) | local,
        to: (s.area << 8) | link.neighbour,
        kind: link.channel,
        bitrateBps,
        latencyMs: latencyUs / 1000,
        loss,
        costCentsPerMegabyte,
      });
    }
  }
  return links;
}

function readRoutes(s: CoreState, forwarding: Forwarding, nowUs: number): RouteStatus[] {
  const routes: RouteStatus[] = [];
  for (const local of s.db.locals()) {
    if (local === s.local) continue;
    const classes: RouteStatus["classes"] = [];
    for (let c = 0; c < CLASSES; c++) classes.push(readRoute(s, forwarding, nowUs, local, c));
    routes.push({ to: (s.area << 8) | local, classes });
  }
  return routes;
}

function readRoute(
  s: CoreState,
  forwarding: Forwarding,
  nowUs: number,
  local: number,
  trafficClass: number,
): RouteStatus["classes"][number] {
  const to = (s.area << 8) | local;
  const isOutside = forwarding.leadsOut(nowUs, to);
  const { first, second } = forwarding.choices(nowUs, to, trafficClass);
  const cost = isOutside
    ? aheadTo(s.areaPaths.from(s.local, trafficClass), s.areaPaths.towards(to)) & 0xffff
    : (s.paths.from(s.local, trafficClass)[local] as number);
  if (cost === UNREACHABLE || first === undefined) return { nextHop: 0, bearerId: -1, cost: UNREACHABLE, alternate: 0 };
  const route = { nextHop: first.address, bearerId: first.bearerId, cost, alternate: 0 };
  if (second === undefined) return route;
  const isAvoided = !isOutside && first.local !== local && avoids(s, second, first.local, local, trafficClass);
  return { ...route, alternate: second.address, protects: isAvoided ? "node" : "link" };
}

/** True if the way that begins with a choice does not pass a node. */
function avoids(s: CoreState, choice: Choice, node: number, destination: number, trafficClass: number): boolean {
  if (choice.local === node) return false;
  if (choice.route !== undefined) return !choice.route.includes(node);
  return passesBy(s.paths, choice.local, node, destination, trafficClass);
}

/** The ways to a node, or why there is none and what happens to a packet. */
export function readExplanation(s: CoreState, forwarding: Forwarding, nowUs: number, to: Address): RouteExplanation {
  const local = to >>> 8 === s.area ? to & 0xff : 0;
  const choices = (trafficClass: number): Choices => forwarding.choices(nowUs, to, trafficClass);
  const noPath = (trafficClass: number, isInDatabase = false): NoPath =>
    readNoPath(s, nowUs, local, trafficClass, isInDatabase);
  const classes = forwarding.leadsOut(nowUs, to)
    ? explainAreas(s, to, choices, noPath)
    : explainRoute(s.db, s.paths, s.local, local, choices, noPath);
  return { from: s.options.address, to, classes };
}

function readNoPath(s: CoreState, nowUs: number, local: number, trafficClass: number, isInDatabase: boolean): NoPath {
  let usable = 0;
  let searched = 0;
  for (const port of s.ports) {
    for (const n of port.neighbours) {
      if (isUsable(port, n, nowUs)) usable++;
      if (!port.narrow && isTrusted(port, n, nowUs)) searched++;
    }
  }
  let reason: NoPath["reason"] = usable === 0 ? "no-neighbour" : "no-path";
  if (s.db.node(local) === undefined) reason = "unknown-node";
  else if (isInDatabase) reason = "unanswered";
  const keptMs = (QUEUE_AGE_WIDE_US[trafficClass] as number) / 1000;
  return { reason, searched: Math.min(MAX_SEARCH_COPIES, searched), keptMs };
}

export function readBearer(port: Port, counters: Counters, nowUs: number): BearerStatus {
  const second = Math.floor(nowUs / 1e6);
  let air = 0;
  for (let i = 0; i < 10; i++) if (second - port.airtimeSecond < 10) air += port.airtimeBySecond[i] as number;
  return {
    id: port.config.id,
    name: port.config.name,
    up: port.up,
    framesSent: port.framesSent,
    framesReceived: port.framesReceived,
    octetsSent: port.octetsSent,
    octetsReceived: port.octetsReceived,
    classes: port.traffic.read(port.framesReceived, port.octetsReceived),
    queuedFrames: port.queue.count,
    queuedMs: (port.queue.octets() * 8000) / port.config.bitrateBps,
    queues: QUEUE_AGE_WIDE_US.map((_, c) => ({
      frames: port.queue.countOf(c),
      ms: (port.queue.octetsOf(c) * 8000) / port.config.bitrateBps,
    })),
    drops: counters.dropsOn(port.config.id),
    airtimeShare: Math.min(1, air / 10e6),
    costCentsPerMegabyte: port.costCentsPerMegabyte,
    preferenceMs: port.rules.preferenceUs / 1000,
    cap: readCap(port),
  };
}

function readCap({ rules }: Port): CapStatus | null {
  const { capOctets, usedOctets, reserveOctets, level } = rules;
  return capOctets === Number.POSITIVE_INFINITY ? null : { usedOctets, capOctets, reserveOctets, level };
}
