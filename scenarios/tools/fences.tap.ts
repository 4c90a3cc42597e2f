import t from "tap";
import { checkDependencyGraph } from "./dependency-graph.ts";
import { checkFences } from "./fences.ts";
import { binary } from "./paths.ts";
import { runCommand } from "./run-command.ts";
import { makeSandbox } from "./sandbox.ts";

// Each fence is shown to fire on a violating source put into a copy of the fenced folders, checked with the same
// tools and configuration that `npm run check` uses; and to be silent on the copy as it is.

const FOLDERS = ["codecs/src", "node-agent/src/core"] as const;
const PROJECTS = ["codecs", "node-agent/src/core"];

/** Violations, each with a word that the fence must say about it. */
const HOST_TYPES: Record<string, [source: string, said: string]> = {
  "a clock read": ["export const nowMs = (): number => performance.now();", "performance"],
  "a timer": ["export const later = (): unknown => setTimeout(() => undefined, 1);", "setTimeout"],
  "Node's Buffer": ["export const octets = Buffer.alloc(4);", "Buffer"],
  "a browser type": ["export const page = (): unknown => document.title;", "document"],
  "an I/O import": ['import { readFileSync } from "node:fs";\nexport const read = readFileSync;', "node:fs"],
};
const LINT: Record<string, [source: string, said: string]> = {
  "the wall clock": ["export const nowMs = (): number => Date.now();", "Date"],
  "the monotonic clock": ["export const nowMs = (): number => performance.now();", "performance"],
  "Math.random": ["export const dice = (): number => Math.random();", "Math.random"],
  "Math.random taken apart": ["const { random } = Math;\nexport const dice = (): number => random();", "Math.random"],
  "a timer": ["export const later = (): unknown => setTimeout(() => undefined, 1);", "setTimeout"],
  "the global object": ["export const later = (): unknown => globalThis;", "globalThis"],
  "an I/O import": [
    'import { readFileSync } from "node:fs";\n\nexport const read = readFileSync;',
    "noRestrictedImports",
  ],
  "an I/O import on demand": ['export const read = (): unknown => import("node:net");', "noRestrictedImports"],
  "a package": ['import { WebSocket } from "ws";\n\nexport const socket = WebSocket;', "noRestrictedImports"],
};

const sandbox = makeSandbox();
t.teardown(() => sandbox.dispose());
// Compilers on a busy machine: tap allows 30 s unless told otherwise.
t.setTimeout(300_000);

const node = (name: string, args: string[]) =>
  runCommand(process.execPath, [binary(name), ...args], { cwd: sandbox.folder, timeoutMs: 120_000 });
const compile = () => node("tsc", ["-b", ...PROJECTS, "--pretty", "false"]);
const lint = () => node("biome", ["lint", "--error-on-warnings", "--colors=off", "--max-diagnostics=none", ...FOLDERS]);
const cruise = () => checkDependencyGraph(sandbox.folder, [...FOLDERS]);

t.test("the tree as it is passes all fences", async (t) => {
  const compiled = await compile();
  t.equal(compiled.code, 0, `types: ${compiled.output}`);
  const linted = await lint();
  t.equal(linted.code, 0, `lint: ${linted.output}`);
  const graph = await cruise();
  t.equal(graph.details, "", "graph");
  const fences = await checkFences(sandbox.folder);
  t.equal(fences.details, "", "fences");
});

/** Puts one file per violation into a fenced folder, runs a tool over all, and expects it to name each. */
async function expectNamed(
  t: {
    not: (a: unknown, b: unknown, message: string) => unknown;
    match: (a: string, b: RegExp, message: string) => unknown;
  },
  violations: Record<string, [source: string, said: string]>,
  folder: string,
  tool: () => Promise<{ code: number; output: string }>,
): Promise<void> {
  const names = Object.keys(violations);
  const pathOf = (what: string): string => `${folder}/violation-${names.indexOf(what)}.ts`;
  for (const [what, [source]] of Object.entries(violations)) sandbox.write(pathOf(what), `${source}\n`);
  const { code, output } = await tool();
  t.not(code, 0, `violations in ${folder} fail`);
  for (const [what, [, said]] of Object.entries(violations)) {
    const path = pathOf(what);
    const [, about = ""] = output.split(path, 2);
    t.match(about.slice(0, 400), new RegExp(said.replace(".", "\\.")), `${what} in ${folder} is named`);
    sandbox.remove(path);
  }
}

t.test("fence 1: host types do not exist in codecs and core", async (t) => {
  for (const folder of FOLDERS) await expectNamed(t, HOST_TYPES, folder, compile);
});

t.test("fence 2: lint denies clock, randomness, timers and imports in codecs and core", async (t) => {
  for (const folder of FOLDERS) await expectNamed(t, LINT, folder, lint);
});

t.test("fence 2 leaves tests and benches alone", async (t) => {
  for (const ending of ["test", "bench"]) {
    sandbox.write(`codecs/src/violation.${ending}.ts`, "export const nowMs = (): number => Date.now();\n");
  }
  t.equal((await lint()).code, 0);
  for (const ending of ["test", "bench"]) sandbox.remove(`codecs/src/violation.${ending}.ts`);
});

t.test("fence 3: the graph knows who may import whom", async (t) => {
  const violations: Record<string, [path: string, source: string]> = {
    "codecs-is-a-leaf": ["codecs/src/violation.ts", 'export { readFileSync } from "node:fs";'],
    "cbor-in-bundle-only": ["codecs/src/wire/violation.ts", 'export { encode } from "cbor-x";'],
    "core-imports-codecs-only": ["node-agent/src/core/violation.ts", 'export { createServer } from "node:net";'],
    "no-unresolvable": ["node-agent/src/core/violation.ts", 'export type { Bearer } from "@skein/radio-hal";'],
    "no-cycles": [
      "codecs/src/violation.ts",
      'import { b } from "./violation-b.ts";\nexport const a = (): unknown => b;',
    ],
  };
  sandbox.write(
    "codecs/src/violation-b.ts",
    'import { a } from "./violation.ts";\nexport const b = (): unknown => a;\n',
  );
  for (const [rule, [path, source]] of Object.entries(violations)) {
    sandbox.write(path, `${source}\n`);
    const graph = await cruise();
    t.notOk(graph.ok, `${rule} fires`);
    t.ok(graph.details.includes(`${rule}: `) && graph.details.includes("violation"), `${rule} names the edge`);
    sandbox.remove(path);
  }
  sandbox.remove("codecs/src/violation-b.ts");
});

t.test("fence 3 fails when it saw nothing", async (t) => {
  const graph = await checkDependencyGraph(sandbox.folder, ["node-agent/src/shell"]);
  t.notOk(graph.ok);
  t.match(graph.details, /saw-no-modules: node-agent\/src\/shell/);
});

t.test("a gate in a fence is found", async (t) => {
  sandbox.write("codecs/src/violation.ts", "// @ts-nocheck\nexport const a = 1;\n");
  const { ok, details } = await checkFences(sandbox.folder);
  t.notOk(ok);
  t.match(details, /codecs\/src\/violation\.ts:1: /);
  sandbox.remove("codecs/src/violation.ts");
});
