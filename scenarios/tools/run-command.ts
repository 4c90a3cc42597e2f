import { spawn } from "node:child_process";

/** What a finished command left behind. */
export interface CommandResult {
  /** Exit code; 124 when the time limit ended it, 128 when a signal did. */
  code: number;
  /** Standard output and standard error in the order they came. */
  output: string;
  /** Standard output alone. */
  stdout: string;
  durationMs: number;
  timedOut: boolean;
}

/** Where and how long a command may run. */
export interface CommandOptions {
  cwd: string;
  timeoutMs?: number;
  environment?: NodeJS.ProcessEnv;
}

/**
 * Runs a command to its end and collects what it wrote. It gets a process group of its own, which is ended with it,
 * so that a test that forgot a child leaves nothing behind.
 */
export function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.environment ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    let stdout = "";
    let timedOut = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const endGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // The group is gone already.
      }
    };
    const onInterrupt = (): void => {
      endGroup();
      process.exit(130);
    };
    process.once("SIGINT", onInterrupt);
    process.once("SIGTERM", onInterrupt);
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup();
    }, options.timeoutMs ?? 600_000);
    child.on("error", reject);
    child.on("exit", () => endGroup());
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onInterrupt);
      const exitCode = timedOut ? 124 : (code ?? (signal === null ? 1 : 128));
      resolve({ code: exitCode, output, stdout, timedOut, durationMs: performance.now() - startMs });
    });
  });
}
