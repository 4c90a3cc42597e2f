import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { runCommand } from "./run-command.ts";

const node = (script: string, timeoutMs = 60_000) =>
  runCommand(process.execPath, ["-e", script], { cwd: import.meta.dirname, timeoutMs });

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return ") Z";
  }
}

/** Waits until a process is gone (or only waits for its parent to notice); the test's own time limit ends the wait. */
async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) {
    if (/\) Z/.test(readStat(pid))) return;
    await sleep(10);
  }
}

t.test("both streams and the exit code come back", async (t) => {
  const result = await node("console.log('out'); console.error('err'); process.exitCode = 3");
  t.equal(result.code, 3);
  t.equal(result.stdout, "out\n");
  t.match(result.output, /err/);
  t.equal(result.timedOut, false);
});

t.test("a command that does not end is ended at its limit", async (t) => {
  const result = await node("setInterval(() => undefined, 1000); console.log('started')", 1000);
  t.equal(result.code, 124);
  t.equal(result.timedOut, true);
});

t.test("a child that a command left behind ends with it", async (t) => {
  const script = `
    const child = require("node:child_process").spawn("sleep", ["600"], { stdio: "ignore" });
    console.log(child.pid);
    child.unref();`;
  const result = await node(script);
  t.equal(result.code, 0);
  const pid = Number(result.stdout);
  t.ok(pid > 1);
  await gone(pid);
  t.pass("the child is gone");
});

t.test("a program that is not there is an error", async (t) => {
  await t.rejects(runCommand("/nonexistent/program", [], { cwd: import.meta.dirname }), { code: "ENOENT" });
});
