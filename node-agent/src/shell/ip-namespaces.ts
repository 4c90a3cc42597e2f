/**
 * Runs inside a network namespace of its own (see `ip.tap.ts`): a host behind the first of three agents in a chain,
 * each in a namespace, neighbours by multicast discovery over virtual cables.
 *
 *   host ---- alpha ---- bravo ---- charlie
 *   10.9.1.2   .1.1       .1.2       .1.3
 *
 * Bravo has no right to make an interface. Prints one JSON object; `ip.tap.ts` judges it.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
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

const run = promisify(execFile);
const TRANSFER_OCTETS = 2_000_000;
const ATAK_TEXT = "<event uid='test'/>";
const folder = mkdtempSync(join(tmpdir(), "skein-ip-"));

function startNode(namespace: Namespace, id: number, links: string[], ip: object, rights: string[] = []) {
  return startNodeIn(namespace, folder, { id, links, ip, rights });
}

async function ipCounters(namespace: Namespace, agent: AgentProcess): Promise<Record<string, number>> {
  return (await statusIn(namespace, agent)).counters?.["ip"] ?? {};
}

/** Share of pings answered, and the times of those in ms. */
async function ping(from: Namespace, to: string, words: string[] = []): Promise<string> {
  const [program = "", ...enter] = from.enter;
  const command = [...enter, "ping", "-n", "-c", "5", "-i", "0.2", "-W", "3", ...words, to];
  const { stdout } = await run(program, command).catch((error: { stdout: string }) => error);
  return stdout;
}

async function answers(from: Namespace, to: string, words: string[] = []): Promise<number> {
  return Number(/(\d+) received/.exec(await ping(from, to, words))?.[1] ?? 0);
}

const receive = (group: string, interfaceAddress: string): string => `
  import { createSocket } from "node:dgram";
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.on("message", (octets, from) => {
    console.log(from.address + " " + octets);
    process.exit(0);
  });
  socket.bind(6969, () => socket.addMembership("${group}", "${interfaceAddress}"));
  setTimeout(() => process.exit(0), 20000);
`;
/** Several times: the receiver may not have joined yet. */
const sendGroup = (group: string, interfaceAddress: string): string => `
  import { createSocket } from "node:dgram";
  const socket = createSocket("udp4");
  socket.bind(0, () => {
    socket.setMulticastInterface("${interfaceAddress}");
    socket.setMulticastTTL(1);
    let left = 10;
    const send = () => {
      socket.send("${ATAK_TEXT}", 6969, "${group}");
      if (--left === 0) setTimeout(() => process.exit(0), 100);
      else setTimeout(send, 200);
    };
    send();
  });
`;
const serveTcp = `
  import { createServer } from "node:net";
  let octets = 0;
  createServer((socket) => {
    socket.on("data", (part) => (octets += part.length));
    socket.on("end", () => {
      socket.end();
      console.log(octets);
      process.exit(0);
    });
  }).listen(5201, "10.115.1.3");
  setTimeout(() => process.exit(1), 50000);
`;
const sendTcp = `
  import { connect } from "node:net";
  const attempt = () => {
    const socket = connect(5201, "10.115.1.3", () => socket.end(Buffer.alloc(${TRANSFER_OCTETS}, 7)));
    socket.on("error", () => setTimeout(attempt, 200));
    socket.on("close", (failed) => failed || process.exit(0));
    socket.resume();
  };
  attempt();
`;

const [host, alpha, bravo, charlie] = (await Promise.all([1, 2, 3, 4].map(makeNamespace))) as [
  Namespace,
  Namespace,
  Namespace,
  Namespace,
];
const agents: AgentProcess[] = [];
try {
  connect(host, "to-alpha", alpha, "to-host");
  connect(alpha, "to-bravo", bravo, "to-alpha");
  connect(bravo, "to-charlie", charlie, "to-bravo");
  execIn(host, "ip address add 10.9.1.2/24 dev to-alpha");
  execIn(host, "ip route add default via 10.9.1.1");
  execIn(alpha, "ip address add 10.9.1.1/24 dev to-host");
  execIn(alpha, "sysctl -qw net.ipv4.ip_forward=1");
  agents.push(await startNode(alpha, 1, ["to-bravo"], { prefixes: ["10.9.1.0/24"] }));
  const powerless = ["setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"];
  agents.push(await startNode(bravo, 2, ["to-alpha", "to-charlie"], {}, powerless));
  agents.push(await startNode(charlie, 3, ["to-bravo"], { tun: "mesh9", multicast: ["239.9.9.9"] }));
  const [first, second, third] = agents as [AgentProcess, AgentProcess, AgentProcess];

  await until(
    "charlie answers alpha",
    async () => (await answers(alpha, "fd73:6b65:696e::103", ["-6", "-c", "1"])) > 0,
  );
  const ping6 = await answers(alpha, "fd73:6b65:696e::103", ["-6"]);
  const ping4 = await answers(alpha, "10.115.1.3");
  const large = await answers(alpha, "10.115.1.3", ["-s", "1252", "-M", "do"]);
  await until("charlie has a route to the host", () => execIn(charlie, "ip route show 10.9.1.0/24").includes("mesh9"));
  const fromHost = await answers(host, "10.115.1.3");
  const lastHop = await answers(alpha, "10.115.1.3", ["-t", "1"]);
  const unknown = await ping(alpha, "10.115.1.77");

  const server = scriptIn(charlie, serveTcp);
  await scriptIn(host, sendTcp);
  const transferred = Number(await server);

  const heard: string[] = [];
  for (const group of ["239.2.3.1", "224.10.10.1"]) {
    const receiver = scriptIn(charlie, receive(group, "10.115.1.3"));
    await scriptIn(alpha, sendGroup(group, "10.115.1.1"));
    heard.push(await receiver);
  }

  const counters = await Promise.all([ipCounters(alpha, first), ipCounters(bravo, second), ipCounters(charlie, third)]);
  const bravoLog = second.log();
  const ends = await Promise.all(agents.map((agent) => agent.end("SIGTERM")));
  const left = execIn(charlie, "ip -br link");
  console.log(
    JSON.stringify({
      ping6,
      ping4,
      large,
      fromHost,
      lastHop,
      unknown,
      transferred,
      heard,
      counters,
      bravoLog,
      codes: ends.map((end) => end.code),
      left,
    }),
  );
} finally {
  for (const agent of agents) agent.child.kill("SIGKILL");
  for (const { holder } of [host, alpha, bravo, charlie]) holder.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
