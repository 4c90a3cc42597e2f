import { test } from "uvu";
import * as assert from "uvu/assert";
import { DISJOINT, ROUTED } from "./api.ts";
import { type Medium, NARROW, VirtualMesh, wire } from "./testing/virtual-mesh.ts";

const FAR = 0x104;
const OCTETS = Uint8Array.of(1, 2, 3, 4);

/** 0 - 1 - 3, and 0 - 2 - 3, which is the slower way. */
function makeDiamond(more: Medium[] = [], bearer: Medium["bearer"] = {}) {
  const media = [
    wire("01", [0, 1]),
    wire("13", [1, 3]),
    wire("02", [0, 2], { latencyUs: 20_000, costCentsPerMegabyte: 1, ...bearer }),
    wire("23", [2, 3], { latencyUs: 20_000, bitrateBps: 1_000_000, costCentsPerMegabyte: 5 }),
    ...more,
  ];
  const mesh = new VirtualMesh(4, media);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  return { mesh, media, core: mesh.node(0).core };
}

function pathsTo(mesh: VirtualMesh, to: number): number[] {
  return mesh
    .node(0)
    .core.pathsTo(mesh.nowUs, to)
    .map(({ path }) => path);
}

/** Media on which bulk went out, by sender. */
function watch(mesh: VirtualMesh): string[] {
  const seen: string[] = [];
  mesh.onFrame = (from, medium, octets) => {
    if (octets.length > 200) seen.push(`${from} on ${medium.name}`);
  };
  return seen;
}

test("two ways that share no node are two paths, with what their links are like together", () => {
  const { mesh, core } = makeDiamond();
  const [routed, disjoint, ...others] = core.pathsTo(mesh.nowUs, FAR);
  assert.equal(others, []);
  assert.is(routed?.path, ROUTED);
  assert.is(routed?.costCentsPerMegabyte, 0);
  assert.is(disjoint?.path, DISJOINT);
  assert.is(disjoint?.costCentsPerMegabyte, 6);
  assert.ok((disjoint?.bitrateBps ?? 0) <= 1_000_000);
  assert.ok((disjoint?.latencyUs ?? 0) >= 40_000);
});

test("what is sent on each goes there, hop by hop", () => {
  for (const [path, by] of [
    [ROUTED, ["0 on 01", "1 on 13"]],
    [DISJOINT, ["0 on 02", "2 on 23"]],
  ] as const) {
    const { mesh, core } = makeDiamond();
    const seen = watch(mesh);
    assert.ok(core.sendOnPath(mesh.nowUs, FAR, path, new Uint8Array(300), 0, 300));
    mesh.drain(0);
    mesh.run(1_000_000);
    assert.equal(seen, by);
    const events = mesh.node(3).events.filter(({ type }) => type === "bulk");
    assert.is(events.length, 1);
  }
});

test("a neighbour has its bearers, and the way over another node", () => {
  const { mesh } = makeDiamond([wire("03", [0, 3])]);
  assert.equal(pathsTo(mesh, FAR), [2, DISJOINT]);
});

test("a neighbour whose bearer is dear is reached over other nodes as well", () => {
  const { mesh, core } = makeDiamond([wire("03", [0, 3], { costCentsPerMegabyte: 20 })]);
  assert.equal(pathsTo(mesh, FAR), [2, ROUTED, DISJOINT]);
  const seen = watch(mesh);
  assert.ok(core.sendOnPath(mesh.nowUs, FAR, ROUTED, new Uint8Array(300), 0, 300));
  mesh.drain(0);
  mesh.run(1_000_000);
  assert.equal(seen, ["0 on 01", "1 on 13"]);
});

test("a second way on the same channel is none", () => {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  const mesh = new VirtualMesh(4, [radio]);
  mesh.cut(0, 3, radio);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  assert.equal(pathsTo(mesh, FAR), [ROUTED]);
});

test("a second way over a slow channel is left to who has no other", () => {
  const { mesh, media } = makeDiamond([], { ...NARROW, medium: "shared" });
  assert.equal(pathsTo(mesh, FAR), [ROUTED]);
  mesh.cut(0, 1, media[0] as Medium);
  mesh.run(20_000_000);
  assert.equal(pathsTo(mesh, FAR), [ROUTED]);
});

test("where there is no disjoint way any more, its packets go as others do", () => {
  const { mesh, media, core } = makeDiamond();
  mesh.cut(0, 2, media[2] as Medium);
  mesh.run(20_000_000);
  assert.equal(pathsTo(mesh, FAR), [ROUTED]);
  assert.ok(core.sendOnPath(mesh.nowUs, FAR, DISJOINT, OCTETS, 0, OCTETS.length));
  mesh.drain(0);
  mesh.run(1_000_000);
  assert.is(mesh.node(3).events.filter(({ type }) => type === "bulk").length, 1);
});

/** Frames with data that node 0 sends while 20 critical packets of speech go to node 3. */
function speak(mesh: VirtualMesh): Record<string, number> {
  const by: Record<string, number> = {};
  const speech = new Uint8Array(300);
  mesh.onFrame = (from, medium, octets) => {
    if (from === 0 && octets.length > 300) by[medium.name] = (by[medium.name] ?? 0) + 1;
  };
  for (let i = 0; i < 20; i++) {
    assert.ok(mesh.node(0).core.sendIp(mesh.nowUs, FAR, 0, 2, true, speech, 0, speech.length));
    mesh.drain(0);
    mesh.run(20_000);
  }
  return by;
}

test("critical packets take two ways where the next node is a relay, however many bearers lead there", () => {
  const { mesh } = makeDiamond([wire("01b", [0, 1])]);
  const by = speak(mesh);
  assert.is((by["01"] ?? 0) + (by["01b"] ?? 0), 20);
  assert.is(by["02"], 20);
});

test("but not a way on which they would be too late", () => {
  const { mesh } = makeDiamond([wire("01b", [0, 1])], { latencyUs: 300_000 });
  const by = speak(mesh);
  assert.is(by["01"], 20);
  assert.is(by["01b"], 20);
  assert.is(by["02"], undefined);
});

test("what a hop has answered in company is not repeated", () => {
  const { mesh, core } = makeDiamond();
  const packets = 2000;
  for (let i = 0; i < packets; i++) {
    assert.ok(core.sendOnPath(mesh.nowUs, FAR, ROUTED, new Uint8Array(440), 0, 440));
    mesh.drain(0);
    mesh.run(2_000);
  }
  mesh.run(1_000_000);
  assert.is(mesh.node(3).events.filter(({ type }) => type === "bulk").length, packets);
  for (const node of [0, 1]) assert.is(mesh.node(node).core.status(mesh.nowUs).counters["repeated"] ?? 0, 0);
});

test.run();
