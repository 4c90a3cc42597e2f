/**
 * Finds the bundled form of the `skein` command, which `scenarios/tools/bundle.ts` makes. Plain JavaScript with no
 * imports but Node's own: it runs before anything else, also on an older Node.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const manifestPath = "scenarios/dist/bundle.json";

/** In a bundle's folder: an empty file for each process that runs it, named by its pid. */
const USERS = "users";

/**
 * What a bundle was made from and what it consists of: every file with its size in octets and its time in
 * milliseconds, paths from the project's folder.
 * @typedef {{ entry: string, files: [path: string, sizeOctets: number, timeMs: number][] }} Manifest
 */

/**
 * The bundle's entry if nothing that it was made from has changed since, otherwise why there is none.
 * @param {string} folder
 * @returns {{ entry: string } | { reason: string }}
 */
export function findBundle(folder = root) {
  try {
    /** @type {Manifest} */
    const { entry, files } = JSON.parse(readFileSync(join(folder, manifestPath), "utf8"));
    for (const [path, sizeOctets, timeMs] of files) {
      const stat = statSync(`${folder}/${path}`, { throwIfNoEntry: false });
      if (stat === undefined) return { reason: `${path} is missing` };
      if (stat.size !== sizeOctets || stat.mtimeMs !== timeMs) return { reason: `${path} has changed` };
    }
    return { entry: join(folder, entry) };
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    return { reason: code === "ENOENT" ? "none was made" : `${manifestPath}: ${message}` };
  }
}

/**
 * Keeps the folder until this process ends: it loads the rest of its bundle when it needs it, possibly after other builds.
 * @param {string} bundleFolder
 */
export function useBundle(bundleFolder) {
  const mark = join(bundleFolder, USERS, String(process.pid));
  try {
    mkdirSync(dirname(mark), { recursive: true });
    writeFileSync(mark, "");
    process.on("exit", () => rmSync(mark, { force: true }));
  } catch {
    // Who may not write there is not the one who builds there, either: the build before the last is kept anyway.
  }
}

/**
 * True if a process runs the bundle in this folder.
 * @param {string} bundleFolder
 */
export function isBundleUsed(bundleFolder) {
  try {
    return readdirSync(join(bundleFolder, USERS)).some((pid) => isAlive(Number(pid)));
  } catch {
    return false;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's.
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}
