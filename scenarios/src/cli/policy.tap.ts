import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { PolicyView } from "@skein/controller/policy";
import type { AgentStatus } from "@skein/node-agent/api";
import t from "tap";

// Real processes on a machine that may be busy.
t.setTimeout(240_000);

const root = resolve(import.meta.dirname, "../../..");
const PATIENCE_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "skein-policy-"));
const running = new Set<ChildProcess>();
t.teardown(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function skein(...args: string[]): ChildProcess {
  return spawn(process.execPath, [join(root, "scenarios/bin/skein.mjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function run(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = skein(...args);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (text += String(part)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

/** Starts what says in one line of JSON that it is ready; returns that. */
async function start(command: string, name: string, config: unknown): Promise<Record<string, string>> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  const child = skein(command, "--config", file);
  running.add(child);
  let errors = "";
  child.stderr?.on("data", (part) => (errors += String(part)));
  const stdout = child.stdout;
  if (stdout === null) throw new Error("no pipe");
  for await (const line of createInterface(stdout)) return { ...JSON.parse(line), pid: String(child.pid) };
  throw new Error(`${name} ended: ${errors}`);
}

async function until<T>(what: string, look: () => Promise<T | false | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const found = await look().catch(() => undefined);
    if (found !== undefined && found !== false) return found;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`waited in vain for ${what}`);
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

const statusOf = async (api: string): Promise<AgentStatus> =>
  (await (await fetch(`http://${api}/api/status`)).json()) as AgentStatus;

t.test(
  "a policy is set on the command line, signed, in force everywhere, and stays when all is off and on again",
  async (t) => {
    t.equal((await run("init", folder, "--interface", "lo")).code, 0);
    const [one, two] = (await freePorts(2)) as [number, number];
    const agent = (id: number, own: number, other: number, key = "controller.pub") => ({
      node: { name: `N${id}`, address: `1.${id}`, id },
      mission: { keyFile: "mission.key", controllerKeyFile: key },
      state: `state-${id}`,
      bearers: [{ type: "udp", name: "lte", bind: `127.0.0.1:${own}`, neighbours: [`127.0.0.1:${other}`] }],
      api: { listen: "127.0.0.1:0" },
    });
    const first = await start("agent", "one", agent(1, one, two));
    const second = await start("agent", "two", agent(2, two, one));
    const serve = (extra: object) =>
      start("controller", "ctl", { agent: first["api"], listen: "127.0.0.1:0", ...extra });
    const at = ({ console: url }: Record<string, string>): string[] => ["--controller", new URL(url as string).host];
    await until("the mesh", async () =>
      (await statusOf(first["api"] as string)).core.nodes.some(
        ({ address, reachable }) => address === 0x102 && reachable,
      ),
    );
    const file = join(folder, "policy.yaml");
    writeFileSync(file, "bearers:\n  lte: {costCentsPerMegabyte: 7, cap: {megabytes: 3}}\n");

    // A controller without the key cannot set anything.
    const stranger = await serve({});
    const refused = await until("the refusal", async () => {
      const { code, text } = await run("policy", "set", file, ...at(stranger));
      return code === 1 && !text.includes("agent-lost") && text;
    });
    t.match(refused, /policy-unsigned/);

    const controller = at(await serve({ signingKeyFile: "controller.key" }));
    await until("the controller's agent", async () => (await run("policy", "show", ...controller)).code === 0);
    const set = await run("policy", "set", file, ...controller, "--json");
    t.match(JSON.parse(set.text), { ok: true, version: 1 });
    const view = await until("the other node's word", async () => {
      const shown = JSON.parse((await run("policy", "show", "--json", ...controller)).text) as PolicyView;
      return shown.has.length === 2 && shown;
    });
    t.match(view, { version: 1, signature: "good", missing: [], publisher: { name: "N1" } });
    t.equal(view.key, view.signingKey);

    const other = await statusOf(second["api"] as string);
    t.match(other.core.bearers[0], {
      costCentsPerMegabyte: 7,
      cap: { capOctets: 3e6, reserveOctets: 150_000, level: 0 },
    });

    // All off; the second node alone, without any controller, has it still, and what it has used.
    for (const child of running) {
      const gone = once(child, "close");
      child.kill("SIGTERM");
      await gone;
    }
    running.clear();
    const again = await start("agent", "two", agent(2, two, one));
    const { policy, core } = await statusOf(again["api"] as string);
    t.match(policy, { version: 1, signature: "good" });
    t.ok((core.bearers[0]?.cap?.usedOctets ?? 0) >= (other.core.bearers[0]?.cap?.usedOctets ?? Number.NaN));
  },
);
