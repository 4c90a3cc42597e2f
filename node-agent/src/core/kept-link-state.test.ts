import { FrameKind, kindOf, SealFormat, SHARED_HEADER_OCTETS, sealFormat } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createNullIdentity } from "./testing/null-identity.ts";
import { HERE } from "./testing/positions.ts";
import { type Medium, NARROW, VirtualMesh, type VirtualNode } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const MEMBERS = 8;
const LAST = MEMBERS - 1;
const SERIAL: Medium = { name: "vhf", bearer: NARROW, members: Array.from({ length: MEMBERS }, (_, i) => i), loss: 0 };

function settled(): VirtualMesh {
  const mesh = new VirtualMesh(MEMBERS, [SERIAL]);
  assert.ok(mesh.run(120 * SECOND, () => mesh.allReachable()));
  mesh.run(120 * SECOND);
  return mesh;
}

/** What a node's owner keeps for its next start. */
function keptBy({ core, events }: VirtualNode) {
  const acquaintances = events.flatMap((e) => (e.type === "acquaintance" ? [e.acquaintance] : []));
  return { acquaintances, linkState: core.linkState() };
}

function known(mesh: VirtualMesh, node: number): number[] {
  return mesh
    .node(node)
    .core.status(mesh.nowUs)
    .nodes.map(({ address }) => address & 0xff);
}

function total(mesh: VirtualMesh, counter: string): number {
  return mesh.nodes.reduce((sum, { core }) => sum + (core.status(mesh.nowUs).counters[counter] ?? 0), 0);
}

function isKind(frame: Uint8Array, kind: FrameKind): boolean {
  return sealFormat(frame) === SealFormat.shared && kindOf(frame[SHARED_HEADER_OCTETS] as number) === kind;
}

/** Octets of link state that are told in half a minute after the last node's new start. */
function toldAfter(restart: (mesh: VirtualMesh) => void): number {
  const mesh = settled();
  mesh.node(LAST).powered = false;
  mesh.run(5 * SECOND);
  restart(mesh);
  let octets = 0;
  mesh.onFrame = (_, medium, frame) => {
    if (medium === SERIAL && isKind(frame, FrameKind.linkState)) octets += frame.length;
  };
  mesh.run(30 * SECOND);
  assert.ok(mesh.allReachable());
  return octets;
}

test("who starts anew with what it knew is told of what has changed only", () => {
  const kept = keptBy(settled().node(LAST));
  const anew = toldAfter((mesh) => mesh.restart(LAST, { acquaintances: kept.acquaintances }));
  const again = toldAfter((mesh) => mesh.restart(LAST, kept));
  assert.ok(again < anew / 2, `${again} octets instead of ${anew}`);
});

test("who starts again with nothing is told at once whom the others reach; who remembers is not", () => {
  for (const remembers of [false, true]) {
    const mesh = settled();
    const kept = keptBy(mesh.node(LAST));
    mesh.node(LAST).powered = false;
    mesh.run(5 * SECOND);
    const before = total(mesh, "snapshots-learned");
    mesh.restart(LAST, remembers ? kept : {});
    const { core } = mesh.node(LAST);
    const reachesAll = (): boolean => SERIAL.members.every((node) => core.isReachable(0x101 + node));
    assert.ok(mesh.run(1.5 * SECOND, reachesAll));
    assert.is(total(mesh, "snapshots-learned") > before, !remembers);
  }
});

test("it knows its own part of the mesh at once, and routes to nobody before it has a link", () => {
  const mesh = settled();
  const kept = keptBy(mesh.node(LAST));
  mesh.restart(LAST, kept);
  assert.equal(known(mesh, LAST), [1, 2, 3, 4, 5, 6, 7, 8]);
  for (let id = 1; id < MEMBERS; id++) assert.not(mesh.node(LAST).core.isReachable(0x100 + id));
});

test("a device that was replaced meanwhile is not in the way of the one that has its address now", () => {
  for (const replacement of [5, 5000]) {
    const mesh = settled();
    const kept = keptBy(mesh.node(LAST));
    mesh.node(2).powered = false;
    const isGone = (): boolean => !mesh.node(LAST).core.isReachable(0x103) && !mesh.node(0).core.isReachable(0x103);
    assert.ok(mesh.run(600 * SECOND, isGone));
    mesh.run(60 * SECOND);
    mesh.node(LAST).powered = false;
    mesh.restart(2, { nodeId: replacement, identity: createNullIdentity(replacement) });
    mesh.run(60 * SECOND);
    for (const node of mesh.nodes) node.events.length = 0;
    mesh.restart(LAST, kept);
    assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
    const { nodes } = mesh.node(LAST).core.status(mesh.nowUs);
    assert.is(nodes.find(({ address }) => address === 0x103)?.nodeId, replacement);
    const conflicts = mesh.nodes.flatMap(({ events }) => events.filter(({ type }) => /^(address|key)-/.test(type)));
    assert.equal(conflicts, []);
  }
});

test("what nobody else knows any more is forgotten and not spread again, and then all agree", () => {
  const kept = keptBy(settled().node(LAST));
  const mesh = new VirtualMesh(MEMBERS, [SERIAL], 2);
  mesh.node(2).powered = false;
  mesh.restart(LAST, kept);
  mesh.run(180 * SECOND);
  const before = total(mesh, "pulls-sent");
  mesh.run(120 * SECOND);
  for (const node of [0, LAST]) assert.equal(known(mesh, node), [1, 2, 4, 5, 6, 7, 8]);
  assert.is(total(mesh, "pulls-sent"), before);
});

test("who is heard to be there still is not forgotten when a newcomer asks", () => {
  const wire: Medium = { name: "wire", bearer: { medium: "point-to-point" }, members: [LAST, MEMBERS], loss: 0 };
  const mesh = new VirtualMesh(MEMBERS + 1, [SERIAL, wire]);
  assert.ok(mesh.run(120 * SECOND, () => mesh.allReachable()));
  mesh.run(60 * SECOND);
  mesh.restart(LAST, keptBy(mesh.node(LAST)));
  for (let i = 0; i < LAST; i++) {
    mesh.node(i).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(i);
    mesh.run(SECOND);
  }
  mesh.restart(MEMBERS);
  let fewest = MEMBERS;
  assert.ok(
    mesh.run(5 * SECOND, () => {
      fewest = Math.min(fewest, known(mesh, LAST).length);
      return mesh.allReachable();
    }),
  );
  assert.is(fewest, MEMBERS);
});

test("what is kept of the own address is left out, damaged octets are a counted drop, and what is before them counts", () => {
  const { linkState } = keptBy(settled().node(0));
  const damaged = linkState.slice(0, -1);
  const alone: Medium = { name: "vhf", bearer: NARROW, members: [0], loss: 0 };
  const mesh = new VirtualMesh(1, [alone], 1, (_, options) => ({ ...options, linkState: damaged }));
  assert.equal(known(mesh, 0), [1, 2, 3, 4, 5, 6, 7]);
  assert.is(mesh.node(0).core.status(mesh.nowUs).drops["malformed-body"], 1);
  // Of another node's making: the device that had this address before is in it.
  const { linkState: ofLast } = keptBy(settled().node(LAST));
  mesh.restart(0, { nodeId: 77, identity: createNullIdentity(77), linkState: ofLast });
  const { nodes, links } = mesh.node(0).core.status(mesh.nowUs);
  assert.equal(
    nodes.map(({ nodeId }) => nodeId),
    [77, 1001, 1002, 1003, 1004, 1005, 1006],
  );
  assert.not(links.some(({ from }) => from === 0x101));
});

test.run();
