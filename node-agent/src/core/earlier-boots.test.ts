import { FrameKind, kindOf, SealFormat, SHARED_HEADER_OCTETS, sealFormat } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Medium, NARROW, VirtualMesh, wire } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const BODY = new TextEncoder().encode("Stretcher is on its way");
/** Node 0 has a wire to node 1, which is on a serial channel with nodes 2 and 3. */
const SERIAL: Medium = { name: "vhf", bearer: NARROW, members: [1, 2, 3], loss: 0 };

function settled(): VirtualMesh {
  const mesh = new VirtualMesh(4, [wire("lte", [0, 1]), SERIAL]);
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
  mesh.run(30 * SECOND);
  send(mesh, 0, 0x103);
  assert.ok(mesh.run(10 * SECOND, () => texts(mesh, 2) === 1));
  mesh.run(10 * SECOND);
  return mesh;
}

function send(mesh: VirtualMesh, from: number, to: number): void {
  mesh.node(from).core.sendText(mesh.nowUs, to, BODY);
  mesh.drain(from);
}
function texts(mesh: VirtualMesh, node: number): number {
  return mesh.node(node).events.filter(({ type }) => type === "text").length;
}
function drops(mesh: VirtualMesh, node: number, reason: string): number {
  return mesh.node(node).core.status(mesh.nowUs).drops[reason] ?? 0;
}
/** What a node remembers over a restart. */
function kept(mesh: VirtualMesh, node: number) {
  const { core, events, options } = mesh.node(node);
  const acquaintances = events.flatMap((e) => (e.type === "acquaintance" ? [e.acquaintance] : []));
  const peerKeys = events.flatMap((e) => (e.type === "peer-key" ? [e] : []));
  return { ...options, acquaintances, peerKeys, linkState: core.linkState() };
}

test("what is sealed for an earlier boot is dropped where it waits, and the text comes sealed for this one", () => {
  const mesh = settled();
  const remembered = kept(mesh, 2);
  mesh.node(2).powered = false;
  send(mesh, 0, 0x103);
  // Node 1 repeats it, and asks node 3 to carry it on.
  mesh.run(4 * SECOND);
  mesh.restart(2, remembered);
  mesh.run(SECOND);
  let carriedOn = 0;
  mesh.onFrame = (_, medium, octets) => {
    if (medium !== SERIAL || sealFormat(octets) !== SealFormat.shared) return;
    if (kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.repairedUnicast) carriedOn++;
  };
  // By its next turn, not by that after the pause that a text makes between tries.
  assert.ok(mesh.run(2 * SECOND, () => texts(mesh, 2) === 2));
  mesh.run(20 * SECOND);
  assert.is(carriedOn, 0);
  assert.ok(drops(mesh, 1, "earlier-boot") + drops(mesh, 3, "earlier-boot") > 0);
});

test("what a node has to say itself and has not sealed yet is not dropped", () => {
  const mesh = settled();
  const remembered = kept(mesh, 2);
  const { core } = mesh.node(1);
  core.handleCarrier(mesh.nowUs, 0, true);
  core.handleCarrier(mesh.nowUs, 1, true);
  send(mesh, 1, 0x103);
  mesh.restart(2, remembered);
  mesh.run(SECOND);
  assert.is(drops(mesh, 1, "earlier-boot"), 0);
  core.handleCarrier(mesh.nowUs, 1, false);
  assert.ok(mesh.run(2 * SECOND, () => texts(mesh, 2) === 2));
});

test.run();
