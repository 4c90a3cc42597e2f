/**
 * What one datagram costs the process that forwards it (received, sent on), over loopback: by Node alone and with the
 * batch calls, in turns. Processor time rather than a rate: the feeder shares the machine. Prints one JSON object a line.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { useHostCopy } from "../../host-copy.ts";
import { openUdpPort } from "./open-udp-port.ts";
import type { UdpPort } from "./udp-port.ts";

const PAYLOAD_OCTETS = 200;
const MTU_OCTETS = 1400;
const MEASURE_MS = 1500;
const ROUNDS = 3;
const HOST = "127.0.0.1";
/** Bursts as fast as one process can; the kernel drops what is not taken in time. */
const FLOOD = `
  const socket = require("node:dgram").createSocket("udp4");
  const payload = Buffer.alloc(${PAYLOAD_OCTETS}, 7);
  const burst = () => {
    for (let i = 0; i < 64; i++) socket.send(payload, Number(process.argv[1]), "${HOST}");
    setImmediate(burst);
  };
  burst();
`;

interface Cost {
  forwarded: number;
  cpuS: number;
  elapsedS: number;
}

async function forward(batch: boolean, sinkPort: number): Promise<Cost> {
  let forwarded = 0;
  const port: UdpPort = await openUdpPort(
    { family: 4, host: HOST, port: 0, mtuOctets: MTU_OCTETS, batch },
    {
      datagram: (octets: Uint8Array, length: number) => {
        port.send(octets, length, HOST, sinkPort);
      },
      done: (_length, good) => {
        if (good) forwarded++;
      },
      failed: (error) => {
        throw error;
      },
    },
  );
  const flood = spawn(process.execPath, ["-e", FLOOD, String(port.localPort)], { stdio: "inherit" });
  while (forwarded < 1000) await new Promise((resolve) => setTimeout(resolve, 10));
  const before = { forwarded, cpu: process.cpuUsage(), ms: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  const { user, system } = process.cpuUsage(before.cpu);
  const cost = {
    forwarded: forwarded - before.forwarded,
    cpuS: (user + system) / 1e6,
    elapsedS: (performance.now() - before.ms) / 1000,
  };
  flood.kill("SIGKILL");
  await port.close();
  return cost;
}

function report(name: string, value: number, unit: string): void {
  process.stdout.write(`${JSON.stringify({ name, value, unit, target: null, pass: value > 0 })}\n`);
}

function add(sum: Cost, cost: Cost): void {
  sum.forwarded += cost.forwarded;
  sum.cpuS += cost.cpuS;
  sum.elapsedS += cost.elapsedS;
}

useHostCopy();
// Nobody reads what arrives here: the kernel's queue fills and the rest is dropped.
const sink = createSocket("udp4");
await new Promise<void>((resolve) => sink.bind(0, HOST, () => resolve()));
const plain: Cost = { forwarded: 0, cpuS: 0, elapsedS: 0 };
const batch: Cost = { forwarded: 0, cpuS: 0, elapsedS: 0 };
for (let round = 0; round < ROUNDS; round++) {
  add(plain, await forward(false, sink.address().port));
  add(batch, await forward(true, sink.address().port));
}
for (const [name, cost] of [
  ["plain", plain],
  ["batch", batch],
] as const) {
  report(`bearers.udp.${name}.packetsPerS`, Math.round(cost.forwarded / cost.elapsedS), "packets/s");
  report(`bearers.udp.${name}.cpuSPerMillion`, Math.round((1e7 * cost.cpuS) / cost.forwarded) / 10, "s");
}
sink.close();
