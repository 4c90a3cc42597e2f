/**
 * Runs inside a network namespace of its own (see `ways.tap.ts`): four agents, each in a namespace. Alpha and charlie share
 * nothing but two relays, and what alpha sends goes over both; one of them is killed on the way.
 *
 *            bravo
 *   alpha <         > charlie
 *            delta
 *
 * Prints one JSON object; `ways.tap.ts` judges it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrafficClass } from "../core/api.ts";
import { type AgentProcess, until } from "./agent-harness.ts";
import {
  connect,
  execIn,
  makeNamespace,
  type Namespace,
  scriptIn,
  startNodeIn,
  statusIn,
} from "./namespace-harness.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-ways-"));
const SERVER = "10.115.1.3";
const PORT = 5201;
const BITRATE_BPS = 8_000_000;
/** Several seconds on one of the ways. */
const OCTETS = 6_000_000;
/** When a relay is killed, so many octets have gone over it. */
const ENOUGH_OCTETS = 500_000;

function startNode(namespace: Namespace, id: number, links: string[]): Promise<AgentProcess> {
  return startNodeIn(namespace, folder, { id, links, bitrateBps: BITRATE_BPS, ip: { splitTcp: true } });
}

/** Octets of bulk that a node has sent towards its neighbours. */
async function bulkFrom(namespace: Namespace, agent: AgentProcess): Promise<number> {
  const { bearers } = (await statusIn(namespace, agent)).core;
  return bearers.reduce((sum, b) => sum + (b.classes[TrafficClass.bulk]?.octetsSent ?? 0), 0);
}

const digest = `
  import { createHash } from "node:crypto";
  import { createServer } from "node:net";
  const hash = createHash("sha256");
  createServer((socket) => {
    socket.on("data", (part) => hash.update(part));
    socket.on("end", () => {
      console.log(hash.digest("hex"));
      process.exit(0);
    });
    socket.on("error", (error) => {
      console.log(error.code);
      process.exit(0);
    });
  }).listen(${PORT}, "${SERVER}");
`;
const pour = `
  import { createHash, randomBytes } from "node:crypto";
  import { connect } from "node:net";
  const noise = randomBytes(${OCTETS});
  const socket = connect({ port: ${PORT}, host: "${SERVER}" }, () => socket.end(noise));
  socket.on("close", () => console.log(createHash("sha256").update(noise).digest("hex")));
  socket.on("error", (error) => console.log(error.code));
`;

/** Sends octets from alpha to charlie, and resolves with their digests at both ends. */
async function transfer(alpha: Namespace, charlie: Namespace, meanwhile: () => Promise<void>): Promise<string[]> {
  const reading = scriptIn(charlie, digest);
  await until("charlie listens", () => execIn(charlie, "ss -tln").includes(String(PORT)));
  const writing = scriptIn(alpha, pour);
  await meanwhile();
  return Promise.all([writing, reading]);
}

const [alpha, bravo, charlie, delta] = (await Promise.all([1, 2, 3, 4].map(makeNamespace))) as [
  Namespace,
  Namespace,
  Namespace,
  Namespace,
];
const agents: AgentProcess[] = [];
try {
  connect(alpha, "to-bravo", bravo, "to-alpha");
  connect(bravo, "to-charlie", charlie, "to-bravo");
  connect(alpha, "to-delta", delta, "to-alpha");
  connect(delta, "to-charlie", charlie, "to-delta");
  const first = await startNode(alpha, 1, ["to-bravo", "to-delta"]);
  const second = await startNode(bravo, 2, ["to-alpha", "to-charlie"]);
  agents.push(first, second, await startNode(charlie, 3, ["to-bravo", "to-delta"]));
  const fourth = await startNode(delta, 4, ["to-alpha", "to-charlie"]);
  agents.push(fourth);
  await until("both relays lead to charlie", async () => {
    const { neighbours, nodes } = (await statusIn(alpha, first)).core;
    const heard = neighbours.filter((n) => n.bidirectional).length;
    return heard === 2 && nodes.length === 4;
  });

  const whole = await transfer(alpha, charlie, async () => undefined);
  const relayed = [await bulkFrom(bravo, second), await bulkFrom(delta, fourth)];
  const broken = await transfer(alpha, charlie, async () => {
    const before = relayed[0] as number;
    await until("bravo carries the second", async () => (await bulkFrom(bravo, second)) > before + ENOUGH_OCTETS);
    second.child.kill("SIGKILL");
  });
  console.log(JSON.stringify({ sent: OCTETS, whole, relayed, broken }));
} finally {
  for (const agent of agents) agent.child.kill("SIGKILL");
  for (const { holder } of [alpha, bravo, charlie, delta]) holder.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
