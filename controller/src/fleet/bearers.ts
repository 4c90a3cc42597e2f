import type { AgentReport } from "./agent-status.ts";
import type { PictureBearer, PicturePath } from "./picture.ts";

/** Octet counters of a bearer at one status, and the rates since the one before. */
export interface BearerCount {
  readonly atMs: number;
  readonly octetsSent: number;
  readonly octetsReceived: number;
  readonly sentBps: number;
  readonly receivedBps: number;
}

/** Rates from the difference of two statuses. A counter that went back means a restart: the rate starts at 0. */
export function bearerRates(
  before: ReadonlyMap<number, BearerCount>,
  status: AgentReport,
  nowMs: number,
): Map<number, BearerCount> {
  const next = new Map<number, BearerCount>();
  for (const { id, octetsSent, octetsReceived } of status.core.bearers) {
    const last = before.get(id);
    const elapsedS = last === undefined ? 0 : (nowMs - last.atMs) / 1000;
    const rate = (now: number, then: number): number => (elapsedS > 0 ? (Math.max(0, now - then) * 8) / elapsedS : 0);
    next.set(id, {
      atMs: nowMs,
      octetsSent,
      octetsReceived,
      sentBps: rate(octetsSent, last?.octetsSent ?? 0),
      receivedBps: rate(octetsReceived, last?.octetsReceived ?? 0),
    });
  }
  return next;
}

type Neighbour = AgentReport["core"]["neighbours"][number];

export function bearerPictures(
  status: AgentReport,
  counts: ReadonlyMap<number, BearerCount>,
  connected: boolean,
): PictureBearer[] {
  return status.core.bearers.map((bearer) => {
    const neighbours = status.core.neighbours.filter((n) => n.bearerId === bearer.id && n.bidirectional);
    const count = counts.get(bearer.id);
    return {
      id: bearer.id,
      name: bearer.name,
      up: connected && bearer.up,
      sentBps: connected ? (count?.sentBps ?? 0) : 0,
      receivedBps: connected ? (count?.receivedBps ?? 0) : 0,
      loss: mean(neighbours.map((n) => (n.rxQuality === null ? null : 1 - n.rxQuality))),
      delayMs: mean(neighbours.map((n) => delayTo(status, n))),
      costCentsPerMegabyte: costOf(status, bearer, neighbours),
      queuedMs: bearer.queuedMs ?? 0,
      queuesMs: bearer.queues.map(({ ms }) => ms),
      drops: bearer.drops,
      airtimeShare: bearer.airtimeShare ?? 0,
      neighbours: neighbours.length,
      cap: bearer.cap,
      paths: connected ? pathsOf(status, bearer.id) : [],
    };
  });
}

function pathsOf(status: AgentReport, bearerId: number): PicturePath[] {
  return status.paths.flatMap(({ address, paths }) =>
    paths.filter((path) => path.bearerId === bearerId).map(({ bearerId: _, ...path }) => ({ address, ...path })),
  );
}

function mean(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Half the measured round trip; 0 is one not measured yet: then what the own node advertises, if that is certain. */
function delayTo(status: AgentReport, neighbour: Neighbour): number | null {
  if (neighbour.rttMs !== null && neighbour.rttMs > 0) return neighbour.rttMs / 2;
  return onlyLink(status, new Set([neighbour.address]))?.latencyMs ?? null;
}

/**
 * The own node's link towards these neighbours. Several kinds of link to the same neighbour: which of them belongs
 * to a bearer cannot be told from here, and there is none.
 */
function onlyLink(status: AgentReport, peers: ReadonlySet<number>): AgentReport["core"]["links"][number] | undefined {
  const own = status.core.links.filter((link) => link.from === status.core.address && peers.has(link.to));
  return new Set(own.map((link) => link.kind)).size === 1 ? own[0] : undefined;
}

/** The policy's word, else the agent's own figure, else what the own node advertises towards a neighbour there. */
function costOf(
  status: AgentReport,
  bearer: AgentReport["core"]["bearers"][number],
  neighbours: readonly Neighbour[],
): number | null {
  const ruled = status.policy.document?.bearers[bearer.name]?.costCentsPerMegabyte;
  if (ruled !== undefined) return ruled;
  if (bearer.costCentsPerMegabyte !== undefined) return bearer.costCentsPerMegabyte;
  return onlyLink(status, new Set(neighbours.map((n) => n.address)))?.costCentsPerMegabyte ?? null;
}
