/**
 * The forwarding path of the core with a null crypto port: frames of one neighbour in, frames to the next
 * out. Prints one JSON object a line.
 */
import type { TransmitSlot } from "./api.ts";
import { MAX_FRAME_OCTETS, type MeshCore } from "./api.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const PAYLOAD_OCTETS = 200;
const BATCH = 4_000;
const BATCHES = 24;
const FAST = { bitrateBps: 1e12, latencyUs: 50 };

function report(name: string, value: number, unit: string, target: string | null, pass: boolean): void {
  process.stdout.write(`${JSON.stringify({ name, value, unit, target, pass })}\n`);
}

/** Frames as node 0 puts them on the wire towards node 1, on their way to node 2. */
function record(mesh: VirtualMesh, count: number, send: () => void): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };
  const origin = mesh.node(0).core;
  while (frames.length < count) {
    send();
    while (origin.pollTransmit(mesh.nowUs, slot)) {
      if (slot.length > PAYLOAD_OCTETS) frames.push(slot.octets.slice(0, slot.length));
      mesh.nowUs += 1;
    }
  }
  return frames;
}

/** Pushes frames through a relay; returns how many came out as data. */
function pump(
  relay: MeshCore,
  frames: Uint8Array[],
  from: number,
  to: number,
  startUs: number,
  slot: TransmitSlot,
): number {
  let out = 0;
  let nowUs = startUs;
  for (let i = from; i < to; i++) {
    const frame = frames[i] as Uint8Array;
    relay.handleFrame(nowUs, 0, 0, frame, frame.length);
    while (relay.pollTransmit(nowUs, slot)) if (slot.length > PAYLOAD_OCTETS) out++;
    nowUs += 3;
  }
  return out;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

function measure(name: string, media: Medium[], send: (mesh: VirtualMesh) => void): void {
  const mesh = new VirtualMesh(3, media);
  mesh.run(3_000_000, () => mesh.allReachable());
  mesh.run(3_000_000);
  const frames = record(mesh, BATCH * BATCHES, () => send(mesh));
  const relay = mesh.node(1).core;
  const slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };
  const rates: number[] = [];
  const allocated: number[] = [];
  let forwarded = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const heap = process.memoryUsage().heapUsed;
    const start = process.hrtime.bigint();
    forwarded += pump(relay, frames, batch * BATCH, (batch + 1) * BATCH, mesh.nowUs + batch * BATCH * 3, slot);
    const elapsedNs = Number(process.hrtime.bigint() - start);
    // A collection in between makes a batch read negative: the median does not see it.
    allocated.push((process.memoryUsage().heapUsed - heap) / BATCH);
    rates.push((BATCH * 1e9) / elapsedNs);
  }
  const settled = BATCHES / 2;
  const share = forwarded / (BATCH * BATCHES);
  report(`core.${name}.forwarded`, share, "ratio", ">=0.999", share >= 0.999);
  const rate = median(rates.slice(settled));
  report(`core.${name}.packetsPerS`, Math.round(rate), "packets/s", ">=100000", rate >= 100_000);
  const octets = Math.max(0, median(allocated.slice(settled)));
  // process.memoryUsage itself leaves a few hundred octets a batch.
  report(`core.${name}.allocatedOctetsPerPacket`, Math.round(octets * 10) / 10, "octets", "0", octets < 0.5);
}

const payload = new Uint8Array(PAYLOAD_OCTETS);
measure(
  "unicast",
  wires(
    [
      [0, 1],
      [1, 2],
    ],
    FAST,
  ),
  (mesh) => mesh.node(0).core.sendVideo(mesh.nowUs, 0x103, 0, payload),
);
measure(
  "group",
  wires(
    [
      [0, 1],
      [1, 2],
    ],
    FAST,
  ),
  (mesh) => mesh.node(0).core.sendVoice(mesh.nowUs, 9, 1, 0, 0, payload),
);
