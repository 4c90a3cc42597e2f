/**
 * The forwarding path of the core with a null crypto port: a relay between two real neighbours, with everything that
 * they send it, acknowledgements and hellos included. Prints one JSON object a line.
 *
 * Neighbours make objects of what they deliver, so the relay is measured alone: what reaches it is recorded from a
 * mesh of three, and given to the relay of a second mesh that was built in the same way.
 *
 * Times are below 2^31 us here. After 36 minutes a time no longer fits V8's small integers: then the core still makes no
 * objects of its own on this path, but V8 boxes some of the numbers that go from function to function.
 */
import { setLongCopy } from "@skein/codecs";
import { MAX_FRAME_OCTETS, type MeshCore, type TransmitSlot } from "./api.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const PAYLOAD_OCTETS = 200;
/** So short that most have no hello in them: hellos are not on the way of a packet, and the median leaves them out. */
const BATCH = 125;
const BATCHES = 800;
/** Virtual time between two packets. */
const SPACING_US = 200;
const FAST = { bitrateBps: 1e12, latencyUs: 50 };
const TIMEOUT = -1;

/** Calls of a core, in order: bearer and octets of a frame, or TIMEOUT; `packets[n]` is the first call after n packets. */
interface Recording {
  readonly timesUs: number[];
  readonly bearers: number[];
  readonly frames: Uint8Array[];
  readonly packets: number[];
}

function report(name: string, value: number, unit: string, target: string | null, pass: boolean): void {
  process.stdout.write(`${JSON.stringify({ name, value, unit, target, pass })}\n`);
}

function settledMesh(media: Medium[]): VirtualMesh {
  const mesh = new VirtualMesh(3, media);
  mesh.run(3_000_000, () => mesh.allReachable());
  mesh.run(3_000_000);
  return mesh;
}

/** What the relay is told while node 0 sends packets that are on their way to node 2. */
function record(mesh: VirtualMesh, packets: number, send: (mesh: VirtualMesh) => void): Recording {
  const calls: Recording = { timesUs: [], bearers: [], frames: [], packets: [] };
  const note = (nowUs: number, bearerId: number, octets: Uint8Array): void => {
    calls.timesUs.push(nowUs);
    calls.bearers.push(bearerId);
    calls.frames.push(octets);
  };
  const relay = mesh.node(1).core;
  const handleFrame = relay.handleFrame.bind(relay);
  const handleTimeout = relay.handleTimeout.bind(relay);
  relay.handleFrame = (nowUs, bearerId, endpoint, octets, length) => {
    note(nowUs, bearerId, octets.slice(0, length));
    handleFrame(nowUs, bearerId, endpoint, octets, length);
  };
  relay.handleTimeout = (nowUs) => {
    note(nowUs, TIMEOUT, new Uint8Array());
    handleTimeout(nowUs);
  };
  for (let i = 0; i < packets; i++) {
    calls.packets.push(calls.timesUs.length);
    send(mesh);
    mesh.drain(0);
    mesh.run(SPACING_US);
    mesh.node(2).events.length = 0;
  }
  calls.packets.push(calls.timesUs.length);
  return calls;
}

/** Gives a relay the calls [from, to); returns how many packets came out. */
function replay(relay: MeshCore, calls: Recording, from: number, to: number, slot: TransmitSlot): number {
  let out = 0;
  for (let i = from; i < to; i++) {
    const nowUs = calls.timesUs[i] as number;
    const bearerId = calls.bearers[i] as number;
    const frame = calls.frames[i] as Uint8Array;
    if (bearerId === TIMEOUT) relay.handleTimeout(nowUs);
    else relay.handleFrame(nowUs, bearerId, 0, frame, frame.length);
    while (relay.pollEvent() !== undefined);
    while (relay.pollTransmit(nowUs, slot)) if (slot.length > PAYLOAD_OCTETS) out++;
    relay.nextTimeoutUs();
  }
  return out;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

interface Reading {
  packets: number;
  allocatedOctets: number;
  elapsedNs: number;
}

function read(relay: MeshCore, calls: Recording, from: number, to: number, slot: TransmitSlot): Reading {
  const heap = process.memoryUsage().heapUsed;
  const start = process.hrtime.bigint();
  const packets = replay(relay, calls, from, to, slot);
  const elapsedNs = Number(process.hrtime.bigint() - start);
  return { packets, allocatedOctets: process.memoryUsage().heapUsed - heap, elapsedNs };
}

function measure(name: string, media: Medium[], send: (mesh: VirtualMesh) => void): void {
  const calls = record(settledMesh(media), BATCH * BATCHES, send);
  const relay = settledMesh(media).node(1).core;
  const slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };
  const batches: Reading[] = [];
  // Reading heap and clock leaves something on the heap by itself: as much as when nothing happens in between.
  const idle: Reading[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const from = calls.packets[batch * BATCH] as number;
    idle.push(read(relay, calls, from, from, slot));
    batches.push(read(relay, calls, from, calls.packets[(batch + 1) * BATCH] as number, slot));
  }
  const settled = BATCHES / 2;
  const share = batches.reduce((sum, b) => sum + b.packets, 0) / (BATCH * BATCHES);
  report(`core.${name}.forwarded`, share, "ratio", ">=0.999", share >= 0.999);
  const rate = median(batches.slice(settled).map((b) => (BATCH * 1e9) / b.elapsedNs));
  report(`core.${name}.packetsPerS`, Math.round(rate), "packets/s", ">=100000", rate >= 100_000);
  // A collection in between makes a batch read negative: the median does not see it.
  const octetsOf = (readings: Reading[]): number => median(readings.slice(settled).map((r) => r.allocatedOctets));
  const octets = Math.max(0, octetsOf(batches) - octetsOf(idle)) / BATCH;
  report(`core.${name}.allocatedOctetsPerPacket`, Math.round(octets * 10) / 10, "octets", "0", octets < 0.05);
}

// What a host brings; it makes no object.
setLongCopy((from, start, end, to, at) => {
  Buffer.prototype.copy.call(from, to, at, start, end);
});
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
