import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import t from "tap";
import { findBundle, type Manifest, manifestPath } from "../bin/bundle.mjs";
import { makeSandbox } from "./sandbox.ts";

/** In this order: each test finds the tree as the one before left it. */
const sandbox = makeSandbox(["codecs", "radio-hal", "node-agent", "controller", "scenarios"]);
t.teardown(() => sandbox.dispose());
// Agents without compiled code on a busy machine: tap allows 30 s unless told otherwise.
t.setTimeout(180_000);

const SKEIN = join(sandbox.folder, "scenarios/bin/skein.mjs");
const CLI = "node-agent/src/cli.ts";
const SLOWER = "runs from its sources";

sandbox.write(
  "mission/agent.yaml",
  JSON.stringify({
    node: { name: "alpha", address: "1.7", id: 7, role: "relay" },
    mission: { key: "5e".repeat(32) },
    state: "state",
    bearers: [{ type: "udp", name: "lan", bind: "127.0.0.1:0", neighbours: ["127.0.0.1:9"] }],
    voice: { groups: [1] },
    api: { listen: "127.0.0.1:0" },
  }),
);

interface Ended {
  code: number | null;
  stderr: string;
  stdout: string;
  /** Command lines of its children when it said its first line. */
  children: string[];
}

function childrenOf(pid: number): string[] {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return pids === "" ? [] : pids.split(" ").map((child) => readFileSync(`/proc/${child}/cmdline`, "utf8"));
}

/** Runs a program to its end, which is told to end when it has said its first line. */
async function run(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, XDG_CACHE_HOME: join(sandbox.folder, "cache") },
  });
  const ended: Ended = { code: null, stderr: "", stdout: "", children: [] };
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    ended.stderr += text;
  });
  createInterface(child.stdout).on("line", (line) => {
    ended.stdout += `${line}\n`;
    if (child.exitCode === null) ended.children = childrenOf(child.pid as number);
    child.kill("SIGTERM");
  });
  ended.code = await new Promise<number | null>((done) => child.once("close", done));
  return ended;
}

const runAgent = (): Promise<Ended> => run(SKEIN, "agent", "--config", join(sandbox.folder, "mission/agent.yaml"));
const makeBundle = (): Promise<Ended> => run(join(sandbox.folder, "scenarios/tools/bundle.ts"));

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(sandbox.folder, manifestPath), "utf8")) as Manifest;
}

t.test("without a bundle the sources run, and the log says so once", async (t) => {
  const agent = await runAgent();
  t.equal(agent.code, 0, agent.stderr);
  t.equal(agent.stderr.split(SLOWER).length, 2, agent.stderr);
  t.match(agent.stderr, /"none was made"/);
});

t.test("a bundle runs agent and media process", async (t) => {
  const made = await makeBundle();
  t.equal(made.code, 0, made.stderr);
  const agent = await runAgent();
  t.equal(agent.code, 0, agent.stderr);
  t.notMatch(agent.stderr, SLOWER);
  t.match(agent.stdout, /"ready":true/);
  const media = join(sandbox.folder, dirname(manifest().entry), "media-process.mjs");
  t.ok(
    agent.children.some((words) => words.includes(media)),
    agent.children.join("\n"),
  );
});

t.test("places beside the sources are found from the bundle", async (t) => {
  const { version } = JSON.parse(readFileSync(join(sandbox.folder, "package.json"), "utf8")) as { version: string };
  t.equal((await run(SKEIN, "--version")).stdout, `${version}\n`);
  t.match((await run(SKEIN, "doctor")).stdout, /^libsodium +ok/m);
});

