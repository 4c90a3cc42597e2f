import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { AgentStatus, Command, CommandReply } from "../api/types.ts";

/** For tests: real agent processes on loopback. */

const CLI = fileURLToPath(new URL("../cli.ts", import.meta.url));
const POLL_MS = 25;
const PATIENCE_MS = 45_000;

/** An agent process and what it says. */
export interface AgentProcess {
  readonly child: ChildProcess;
  /** The line on stdout. */
  readonly ready: { api: string; bootEpoch: number; pid: number };
  /** From spawn to the ready line, ms. */
  readonly readyMs: number;
  /** Everything on stderr so far. */
  log(): string;
  status(): Promise<AgentStatus>;
  command(command: Command): Promise<CommandReply>;
  /** Sends the signal and resolves with the exit code (null: killed) and how long it took. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; tookMs: number }>;
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `skein agent` to its end. */
export function runAgent(args: string[]): Promise<Finished> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (octets: Buffer) => (stdout += octets.toString()));
  child.stderr.on("data", (octets: Buffer) => (stderr += octets.toString()));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/**
 * Starts `skein agent --config file` and resolves when it says that it is ready. `through` is a command that becomes
 * the agent (`nsenter ...`).
 */
export async function startAgentProcess(
  file: string,
  args: string[] = [],
  through: string[] = [],
): Promise<AgentProcess> {
  const startedMs = performance.now();
  const [program = "", ...words] = [...through, process.execPath, CLI, "--config", file, ...args];
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (octets: Buffer) => (log += octets.toString()));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the agent ended with ${code}: ${log}`)));
  });
  const readyMs = performance.now() - startedMs;
  const ready = JSON.parse(line) as AgentProcess["ready"];
  return {
    child,
    ready,
    readyMs,
    log: () => log,
    status: async () => (await (await fetch(`http://${ready.api}/api/status`)).json()) as AgentStatus,
    command: (command) => postCommand(ready.api, command),
    end: (signal) => end(child, signal),
  };
}

/** The folder of a test's agents. */
export class AgentFolder {
  readonly path: string;
  readonly #started: AgentProcess[] = [];

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `skein-${name}-`));
  }

  async start(file: string, args: string[] = []): Promise<AgentProcess> {
    const agent = await startAgentProcess(file, args);
    this.#started.push(agent);
    return agent;
  }

  /** Kills what still runs, and removes everything. */
  async remove(): Promise<void> {
    await Promise.all(this.#started.map((agent) => agent.end("SIGKILL")));
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function postCommand(api: string, command: Command): Promise<CommandReply> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`http://${api}/api/command`, { method: "POST", headers, body: JSON.stringify(command) });
  return (await response.json()) as CommandReply;
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<{ code: number | null; tookMs: number }> {
  const startedMs = performance.now();
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve({ code: child.exitCode, tookMs: 0 });
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve({ code, tookMs: performance.now() - startedMs }));
    child.kill(signal);
  });
}

/** Writes a configuration as YAML into its own folder and returns the file. */
export function writeConfig(folder: string, name: string, fields: Record<string, unknown>): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, stringify({ mission: { key: "5e".repeat(32) }, api: { listen: "127.0.0.1:0" }, ...fields }));
  return file;
}

/** Asks again and again until the answer is something; fails with `what` after a generous while. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as T;
    if (performance.now() > deadlineMs) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Free UDP ports of the loopback interface. */
export async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket("udp4"));
  const ports = await Promise.all(
    sockets.map(
      (socket) => new Promise<number>((resolve) => socket.bind(0, "127.0.0.1", () => resolve(socket.address().port))),
    ),
  );
  for (const socket of sockets) socket.close();
  return ports;
}

/** Lines of a journal with this name, once it exists. */
export function journalLines(file: string, e: string): Record<string, unknown>[] {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  // The last line may be half written.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const lines = whole.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.e === e);
}

/** A second of a 440 Hz tone as a WAV file, 16 kHz mono. */
export function toneWav(): Uint8Array {
  const samples = 16_000;
  const view = new DataView(new ArrayBuffer(44 + 2 * samples));
  const ascii = (at: number, text: string): void => {
    for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  };
  ascii(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, 16_000, true);
  view.setUint32(28, 32_000, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  ascii(36, "data");
  view.setUint32(40, 2 * samples, true);
  for (let i = 0; i < samples; i++) view.setInt16(44 + 2 * i, 8000 * Math.sin((2 * Math.PI * 440 * i) / 16_000), true);
  return new Uint8Array(view.buffer);
}

export const CLIP_FRAME_OCTETS = 3000;

/** Two seconds of a clip (IVF) with the headers of VP8 and rubbish behind them: enough for everyone but a decoder. */
export function clipIvf(): Uint8Array {
  const frames = 30;
  const octets = Buffer.alloc(32 + frames * (12 + CLIP_FRAME_OCTETS), 0x5a);
  octets.write("DKIF", 0);
  octets.writeUInt16LE(0, 4);
  octets.writeUInt16LE(32, 6);
  octets.write("VP80", 8);
  octets.writeUInt16LE(320, 12);
  octets.writeUInt16LE(240, 14);
  octets.writeUInt32LE(15, 16);
  octets.writeUInt32LE(1, 20);
  octets.writeUInt32LE(frames, 24);
  for (let frame = 0; frame < frames; frame++) {
    const at = 32 + frame * (12 + CLIP_FRAME_OCTETS);
    octets.writeUInt32LE(CLIP_FRAME_OCTETS, at);
    octets.writeBigUInt64LE(BigInt(frame), at + 4);
    // RFC 6386 9.1: frame tag (bit 0 clear: key frame), start code, width, height.
    octets.set([0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00], at + 12);
  }
  return octets;
}
