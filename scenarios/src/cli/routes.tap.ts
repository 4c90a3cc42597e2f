import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { AgentStatus, RouteExplanation } from "@skein/node-agent/api";
import t from "tap";

// Real processes on a machine that may be busy.
t.setTimeout(240_000);

const root = resolve(import.meta.dirname, "../../..");
const skeinPath = join(root, "scenarios/bin/skein.mjs");
const PATIENCE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "skein-routes-"));
const agents: ChildProcess[] = [];
t.teardown(() => {
  for (const agent of agents) agent.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Two ends of a link between agents. */
interface Link {
  ends: [number, number];
  name: string;
  kind: "udp" | "satellite";
  latencyMs: number;
  /** UDP ports of both ends. */
  ports: [number, number];
}

async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket("udp4"));
  for (const socket of sockets) {
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
  }
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) socket.close();
  return ports;
}

/** Starts a node and returns its local API once it says that it is ready. */
async function startAgent(id: number, name: string, links: Link[]): Promise<string> {
  const bearers = links
    .filter(({ ends }) => ends.includes(id))
    .map(({ ends, ports, ...bearer }) => {
      const [own, other] = ends[0] === id ? ports : [ports[1], ports[0]];
      return { ...bearer, type: "udp", bind: `127.0.0.1:${own}`, neighbours: [`127.0.0.1:${other}`] };
    });
  const file = join(folder, `${name}.yaml`);
  const node = { name, address: `1.${id}`, id: 1000 + id };
  const config = {
    node,
    mission: { key: "5e".repeat(32) },
    state: join(folder, name),
    api: { listen: "127.0.0.1:0" },
    bearers,
    voice: { groups: [] },
  };
  // YAML reads JSON.
  writeFileSync(file, JSON.stringify(config));
  const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
  const agent = spawn(process.execPath, [skeinPath, "agent", "--config", file], { cwd: root, stdio });
  agents.push(agent);
  const [line] = (await once(createInterface(agent.stdout), "line")) as [string];
  return (JSON.parse(line) as { api: string }).api;
}

async function kill(index: number): Promise<void> {
  const agent = agents[index] as ChildProcess;
  agent.kill("SIGKILL");
  await once(agent, "exit");
}

async function skein(...args: string[]): Promise<{ code: number; stdout: string }> {
  const child = spawn(process.execPath, [skeinPath, ...args], { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout };
}

/** Asks for the ways to a node until they are as wanted. */
async function untilWay(api: string, to: string, wanted: (route: RouteExplanation) => boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const response = await fetch(`http://${api}/api/route?to=${to}`);
    if (response.ok && wanted((await response.json()) as RouteExplanation)) return;
    if (performance.now() > deadlineMs) throw new Error(`in vain: ${wanted} for ${to}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

function isVia({ classes }: RouteExplanation, ...way: number[]): boolean {
  return classes.every(({ hops }) => hops.map(({ to }) => to & 0xff).join() === way.join());
}

function hasNone({ classes }: RouteExplanation): boolean {
  return classes.every(({ noPath }) => noPath !== null);
}

t.test("three agents: the path and its alternate, then the alternate alone, then none", async (t) => {
  const ports = (await freePorts(6)) as [number, number, number, number, number, number];
  const links: Link[] = [
    { ends: [1, 2], name: "north", kind: "udp", latencyMs: 5, ports: [ports[0], ports[1]] },
    { ends: [2, 3], name: "south", kind: "udp", latencyMs: 5, ports: [ports[2], ports[3]] },
    { ends: [1, 3], name: "sat", kind: "satellite", latencyMs: 300, ports: [ports[4], ports[5]] },
  ];
  const api = await startAgent(1, "alpha", links);
  await startAgent(2, "bravo", links);
  await startAgent(3, "charlie", links);

  await untilWay(api, "charlie", (route) => {
    return isVia(route, 2, 3) && route.classes.every(({ hops }) => hops[0]?.alternate?.protects === "node");
  });
  const both = await skein("trace", "charlie", "--api", api);
  t.equal(both.code, 0);
  t.match(both.stdout, /^alpha to charlie \(1\.3\)\n\nall classes: 2 hops, cost [\d/]+, 16\.0 ms\n/);
  t.match(both.stdout, /1 +alpha +bravo +north +[\d/]+ +8\.0 +1 +charlie \(avoids the node/);
  t.match(both.stdout, /2 +bravo +charlie +udp +[\d/]+ +8\.0 +1 +alpha > charlie \(avoids the link, carried\)/);
  const { stdout } = await skein("status", "--routes", "--json", "--api", api);
  const { core } = JSON.parse(stdout) as AgentStatus;
  for (const way of core.routes.find(({ to }) => to === 0x103)?.classes ?? [])
    t.match(way, { nextHop: 0x102, bearerId: 0, alternate: 0x103, protects: "node" });
  t.match(
    (await skein("status", "--routes", "--api", api)).stdout,
    /charlie +all +bravo +north +[\d/]+ +charlie +node/,
  );

  await kill(1);
  await untilWay(api, "bravo", hasNone);
  await untilWay(api, "charlie", (route) => isVia(route, 3));
  await untilWay(api, "charlie", ({ classes }) => classes.every(({ hops }) => hops[0]?.alternate === null));
  const alone = await skein("trace", "charlie", "--api", api);
  t.equal(alone.code, 0);
  t.match(alone.stdout, /1 +alpha +charlie +sat +[\d/]+ +512\.0 +1 +none/);
  t.match((await skein("trace", "bravo", "--api", api)).stdout, /all classes: no path/);

  await kill(2);
  await untilWay(api, "charlie", hasNone);
  const none = await skein("trace", "charlie", "--api", api);
  t.equal(none.code, 1);
  t.match(none.stdout, /all classes: no path: .*\n +a packet: .* 0\.25\/5\/0\.6\/15 s at most, then dropped/);
});
