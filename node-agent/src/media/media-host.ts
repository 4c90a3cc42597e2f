import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { BatchSender } from "./batch-sender.ts";
import type { FromMedia, ToMedia } from "./protocol.ts";

const DEFAULT_COMPILE_CACHE = fileURLToPath(new URL("../../../.build/compile-cache", import.meta.url));
const ENTRY = fileURLToPath(new URL("./media-process.ts", import.meta.url));
/** A small heap and one thread of V8: what the process holds is short-lived, and fourteen of them may share a small machine. */
const V8_OPTIONS = ["--v8-pool-size=1", "--max-semi-space-size=1", "--max-old-space-size=192"];
/** Messages gathered while the event loop turns or the child starts; beyond it the oldest are dropped. */
const MAX_QUEUED = 256;
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 5_000;
/** A child that lived this long starts the count of failures anew. */
const HEALTHY_MS = 10_000;
const CLOSE_GRACE_MS = 1_000;

export interface MediaHost {
  send(message: ToMedia): void;
  /** Asks the child to end, makes it end after a second; resolves when it is gone. */
  close(): Promise<void>;
  /** Times that the child died and was started again. */
  readonly restarts: number;
  /** Messages dropped because the child was not there or did not keep up. */
  readonly dropped: number;
  /** Process id of the child, undefined between death and restart. */
  readonly pid: number | undefined;
}

/**
 * Starts the media process and keeps it running. Never throws later: a child that dies is restarted, what was
 * sent meanwhile is queued or dropped and counted. `listen` outlives a restart; a talk or clip does not, and
 * `ready` comes again.
 */
export function startMedia(onMessage: (message: FromMedia) => void): MediaHost {
  return new ForkedMedia(onMessage);
}

/**
 * Stripped and compiled sources are kept on disk: a process that finds them starts in 70 ms with 55 MB instead of
 * 200 ms with 95 MB. The child shares the agent's cache; Node adds a folder per version to the one it is given.
 */
function compileCache(): string {
  const own = getCompileCacheDir();
  return process.env["NODE_COMPILE_CACHE"] ?? (own === undefined ? DEFAULT_COMPILE_CACHE : dirname(own));
}

class ForkedMedia implements MediaHost {
  restarts = 0;
  private readonly onMessage: (message: FromMedia) => void;
  private readonly sender: BatchSender<ToMedia>;
  private child: ChildProcess | null = null;
  private queue: ToMedia[] = [];
  private flushScheduled = false;
  private queueDropped = 0;
  private failures = 0;
  private startedMs = 0;
  private restartTimer: NodeJS.Timeout | undefined;
  private listen: ToMedia | undefined;
  private closed = false;

  constructor(onMessage: (message: FromMedia) => void) {
    this.onMessage = onMessage;
    this.sender = new BatchSender((batch, done) => {
      if (this.child?.connected === true) this.child.send(batch, done);
      else done();
    });
    this.start();
  }

  get dropped(): number {
    return this.queueDropped + this.sender.dropped;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  send(message: ToMedia): void {
    if (this.closed) return;
    if (message.type === "listen") this.listen = message;
    this.queue.push(message);
    if (this.queue.length > MAX_QUEUED) {
      this.queue.shift();
      this.queueDropped++;
    }
    this.scheduleFlush();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.send({ type: "shutdown" });
    this.flush();
    this.closed = true;
    clearTimeout(this.restartTimer);
    const child = this.child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const killer = setTimeout(() => child.kill("SIGKILL"), CLOSE_GRACE_MS);
      child.once("exit", () => {
        clearTimeout(killer);
        resolve();
      });
    });
  }

  private start(): void {
    this.startedMs = performance.now();
    const child = fork(ENTRY, [], {
      serialization: "advanced",
      execPath: process.execPath,
      execArgv: V8_OPTIONS,
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache() },
    });
    this.child = child;
    child.on("message", (batch: unknown) => {
      for (const message of batch as FromMedia[]) this.onMessage(message);
    });
    // A failed fork reports `error` and may never report `exit`.
    child.on("error", () => this.handleEnd(child));
    child.on("exit", () => this.handleEnd(child));
    this.scheduleFlush();
  }

  private handleEnd(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = null;
    if (this.closed) return;
    this.restarts++;
    this.failures = performance.now() - this.startedMs > HEALTHY_MS ? 1 : this.failures + 1;
    const delayMs = Math.min(LAST_RESTART_MS, FIRST_RESTART_MS * 2 ** (this.failures - 1));
    this.restartTimer = setTimeout(() => this.restart(), delayMs);
  }

  private restart(): void {
    if (this.listen !== undefined && !this.queue.includes(this.listen)) this.queue.unshift(this.listen);
    this.start();
  }

  private scheduleFlush(): void {
    if (this.flushScheduled || this.child === null) return;
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.child === null || this.queue.length === 0) return;
    const batch = this.queue;
    this.queue = [];
    this.sender.send(batch);
  }
}
