/**
 * Runs inside a network namespace of its own (see `split.tap.ts`): two agents, each in a namespace, joined by two virtual
 * cables, that split the TCP of their machines. Prints one JSON object; `split.tap.ts` judges it.
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

const folder = mkdtempSync(join(tmpdir(), "skein-split-"));
const SERVER = "10.115.1.2";
const PORT = 5201;
/** A port that nobody listens on. */
const CLOSED_PORT = 5202;
const OCTETS = 3_000_000;
/** What the preferred cable sends before a packet on the other would count as having arrived. */
const FEW_OCTETS = 500_000;
const PREFERENCE_MS = 400;
const CABLES = ["one", "two"] as const;

function startNode(namespace: Namespace, id: number, rights: string[] = [], splitTcp = true): Promise<AgentProcess> {
  return startNodeIn(namespace, folder, { id, links: CABLES, bitrateBps: 50_000_000, ip: { splitTcp }, rights });
}

async function countersOf(namespace: Namespace, agent: AgentProcess): Promise<Record<string, number>> {
  return (await statusIn(namespace, agent)).counters?.["split"] ?? {};
}

/** Octets of bulk that a node has sent on each cable. */
async function bulkOn(namespace: Namespace, agent: AgentProcess): Promise<number[]> {
  const { bearers } = (await statusIn(namespace, agent)).core;
  return CABLES.map((name) => bearers.find((b) => b.name === name)?.classes[TrafficClass.bulk]?.octetsSent ?? 0);
}

/** Share of what alpha sends to an echo that goes over the cable that a policy prefers. */
async function shareOfPreferred(first: AgentProcess, preferred: (typeof CABLES)[number]): Promise<number> {
  const document = { version: 0, bearers: { [preferred]: { preference: PREFERENCE_MS } }, classes: {} };
  const body = JSON.stringify({ do: "policy", document });
  const post = `{ method: "POST", headers: { "content-type": "application/json" }, body: ${JSON.stringify(body)} }`;
  const url = `http://${first.ready.api}/api/command`;
  await scriptIn(alpha, `console.log(await (await fetch("${url}", ${post})).text())`);
  await until(`${preferred} is preferred`, async () => {
    const { policy } = await statusIn(alpha, first);
    return policy.document?.bearers[preferred]?.preference === PREFERENCE_MS;
  });
  const before = await bulkOn(alpha, first);
  const serving = scriptIn(bravo, echo);
  await until("bravo listens for the policy", () => execIn(bravo, "ss -tln").includes(String(PORT)));
  if ((await scriptIn(alpha, call(FEW_OCTETS))) !== "same") return 0;
  await serving;
  const sent = (await bulkOn(alpha, first)).map((octets, i) => octets - (before[i] as number));
  return (sent[CABLES.indexOf(preferred)] as number) / sent.reduce((sum, octets) => sum + octets, 0);
}

function tablesIn(namespace: Namespace): string {
  return execIn(namespace, "nft list tables").trim();
}

/** Answers with what it was sent, but only when the other half has ended. */
const echo = `
  import { createServer } from "node:net";
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("end", () => socket.end(Buffer.concat(parts)));
    socket.on("close", () => server.close());
    socket.on("error", (error) => console.log(error.code));
  }).listen(${PORT}, "${SERVER}");
`;
/** Sends noise, ends its half, and compares what comes back. */
const call = (octets: number, port = PORT): string => `
  import { connect } from "node:net";
  import { randomBytes } from "node:crypto";
  const noise = randomBytes(${octets});
  const parts = [];
  const socket = connect({ port: ${port}, host: "${SERVER}", allowHalfOpen: true }, () => socket.end(noise));
  socket.on("data", (part) => parts.push(part));
  socket.on("end", () => console.log(Buffer.concat(parts).equals(noise) ? "same" : "different"));
  socket.on("error", (error) => console.log(error.code));
`;
/** Resets after it has been heard. */
const abort = `
  import { connect } from "node:net";
  const socket = connect({ port: ${PORT}, host: "${SERVER}" }, () => socket.write("a"));
  setTimeout(() => socket.resetAndDestroy(), 700);
`;

const [alpha, bravo] = (await Promise.all([makeNamespace(), makeNamespace()])) as [Namespace, Namespace];
const agents: AgentProcess[] = [];
try {
  for (const link of CABLES) connect(alpha, link, bravo, link);
  agents.push(await startNode(alpha, 1), await startNode(bravo, 2));
  const [first, second] = agents as [AgentProcess, AgentProcess];
  await until("bravo is reached", async () => {
    return (await statusIn(alpha, first)).core.neighbours.filter((n) => n.bidirectional).length === 2;
  });

  const serving = scriptIn(bravo, echo);
  await until("bravo listens", () => execIn(bravo, "ss -tln").includes(String(PORT)));
  const whole = await scriptIn(alpha, call(OCTETS));
  await serving;
  const refused = await scriptIn(alpha, call(10, CLOSED_PORT));
  const victim = scriptIn(bravo, echo);
  await until("bravo listens again", () => execIn(bravo, "ss -tln").includes(String(PORT)));
  await scriptIn(alpha, abort);
  const aborted = await victim;
  const preferred = [await shareOfPreferred(first, "two"), await shareOfPreferred(first, "one")];
  const counters = [await countersOf(alpha, first), await countersOf(bravo, second)];
  const rulesWhileRunning = tablesIn(alpha);

  await second.end("SIGTERM");
  const rulesAfterStop = tablesIn(bravo);

  // A node that does not split: the first connection finds out, the next ones go as packets.
  agents.push(await startNode(bravo, 2, [], false));
  const served = scriptIn(bravo, echo);
  await until("bravo listens once more", () => execIn(bravo, "ss -tln").includes(String(PORT)));
  const toPlain: string[] = [];
  await until("bravo is reached as before", async () => {
    toPlain.push(await scriptIn(alpha, call(20_000)));
    return toPlain.at(-1) === "same";
  });
  await served;
  const leftAlone = (await countersOf(alpha, first))["leftAlone"];

  // Whatever ends an agent, its rules end with it.
  first.child.kill("SIGKILL");
  await until("the rules are gone", () => tablesIn(alpha) === "");

  const powerless = await startNode(alpha, 3, ["setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"]);
  agents.push(powerless);
  const log = powerless.log();
  console.log(
    JSON.stringify({
      whole,
      refused,
      aborted,
      preferred,
      counters,
      rulesWhileRunning,
      rulesAfterStop,
      toPlain,
      leftAlone,
      log,
    }),
  );
} finally {
  for (const agent of agents) agent.child.kill("SIGKILL");
  for (const { holder } of [alpha, bravo]) holder.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
