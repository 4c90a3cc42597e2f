import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabAction, LabState } from "@skein/controller";
import t, { type Test } from "tap";
import { SkeinChild, type StartError } from "./child.ts";
import { ControlServer } from "./control-server.ts";
import { skeinCommand } from "./paths.ts";
import type { LabReport } from "./report.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-lab-test-"));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** Two nodes on the ground that hear each other over a relay alone, and one of each kind of traffic. */
const SCENARIO = `
scenario: three-nodes/1
duration: 8s
origin: {latitude: 31.02, longitude: 103.60}
networks:
  - {name: uhf, type: udp, bitrateBps: 2000000, latencyMs: 2, rangeM: 1500}
  - {name: lte, type: udp, kind: cellular, medium: point-to-point, bitrateBps: 5000000, latencyMs: 20}
nodes:
  - {name: HQ, address: "1.1", role: headquarters, networks: [uhf, lte], at: [0, 0], controller: true, acknowledgesSos: true}
  - {name: R, address: "1.2", role: relay, networks: [uhf], at: [1000, 0]}
  - {name: T, address: "1.3", role: terminal, networks: [uhf, lte],
     at: {randomWaypoint: {centre: [2000, 0], radiusM: 50, speedKmh: 4}}}
groups:
  - {name: all, number: 1, members: [HQ, T]}
traffic:
  positions: {every: 2s}
  talk:
    - {by: T, group: 1, from: 1s, to: 7s}
  video:
    - {by: T, to: HQ, from: 1s}
  texts:
    - {at: 2s, by: HQ, to: T, body: "Where are you?"}
  sos:
    - {at: 3s, by: T}
faults:
  - {at: 4s, cut: lte}
`;

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}
interface Asked {
  TMPDIR?: string;
  /** Called with all of standard error so far, whenever there is more. */
  onError?: (child: ChildProcess, stderr: string) => void;
}
async function labWith(asked: Asked, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [skeinCommand, "lab", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: asked.TMPDIR ?? folder },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    asked.onError?.(child, stderr);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}
const lab = (...args: string[]): Promise<Ended> => labWith({}, ...args);

/** Command lines of running processes that hold `mark`. */
function running(mark: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && existsSync(`/proc/${entry}/cmdline`))
    .flatMap((entry) => {
      try {
        const line = readFileSync(`/proc/${entry}/cmdline`, "latin1");
        return line.includes(mark) ? [line] : [];
      } catch {
        return [];
      }
    });
}

function nothingIsLeft(t: Test): void {
  t.same(running(join(folder, "skein-lab-")), [], "no process is left");
  t.same(
    readdirSync(folder).filter((name) => name.startsWith("skein-lab-")),
    [],
    "no scratch folder is left",
  );
}

