import {
  countPositions,
  FrameKind,
  NARROW_TAG_OCTETS,
  POSITION_ENTRY_OCTETS,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { MAX_POSITIONS_PER_FRAME } from "./limits.ts";
import { sealAsInsider } from "./testing/insider.ts";
import { HERE } from "./testing/positions.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const BORDER = 0;
const SERIAL: Medium = { name: "vhf", bearer: NARROW, members: [0, 1, 2, 3], loss: 0 };

/** Nodes 1 to 3 on a serial channel; node 0 is on it, too, and the border to wide radios with `wide` others. */
function team(wide: number): VirtualMesh {
  const uhf: Medium = {
    name: "uhf",
    bearer: {},
    members: [0, ...Array.from({ length: wide }, (_, i) => 4 + i)],
    loss: 0,
  };
  const mesh = new VirtualMesh(4 + wide, [uhf, SERIAL]);
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
  mesh.run(60 * SECOND);
  return mesh;
}

function report(mesh: VirtualMesh, from: number): void {
  mesh.node(from).core.reportPosition(mesh.nowUs, HERE);
  mesh.drain(from);
}

/** Somebody talks on the serial channel meanwhile, as far as its border node can tell. */
function whileBusy(mesh: VirtualMesh, act: () => void): void {
  mesh.node(BORDER).core.handleCarrier(mesh.nowUs, 1, true);
  act();
  mesh.run(SECOND / 4);
  mesh.node(BORDER).core.handleCarrier(mesh.nowUs, 1, false);
  mesh.drain(BORDER);
}

/** Positions in each frame that a node sends on the serial channel and that holds any. */
function countsOf(mesh: VirtualMesh, from: number): number[] {
  const counts: number[] = [];
  mesh.onFrame = (by, medium, octets) => {
    const count = countPositions(octets, SHARED_HEADER_OCTETS, octets.length - NARROW_TAG_OCTETS);
    if (by === from && medium === SERIAL && count > 0) counts.push(count);
  };
  return counts;
}

function known(mesh: VirtualMesh, by: number): number {
  return mesh.node(by).events.filter((event) => event.type === "position").length;
}

test("positions that wait for a narrow channel go together, each to everybody once", () => {
  const wide = MAX_POSITIONS_PER_FRAME + 3;
  const mesh = team(wide);
  for (const node of mesh.nodes) node.events.length = 0;
  const counts = countsOf(mesh, BORDER);
  whileBusy(mesh, () => {
    for (let i = 0; i < wide; i++) report(mesh, 4 + i);
  });
  mesh.run(3 * SECOND);
  assert.equal(counts, [MAX_POSITIONS_PER_FRAME, wide - MAX_POSITIONS_PER_FRAME]);
  for (const member of [1, 2, 3]) assert.is(known(mesh, member), wide, `node ${member}`);
});

test("nothing else goes with positions: an IP packet for a group that waits with them has a frame of its own", () => {
  const mesh = team(2);
  const counts = countsOf(mesh, BORDER);
  const packets = (): number => mesh.node(1).events.filter((event) => event.type === "ip").length;
  mesh.node(1).events.length = 0;
  whileBusy(mesh, () => {
    report(mesh, 4);
    // As long as a position.
    const octets = Uint8Array.of(0x45, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    mesh.node(4).core.sendIpGroup(mesh.nowUs, TrafficClass.command, Precedence.routine, octets, 0, octets.length);
    mesh.drain(4);
    report(mesh, 5);
  });
  mesh.run(3 * SECOND);
  assert.equal(counts, [2]);
  assert.is(packets(), 1);
  assert.is(known(mesh, 1), 2);
});

test("what a border node that has started again hears before it hears its serial channel goes there all the same", () => {
  const mesh = team(1);
  const acquaintances = mesh.node(BORDER).events.flatMap((e) => (e.type === "acquaintance" ? [e.acquaintance] : []));
  const linkState = mesh.node(BORDER).core.linkState();
  mesh.node(BORDER).powered = false;
  mesh.run(5 * SECOND);
  for (const node of mesh.nodes) node.events.length = 0;
  mesh.restart(BORDER, { acquaintances, linkState });
  assert.ok(mesh.run(SECOND, () => mesh.node(BORDER).core.isReachable(0x105)));
  report(mesh, 4);
  mesh.run(SECOND / 10);
  assert.equal([known(mesh, BORDER), mesh.node(BORDER).core.isReachable(0x102)], [1, false]);
  mesh.run(5 * SECOND);
  for (const member of [1, 2, 3]) assert.is(known(mesh, member), 1, `node ${member}`);
});

test("a border node that nobody hears on its serial channel leaves it alone after its start", () => {
  const mesh = team(1);
  for (const member of [1, 2, 3]) mesh.node(member).powered = false;
  mesh.restart(BORDER);
  mesh.run(30 * SECOND);
  const counts = countsOf(mesh, BORDER);
  for (let i = 0; i < 5; i++) {
    report(mesh, 4);
    mesh.run(SECOND);
  }
  assert.equal([counts, known(mesh, BORDER) >= 5], [[], true]);
});

test("a frame with positions that one member misses is asked for and comes again, and nobody is told twice", () => {
  const mesh = team(4);
  for (const node of mesh.nodes) node.events.length = 0;
  const counts = countsOf(mesh, BORDER);
  mesh.cut(BORDER, 2, SERIAL);
  whileBusy(mesh, () => {
    for (let i = 0; i < 4; i++) report(mesh, 4 + i);
  });
  mesh.run(SECOND / 4);
  assert.equal(counts, [4]);
  mesh.restore(BORDER, 2, SERIAL);
  report(mesh, 4);
  mesh.run(5 * SECOND);
  for (const member of [1, 2, 3]) assert.is(known(mesh, member), 5, `node ${member}`);
});

test("what is not a whole number of positions, or is of nobody, is a counted drop", () => {
  const mesh = team(1);
  const insider = mesh.node(3);
  insider.powered = false;
  const { core } = mesh.node(1);
  const drops = (): number => core.status(mesh.nowUs).drops["malformed-body"] ?? 0;
  for (const node of mesh.nodes) node.events.length = 0;
  /** A digest and so many octets of entries, the first of which is of a node. */
  const says = (nth: number, length: number, source: number): void => {
    const body = new Uint8Array(2 + length);
    body[2] = source;
    const frame = sealAsInsider(
      insider.options,
      0,
      nth,
      (out, offset) => {
        out.set(body, offset);
        return body.length;
      },
      FrameKind.positions,
      Precedence.routine,
    );
    mesh.inject(mesh.nowUs, 1, 0, frame);
    mesh.run(SECOND / 10);
  };
  says(0, POSITION_ENTRY_OCTETS, 0xfe);
  assert.equal([drops(), known(mesh, 1)], [0, 1]);
  says(1, POSITION_ENTRY_OCTETS, 0);
  assert.equal([drops(), known(mesh, 1)], [1, 1]);
  for (const [i, length] of [0, 1, POSITION_ENTRY_OCTETS - 1, POSITION_ENTRY_OCTETS + 1].entries()) {
    says(2 + i, length, 0xfe);
    assert.equal([drops(), known(mesh, 1)], [2 + i, 1], `${length} octets`);
  }
});

test.run();
