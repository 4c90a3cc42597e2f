import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLog, type Log } from "./shell/log.ts";
import { preferForwarding } from "./shell/priority.ts";
import { errorCode, errorMessage } from "./shell/skein-error.ts";

const HELP = `Usage: skein agent --config FILE [--check] [--parent-pid PID]

Runs one node of the mesh until SIGINT or SIGTERM.

  --config FILE      the node's configuration (YAML)
  --check            only read and check the configuration
  --parent-pid PID   stop when the process PID is gone
  --help             this text

On stdout comes one line of JSON when the node is on the air:
  {"ready":true,"api":"127.0.0.1:4780","node":"1.7","name":"alpha-1","bootEpoch":12,"pid":4711}
The log goes to stderr: readable at a terminal, JSON lines otherwise.

Exit codes: 0 stopped or checked, 1 the node cannot run, 2 the command line or the configuration is wrong.
`;

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERNAL = 70;
const PARENT_CHECK_MS = 500;
const FLUSH_COMPILED_MS = 5000;

/**
 * The `agent` command. `args` are the words after `skein agent`; `notBundled` is why the sources run where their bundle
 * could. Resolves with the exit code; it never rejects on bad input.
 */
export async function main(args: readonly string[], notBundled?: string): Promise<number> {
  let options: { config?: string; check?: boolean; help?: boolean; "parent-pid"?: string };
  try {
    options = parseArgs({
      args: args[0] === "agent" ? args.slice(1) : [...args],
      options: {
        config: { type: "string", short: "c" },
        check: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        "parent-pid": { type: "string" },
      },
    }).values;
  } catch (error) {
    return usage(errorMessage(error));
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.config === undefined) return usage("--config FILE is missing");
  const parentPid = options["parent-pid"] === undefined ? undefined : Number(options["parent-pid"]);
  if (parentPid !== undefined && !(Number.isInteger(parentPid) && parentPid > 0))
    return usage("--parent-pid: not a number");
  return options.check ? check(options.config) : run(options.config, parentPid, notBundled);
}

function usage(message: string): number {
  process.stderr.write(`skein agent: ${message}\n\n${HELP}`);
  return EXIT_USAGE;
}

async function check(file: string): Promise<number> {
  try {
    const { loadConfig } = await import("./config/load.ts");
    const { config } = loadConfig(file);
    process.stdout.write(
      `${file}: good (${config.node.name}, ${config.node.address}, ${config.bearers.length} bearers)\n`,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    return EXIT_USAGE;
  }
}

async function run(file: string, parentPid: number | undefined, notBundled?: string): Promise<number> {
  let log = createLog("info", "");
  // Loaded only now: half of a start is compiling, and what was compiled before need not be again.
  cacheCompiledCode();
  try {
    const { addressTextOf, loadConfig } = await import("./config/load.ts");
    const loaded = loadConfig(file);
    log = createLog(loaded.config.log, loaded.config.node.address);
    exitOnInternalError(log);
    if (notBundled !== undefined) log.info("runs from its sources: a slower start", { bundle: notBundled });
    const { startLastingAgent } = await import("./shell/lasting-agent.ts");
    const stopped = stopSignal(log, parentPid);
    const agent = await startLastingAgent(loaded, log);
    // Only now: a start takes much of a processor, and others may be on the air already.
    if (!preferForwarding()) log.debug("no right to run before other processes");
    const { name } = loaded.config.node;
    const { api, bootEpoch } = agent;
    const node = addressTextOf(agent.address);
    process.stdout.write(`${JSON.stringify({ ready: true, api, node, name, bootEpoch, pid: process.pid })}\n`);
    await stopped;
    await agent.stop();
    return 0;
  } catch (error) {
    const isInput = ["config-invalid", "config-unreadable", "key-invalid"].includes(errorCode(error, ""));
    log.error(errorMessage(error), { code: errorCode(error, "internal"), ...detailsOf(error) });
    return isInput ? EXIT_USAGE : EXIT_FAILED;
  }
}

/** In a folder of the user's own: whoever could write there could have the agent run their code. */
function cacheCompiledCode(): void {
  enableCompileCache(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skein", "compiled"));
  // Otherwise it is written at a clean end only, and a node may never have one.
  setTimeout(flushCompileCache, FLUSH_COMPILED_MS).unref();
}

function detailsOf(error: unknown): Record<string, unknown> {
  const problems = (error as { problems?: unknown } | null)?.problems;
  if (problems !== undefined) return { problems };
  const remedy = remedyOf(error);
  if (remedy !== "") return { remedy };
  return errorCode(error, "") === "" ? { stack: error instanceof Error ? error.stack : undefined } : {};
}

/** What a person can do; also of errors that other packages define. */
function remedyOf(error: unknown): string {
  const remedy = (error as { remedy?: unknown } | null)?.remedy;
  return typeof remedy === "string" ? remedy : "";
}

/** An error as people read it: what, and what to do. */
function explain(error: unknown): string {
  const remedy = remedyOf(error);
  return `${errorMessage(error)}${remedy === "" ? "" : `\n  remedy: ${remedy}`}`;
}

/** A mistake in the program ends it with a log line; whoever supervises it starts it again. */
function exitOnInternalError(log: Log): void {
  process.on("uncaughtException", (error) => {
    log.error("internal error", { code: "internal", stack: error.stack ?? String(error) });
    process.exit(EXIT_INTERNAL);
  });
}

/** Resolves when the agent is to stop: a signal, or the end of the process that started it. */
function stopSignal(log: Log, parentPid: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const stop = (why: string) => {
      log.info("stopping", { why });
      resolve();
    };
    process.once("SIGINT", () => stop("SIGINT"));
    process.once("SIGTERM", () => stop("SIGTERM"));
    if (process.connected) process.once("disconnect", () => stop("parent gone"));
    if (parentPid === undefined) return;
    const timer = setInterval(() => {
      if (isAlive(parentPid)) return;
      clearInterval(timer);
      stop("parent gone");
    }, PARENT_CHECK_MS);
    timer.unref();
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error, "") === "EPERM";
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