t.test("a scenario is played with real processes and ends with one JSON object", async (t) => {
  const file = join(folder, "three.yaml");
  writeFileSync(file, SCENARIO);
  const { code, stdout, stderr } = await lab(file, "--headless", "--for", "8s", "--json");
  t.equal(stdout.trimEnd().split("\n").length, 1, "one line on standard output");
  const report = JSON.parse(stdout) as LabReport;
  t.comment(stdout, stderr);
  t.equal(report.nodes, 3);
  t.ok(report.processes >= 3 + 2, "agents, air and controller at least");
  t.same(report.bearers, { udp: 5, serial: 0 });
  t.not(report.allPairsReachableS, null);
  t.same(report.text, { sent: 1, delivered: 1, duplicates: 0 });
  t.ok(report.position.delivered > 0);
  t.ok(report.voice.framesPlayed > 0);
  t.ok(report.video.framesComplete > 0);
  t.equal(report.sos.raised, 1);
  t.not(report.sos.acknowledgedS, null);
  t.equal(report.cuts.length, 1);
  t.equal(report.verdict === "pass", report.reasons.length === 0);
  t.equal(code, report.verdict === "pass" ? 0 : 1);
  nothingIsLeft(t);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  t.test(`${signal} while everything starts and while it plays leaves no process and no folder`, async (t) => {
    const file = join(folder, "three.yaml");
    writeFileSync(file, SCENARIO);
    for (const moment of [/is up \(1 of 3\)/, /text from HQ/]) {
      let isTold = false;
      const onError = (child: ChildProcess, stderr: string): void => {
        if (isTold || !moment.test(stderr)) return;
        isTold = true;
        child.kill(signal);
      };
      const { code, stdout, stderr } = await labWith({ onError }, file, "--headless", "--json");
      t.ok(isTold, `came as far as ${moment}`);
      t.equal(code, 1, stderr);
      t.equal(stdout, "", "no verdict");
      t.notMatch(stderr, /^ +at /m, "no stack");
      nothingIsLeft(t);
    }
  });
}

t.test("what cannot be played is refused with a reason", async (t) => {
  const file = join(folder, "bad.yaml");
  writeFileSync(file, SCENARIO.replace("to: T, body", "to: NOBODY, body"));
  const bad = await lab(file, "--headless");
  t.equal(bad.code, 1);
  t.match(bad.stderr, /bad\.yaml:22:.*NOBODY/s);
  const missing = await lab(join(folder, "missing.yaml"), "--headless");
  t.equal(missing.code, 1);
  t.match(missing.stderr, /ENOENT/);
  const nowhere = join(folder, "missing");
  writeFileSync(file, SCENARIO);
  const noScratch = await labWith({ TMPDIR: nowhere }, file, "--headless");
  t.equal(noScratch.code, 1);
  t.match(noScratch.stderr, /scratch folder .*missing.*\(scratch-not-writable\)\n.*TMPDIR/);
  t.notMatch(noScratch.stderr, /^ +at /m, "no stack");
  writeFileSync(file, SCENARIO.replace("to: T, body", "to: NOBODY, body"));
  const usage = await lab(file, "--for", "soon");
  t.equal(usage.code, 1, "the file is read first");
  t.equal((await lab()).code, 2);
});

t.test("a child that dies at its start is told with its last words", async (t) => {
  const log = join(folder, "dead.log");
  const child = new SkeinChild("agent X", ["agent", "--config", join(folder, "none.yaml")], log);
  const error = (await child.ready.catch((reason: unknown) => reason)) as StartError;
  t.equal(error.code, "lab-child-died");
  t.match(error.message, /agent X/);
  t.match(error.remedy, /none\.yaml/);
  t.ok(child.isOver);
  await child.stop(1000);
});

t.test("the control API serves its own page alone and checks what it is told", async (t) => {
  const actions: LabAction[] = [];
  const state: LabState = { scenario: "s/1", timeS: 1, networks: [], nodes: [], faults: [] };
  const server = new ControlServer({
    state: () => state,
    act: async (action) => {
      actions.push(action);
      return action.action === "kill-node" ? { ok: false, message: "no such node" } : { ok: true };
    },
  });
  const api = await server.start();
  t.teardown(() => server.stop());
  const call = (method: string, path: string, headers: Record<string, string>, body = ""): Promise<[number, string]> =>
    new Promise((resolve, reject) => {
      const [host, port] = api.split(":");
      const call = request({ host, port, path, method, headers: { host: api, ...headers } }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve([response.statusCode ?? 0, text]));
      });
      call.on("error", reject);
      call.end(body);
    });
  const json = { "content-type": "application/json" };
  const cut = JSON.stringify({ action: "cut-link", from: 257, to: 258 });
  t.same(await call("GET", "/lab/state", {}), [200, JSON.stringify(state)]);
  t.same(await call("POST", "/lab/action", json, cut), [200, '{"ok":true}']);
  t.equal((await call("POST", "/lab/action", json, '{"action":"kill-node","address":9}'))[0], 409);
  t.equal((await call("POST", "/lab/action", json, "{"))[0], 400);
  t.equal((await call("POST", "/lab/action", json, "x".repeat(5000)))[0], 413);
  t.equal((await call("POST", "/lab/action", {}, cut))[0], 415);
  t.equal((await call("GET", "/lab/other", {}))[0], 404);
  t.equal((await call("GET", "/lab/state", { host: "evil.example" }))[0], 403);
  t.equal((await call("POST", "/lab/action", { ...json, origin: "http://evil.example" }, cut))[0], 403);
  t.equal(actions.length, 2, "nothing that was refused has been done");
});
