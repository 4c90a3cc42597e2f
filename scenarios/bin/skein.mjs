#!/usr/bin/env -S node --v8-pool-size=0
/**
 * The `skein` command: starts its bundled form where that is as new as the sources, the sources otherwise. Plain
 * JavaScript, so that an older Node gets as far as the sentence that helps.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants, homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBundle, root, useBundle } from "./bundle.mjs";
import { nodeOptions } from "./node-options.mjs";

/** @typedef {typeof import("../src/cli/main.ts")} Main */
const OLDEST_NODE = 24;

/** A lab starts dozens of processes: worth a second for a bundle, unless somebody wants only to read its help. */
function makeBundle() {
  const done = spawnSync(process.execPath, [join(root, "scenarios/tools/bundle.ts")], { stdio: ["ignore", 2, 2] });
  return done.status === 0 ? findBundle() : { reason: "it could not be made" };
}

/**
 * The command's code, and why it is not the bundled one.
 * @param {string[]} args
 * @returns {Promise<[main: Main, notBundled?: string]>}
 */
async function load(args) {
  let found = findBundle();
  if ("reason" in found && args[0] === "lab" && !args.includes("--help")) found = makeBundle();
  if ("reason" in found) return [await loadSources(), found.reason];
  // Beside the code, to go with it; whoever can write there can change the code, too.
  useBundle(dirname(found.entry));
  const caching = module.enableCompileCache(join(dirname(found.entry), "compiled"));
  if (caching.status === module.constants.compileCacheStatus.FAILED) cacheAtHome();
  try {
    /** @type {Main} */
    const main = await import(found.entry);
    // A file cut off between two statements is still a module.
    if (typeof main.dispatch !== "function") throw new Error(`${found.entry} is cut off`);
    return [main];
  } catch (error) {
    return [await loadSources(), String(error)];
  }
}

function loadSources() {
  // Before the first TypeScript file: what strips types is 45 ms and 25 MB that a second start need not load.
  cacheAtHome();
  return import("../src/cli/main.ts");
}

/** The folder is the user's own, in a place where nobody else can write code for them. */
function cacheAtHome() {
  module.enableCompileCache(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skein", "compiled"));
}

/** Goes on with the Node that the project pins; resolves never, or ends the process. */
function reexecute() {
  const pinned = join(root, "node_modules/.bin/node");
  const here = `this is Node ${process.versions.node}, Skein needs ${OLDEST_NODE} or newer`;
  if (!existsSync(pinned)) {
    console.error(`skein: ${here}; run "npm ci" in Skein's folder, which installs it there`);
    process.exit(1);
  }
  console.error(`skein: ${here}: going on with the one in node_modules`);
  const child = spawn(pinned, [...nodeOptions, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
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
  const args = process.argv.slice(2);
  const [main, notBundled] = await load(args);
  process.exit(await main.dispatch(args, notBundled));
}
