import { setTimeout as sleep } from "node:timers/promises";
import type { AgentStatus } from "@skein/node-agent/api";
import { monotonicUs } from "@skein/node-agent/clock";
import type { Agent, Crew } from "./crew.ts";

/** Often enough for the figure, seldom enough not to be what the mesh waits for. */
const POLL_MS = 200;

/** Addresses of its own area that an agent has no route to, in any traffic class; of others it knows no nodes. */
function unreachableFrom(status: AgentStatus, addresses: readonly number[]): number[] {
  const reached = new Set(
    status.core.routes
      .filter(({ classes }) => classes.length > 0 && classes.every((c) => c.nextHop !== 0))
      .map(({ to }) => to),
  );
  const own = status.core.address;
  return addresses.filter((to) => to !== own && to >>> 8 === own >>> 8 && !reached.has(to));
}

/**
 * Waits until every agent has a route to every other one of its area.
 * @returns the statuses that showed it, or what is still missing after `timeoutS`, as `A -> B` lines
 */
export async function awaitAllPairs(
  crew: Crew,
  timeoutS: number,
  isStopped: () => boolean,
): Promise<{ statuses: AgentStatus[]; missing: string[] }> {
  const addresses = crew.agents.map((agent) => agent.address);
  const deadlineUs = monotonicUs() + timeoutS * 1e6;
  const done = new Map<Agent, AgentStatus>();
  let missing: string[] = [];
  for (;;) {
    missing = [];
    for (const agent of crew.agents.filter((a) => !done.has(a))) {
      const status = await crew.statusOf(agent);
      const gaps = status === undefined ? addresses : unreachableFrom(status, addresses);
      if (status !== undefined && gaps.length === 0) done.set(agent, status);
      else missing.push(`${agent.node.name} -> ${gaps.map((to) => crew.byAddress(to)?.node.name).join(" ")}`);
    }
    if (missing.length === 0 || monotonicUs() > deadlineUs || isStopped()) break;
    await sleep(POLL_MS);
  }
  return { statuses: [...done.values()], missing };
}
