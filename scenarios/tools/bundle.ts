/**
 * Makes the bundled form of the `skein` command and of every process and worker that it starts, in a folder of its own
 * under `scenarios/dist`, with a manifest by which `scenarios/bin/bundle.mjs` tells whether it is up to date. Does nothing
 * if it is.
 *
 * A process that runs loads the rest of its bundle when it needs it, possibly after the next builds: that is why each
 * build has its folder, and why the last but one stays, and those that a process runs.
 */
import { createHash } from "node:crypto";
import { globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, parse, relative, resolve } from "node:path";
import { type OutputAsset, type OutputChunk, type Plugin, rolldown } from "rolldown";
import { findBundle, isBundleUsed, type Manifest, manifestPath } from "../bin/bundle.mjs";
import { root } from "./paths.ts";

const ENTRY = "scenarios/src/cli/main.ts";
/** They hold machine code beside their JavaScript, and find it by their place. */
const NATIVE = ["koffi", "serialport", "@evan/opus", "cbor-extract"];
/** What a bundle depends on beside its modules: versions, what packages export, and how it is made. */
const SURROUNDINGS = ["node_modules/.package-lock.json", "*/package.json", "scenarios/tools/bundle.ts"];

type FileState = Manifest["files"][number];
type Output = OutputChunk | OutputAsset;

function stateOf(path: string): FileState {
  const { size, mtimeMs } = statSync(path);
  return [relative(root, path), size, mtimeMs];
}

/**
 * Reads the project's own modules. What they start by its address (`new URL("./x.ts", import.meta.url)`) becomes an
 * entry of the bundle; all other places relative to the module stay what they are in the sources. A file's state is
 * noted before it is read, so that an edit during the build is found.
 */
function ownModules(states: FileState[]): Plugin {
  return {
    name: "own-modules",
    load(id) {
      if (!id.startsWith(root) || id.includes("/node_modules/")) return null;
      states.push(stateOf(id));
      const fromBundle = relative(join(root, dirname(manifestPath), "BUILD"), id);
      const entryOf = (path: string): string =>
        this.emitFile({ type: "chunk", id: resolve(dirname(id), path), name: parse(path).name });
      return readFileSync(id, "utf8")
        .replaceAll(/new URL\("(\.{1,2}\/[\w./-]+\.ts)", import\.meta\.url\)/g, (_, path: string) => {
          return `new URL(import.meta.ROLLUP_FILE_URL_${entryOf(path)})`;
        })
        .replaceAll("import.meta.url", `new URL(${JSON.stringify(fromBundle)}, import.meta.url).href`)
        .replaceAll("import.meta.dirname", `(import.meta.dirname + ${JSON.stringify(`/${dirname(fromBundle)}`)})`);
    },
  };
}

async function build(states: FileState[]): Promise<Output[]> {
  const bundle = await rolldown({
    input: join(root, ENTRY),
    platform: "node",
    external: NATIVE,
    // For messages of some hundred octets cbor-x does without its native helper, which takes longer to load.
    transform: { define: { "process.env.CBOR_NATIVE_ACCELERATION_DISABLED": '"true"' } },
    plugins: [ownModules(states)],
  });
  try {
    const names = { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" };
    return (await bundle.generate({ format: "esm", sourcemap: true, ...names })).output;
  } finally {
    await bundle.close();
  }
}

/** "" if there was no build, or nobody can tell. */
function lastEntry(): string {
  try {
    return (JSON.parse(readFileSync(manifest, "utf8")) as Manifest).entry;
  } catch {
    return "";
  }
}

if ("entry" in findBundle()) process.exit(0);
const folder = join(root, dirname(manifestPath));
const manifest = join(root, manifestPath);
const states = globSync(SURROUNDINGS, { cwd: root }).map((path) => stateOf(join(root, path)));
const output = await build(states);
const hash = createHash("sha256");
for (const file of output) hash.update(file.fileName).update(file.type === "chunk" ? file.code : file.source);
const name = hash.digest("hex").slice(0, 12);
mkdirSync(join(folder, name), { recursive: true });
for (const file of output) {
  const path = join(folder, name, file.fileName);
  writeFileSync(path, file.type === "chunk" ? file.code : file.source);
  if (file.type === "chunk") states.push(stateOf(path));
}

const before = lastEntry();
const entry = join(dirname(manifestPath), name, "main.mjs");
writeFileSync(`${manifest}.${process.pid}`, JSON.stringify({ entry, files: states } satisfies Manifest));
renameSync(`${manifest}.${process.pid}`, manifest);
for (const other of readdirSync(folder, { withFileTypes: true })) {
  const isKept = other.name === name || before.includes(`/${other.name}/`);
  const path = join(folder, other.name);
  if (other.isDirectory() && !isKept && !isBundleUsed(path)) rmSync(path, { recursive: true, force: true });
}
