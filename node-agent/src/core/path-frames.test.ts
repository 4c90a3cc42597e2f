import { test } from "uvu";
import * as assert from "uvu/assert";
import { ROUTED } from "./api.ts";
import { MAX_PAYLOAD_OCTETS } from "./limits.ts";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const OCTETS = Uint8Array.of(9, 1, 2, 3, 9);

function makeMesh(): { mesh: VirtualMesh; radio: Medium; link: Medium } {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1, 2], loss: 0 };
  const link: Medium = { name: "link", bearer: { medium: "point-to-point", kind: 2 }, members: [0, 1], loss: 0 };
  const mesh = new VirtualMesh(3, [radio, link]);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  return { mesh, radio, link };
}

function pathsOf(mesh: VirtualMesh, to: number): number[] {
  return mesh
    .node(0)
    .core.pathsTo(mesh.nowUs, to)
    .map(({ path }) => path);
}

function bulkAt(mesh: VirtualMesh, node: number): unknown[] {
  return mesh
    .node(node)
    .events.filter((e) => e.type === "bulk")
    .map((e) => (e.type === "bulk" ? { from: e.from, bearerId: e.bearerId, octets: [...e.octets] } : e));
}

test("octets go to a neighbour over the bearer that was chosen, and to nobody else", () => {
  const { mesh } = makeMesh();
  const { core } = mesh.node(0);
  assert.equal(pathsOf(mesh, 0x102), [0, 1]);
  assert.equal(pathsOf(mesh, 0x103), [0]);
  for (const bearerId of [0, 1]) assert.ok(core.sendOnPath(mesh.nowUs, 0x102, bearerId, OCTETS, 1, 3));
  mesh.drain(0);
  mesh.run(1_000_000);
  assert.equal(bulkAt(mesh, 1), [
    { from: 0x101, bearerId: 0, octets: [1, 2, 3] },
    { from: 0x101, bearerId: 1, octets: [1, 2, 3] },
  ]);
  assert.equal(bulkAt(mesh, 2), []);
});

test("what is lost on the way is not sent again", () => {
  const { mesh, link } = makeMesh();
  const { core } = mesh.node(0);
  let frames = 0;
  link.loss = 1;
  assert.ok(core.sendOnPath(mesh.nowUs, 0x102, 1, new Uint8Array(1000), 0, 1000));
  mesh.onFrame = (from, medium, octets) => void (from === 0 && medium === link && octets.length > 1000 && frames++);
  mesh.drain(0);
  mesh.run(400_000);
  assert.is(frames, 1);
  link.loss = 0;
  mesh.run(2_000_000);
  assert.is(frames, 1);
  assert.equal(bulkAt(mesh, 1), []);
});

test("without a bearer they are routed", () => {
  const { mesh, radio } = makeMesh();
  mesh.cut(0, 2, radio);
  mesh.run(20_000_000);
  const { core } = mesh.node(0);
  assert.equal(pathsOf(mesh, 0x103), [ROUTED]);
  assert.not.ok(core.sendOnPath(mesh.nowUs, 0x103, 0, OCTETS, 0, 5));
  assert.ok(core.sendOnPath(mesh.nowUs, 0x103, -1, OCTETS, 0, 5));
  mesh.drain(0);
  mesh.run(1_000_000);
  assert.equal(bulkAt(mesh, 2), [{ from: 0x101, bearerId: -1, octets: [9, 1, 2, 3, 9] }]);
});

test("what is too long is dropped and counted", () => {
  const { mesh } = makeMesh();
  const { core } = mesh.node(0);
  const before = core.status(mesh.nowUs).drops["too-long"] ?? 0;
  const most = new Uint8Array(MAX_PAYLOAD_OCTETS + 1);
  assert.not.ok(core.sendOnPath(mesh.nowUs, 0x102, 1, most, 0, most.length));
  // It fits a packet, but no frame of this bearer.
  assert.ok(core.sendOnPath(mesh.nowUs, 0x102, 1, most, 0, MAX_PAYLOAD_OCTETS));
  mesh.drain(0);
  assert.is(core.status(mesh.nowUs).drops["too-long"], before + 2);
});

test.run();
