#!/usr/bin/env node
/** The `skein` command. Plain JavaScript, so that an older Node gets as far as the sentence that helps. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import module from "node:module";
import { constants, homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {{ main(args: string[]): Promise<number> }} Command */
/** @type {Record<string, [summary: string, load: () => Promise<Command>]>} */
const COMMANDS = {
  agent: ["run a node: --config FILE", () => import("@skein/node-agent/cli")],
  controller: ["run the controller and the operator's console: --config FILE", () => import("@skein/controller/cli")],
  lab: ["play a scenario with real agent processes", () => import("../src/lab/cli.ts")],
  sim: ["play a scenario in virtual time", () => import("../src/sim/cli.ts")],
  bench: ["measure an area: codecs, core", () => import("../src/cli/bench.ts")],
  init: ["make a mission folder: key and sample configuration", () => import("../src/cli/init.ts")],
  policy: [
    "check a policy file, set it for the whole mesh, show what is in force",
    () => import("../src/cli/policy.ts"),
  ],
  join: ["how a further node gets into a mission", () => import("../src/cli/join.ts")],
  status: ["what a running agent knows", () => import("../src/cli/status.ts")],
  top: ["the same, refreshed every second", () => import("../src/cli/top.ts")],
  trace: ["follow an agent's events, or the way to a node hop by hop", () => import("../src/cli/trace.ts")],
  doctor: ["check this machine for what Skein needs", () => import("../src/cli/doctor.ts")],
};
const OLDEST_NODE = 24;

function version() {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}

function help() {
  const lines = Object.entries(COMMANDS).map(([name, [summary]]) => `  ${name.padEnd(12)}${summary}`);
  return `Usage: skein COMMAND [ARGUMENTS]

${lines.join("\n")}

skein COMMAND --help says more; skein --version prints the version.`;
}

/**
 * What was thrown, for people: an operating error as its code, message and remedy, a programmer error with its stack.
 * @param {string} name
 * @param {unknown} error
 */
function explain(name, error) {
  if (!(error instanceof Error)) return `skein ${name}: ${String(error)}`;
  const { code, remedy } = /** @type {{ code?: unknown, remedy?: unknown }} */ (error);
  if (typeof code !== "string" || code === "ERR_ASSERTION") return `skein ${name}: ${error.stack}`;
  const hint = typeof remedy === "string" && remedy !== "" ? `\n  ${remedy}` : "";
  return `skein ${name}: ${error.message} (${code})${hint}`;
}

/** Whoever read the output has gone (`skein top | head`): commands that only print end, nodes and labs go on. */
function survivePipes() {
  const printing = ["status", "top", "trace", "doctor", "sim", "bench", "policy"].includes(process.argv[2] ?? "");
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => {
      if (printing) process.exit(0);
    });
  }
}

/** @param {string[]} args */
async function dispatch([name, ...args]) {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(help());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    console.log(version());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    console.error(`skein: there is no command "${name}"\n\n${help()}`);
    return 2;
  }
  // Before the first TypeScript file: what strips types is 45 ms and 25 MB that a second start need not load. The folder
  // is the agent's own, in a place where nobody else can write code for it.
  module.enableCompileCache(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skein", "compiled"));
  try {
    return await (await command[1]()).main(args);
  } catch (error) {
    console.error(explain(name, error));
    return 1;
  }
}

/** Goes on with the Node that the project pins; resolves never, or ends the process. */
function reexecute() {
  const pinned = fileURLToPath(new URL("../../node_modules/.bin/node", import.meta.url));
  const here = `this is Node ${process.versions.node}, Skein needs ${OLDEST_NODE} or newer`;
  if (!existsSync(pinned)) {
    console.error(`skein: ${here}; run "npm ci" in Skein's folder, which installs it there`);
    process.exit(1);
  }
  console.error(`skein: ${here}: going on with the one in node_modules`);
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // Ctrl-C in a terminal reaches the child by itself.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? "SIGTERM"] ?? 0)));
}

if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) reexecute();
else {
  survivePipes();
  process.exit(await dispatch(process.argv.slice(2)));
}
