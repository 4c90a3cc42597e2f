import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const NARROW: Medium["bearer"] = {
  kind: 1,
  layout: "narrow",
  mtuOctets: 240,
  bitrateBps: 9600,
  latencyUs: 1_000,
  keyUpUs: 20_000,
  halfDuplex: true,
};

function channel(members: number): Medium {
  return { name: "serial", bearer: NARROW, members: Array.from({ length: members }, (_, i) => i), loss: 0 };
}

function total(mesh: VirtualMesh, counter: string): number {
  return mesh.nodes.reduce((sum, n) => sum + (n.core.status(mesh.nowUs).counters[counter] ?? 0), 0);
}

test("a newcomer whose first frames are all lost says hello again when it hears that nobody lists it", () => {
  const mesh = new VirtualMesh(5, [channel(5)]);
  const untilUs = mesh.nowUs + 3 * SECOND;
  mesh.onFrame = (from, _, octets) => {
    if (from === 4 && mesh.nowUs < untilUs) octets.fill(0);
  };
  assert.ok(mesh.run(8 * SECOND, () => mesh.allReachable()));
});

test("an advertisement that one member has missed is said again without a question", () => {
  const serial = channel(4);
  const [wire] = wires([[0, 4]]) as [Medium];
  const mesh = new VirtualMesh(5, [serial, wire], 3);
  mesh.run(60 * SECOND);
  const pulls = total(mesh, "pulls-sent");
  const knows = () => !mesh.node(3).core.isReachable(0x105);
  // While node 0 tells that its wire is cut, node 3 is behind a hill.
  mesh.cut(0, 3, serial);
  mesh.cut(0, 4, wire);
  mesh.node(0).core.handleBearer(mesh.nowUs, 1, false);
  mesh.run(3 * SECOND);
  assert.not(knows(), "node 3 has missed it");
  mesh.restore(0, 3, serial);
  assert.ok(mesh.run(30 * SECOND, knows));
  assert.ok(total(mesh, "said-again") > 0);
  assert.is(total(mesh, "pulls-sent"), pulls);
});

test("a link that failed in noise is used again afterwards", () => {
  const mesh = new VirtualMesh(2, [channel(2)]);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  let noise = true;
  mesh.onFrame = (from, _, octets) => {
    if (noise && from === 0) octets.fill(0);
  };
  mesh.node(0).core.sendText(mesh.nowUs, 0x102, Uint8Array.of(0x41));
  mesh.drain(0);
  mesh.run(20 * SECOND);
  assert.ok(total(mesh, "link-failures") > 0, "the link has failed");
  noise = false;
  const came = () => mesh.node(0).events.some((e) => e.type === "text-state" && e.state === "delivered");
  assert.ok(mesh.run(40 * SECOND, came));
});

test.run();
