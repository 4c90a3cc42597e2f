import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeEvent, PositionReport } from "./api.ts";
import { type Medium, NARROW, VirtualMesh, wire } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const HERE: PositionReport = {
  latitudeDeg: 31,
  longitudeDeg: 103.6,
  altitudeM: 900,
  speedKmh: 4,
  courseDeg: 90,
  batteryPercent: 80,
};

function radio(members: number[]): Medium {
  return { name: "uhf", bearer: {}, members, loss: 0 };
}
function report(mesh: VirtualMesh, node: number): number {
  const sequence = mesh.node(node).core.reportPosition(mesh.nowUs, HERE);
  mesh.drain(node);
  return sequence;
}
function count(mesh: VirtualMesh, node: number, type: NodeEvent["type"]): number {
  return mesh.node(node).events.filter((event) => event.type === type).length;
}
function hasReport(mesh: VirtualMesh, node: number, sequence: number): boolean {
  return mesh.node(node).events.some((event) => event.type === "position" && event.sequence === sequence);
}
function cutOff(mesh: VirtualMesh, node: number, medium: Medium): void {
  for (const other of medium.members) if (other !== node) mesh.cut(node, other, medium);
}
function letIn(mesh: VirtualMesh, node: number, medium: Medium): void {
  for (const other of medium.members) if (other !== node) mesh.restore(node, other, medium);
}

test("what a node says of itself as soon as it starts anew reaches everybody, over radio and wire", () => {
  const uhf = radio([0, 1, 2, 3]);
  for (const media of [[uhf], [uhf, wire("lte", [3, 4])]]) {
    const nodes = media.length === 1 ? 4 : 5;
    const mesh = new VirtualMesh(nodes, media);
    assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
    // The last one has the wire alone.
    mesh.restart(nodes - 1);
    const sequence = report(mesh, nodes - 1);
    mesh.run(SECOND);
    for (let i = 0; i < nodes - 1; i++) assert.ok(hasReport(mesh, i, sequence), `node ${i} of ${nodes}`);
  }
});

test("nobody in sight: a report goes out after a while, for who hears but is not heard; an SOS at once", () => {
  const uhf = radio([0, 1]);
  const mesh = new VirtualMesh(2, [uhf]);
  assert.ok(mesh.run(SECOND, () => mesh.allReachable()));
  // Its receiver has failed.
  mesh.node(0).core.handleFrame = () => undefined;
  mesh.run(20 * SECOND);
  const sequence = report(mesh, 0);
  mesh.run(1.5 * SECOND);
  assert.not.ok(hasReport(mesh, 1, sequence));
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(0);
  mesh.run(0.2 * SECOND);
  assert.is(count(mesh, 1, "sos"), 1);
  mesh.run(SECOND);
  assert.ok(hasReport(mesh, 1, sequence));
});

test("who was there is told once of those who come together, and those of who was there", () => {
  const uhf = radio([0, 1, 2, 3]);
  const mesh = new VirtualMesh(4, [uhf]);
  for (const late of [2, 3]) mesh.node(late).powered = false;
  mesh.run(10 * SECOND);
  for (let i = 0; i < 2; i++) assert.is(count(mesh, i, "newcomers"), 1, `node ${i} at the start`);
  mesh.restart(2);
  mesh.run(0.3 * SECOND);
  mesh.restart(3);
  mesh.run(10 * SECOND);
  for (let i = 0; i < 2; i++) assert.is(count(mesh, i, "newcomers"), 2, `node ${i} later`);
  for (let i = 2; i < 4; i++) assert.is(count(mesh, i, "newcomers"), 1, `node ${i}, a newcomer`);
});

test("a node that starts anew so quickly that nobody misses it is a newcomer", () => {
  const mesh = new VirtualMesh(3, [radio([0, 1, 2])]);
  mesh.run(10 * SECOND);
  mesh.restart(2);
  mesh.run(5 * SECOND);
  for (let i = 0; i < 2; i++) assert.is(count(mesh, i, "newcomers"), 2, `node ${i}`);
});

test("partitions that meet are newcomers to each other; a link more or less is nobody", () => {
  const uhf = radio([0, 1, 2, 3]);
  const mesh = new VirtualMesh(4, [uhf, wire("lte", [0, 1])]);
  mesh.run(5 * SECOND);
  mesh.cut(0, 2, uhf);
  mesh.run(10 * SECOND);
  mesh.restore(0, 2, uhf);
  mesh.run(10 * SECOND);
  for (let i = 0; i < 4; i++) assert.is(count(mesh, i, "newcomers"), 1, `node ${i}, whole`);
  cutOff(mesh, 3, uhf);
  mesh.run(20 * SECOND);
  letIn(mesh, 3, uhf);
  mesh.run(10 * SECOND);
  for (let i = 0; i < 4; i++) assert.is(count(mesh, i, "newcomers"), 2, `node ${i}, whole again`);
});

test("twenty-four slow radios that come one by one are told of as one", () => {
  const members = [...Array(24).keys()];
  const mesh = new VirtualMesh(24, [{ name: "vhf", bearer: NARROW, members, loss: 0 }], 3);
  mesh.run(60 * SECOND);
  assert.equal(
    members.map((i) => count(mesh, i, "newcomers")),
    members.map(() => 1),
  );
});

test.run();
