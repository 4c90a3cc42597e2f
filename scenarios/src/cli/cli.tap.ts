import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { AgentStatus, ClassRoute, RouteExplanation } from "@skein/node-agent/api";
import t from "tap";
import { WebSocketServer } from "ws";
import { nodeOptions } from "../../bin/node-options.mjs";

const root = resolve(import.meta.dirname, "../../..");
const skeinPath = join(root, "scenarios/bin/skein.mjs");

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end without blocking this process, which may be the server that it asks. */
async function run(command: string, args: string[]): Promise<Ended> {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
const skein = (...args: string[]): Promise<Ended> => run(process.execPath, [skeinPath, ...args]);

const COMMANDS = ["agent", "controller", "lab", "sim", "bench", "init", "join", "status", "top", "trace", "doctor"];

t.test("help, version and what is not understood", async (t) => {
  const help = await skein("--help");
  t.equal(help.code, 0);
  for (const name of COMMANDS) t.match(help.stdout, new RegExp(`^  ${name} `, "m"));
  t.match((await skein("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
  const nonsense = await skein("nonsense");
  t.equal(nonsense.code, 2);
  t.match(nonsense.stderr, /there is no command "nonsense"/);
  t.equal((await skein()).code, 2);
  t.equal((await skein("status", "--nonsense")).code, 2);
});

t.test("every command has a help text", async (t) => {
  for (const name of COMMANDS) {
    const { code, stdout } = await skein(name, "--help");
    t.equal(code, 0, name);
    t.match(stdout, new RegExp(`skein ${name}`), name);
  }
});

t.test("the file is a program, which starts Node as the lab starts it", async (t) => {
  const { code, stdout, stderr } = await run(skeinPath, ["--version"]);
  t.equal(code, 0, stderr);
  t.match(stdout, /^\d+\.\d+\.\d+\n$/);
  const [firstLine] = readFileSync(skeinPath, "utf8").split("\n");
  t.equal(firstLine, `#!/usr/bin/env -S node ${nodeOptions.join(" ")}`);
});

/** The first Node in PATH that is older than the project's. */
function findOlderNode(): string | undefined {
  const paths = (process.env["PATH"] ?? "").split(":").map((folder) => join(folder, "node"));
  return paths.find((path) => {
    const version = /^v(\d+)/.exec(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1];
    return version !== undefined && Number(version) < 24;
  });
}

const older = findOlderNode() ?? "";
const noOlder = older === "" ? "this machine has no Node older than 24" : false;

t.test("an older Node says so in one line and goes on with the pinned one", { skip: noOlder }, async (t) => {
  const direct = await run(older, [skeinPath, "--version"]);
  t.equal(direct.code, 0);
  t.match(direct.stdout, /^\d+\.\d+\.\d+\n$/);
  t.match(direct.stderr, /^skein: this is Node \d+\.\d+\.\d+, Skein needs 24 or newer: [^\n]+\n$/);
  const failing = await run(older, [skeinPath, "nonsense"]);
  t.equal(failing.code, 2, "the exit code comes through");
  const booted = await run(older, [join(root, "scenarios/tools/bootstrap.mjs"), skeinPath, "nonsense"]);
  t.equal(booted.code, 2, "through the bootstrap too");
});

t.test("init makes a configuration that the agent accepts", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skein-cli-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.equal((await skein("init", folder)).code, 0);
  const checked = await skein("agent", "--config", join(folder, "agent.yaml"), "--check");
  t.equal(checked.code, 0, checked.stderr);
});

t.test("join says how it is done today", async (t) => {
  const { code, stderr } = await skein("join");
  t.equal(code, 1);
  t.match(stderr, /mission\.key/);
});

t.test("doctor finds what a node needs on the machine that runs the tests", async (t) => {
  const { code, stdout } = await skein("doctor", "--json");
  const findings = JSON.parse(stdout) as { name: string; state: string; detail: string }[];
  t.same(
    findings.filter((finding) => finding.state === "failed"),
    [],
  );
  t.equal(code, 0);
  t.ok(findings.some((finding) => finding.name === "libcodec2"));
});

const STATUS: AgentStatus = {
  name: "A1",
  version: "0.1.0",
  core: {
    address: 0x010b,
    nodeId: 7,
    bootEpoch: 3,
    neighbours: [
      {
        bearerId: 0,
        address: 0x0105,
        bidirectional: true,
        suspected: false,
        rxQuality: 0.98,
        txQuality: 1,
        rttMs: 9,
        lastHeardMs: 120,
      },
    ],
    nodes: [
      { address: 0x010b, nodeId: 7, name: "A1", role: 0, reachable: true, lastHeardMs: 0 },
      { address: 0x0105, nodeId: 8, name: "G1", role: 1, reachable: true, lastHeardMs: 120 },
      { address: 0x0101, nodeId: 9, name: "HQ", role: 4, reachable: false, lastHeardMs: 9000 },
    ],
    links: [
      { from: 0x010b, to: 0x0105, kind: 0, bitrateBps: 2.4e6, latencyMs: 4, loss: 0.01, costCentsPerMegabyte: 0 },
      { from: 0x0105, to: 0x010b, kind: 0, bitrateBps: 38e6, latencyMs: 0.5, loss: 0.2, costCentsPerMegabyte: 0 },
      { from: 0x0105, to: 0x0101, kind: 0, bitrateBps: 2.4e6, latencyMs: 4, loss: 0.01, costCentsPerMegabyte: 0 },
    ],
    routes: [
      {
        to: 0x0105,
        classes: [12, 13, 14, 15].map((cost) =>
          cost === 13
            ? { nextHop: 0x0101, bearerId: 0, cost, alternate: 0x0105, protects: "link" as const }
            : { nextHop: 0x0105, bearerId: 0, cost, alternate: 0 },
        ),
      },
      {
        to: 0x0101,
        classes: Array.from({ length: 4 }, () => ({ nextHop: 0, bearerId: -1, cost: 0xffff, alternate: 0 })),
      },
    ],
    bearers: [
      {
        id: 0,
        name: "uhf",
        up: true,
        framesSent: 10,
        framesReceived: 11,
        octetsSent: 1000,
        octetsReceived: 1100,
        classes: [],
        queuedFrames: 0,
        queuedMs: 0,
        queues: Array.from({ length: 4 }, () => ({ frames: 0, ms: 0 })),
        drops: [{ trafficClass: 2, reason: "expired", count: 2 }],
        airtimeShare: 0.05,
      },
    ],
    drops: { "no-route": 3, expired: 0 },
    counters: {},
  },
  paths: [],
  positions: [],
  texts: [],
  sos: [],
  voice: { talkers: [], groups: [1], talkingIn: null, counters: {} },
  video: [],
  battery: { percent: 81 },
  policy: {
    version: 2,
    document: null,
    publisher: 0,
    publishedMs: 0,
    signature: "none",
    key: null,
    octets: 0,
    nodes: [],
  },
  uptimeMs: 61_000,
  recentEvents: [],
};

/** To G1 in one hop for all classes but command, for which there is no path. */
const WAY: ClassRoute = {
  cost: 12,
  latencyMs: 4,
  carried: false,
  hops: [
    {
      from: 0x010b,
      to: 0x0105,
      bearerId: 0,
      channel: 0,
      cost: 12,
      bitrateBps: 2.4e6,
      latencyMs: 4,
      loss: 0.2,
      costCentsPerMegabyte: 0,
      alternate: { way: [0x0101, 0x0105], carried: true, protects: "link" },
    },
  ],
  areas: [],
  noPath: null,
};
const NO_WAY: ClassRoute = {
  cost: 0xffff,
  latencyMs: 0,
  carried: false,
  hops: [],
  areas: [],
  noPath: { reason: "no-path", searched: 2, keptMs: 5000 },
};
const ROUTES: Record<string, RouteExplanation> = {
  G1: { from: 0x010b, to: 0x0105, classes: [WAY, NO_WAY, WAY, WAY] },
  "4.7": { from: 0x010b, to: 0x0407, classes: Array<ClassRoute>(4).fill({ ...WAY, cost: 40, areas: [2, 4] }) },
  "1.1": { from: 0x010b, to: 0x0101, classes: [NO_WAY, NO_WAY, NO_WAY, NO_WAY] },
};

/** What an agent would answer. */
function answer(url: string): [httpStatus: number, document: unknown] {
  if (url === "/api/status") return [200, STATUS];
  const route = ROUTES[url.replace("/api/route?to=", "")];
  return route === undefined ? [404, { ok: false, code: "unknown-node" }] : [200, route];
}

t.test("status and trace of a running agent", async (t) => {
  const server = createServer((request, response) => {
    const [httpStatus, document] = answer(request.url ?? "");
    response.writeHead(httpStatus).end(JSON.stringify(document));
  });
  const sockets = new WebSocketServer({ server, path: "/api/ws" });
  sockets.on("connection", (socket) => {
    socket.send(
      JSON.stringify({ type: "event", event: { sequence: 1, atMs: 0, level: "alarm", text: "SOS from B2" } }),
    );
    socket.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    sockets.close();
    server.close();
  });
  const api = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const status = await skein("status", "--api", api);
  t.equal(status.code, 0, status.stderr);
  t.match(status.stdout, /A1 \(1\.11\)/);
  t.match(status.stdout, /1\.1 +HQ +headquarters +NO/);
  t.same(JSON.parse((await skein("status", "--api", api, "--json")).stdout), STATUS);

  t.match(status.stdout, /G1 +udp +2400\.0 +4\.0 +1 +20 +0 +DISAGREE/, "the own link, with both ends' loss");
  t.notMatch(status.stdout, /destination|expired/, "only what was asked for, and what was dropped");
  t.match(status.stdout, /no-route +3/);
  t.notOk(status.stdout.includes("\u001b"), "no colours into a pipe");
  const all = await skein("status", "--routes", "--drops", "--api", api);
  t.match(all.stdout, /G1 +voice, video, bulk +G1 +uhf +12\/14\/15 +none/, "classes that agree are shown once");
  t.match(all.stdout, /G1 +command +HQ +uhf +13 +G1 +link/);
  t.match(all.stdout, /HQ +all +no path/);
  t.match(all.stdout, /expired +0/);

  const top = await skein("top", "--api", api);
  t.equal(top.code, 0, top.stderr);
  t.match(top.stdout, /> +uhf +up +0\.0 +0\.0 +0 +5 /, "one status where nobody watches");
  t.match(top.stdout, /video +expired +2 +0\.0/);
  t.notOk(top.stdout.includes("\u001b"));

  const route = await skein("trace", "G1", "--api", api);
  t.equal(route.code, 0, "there is a path for some classes");
  t.match(route.stdout, /^A1 to G1 \(1\.5\)\n/);
  t.match(route.stdout, /voice, video, bulk: 1 hop, cost 12\/12\/12, 4\.0 ms\n/);
  t.match(route.stdout, /1 +A1 +G1 +uhf +12\/12\/12 +4\.0 +20 +HQ > G1 \(avoids the link, carried\)/);
  t.match(route.stdout, /command: no path: [^\n]+\n +a packet: 2 neighbours are asked [^\n]+ 5 s at most/);
  t.same(JSON.parse((await skein("trace", "G1", "--api", api, "--json")).stdout), ROUTES["G1"]);
  const across = await skein("trace", "4.7", "--api", api);
  t.match(across.stdout, /all classes: 1 hop and areas 2, 4, cost 40\/40\/40\/40, 4\.0 ms\n/);
  const none = await skein("trace", "1.1", "--api", api);
  t.match(none.stdout, /all classes: no path/);
  t.equal(none.code, 1);
  t.equal((await skein("trace", "Z9", "--api", api)).code, 2);

  const followed = await skein("trace", "--api", api);
  t.match(followed.stdout, /alarm {2}SOS from B2/);
  t.equal(followed.code, 1, "the agent closed the connection");
});

t.test("an agent that is not there, or is something else", async (t) => {
  const server = createServer((_, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const api = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const other = await skein("status", "--api", api);
  t.equal(other.code, 1);
  t.match(other.stderr, /agent-answer-invalid/);
  server.close();
  await once(server, "close");
  for (const command of ["status", "top", "trace"]) {
    const { code, stderr } = await skein(command, "--api", api);
    t.equal(code, 1, command);
    t.match(stderr, /agent-unreachable/, command);
    t.notMatch(stderr, /\n {4}at /, "no stack for people");
  }
});
