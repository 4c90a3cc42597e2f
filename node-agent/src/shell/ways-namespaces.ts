/**
 * Runs inside a network namespace of its own (see `ways.tap.ts`): four agents, each in a namespace. Alpha and charlie share
 * nothing but two relays, and what alpha sends goes over both, streams and video; one of them is killed on the way.
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
const BITRATE_BPS = 4_000_000;
/** Several seconds on one of the ways. */
const OCTETS = 3_000_000;
/** Video half as fast again as one of the ways. */
const VIDEO_PORT = 5004;
const VIDEO_PACKETS = 1_500;
const VIDEO_PACKET_OCTETS = 1_000;
const VIDEO_BURST = 3;
const VIDEO_BURST_MS = 4;
/** A busy machine takes its time from agents, and an agent that is behind takes less video: another take is made then. */
const VIDEO_TAKES = 4;
const GOOD_TAKE = 0.95;
/** When a relay is killed, so many octets have gone over it. */
const ENOUGH_OCTETS = 250_000;

function startNode(namespace: Namespace, id: number, links: string[]): Promise<AgentProcess> {
  const classes = [{ ports: String(VIDEO_PORT), protocol: "udp", class: "video" }];
  return startNodeIn(namespace, folder, { id, links, bitrateBps: BITRATE_BPS, ip: { splitTcp: true, classes } });
}

/** Octets of a class that a node has sent towards its neighbours. */
async function sentBy(namespace: Namespace, agent: AgentProcess, trafficClass: TrafficClass): Promise<number> {
  const { bearers } = (await statusIn(namespace, agent)).core;
  return bearers.reduce((sum, b) => sum + (b.classes[trafficClass]?.octetsSent ?? 0), 0);
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

const watch = `
  import { createSocket } from "node:dgram";
  let count = 0;
  let silence;
  const socket = createSocket("udp4").on("message", () => {
    count++;
    clearTimeout(silence);
    silence = setTimeout(() => {
      console.log(count);
      process.exit(0);
    }, 2_000);
  });
  socket.bind(${VIDEO_PORT}, "${SERVER}");
`;
const film = `
  import { createSocket } from "node:dgram";
  const socket = createSocket("udp4");
  const packet = Buffer.alloc(${VIDEO_PACKET_OCTETS});
  let left = ${VIDEO_PACKETS};
  const timer = setInterval(() => {
    for (let i = 0; i < ${VIDEO_BURST}; i++) socket.send(packet, ${VIDEO_PORT}, "${SERVER}", sent);
    left -= ${VIDEO_BURST};
    if (left === 0) clearInterval(timer);
  }, ${VIDEO_BURST_MS});
  let unsent = ${VIDEO_PACKETS};
  function sent() {
    if (--unsent === 0) socket.close();
  }
`;

/** Films at alpha for charlie; how many packets came. */
async function filmOnce(alpha: Namespace, charlie: Namespace): Promise<number> {
  const watching = scriptIn(charlie, watch);
  await until("charlie watches", () => execIn(charlie, "ss -uln").includes(String(VIDEO_PORT)));
  await scriptIn(alpha, film);
  return Number(await watching);
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
  const relayed = [await sentBy(bravo, second, TrafficClass.bulk), await sentBy(delta, fourth, TrafficClass.bulk)];
  const filmed = () =>
    Promise.all([sentBy(bravo, second, TrafficClass.video), sentBy(delta, fourth, TrafficClass.video)]);
  let pictures = { sent: VIDEO_PACKETS, arrived: 0, octets: VIDEO_PACKETS * VIDEO_PACKET_OCTETS, relayed: [0, 0] };
  for (let take = 0; take < VIDEO_TAKES && pictures.arrived < GOOD_TAKE * VIDEO_PACKETS; take++) {
    const before = await filmed();
    const arrived = await filmOnce(alpha, charlie);
    const relayed = (await filmed()).map((octets, i) => octets - (before[i] as number));
    pictures = { ...pictures, arrived, relayed };
  }
  const broken = await transfer(alpha, charlie, async () => {
    const before = relayed[0] as number;
    await until(
      "bravo carries the second",
      async () => (await sentBy(bravo, second, TrafficClass.bulk)) > before + ENOUGH_OCTETS,
    );
    second.child.kill("SIGKILL");
  });
  console.log(JSON.stringify({ sent: OCTETS, whole, relayed, broken, pictures }));
} finally {
  for (const agent of agents) agent.child.kill("SIGKILL");
  for (const { holder } of [alpha, bravo, charlie, delta]) holder.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
