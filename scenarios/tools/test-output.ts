/** What one test file reported. */
export interface FileReport {
  passed: number;
  failed: number;
  skips: Skip[];
  /** Names of the tests that failed, and what was wrong with the report itself. */
  failures: string[];
}
/** A test that did not run, with the reason it gave. */
export interface Skip {
  name: string;
  reason: string;
}

/**
 * Reads what uvu printed. uvu exits with 0 when a file registers no suite (a forgotten `test.run()`), so a report
 * without totals, or with a total of 0, is a failure.
 */
export function readUvu(output: string, exitCode: number): FileReport {
  const failures = [...output.matchAll(/^\s+FAIL\s+(.+)$/gm)].map((match) => (match[1] ?? "").trim());
  const total = lastNumber(output, /^\s+Total:\s+(\d+)/gm);
  const passed = lastNumber(output, /^\s+Passed:\s+(\d+)/gm) ?? 0;
  const skipped = lastNumber(output, /^\s+Skipped:\s+(\d+)/gm) ?? 0;
  if (total === undefined) failures.push("no totals: no suite was run, or the process ended early");
  else if (total + skipped === 0) failures.push("0 tests registered: is `test.run()` missing?");
  else if (total !== passed && failures.length === 0) failures.push(`${total - passed} of ${total} tests`);
  if (exitCode !== 0 && failures.length === 0) failures.push(`exit code ${exitCode} although every test passed`);
  const skips = Array.from({ length: skipped }, () => ({ name: "test.skip", reason: "no reason given" }));
  return { passed, failed: Math.max(failures.length, (total ?? passed) - passed), skips, failures };
}

function lastNumber(text: string, pattern: RegExp): number | undefined {
  const match = [...text.matchAll(pattern)].at(-1);
  return match === undefined ? undefined : Number(match[1]);
}

/**
 * Reads TAP 14, counting test points of the top level: `t.test(...)` blocks, and assertions outside of any. A report
 * without a plan, with a plan that its points do not meet, or with no point at all is a failure.
 */
export function readTap(output: string, exitCode: number): FileReport {
  const report: FileReport = { passed: 0, failed: 0, skips: [], failures: [] };
  let plan: number | undefined;
  let points = 0;
  for (const line of output.split("\n")) {
    const planned = /^1\.\.(\d+)(?:\s*#\s*(.*))?$/.exec(line);
    if (planned !== null) {
      plan = Number(planned[1]);
      if (plan === 0) report.skips.push({ name: "whole file", reason: planned[2]?.trim() || "no reason given" });
    }
    if (line.startsWith("Bail out!")) report.failures.push(line.trim());
    const point = readPoint(line);
    if (point === undefined) continue;
    if (!point.nested) points += 1;
    if (point.skip !== undefined) report.skips.push({ name: point.name, reason: point.skip });
    else if (point.nested) continue;
    else if (point.ok) report.passed += 1;
    else report.failures.push(point.name);
  }
  if (plan === undefined) report.failures.push("no plan: the process ended early");
  else if (plan !== points) report.failures.push(`${plan} tests planned, ${points} reported`);
  else if (plan === 0 && report.skips.length === 0) report.failures.push("0 tests");
  if (exitCode !== 0 && report.failures.length === 0) report.failures.push(`exit code ${exitCode}`);
  report.failed = report.failures.length;
  return report;
}

interface Point {
  ok: boolean;
  nested: boolean;
  name: string;
  skip?: string;
}

/** One `ok`/`not ok` line; of nested ones only those that skip are of interest. */
function readPoint(line: string): Point | undefined {
  const match = /^( *)(not ok|ok)\b(?: \d+)?(?: - )?(.*)$/.exec(line);
  if (match === null) return undefined;
  const rest = match[3] ?? "";
  const skip = /^(.*?)\s*# SKIP\b\s*(.*?)\s*$/i.exec(rest);
  const nested = match[1] !== "";
  if (skip !== null) {
    // `t.skip("why")` gives the reason as the name of the point.
    const reason = skip[2] || (skip[1] ?? "").trim() || "no reason given";
    return { ok: true, nested, name: (skip[1] ?? "").trim(), skip: reason.replace(/ # time=.*$/, "") };
  }
  return {
    ok: match[2] === "ok",
    nested,
    name: rest
      .replace(/ # time=.*$/, "")
      .replace(/ \{$/, "")
      .trim(),
  };
}
