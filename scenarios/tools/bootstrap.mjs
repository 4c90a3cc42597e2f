/**
 * Runs one of the project's programs on the pinned Node, installing and building first what is missing.
 * Plain JavaScript that Node 20 runs, and no imports but such: on a fresh machine nothing else is there yet.
 *
 *   node scenarios/tools/bootstrap.mjs [--console] PROGRAM [ARGUMENTS...]
 *
 * `--console` also builds console, handset page and the command's bundle when a source is newer than the last build.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findBundle, root } from "../bin/bundle.mjs";
import { nodeOptions } from "../bin/node-options.mjs";

const pinnedNode = join(root, "node_modules/.bin/node");

/**
 * True if node_modules holds what package-lock.json asks for, version by version. npm keeps the list of what it
 * installed in a hidden lock file that it writes last, so an interrupted install shows as missing.
 * @param {string} folder
 * @returns {boolean}
 */
export function isInstalled(folder) {
  const wanted = readPackages(join(folder, "package-lock.json"));
  const present = readPackages(join(folder, "node_modules/.package-lock.json"));
  if (wanted === undefined || present === undefined) return false;
  if (!existsSync(join(folder, "node_modules/.bin/node"))) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional === true || entry.devOptional === true || entry.peer === true) continue;
    const found = present[path];
    if (found === undefined || found.version !== entry.version) return false;
  }
  return true;
}

/**
 * @typedef {{ version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockEntry
 * @param {string} file
 * @returns {Record<string, LockEntry> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Time of the newest file in a folder, milliseconds; 0 if there is none.
 * @param {string} path
 * @returns {number}
 */
function newestMs(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  let newest = 0;
  for (const name of readdirSync(path)) {
    if (name === "node_modules" || name === "dist") continue;
    newest = Math.max(newest, newestMs(join(path, name)));
  }
  return newest;
}

/**
 * True if console and handset page were built after their newest source.
 * @param {string} folder
 * @returns {boolean}
 */
export function areConsolesBuilt(folder) {
  const builtMs = ["console", "handset"].map((page) => newestMs(join(folder, "controller/dist", page, "index.html")));
  const sourceMs = ["controller/console", "package-lock.json"].map((path) => newestMs(join(folder, path)));
  return Math.min(...builtMs) > 0 && Math.min(...builtMs) >= Math.max(...sourceMs);
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`skein: ${line}\n`);
}

/**
 * Runs a program to its end; its output goes to stderr, so that stdout stays the caller's.
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  const environment = { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}` };
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], env: environment });
  if (done.error !== undefined) {
    say(`cannot run ${command}: ${done.error.message}`);
    process.exit(1);
  }
  if (done.status !== 0) {
    say(`${[command, ...args].join(" ")} failed (exit code ${done.status ?? done.signal})`);
    process.exit(1);
  }
}

/** @param {string[]} args */
function runNpm(args) {
  const npm = process.env["npm_execpath"];
  if (npm?.endsWith(".js")) run(process.execPath, [npm, ...args]);
  else run("npm", args);
}

function install() {
  say("installing what is missing (npm ci, about a minute) ...");
  runNpm(["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (!isInstalled(root)) {
    say("npm ci ended well, but node_modules does not hold what package-lock.json asks for");
    process.exit(1);
  }
}

function buildConsoles() {
  say("building console and handset page ...");
  runNpm(["run", "--silent", "--workspace", "@skein/controller", "build"]);
}

/** Without one the sources run: what is wrong with them is told by whatever was to be run. */
function bundle() {
  say("bundling the skein command ...");
  spawnSync(pinnedNode, [join(root, "scenarios/tools/bundle.ts")], { stdio: ["ignore", 2, 2] });
}

/**
 * @param {string} program absolute path
 * @param {string[]} args
 */
function reexecute(program, args) {
  const child = spawn(pinnedNode, [...nodeOptions, program, ...args], { stdio: "inherit" });
  // A terminal sends Ctrl-C to the whole foreground group, so the child has had it already; without a terminal
  // it is for us to pass on. Either way the child decides when this ends.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  child.on("error", (error) => {
    say(`cannot run the pinned Node: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? "SIGTERM"] ?? 0)));
}

async function main() {
  const args = process.argv.slice(2);
  const wantsConsole = args[0] === "--console";
  if (wantsConsole) args.shift();
  const program = args.shift();
  if (program === undefined) {
    say("usage: node scenarios/tools/bootstrap.mjs [--console] PROGRAM [ARGUMENTS...]");
    process.exit(2);
  }
  if (!isInstalled(root)) install();
  if (wantsConsole && !areConsolesBuilt(root)) buildConsoles();
  if (wantsConsole && "reason" in findBundle()) bundle();
  const path = resolve(root, program);
  // npm scripts of an installed tree run on the pinned Node already: no second process then.
  const wantedVersion = JSON.parse(readFileSync(join(root, "node_modules/node/package.json"), "utf8")).version;
  if (process.versions.node === wantedVersion) {
    process.argv = [process.execPath, path, ...args];
    await import(pathToFileURL(path).href);
  } else {
    reexecute(path, args);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
