/**
 * `npm run check`: formatting and lint, types, dependency graph, unused code, fences. Prints one line per step and,
 * for a step that failed, what it said. Exits 1 if any failed.
 */
import { availableParallelism } from "node:os";
import { checkDependencyGraph } from "./dependency-graph.ts";
import { checkFences } from "./fences.ts";
import { binary, root } from "./paths.ts";
import { runCommand } from "./run-command.ts";
import type { StepResult } from "./step.ts";

interface Step {
  name: string;
  run(): Promise<StepResult>;
}

async function command(name: string, args: string[], summary: (output: string) => string): Promise<StepResult> {
  const result = await runCommand(process.execPath, [binary(name), ...args], { cwd: root, timeoutMs: 120_000 });
  // A tool that only warns has still something to say: silence is the standard.
  const warned = /\bwarn(ing)?s?\b/i.test(result.output) && !/\b(0|no) warnings?\b/i.test(result.output);
  const ok = result.code === 0 && !warned;
  return { ok, summary: ok ? summary(result.output) : `exit code ${result.code}`, details: result.output };
}

const steps: Step[] = [
  {
    name: "biome",
    run: () =>
      command("biome", ["check", "--error-on-warnings", "--max-diagnostics=50", "--colors=off"], (output) => {
        return /Checked (\d+ files)/.exec(output)?.[1] ?? "";
      }),
  },
  { name: "tsc -b", run: () => command("tsc", ["-b", "--pretty", "false"], () => "all packages, tests and benches") },
  { name: "depcruise", run: () => checkDependencyGraph(root) },
  { name: "knip", run: () => command("knip", ["--no-progress"], () => "no unused files, exports, dependencies") },
  { name: "fences", run: () => checkFences(root) },
];

async function runStep(step: Step): Promise<{ step: Step; result: StepResult; seconds: string }> {
  const startMs = performance.now();
  const result = await step.run().catch((error: unknown): StepResult => {
    return { ok: false, summary: "did not run", details: error instanceof Error ? (error.stack ?? "") : String(error) };
  });
  return { step, result, seconds: ((performance.now() - startMs) / 1000).toFixed(1) };
}

const startMs = performance.now();
const waiting = [...steps];
const failed: string[] = [];
async function worker(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const { result, seconds } = await runStep(step);
    console.log(
      `${result.ok ? "ok    " : "FAILED"} ${step.name.padEnd(10)} ${seconds.padStart(5)} s  ${result.summary}`,
    );
    if (result.ok) continue;
    failed.push(step.name);
    console.log(result.details.trimEnd().replace(/^/gm, "    "));
  }
}
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker));

const totalS = ((performance.now() - startMs) / 1000).toFixed(1);
console.log(
  failed.length === 0
    ? `check: all ${steps.length} steps ok in ${totalS} s`
    : `check: FAILED in ${failed.join(", ")} (${totalS} s)`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
