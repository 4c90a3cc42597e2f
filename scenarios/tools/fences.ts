import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "./paths.ts";
import { runCommand } from "./run-command.ts";
import type { StepResult } from "./step.ts";

/** What must stay free of clock, timers, randomness and I/O, with the project file that compiles it. */
const FENCED = [
  { folder: "codecs/src", project: "codecs" },
  { folder: "node-agent/src/core", project: "node-agent/src/core" },
];

/** Comments and casts that would open a gate in a fence. */
const GATES: [RegExp, string][] = [
  [/biome-ignore(-\w+)?\s+lint\/(style\/noRestricted|nursery\/noJsRestricted)/, "switches the lint fence off"],
  [/biome-ignore(-\w+)?\s+lint(\s|:|\/(style|nursery)\s*:)/, "switches the lint fence off"],
  [/@ts-(ignore|expect-error|nocheck)/, "switches the type fence off"],
  [/<reference\s+(types|lib|path)=/, "adds host types behind the tsconfig's back"],
  [/\bdeclare\s+(global|const|let|var|function|class|module)\b/, "declares something that the fence took away"],
  [/[=(,]\s*Math\s*[;,)]/, "takes Math as a whole, and Math.random with it"],
  [/dependency-cruiser-(disable|ignore)/, "switches the graph fence off"],
];

function isFenced(path: string): boolean {
  return path.endsWith(".ts") && !/\.(test|bench|tap)\.ts$/.test(path);
}

/** Lines in a fenced source that would open a gate, as `what it does`, with the line number. */
export function findGates(text: string): { line: number; what: string }[] {
  const found: { line: number; what: string }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    for (const [pattern, what] of GATES) if (pattern.test(line)) found.push({ line: index + 1, what });
  }
  return found;
}

/**
 * Checks that the fences themselves stand: the fenced programs compile against the ECMAScript library alone, hold at
 * least one source each, and no source has a comment or declaration that switches a fence off.
 * @param folder top folder of the tree to check
 */
export async function checkFences(folder: string): Promise<StepResult> {
  const problems: string[] = [];
  let sources = 0;
  for (const fence of FENCED) {
    const files = readdirSync(join(folder, fence.folder), { recursive: true, encoding: "utf8" }).filter(isFenced);
    sources += files.length;
    for (const file of files) {
      const path = join(fence.folder, file);
      for (const gate of findGates(readFileSync(join(folder, path), "utf8"))) {
        problems.push(`${path}:${gate.line}: ${gate.what}`);
      }
    }
    problems.push(...(await checkProgram(folder, fence.project, files.length)));
  }
  return {
    ok: problems.length === 0,
    summary: `${sources} sources without host types, no gates`,
    details: problems.join("\n"),
  };
}

async function checkProgram(folder: string, project: string, sourceCount: number): Promise<string[]> {
  const args = [binary("tsc"), "-p", project, "--listFilesOnly"];
  const { code, stdout, output } = await runCommand(process.execPath, args, { cwd: folder, timeoutMs: 60_000 });
  if (code !== 0) return [`${project}: tsc --listFilesOnly: ${output.trim()}`];
  const files = stdout.split("\n").filter((line) => line !== "");
  const problems = files
    .filter((file) => /\/@types\/|\/lib\.(dom|webworker|scripthost)/.test(file))
    .map((file) => `${project}: host types in the program: ${file}`);
  const own = files.filter((file) => !file.includes("/node_modules/") && !file.endsWith(".d.ts"));
  if (own.length < sourceCount || sourceCount === 0) {
    problems.push(`${project}: the program has ${own.length} of ${sourceCount} sources`);
  }
  return problems;
}
