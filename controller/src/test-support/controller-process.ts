import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../cli.ts", import.meta.url));

/** A controller in a process of its own, as `skein controller` runs it. */
export interface ControllerProcess {
  url: string;
  child: ChildProcess;
  stop(): Promise<number | null>;
}

/** Runs the command; resolves with its exit code and what it wrote. */
export async function runController(
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawnCli(args);
  let out = "";
  let err = "";
  child.stdout?.on("data", (part) => (out += String(part)));
  child.stderr?.on("data", (part) => (err += String(part)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

/** Starts a controller with this configuration and waits for its ready line. */
export async function startController(config: Record<string, string>): Promise<ControllerProcess> {
  const folder = mkdtempSync(join(tmpdir(), "skein-controller-"));
  const file = join(folder, "controller.yaml");
  writeFileSync(
    file,
    Object.entries(config)
      .map(([name, value]) => `${name}: "${value}"\n`)
      .join(""),
  );
  const child = spawnCli(["--config", file]);
  child.stderr?.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await once(lines, "line")) as [string];
  const ready = JSON.parse(line) as { ready: boolean; console: string };
  const stop = async (): Promise<number | null> => {
    const closed = once(child, "close");
    child.kill("SIGTERM");
    const [code] = (await closed) as [number | null];
    rmSync(folder, { recursive: true });
    return code;
  };
  return { url: ready.console, child, stop };
}

function spawnCli(args: readonly string[]): ChildProcess {
  const script = `import { main } from ${JSON.stringify(CLI)}; process.exitCode = await main(process.argv.slice(1));`;
  return spawn(process.execPath, ["--input-type=module", "--eval", script, "--", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}
