import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { nodeOptions } from "../../bin/node-options.mjs";
import { skeinCommand } from "./paths.ts";

const TAIL_LINES = 12;

/** A child ended before it said that it was ready. */
export class StartError extends Error {
  readonly code = "lab-child-died";
  readonly remedy: string;
  constructor(what: string, how: string, tail: string) {
    super(`${what} ended before it was ready${how === "" ? "" : ` (${how})`}`);
    this.name = "StartError";
    this.remedy = tail === "" ? "it said nothing" : `its last words:\n${tail}`;
  }
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  error?: string;
}

/** One `skein` command as a child process; its log goes to a file. */
export class SkeinChild {
  readonly pid: number;
  /** The line of JSON with which it says that it is ready. @throws StartError */
  readonly ready: Promise<Record<string, unknown>>;
  readonly ended: Promise<Ended>;
  #process: ChildProcess;
  #isOver = false;

  constructor(what: string, args: readonly string[], logFile: string) {
    const log = openSync(logFile, "a");
    this.#process = spawn(process.execPath, [...nodeOptions, skeinCommand, ...args], {
      stdio: ["ignore", "pipe", log],
    });
    closeSync(log);
    this.pid = this.#process.pid ?? 0;
    this.ended = new Promise((resolve) => {
      const end = (ended: Ended): void => {
        this.#isOver = true;
        resolve(ended);
      };
      this.#process.once("exit", (code, signal) => end({ code, signal }));
      this.#process.once("error", ({ message }) => end({ code: null, signal: null, error: message }));
    });
    this.ready = this.#awaitReady(what, logFile);
    // Whoever waits gets the reason; a child that is stopped while it starts has nobody waiting.
    this.ready.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#isOver) this.#process.kill(signal);
  }

  /** Asks it to end, makes it end after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.#isOver) return;
    this.kill("SIGTERM");
    const killer = setTimeout(() => this.kill("SIGKILL"), graceMs);
    await this.ended;
    clearTimeout(killer);
  }

  #awaitReady(what: string, logFile: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      let text = "";
      this.#process.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
        if (text.includes("\n")) return;
        text += chunk;
        const end = text.indexOf("\n");
        if (end < 0) return;
        try {
          resolve(JSON.parse(text.slice(0, end)) as Record<string, unknown>);
        } catch {
          reject(new StartError(what, "", text));
        }
      });
      void this.ended.then((ended) => reject(new StartError(what, howEnded(ended), tailOf(logFile))));
    });
  }
}

function howEnded({ code, signal, error }: Ended): string {
  return error ?? signal ?? `exit code ${code}`;
}

/** Last lines of a log, for people. */
export function tailOf(logFile: string): string {
  try {
    return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
  } catch {
    return "";
  }
}
