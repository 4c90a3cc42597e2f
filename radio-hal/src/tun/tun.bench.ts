/**
 * Packets a second out of a TUN and into it, in a network namespace of its own. Needs unshare and the right to use
 * /dev/net/tun. Prints one JSON object a line.
 */
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { openTun } from "./tun.ts";

const INSIDE = "SKEIN_BENCH_INSIDE";
/** From util-linux. */
const UNSHARE = "unshare";
const MEASURE_MS = 3000;
const PAYLOAD_OCTETS = 160;
const WRITES = 200_000;
/** As fast as one process can send; the kernel drops what nobody reads in time. */
const FLOOD = `
  const socket = require("node:dgram").createSocket("udp4");
  const payload = Buffer.alloc(${PAYLOAD_OCTETS}, 7);
  socket.bind(0, "10.115.1.1", () => {
    const burst = () => {
      for (let i = 0; i < 64; i++) socket.send(payload, 7001, "10.115.1.2");
      setImmediate(burst);
    };
    burst();
  });
`;

function report(name: string, value: number, unit: string, target: string | null, pass: boolean): void {
  process.stdout.write(`${JSON.stringify({ name, value, unit, target, pass })}\n`);
}

async function measure(): Promise<void> {
  const options = { name: "bench0", mtuOctets: 1280, addresses: ["10.115.1.1/32"], routes: ["10.115.0.0/16"] };
  const sample: Uint8Array[] = [];
  const tun = await openTun(options, (octets, offset, length) => {
    if (sample.length === 0) sample.push(octets.slice(offset, offset + length));
  });
  const flood = spawn(process.execPath, ["-e", FLOOD], { stdio: "inherit" });
  while (sample.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const before = { ...tun.counters };
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  const elapsedMs = performance.now() - startMs;
  flood.kill("SIGKILL");
  const { packetsRead } = tun.counters;
  const read = packetsRead - before.packetsRead;
  report("tun.read.packetsPerS", Math.round((1000 * read) / elapsedMs), "packets/s", null, read > 0);

  const packet = sample[0] as Uint8Array;
  // Somebody listens: what is measured includes the kernel's way to a socket.
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
  await new Promise<void>((resolve) => socket.bind(7001, "10.115.1.1", () => resolve()));
  packet.set([10, 115, 1, 2], 12);
  packet.set([10, 115, 1, 1], 16);
  const writeStartMs = performance.now();
  for (let i = 0; i < WRITES; i++) tun.write(packet, 0, packet.length);
  const rate = (1000 * WRITES) / (performance.now() - writeStartMs);
  report("tun.write.packetsPerS", Math.round(rate), "packets/s", null, tun.counters.droppedWritten === 0);
  socket.close();
  await tun.close();
}

if (process.env[INSIDE] === undefined) {
  const words = ["-rn", process.execPath, import.meta.filename];
  const { status } = spawnSync(UNSHARE, words, { stdio: "inherit", env: { ...process.env, [INSIDE]: "1" } });
  process.exitCode = status ?? 1;
} else {
  await measure();
}
