import { readFileSync } from "node:fs";

/** `notBundled`: why the sources run, undefined if the bundle does. */
interface Command {
  main(args: string[], notBundled?: string): Promise<number>;
}
const COMMANDS: Record<string, [summary: string, load: () => Promise<Command>]> = {
  agent: ["run a node: --config FILE", () => import("@skein/node-agent/cli")],
  controller: ["run the controller and the operator's console: --config FILE", () => import("@skein/controller/cli")],
  lab: ["play a scenario with real agent processes", () => import("../lab/cli.ts")],
  sim: ["play a scenario in virtual time", () => import("../sim/cli.ts")],
  bench: ["measure an area: codecs, core", () => import("./bench.ts")],
  init: ["make a mission folder: key and sample configuration", () => import("./init.ts")],
  policy: ["check a policy file, set it for the whole mesh, show what is in force", () => import("./policy.ts")],
  join: ["how a further node gets into a mission", () => import("./join.ts")],
  status: ["what a running agent knows", () => import("./status.ts")],
  top: ["the same, refreshed every second", () => import("./top.ts")],
  trace: ["follow an agent's events, or the way to a node hop by hop", () => import("./trace.ts")],
  doctor: ["check this machine for what Skein needs", () => import("./doctor.ts")],
};
/** They print and are done. */
const PRINTING = ["status", "top", "trace", "doctor", "sim", "bench", "policy"];

function version(): string {
  return JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")).version;
}

function help(): string {
  const lines = Object.entries(COMMANDS).map(([name, [summary]]) => `  ${name.padEnd(12)}${summary}`);
  return `Usage: skein COMMAND [ARGUMENTS]

${lines.join("\n")}

skein COMMAND --help says more; skein --version prints the version.`;
}

/** What was thrown, for people: an operating error as its code, message and remedy, a programmer error with its stack. */
function explain(name: string, error: unknown): string {
  if (!(error instanceof Error)) return `skein ${name}: ${String(error)}`;
  const { code, remedy } = error as { code?: unknown; remedy?: unknown };
  if (typeof code !== "string" || code === "ERR_ASSERTION") return `skein ${name}: ${error.stack}`;
  const hint = typeof remedy === "string" && remedy !== "" ? `\n  ${remedy}` : "";
  return `skein ${name}: ${error.message} (${code})${hint}`;
}

/** Whoever read the output has gone (`skein top | head`): commands that only print end, nodes and labs go on. */
function survivePipes(name: string): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => {
      if (PRINTING.includes(name)) process.exit(0);
    });
  }
}

/** Runs the command that the words name. @returns the exit code */
export async function dispatch([name, ...args]: string[], notBundled?: string): Promise<number> {
  survivePipes(name ?? "");
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
  try {
    return await (await command[1]()).main(args, notBundled);
  } catch (error) {
    console.error(explain(name, error));
    return 1;
  }
}