t.test("an edited source runs, bundled or not", async (t) => {
  const source = readFileSync(join(sandbox.folder, CLI), "utf8");
  sandbox.write(CLI, source.replace("Runs one node of the mesh", "Runs what was edited"));
  t.match(findBundle(sandbox.folder), { reason: `${CLI} has changed` });
  const help = (): Promise<Ended> => run(SKEIN, "agent", "--help");
  t.match((await help()).stdout, "Runs what was edited");
  await makeBundle();
  t.match(findBundle(sandbox.folder), { entry: /main\.mjs$/ });
  t.match((await help()).stdout, "Runs what was edited");
});

t.test("of the builds before, processes that still run may use the last", async (t) => {
  const before = manifest().entry;
  sandbox.write(CLI, readFileSync(join(sandbox.folder, CLI), "utf8").replace("was edited", "was edited again"));
  await makeBundle();
  const folders = [before, manifest().entry].map((entry) => dirname(entry).split("/").at(-1) as string);
  const kept = readdirSync(join(sandbox.folder, dirname(manifestPath)), { withFileTypes: true });
  t.same(
    kept.filter((one) => one.isDirectory()).map(({ name }) => name),
    folders.sort(),
  );
});

t.test("and those that run keep theirs, however many builds follow", async (t) => {
  const folder = join(sandbox.folder, dirname(manifest().entry));
  const agent = spawn(process.execPath, [SKEIN, "agent", "--config", join(sandbox.folder, "mission/agent.yaml")], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface(agent.stdout);
  await new Promise((ready) => lines.once("line", ready));
  const source = readFileSync(join(sandbox.folder, CLI), "utf8");
  for (const n of [1, 2, 3]) {
    sandbox.write(CLI, source.replace("was edited", `was edited, and ${n}`));
    t.equal((await makeBundle()).code, 0);
  }
  t.ok(existsSync(join(folder, "media-process.mjs")));
  agent.kill("SIGKILL");
  await new Promise((ended) => agent.once("close", ended));
  sandbox.write(CLI, source);
  t.equal((await makeBundle()).code, 0);
  sandbox.write(CLI, source.replace("was edited", "was edited, and 4"));
  t.equal((await makeBundle()).code, 0);
  sandbox.write(CLI, source.replace("was edited", "was edited, and 5"));
  t.equal((await makeBundle()).code, 0);
  t.notOk(existsSync(folder));
  sandbox.write(CLI, source);
  t.equal((await makeBundle()).code, 0);
});

t.test("a source that does not parse leaves the bundle that was", async (t) => {
  const before = manifest();
  const source = readFileSync(join(sandbox.folder, CLI), "utf8");
  sandbox.write(CLI, "export const = ;");
  t.not((await makeBundle()).code, 0);
  t.same(manifest(), before);
  sandbox.write(CLI, source);
  t.equal((await makeBundle()).code, 0);
});

t.test("a bundle that is damaged falls back to the sources", async (t) => {
  const { entry } = manifest();
  truncateSync(join(sandbox.folder, entry), 100);
  const cut = await runAgent();
  t.equal(cut.code, 0, cut.stderr);
  t.match(cut.stderr, `${entry} has changed`);

  // Inside a statement, between two, and before the first.
  for (const damaged of ["export const = ;", "export const rest = 1;\n", ""]) {
    sandbox.write(entry, damaged);
    const files = manifest().files.map(([path, octets, timeMs]): Manifest["files"][number] => {
      return path === entry
        ? [path, damaged.length, statSync(join(sandbox.folder, path)).mtimeMs]
        : [path, octets, timeMs];
    });
    sandbox.write(manifestPath, JSON.stringify({ entry, files }));
    const wrong = await runAgent();
    t.equal(wrong.code, 0, wrong.stderr);
    t.match(wrong.stderr, /runs from its sources.*Error/);
  }

  sandbox.write(manifestPath, "{ cut sh");
  const unreadable = await runAgent();
  t.equal(unreadable.code, 0, unreadable.stderr);
  t.match(unreadable.stderr, SLOWER);
  t.equal((await makeBundle()).code, 0);
  t.match(findBundle(sandbox.folder), { entry: /main\.mjs$/ });
});
