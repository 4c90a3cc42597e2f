import { test } from "uvu";
import * as assert from "uvu/assert";
import { readTap, readUvu } from "./test-output.ts";

const uvuTotals = (total: number, passed: number, skipped: number): string =>
  `\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1.73ms\n\n`;

test("a passing uvu file counts its tests", () => {
  assert.equal(readUvu(uvuTotals(5, 5, 0), 0), { passed: 5, failed: 0, skips: [], failures: [] });
});

test("a failing uvu test is named", () => {
  const report = readUvu(`\n   FAIL  "two"\n    Expected\n${uvuTotals(2, 1, 0)}`, 1);
  assert.is(report.passed, 1);
  assert.is(report.failed, 1);
  assert.equal(report.failures, ['"two"']);
});

test("a uvu file without a suite fails although it exits with 0", () => {
  assert.is(readUvu("", 0).failed, 1);
  assert.is(readUvu(uvuTotals(0, 0, 0), 0).failed, 1);
});

test("a uvu file that dies after its totals fails", () => {
  assert.is(readUvu(uvuTotals(3, 3, 0), 7).failed, 1);
});

test("uvu skips are counted", () => {
  assert.is(readUvu(uvuTotals(2, 2, 1), 0).skips.length, 1);
});

test("TAP counts points of the top level and knows skips with their reasons", () => {
  const text = [
    "TAP version 14",
    "# Subtest: a",
    "    ok 1 - yes",
    "    ok 2 - inner # SKIP codec is not installed",
    "    1..2",
    "ok 1 - a # time=6.1ms",
    "",
    "ok 2 - browser # SKIP chromium is not installed",
    "log line of a child: not okay",
    "1..2",
    "",
  ].join("\n");
  const report = readTap(text, 0);
  assert.is(report.passed, 1);
  assert.is(report.failed, 0);
  assert.equal(report.skips, [
    { name: "inner", reason: "codec is not installed" },
    { name: "browser", reason: "chromium is not installed" },
  ]);
});

test("TAP failures are named", () => {
  const report = readTap("TAP version 14\nok 1 - a\nnot ok 2 - two is one # time=3ms\n  ---\n  ...\n1..2\n", 1);
  assert.is(report.passed, 1);
  assert.equal(report.failures, ["two is one"]);
});

test("TAP cut short, over plan, empty or with a bad exit code fails", () => {
  assert.is(readTap("TAP version 14\nok 1 - a\n", 0).failed, 1);
  assert.is(readTap("TAP version 14\nok 1 - a\n1..2\n", 0).failed, 1);
  assert.is(readTap("", 0).failed, 1);
  assert.is(readTap("TAP version 14\nok 1 - a\n1..1\n", 1).failed, 1);
  assert.is(readTap("TAP version 14\nok 1 - a\nBail out! no disk\n1..1\n", 0).failed, 1);
});

test("a TAP file that skips itself says why", () => {
  const report = readTap("TAP version 14\n1..0 # no network namespaces here\n", 0);
  assert.is(report.failed, 0);
  assert.equal(report.skips, [{ name: "whole file", reason: "no network namespaces here" }]);
});

test.run();
