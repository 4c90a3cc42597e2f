import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { type Medium, NARROW, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const { command, bulk } = TrafficClass;

/** A channel of 9600 bit/s with two members. */
function channel(): VirtualMesh {
  const mesh = new VirtualMesh(2, [{ name: "serial", bearer: NARROW, members: [0, 1], loss: 0 }]);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  mesh.run(20 * SECOND);
  return mesh;
}

function send(mesh: VirtualMesh, from: number, to: number, trafficClass: number, octets: Uint8Array): void {
  const [c, p] = [trafficClass as TrafficClass, Precedence.routine];
  mesh.node(from).core.sendIp(mesh.nowUs, to, c, p, false, octets, 0, octets.length);
  mesh.drain(from);
}

function arrived(mesh: VirtualMesh, node: number): number[] {
  return mesh.node(node).events.flatMap((event) => (event.type === "ip" ? [event.octets[0] as number] : []));
}

test("a long command goes between the parts of a long bulk packet, and neither is lost", () => {
  const mesh = channel();
  send(mesh, 0, 0x102, bulk, new Uint8Array(1300).fill(1));
  mesh.run(0.4 * SECOND);
  send(mesh, 0, 0x102, command, new Uint8Array(500).fill(2));
  mesh.run(30 * SECOND);
  assert.equal(arrived(mesh, 1), [2, 1]);
  assert.is(mesh.node(0).core.status(mesh.nowUs).drops["queue-full"], 0);
});

/** Sources 0 and 1 behind relay 2, the sink 3 behind a wire that is a tenth as fast. */
function relay(): VirtualMesh {
  const slow = { medium: "point-to-point", bitrateBps: 1_000_000 } as const;
  const media: Medium[] = [
    ...wires(
      [
        [0, 2],
        [1, 2],
      ],
      { bitrateBps: 10_000_000 },
    ),
    { name: "slow", bearer: slow, members: [2, 3], loss: 0 },
  ];
  const mesh = new VirtualMesh(4, media);
  assert.ok(mesh.run(10 * SECOND, () => mesh.allReachable()));
  mesh.run(3 * SECOND);
  return mesh;
}

test("a relay gives a flood no more than its share, and says what it dropped, of which class and why", () => {
  const mesh = relay();
  const octets = new Uint8Array(1000);
  for (let ms = 0; ms < 5000; ms++) {
    // 0 floods with 8 Mbit/s of commands; 1 sends 0.4 Mbit/s of bulk.
    send(mesh, 0, 0x104, command, octets.fill(1));
    if (ms % 20 === 0) send(mesh, 1, 0x104, bulk, octets.fill(2));
    mesh.run(1000);
  }
  mesh.run(3 * SECOND);
  const honest = arrived(mesh, 3).filter((mark) => mark === 2).length;
  assert.ok(honest >= 0.95 * 250, `${honest} of 250`);
  const [, , bearer] = mesh.node(2).core.bearerStatus(mesh.nowUs);
  const dropped = bearer?.drops.filter(({ reason }) => reason === "queue-full" || reason === "expired") ?? [];
  assert.ok(dropped.some(({ trafficClass, count }) => trafficClass === command && count > 1000));
  assert.not(dropped.some(({ trafficClass, count }) => trafficClass === bulk && count > 12));
});

test("what does not open is counted on the bearer that it came by", () => {
  const mesh = relay();
  const before = mesh.node(2).core.bearerStatus(mesh.nowUs)[1]?.drops ?? [];
  mesh.inject(mesh.nowUs + 1, 2, 1, new Uint8Array(3));
  mesh.run(1000);
  const bearers = mesh.node(2).core.bearerStatus(mesh.nowUs);
  assert.equal(bearers[1]?.drops, [...before, { trafficClass: null, reason: "frame-length", count: 1 }]);
  assert.not(bearers[0]?.drops.some(({ reason }) => reason === "frame-length"));
});

test("status tells what waits by class", () => {
  const mesh = relay();
  for (let i = 0; i < 20; i++) send(mesh, 0, 0x104, i < 5 ? command : bulk, new Uint8Array(1000));
  mesh.run(30_000);
  const [, , bearer] = mesh.node(2).core.bearerStatus(mesh.nowUs);
  assert.ok(bearer !== undefined && bearer.queuedFrames > 10);
  const { queues, queuedMs, queuedFrames } = bearer;
  assert.is(
    queues.reduce((sum, { frames }) => sum + frames, 0),
    queuedFrames,
  );
  assert.ok(Math.abs(queues.reduce((sum, { ms }) => sum + ms, 0) - queuedMs) < 1e-6);
  assert.is(queues[bulk]?.frames, queuedFrames - (queues[command]?.frames ?? 0));
});

test.run();
