import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { World } from "../world/world.ts";
import { EventQueue } from "./event-queue.ts";
import { airtimeUs, Medium } from "./medium.ts";

const ARRIVAL = 1;
const CARRIER = 0;
const ACCESS = 2;
const SCENARIO = `
scenario: medium/1
duration: 60s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: serial, type: serial, rangeM: 1500, keyUpMs: 20}
  - {name: radio, type: udp, bitrateBps: 1000000, latencyMs: 1, rangeM: 1500}
  - {name: lossy, type: udp, bitrateBps: 100000000, rangeM: 9000, loss: {near: 0.25}}
  - {name: pipe, type: udp, medium: point-to-point, bitrateBps: 1000000, latencyMs: 30, queueMs: 20}
nodes:
  - {name: A, address: "1.1", role: terminal, networks: [serial, radio, lossy, pipe], at: [0, 0]}
  - {name: B, address: "1.2", role: terminal, networks: [serial, radio, lossy, pipe], at: [1000, 0]}
  - {name: C, address: "1.3", role: terminal, networks: [serial, radio, lossy, pipe], at: [2000, 0]}
`;
const SERIAL = 0;
const RADIO = 1;
const LOSSY = 2;
const PIPE = 3;
const [A, B, C] = [0, 1, 2] as const;

interface Heard {
  atUs: number;
  node: number;
  endpoint: number;
  first: number;
}

function rig(seed = 1) {
  const world = new World(parseScenario("x.yaml", SCENARIO), seed);
  const queue = new EventQueue();
  const heard: Heard[] = [];
  const carrier: [atUs: number, node: number, busy: boolean][] = [];
  const medium = new Medium(world, seed, {
    scheduleArrival: (atUs, frame) => queue.add(atUs, ARRIVAL, 0, frame),
    scheduleCarrier: (atUs, frame, busy) => queue.add(atUs, CARRIER, 0, frame * 2 + (busy ? 1 : 0)),
    scheduleAccess: (atUs, node, network) => queue.add(atUs, ACCESS, node, network),
    deliver: (node, _network, endpoint, octets) =>
      heard.push({ atUs: queue.timeUs, node, endpoint, first: octets[0] as number }),
    carrier: (node, _network, busy) => carrier.push([queue.timeUs, node, busy]),
  });
  const settle = (): void => {
    while (queue.take()) {
      if (queue.kind === ARRIVAL) medium.arrive(queue.argument);
      else if (queue.kind === ACCESS) medium.access(queue.timeUs, queue.node, queue.argument);
      else medium.changeCarrier(queue.argument >> 1, (queue.argument & 1) === 1);
    }
  };
  const send = (atUs: number, network: number, from: number, tag: number, length = 92, endpoint = -1): void =>
    medium.send(atUs, network, from, endpoint, new Uint8Array(length).fill(tag), length);
  return { world, medium, heard, carrier, settle, send };
}

test("9600 bit/s: 92 octets and 4 of framing take 100 ms and a key-up", () => {
  const { world } = rig();
  assert.is(airtimeUs(world.networks[SERIAL] as never, 92), 120_000);
});

test("a shared frame reaches who is in range, once, after its time on air", () => {
  const { heard, settle, send } = rig();
  send(0, SERIAL, B, 7);
  settle();
  assert.equal(heard, [
    { atUs: 120_000, node: A, endpoint: 0, first: 7 },
    { atUs: 120_000, node: C, endpoint: 0, first: 7 },
  ]);
});

test("half duplex: overlapping frames are lost where both are heard, and hidden senders do not notice", () => {
  const { heard, medium, settle, send, carrier } = rig();
  send(0, SERIAL, A, 1);
  send(50_000, SERIAL, C, 2);
  settle();
  assert.equal(heard, []);
  assert.is(medium.counters.collided, 2);
  assert.equal(
    carrier.filter(([, node]) => node === A || node === C),
    [],
    "A and C do not hear each other",
  );
  assert.equal(carrier, [
    [3_000, B, true],
    [170_000, B, false],
  ]);
});

test("half duplex: who transmits does not hear", () => {
  const { heard, settle, send } = rig();
  send(0, SERIAL, A, 1);
  send(10_000, SERIAL, B, 2);
  settle();
  assert.equal(
    heard.map((h) => [h.node, h.first]),
    [[C, 2]],
  );
});

test("an IP radio waits until its neighbourhood is quiet", () => {
  const { heard, medium, settle, send } = rig();
  const length = 65;
  send(0, RADIO, A, 1, length);
  send(0, RADIO, B, 2, length);
  settle();
  // (65 + 60) octets at 1 Mbit/s are 1 ms, and 1 ms of latency; B waits for A's end and a random time.
  assert.equal(
    heard.map((h) => [h.node, h.first]),
    [
      [B, 1],
      [A, 2],
      [C, 2],
    ],
  );
  assert.is(heard[0]?.atUs, 2_000);
  const second = heard[1]?.atUs ?? 0;
  assert.ok(second >= 3_000 && second < 3_400, `${second}`);
  assert.is(medium.counters.longestQueueUs, second - 2_000);
});

test("an IP radio uses the quiet before a neighbour's frame that waits for somebody else", () => {
  const { heard, settle, send } = rig();
  send(0, RADIO, A, 1, 65);
  send(10, RADIO, B, 2, 65);
  send(20, RADIO, C, 3, 65);
  settle();
  assert.is(heard.find((h) => h.first === 3)?.atUs, 2_020, "C does not hear A and need not wait");
});

test("a pipe carries to one end or all, tells the far end's number, and its queue is bounded", () => {
  const { heard, medium, settle, send } = rig();
  send(0, PIPE, A, 1, 65, 1);
  send(0, PIPE, C, 2, 65, -1);
  settle();
  assert.equal(
    heard.map((h) => [h.atUs, h.node, h.endpoint, h.first]),
    [
      [31_000, C, 0, 1],
      [31_000, A, 1, 2],
      [31_000, B, 1, 2],
    ],
  );
  for (let i = 0; i < 30; i++) send(1_000_000, PIPE, A, 3, 65, 0);
  settle();
  assert.is(medium.counters.refused, 9, "20 ms of queue hold 20 frames, one is on its way");
});

test("losses are drawn per receiver", () => {
  const { heard, settle, send } = rig();
  for (let i = 0; i < 2000; i++) send(i * 1000, LOSSY, A, i & 255);
  settle();
  const at = (node: number): number => heard.filter((h) => h.node === node).length;
  assert.ok(Math.abs(at(B) - 1500) < 100 && Math.abs(at(C) - 1500) < 100);
  const both = 2000 - heard.length / 2;
  assert.ok(both > 300, "independent receivers lose different frames");
});

test("power that goes in the middle of a frame takes the frame with it", () => {
  const { heard, medium, settle, send } = rig();
  send(0, SERIAL, A, 1);
  medium.powerOff(60_000, A);
  settle();
  assert.equal(heard, []);
});

test.run();
