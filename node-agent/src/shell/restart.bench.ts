import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgentProcess, writeConfig } from "./agent-harness.ts";

// From the start of a real agent process, after a kill -9, to its first datagram on the air.
const ROUNDS = 5;
const TARGET_MS = 1000;

const folder = mkdtempSync(join(tmpdir(), "skein-restart-"));
const neighbour = createSocket("udp4");
await new Promise<void>((resolve) => neighbour.bind(0, "127.0.0.1", resolve));
const file = writeConfig(folder, "node", {
  node: { name: "node", address: "1.1", id: 1 },
  state: "state",
  bearers: [{ type: "udp", name: "radio", bind: "127.0.0.1:0", neighbours: [`127.0.0.1:${neighbour.address().port}`] }],
});

const tookMs: number[] = [];
// The first start fills the compile cache and is not counted.
for (let round = 0; round <= ROUNDS; round++) {
  const startedMs = performance.now();
  const heardMs = new Promise<number>((resolve) => neighbour.once("message", () => resolve(performance.now())));
  const agent = await startAgentProcess(file);
  if (round > 0) tookMs.push((await heardMs) - startedMs);
  await agent.end("SIGKILL");
}
neighbour.close();
rmSync(folder, { recursive: true, force: true });
// Best of some rounds: the machine is shared, and only the fastest round says what the code needs.
const value = Math.round(Math.min(...tookMs));
const name = "agent.restart-to-first-hello";
console.log(JSON.stringify({ name, value, unit: "ms", target: TARGET_MS, pass: value < TARGET_MS }));
