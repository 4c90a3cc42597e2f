import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { nodeOptions } from "../../bin/node-options.mjs";
import { UsageError, withArguments } from "./arguments.ts";
import { formatTable } from "./table.ts";

/** What measures an area: single benches, and all `*.bench.ts` of folders. */
const AREAS: Record<string, string[]> = {
  bearers: ["scenarios/src/bearer-bench"],
  codecs: ["codecs/src"],
  core: ["node-agent/src/core/core.bench.ts", "node-agent/src/shell"],
  merge: ["scenarios/src/merge-bench", "node-agent/src/core/bulk"],
  routing: ["scenarios/src/routing-bench", "node-agent/src/core/proof", "node-agent/src/core/shortest-paths.bench.ts"],
};

const BENCH = ".bench.ts";

const HELP = `Usage: skein bench AREA [--json]

Measures an area: ${Object.keys(AREAS).join(", ")}. Exit code 1 if a target is missed.

  --json   one JSON object a line: {"name", "value", "unit", "target", "pass"}`;

/** A bench that goes round in circles must not hold whoever waits for its figures. */
const LIMIT_MS = 600_000;

const root = resolve(import.meta.dirname, "../../..");

/** One measured figure. `target` is the mark to reach, null where there is none. */
export interface BenchResult {
  name: string;
  value: number;
  unit: string;
  target: number | string | null;
  pass: boolean;
}

/** One line of a bench's output; undefined if it is not a result. */
export function parseResult(line: string): BenchResult | undefined {
  try {
    const value = JSON.parse(line);
    if (typeof value?.name !== "string" || typeof value.value !== "number") return undefined;
    return { unit: "", target: null, ...value, pass: value.pass !== false };
  } catch {
    return undefined;
  }
}

function findBenches(area: string): string[] {
  const places = AREAS[area];
  if (places === undefined) throw new UsageError(`there is no area "${area}"`);
  return places.flatMap(benchesIn).sort();
}

function benchesIn(place: string): string[] {
  if (place.endsWith(BENCH)) return [join(root, place)];
  return readdirSync(join(root, place), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(BENCH) && !name.includes("node_modules"))
    .map((name) => join(root, place, name));
}

/** Runs one bench in a process of its own; false if it failed or printed no result. */
async function runBench(path: string, onResult: (result: BenchResult, line: string) => void): Promise<boolean> {
  const child = spawn(process.execPath, [...nodeOptions, "--expose-gc", path], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: root,
  });
  const killer = setTimeout(() => {
    console.error(`${relative(root, path)}: did not end within ${LIMIT_MS / 1000} s`);
    child.kill("SIGKILL");
  }, LIMIT_MS);
  const ended = new Promise<number>((done) => child.on("close", (code) => done(code ?? 1)));
  let results = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const result = parseResult(line);
    if (result === undefined) {
      if (line.trim() !== "") console.error(line);
      continue;
    }
    results += 1;
    onResult(result, line);
  }
  const code = await ended;
  clearTimeout(killer);
  if (code !== 0) console.error(`${relative(root, path)}: exit code ${code}`);
  else if (results === 0) console.error(`${relative(root, path)}: printed no result`);
  return code === 0 && results > 0;
}

function formatResults(results: BenchResult[]): string {
  const rows = results.map(({ name, value, unit, target, pass }) => {
    const figure = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
    return [name, figure, unit, target === null ? "-" : String(target), pass ? "" : "MISSED"];
  });
  return formatTable(["name", "value", "unit", "target", ""], rows).join("\n");
}

export function main(args: string[]): Promise<number> {
  return withArguments(args, { json: { type: "boolean", default: false } }, HELP, async ({ values, positionals }) => {
    const [area] = positionals;
    if (area === undefined || positionals.length > 1) throw new UsageError("expected one AREA");
    const benches = findBenches(area);
    if (benches.length === 0) console.error(`area ${area} has no benches`);
    const results: BenchResult[] = [];
    let ok = benches.length > 0;
    for (const path of benches) {
      const ran = await runBench(path, (result) => {
        results.push(result);
        if (values.json) console.log(JSON.stringify(result));
      });
      ok &&= ran;
    }
    if (!values.json) console.log(formatResults(results));
    return ok && results.every((result) => result.pass) ? 0 : 1;
  });
}
