import { decodeLinkVector, decodeUtf8 } from "@skein/codecs";
import type { BearerStatus, CoreStatus, LinkStatus, NeighbourStatus, NodeStatus, Role } from "./api.ts";
import type { Forwarding } from "./forwarding.ts";
import type { Port } from "./port.ts";
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
    routes: forwarding.status(nowUs),
    bearers: s.ports.map((port) => readBearer(port, nowUs)),
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

export function readBearer(port: Port, nowUs: number): BearerStatus {
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
    queuedFrames: port.queue.count,
    queuedMs: (port.queue.octets() * 8000) / port.config.bitrateBps,
    airtimeShare: Math.min(1, air / 10e6),
    costCentsPerMegabyte: port.costCentsPerMegabyte,
  };
}
