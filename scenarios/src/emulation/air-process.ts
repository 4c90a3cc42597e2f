/** Entry of the air's process, forked by the lab. It ends with `stop` or when the lab is gone. */
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { monotonicUs } from "@skein/node-agent/clock";
import { Air } from "./air.ts";
import type { FromAir, ToAir } from "./air-protocol.ts";

const COUNTERS_MS = 1000;
/** Every frame of every agent waits for this process. */
const NICENESS = -10;

let air: Air | undefined;
let guarded: { mark: string; pids: number[] } = { mark: "", pids: [] };

function tell(message: FromAir): void {
  if (process.connected) process.send?.(message);
}

async function start(message: Extract<ToAir, { type: "start" }>): Promise<void> {
  try {
    air = new Air(message.scenario, message.seed, message.timeline);
    const ports = await air.open();
    tell({ type: "ready", ports });
    setInterval(() => tell({ type: "counters", counters: air?.counters() ?? {} }), COUNTERS_MS).unref();
  } catch (error) {
    tell({ type: "failed", message: (error as Error).message });
  }
}

function handle(message: ToAir): void {
  if (message.type === "start") void start(message);
  else if (message.type === "guard") guarded = message;
  else if (message.type === "stop") stop();
  else if (air !== undefined) change(air, message);
}

function change(on: Air, message: Extract<ToAir, { requestId: number }>): void {
  let faultId = 0;
  if (message.type === "apply") faultId = on.apply(message.action);
  else on.revert(message.faultId);
  tell({ type: "done", requestId: message.requestId, faultId, atUs: monotonicUs() });
}

function stop(): void {
  air?.close();
  process.exit(0);
}

/** The lab was killed: nobody else will end what it started. */
function endOrphans(): void {
  for (const pid of guarded.pids) {
    try {
      // The id may belong to somebody else by now.
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(guarded.mark)) process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
  stop();
}

/** Before the others where that is allowed (as root), like them where it is not. */
function hurry(): void {
  try {
    setPriority(NICENESS);
  } catch {
    // An ordinary user may not.
  }
}

hurry();
process.on("message", handle);
process.on("disconnect", endOrphans);
// Ctrl-C reaches the whole process group; the lab decides when the air ends.
process.on("SIGINT", () => undefined);
