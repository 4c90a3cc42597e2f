/**
 * `npm test [-- WORD...]`: runs every `*.test.ts` (uvu) and `*.tap.ts` (tap), each file in a process of its own, and
 * ends with `N passed, N failed[, N skipped]`. WORDs keep only the files whose path has one of them.
 *
 * With `CI` set in the environment a test that skips for want of something that can be installed counts as failed.
 */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "./paths.ts";
import { runCommand } from "./run-command.ts";
import type { FileReport } from "./test-output.ts";
import { readTap, readUvu } from "./test-output.ts";

const PACKAGES = ["codecs", "radio-hal", "node-agent", "controller", "scenarios"];
const UVU_PROCESSES = 2;
const UVU_TIMEOUT_MS = 180_000;
const TAP_TIMEOUT_MS = 420_000;
const SHOWN_LINES = 120;
/** Reasons of skips that an installation would cure. */
const CURABLE = /not installed|missing|absent|not found|needs|without/i;

const inCi = !["", "0", "false", undefined].includes(process.env["CI"]);
const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
const skips: string[] = [];

function findTests(ending: string): string[] {
  const words = process.argv.slice(2);
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (["node_modules", "dist", ".build", "coverage"].includes(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith(ending)) found.push(relative(root, path));
    }
  };
  for (const name of PACKAGES) walk(join(root, name));
  return found.sort().filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
}

/** What a failed file wrote, without the TAP lines of what went well; the end of it if that is long. */
function lastLines(text: string): string {
  const lines = text
    .trimEnd()
    .split("\n")
    .filter((line) => !/^ *(ok \d+|1\.\.\d+)/.test(line) && line.trim() !== "");
  const cut = lines.length - SHOWN_LINES;
  if (cut <= 0) return lines.join("\n");
  return [`... ${cut} lines before this`, ...lines.slice(cut)].join("\n");
}

function record(path: string, report: FileReport): void {
  total.passed += report.passed;
  total.failed += report.failed;
  for (const failure of report.failures) failures.push(`${path}: ${failure}`);
  for (const skip of report.skips) {
    const line = `${path}: ${skip.name}: ${skip.reason}`;
    if (inCi && CURABLE.test(skip.reason)) {
      total.failed += 1;
      failures.push(`${line} (skipped, which is a failure where CI is set)`);
    } else {
      total.skipped += 1;
      skips.push(line);
    }
  }
}

async function runFile(path: string, read: typeof readUvu, timeoutMs: number): Promise<void> {
  // The limit is enforced from here; tap's own, 30 s for a whole file, would come first on a busy machine.
  const environment = { ...process.env, TAP_TIMEOUT: String(timeoutMs / 1000) };
  const result = await runCommand(process.execPath, [path], { cwd: root, timeoutMs, environment });
  const report = read(result.stdout, result.code);
  if (result.timedOut) {
    report.failures.push(`did not end within ${timeoutMs / 1000} s`);
    report.failed += 1;
  }
  record(path, report);
  const counts = [`${report.passed} passed`];
  if (report.failed > 0) counts.push(`${report.failed} failed`);
  if (report.skips.length > 0) counts.push(`${report.skips.length} skipped`);
  const seconds = (result.durationMs / 1000).toFixed(1).padStart(6);
  console.log(`${report.failed > 0 ? "FAILED" : "ok    "} ${seconds} s  ${path}  ${counts.join(", ")}`);
  if (report.failed > 0) console.log(lastLines(result.output).replace(/^/gm, "    "));
}

async function runAll(paths: string[], processes: number, run: (path: string) => Promise<void>): Promise<void> {
  const waiting = [...paths];
  const worker = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) await run(path);
  };
  await Promise.all(Array.from({ length: processes }, worker));
}

const uvuFiles = findTests(".test.ts");
const tapFiles = findTests(".tap.ts");
console.log(`${uvuFiles.length} files of in-process tests, ${tapFiles.length} of processes, sockets and browser`);
await runAll(uvuFiles, UVU_PROCESSES, (path) => runFile(path, readUvu, UVU_TIMEOUT_MS));
await runAll(tapFiles, 1, (path) => runFile(path, readTap, TAP_TIMEOUT_MS));

if (uvuFiles.length + tapFiles.length === 0) {
  total.failed += 1;
  failures.push("no test file found");
}
if (skips.length > 0) console.log(`\nSkipped:\n${skips.map((line) => `  ${line}`).join("\n")}`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((line) => `  ${line}`).join("\n")}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed === 0 ? 0 : 1;
