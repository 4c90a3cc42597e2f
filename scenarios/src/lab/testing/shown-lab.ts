/** For tests with a browser: a lab that shows its console and goes on until it is stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { skeinCommand } from "../paths.ts";

/** Bounds of waiting, generous: what takes so long on the slowest machine is broken. */
export const START_MS = 60_000;
const SOON_MS = 30_000;
const POLL_MS = 100;

/** Resolves with the first value of `read` that `isRight`. @throws Error with the last value after `limitMs` */
export async function until<T>(
  what: string,
  read: () => Promise<T>,
  isRight: (value: T) => boolean,
  limitMs = SOON_MS,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const value = await read();
    if (isRight(value)) return value;
    if (performance.now() > endMs) throw new Error(`${what}: still ${String(value)} after ${limitMs / 1000} s`);
    await sleep(POLL_MS);
  }
}

/** The lab as `npm start` runs it, with its scratch folder in `scratch`, and where it serves the console. */
export async function startLab(
  scenario: string,
  scratch: string,
  onLine: (line: string) => void = () => undefined,
): Promise<{ child: ChildProcess; console: string }> {
  const child = spawn(process.execPath, [skeinCommand, "lab", scenario], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: scratch },
  });
  const lines = createInterface({ input: child.stdout! });
  const found = new Promise<string>((found, fail) => {
    lines.on("line", (line) => {
      onLine(line);
      const address = /console: (http:\S+)/.exec(line)?.[1];
      if (address !== undefined) found(address);
    });
    child.once("exit", (code) => fail(new Error(`the lab ended with ${code}`)));
    AbortSignal.timeout(START_MS).addEventListener("abort", () => fail(new Error("the lab names no console")));
  });
  return { child, console: await found };
}

export async function stopLab(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
