import { createDataHeader, FrameKind } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type NodeEvent, Precedence, TrafficClass, VoiceCodec } from "./api.ts";
import { Crossings } from "./crossings.ts";
import { type Medium, NARROW, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const HERE = { latitudeDeg: 31, longitudeDeg: 103, altitudeM: 500, speedKmh: 0, courseDeg: 0, batteryPercent: 50 };

interface Scene {
  mesh: VirtualMesh;
  addresses: readonly number[];
  /** By node: those with the same number are in one part of one area. */
  parts: readonly number[];
}

function sceneOf(
  addresses: readonly number[],
  media: Medium[],
  headquarters: number,
  parts: readonly number[] = addresses.map((address) => address >>> 8),
): Scene {
  const mesh = new VirtualMesh(addresses.length, media, 1, (i, options) => ({
    ...options,
    address: addresses[i] as number,
    acknowledgesSos: i === headquarters,
    groups: [1, 2],
    groupsAcross: [2],
  }));
  mesh.run(10 * SECOND);
  return { mesh, addresses, parts };
}

/** Areas 1, 2 and 3 of three nodes each, in a row of wires, and a second way from area 1 to area 3. */
function rowOfAreas(): Scene {
  const addresses = [0x101, 0x102, 0x103, 0x201, 0x202, 0x203, 0x301, 0x302, 0x303];
  const edges = Array.from({ length: 8 }, (_, i): [number, number] => [i, i + 1]);
  return sceneOf(addresses, wires([...edges, [0, 8]]), 8);
}

/** Two areas on one radio where all hear all, and one node of each that only one of them hears. */
function sharedRadio(): Scene {
  const addresses = [0x101, 0x102, 0x103, 0x201, 0x202, 0x203];
  const air: Medium = { name: "air", bearer: {}, members: [1, 2, 3, 4], loss: 0 };
  return sceneOf(
    addresses,
    [
      air,
      ...wires([
        [0, 1],
        [4, 5],
      ]),
    ],
    5,
  );
}

/** An area in two parts, each of two nodes, joined by another area of two alone. */
function twoParts(): Scene {
  const addresses = [0x101, 0x102, 0x201, 0x202, 0x103, 0x104];
  const edges = Array.from({ length: 5 }, (_, i): [number, number] => [i, i + 1]);
  return sceneOf(addresses, wires(edges), 5, [1, 1, 2, 2, 3, 3]);
}

function eventsOf<T extends NodeEvent["type"]>(
  { mesh }: Scene,
  node: number,
  type: T,
): Extract<NodeEvent, { type: T }>[] {
  return mesh.node(node).events.filter((e) => e.type === type) as Extract<NodeEvent, { type: T }>[];
}

/** Without any one of the last column the first node's calls do not reach the last one. */
for (const [name, make, between] of [
  ["over wires", rowOfAreas, [8]],
  ["on one radio", sharedRadio, [4, 5]],
  ["between parts of an area", twoParts, [2, 3, 5]],
] as const) {
  test(`an SOS is heard once by each node of every area, and the answer comes back, ${name}`, () => {
    const scene = make();
    const { mesh, addresses } = scene;
    const headquarters = addresses.length - 1;
    const sosId = mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
    mesh.drain(0);
    mesh.run(5 * SECOND);
    for (let node = 1; node < addresses.length; node++) {
      const heard = eventsOf(scene, node, "sos").map((e) => [e.from, e.sosId]);
      assert.equal(heard, [[addresses[0], sosId]], `node ${node}`);
    }
    for (let node = 0; node < addresses.length; node++) {
      const told = eventsOf(scene, node, "sos-acknowledged").map((e) => [e.from, e.sosId, e.by]);
      assert.equal(told, [[addresses[0], sosId, addresses[headquarters]]], `node ${node}`);
    }
  });

  test(`an SOS of another area is told to who could not be reached, also when the caller is gone, ${name}`, () => {
    const scene = make();
    const { mesh, addresses } = scene;
    const headquarters = addresses.length - 1;
    for (const away of between) {
      mesh.node(away).powered = false;
      mesh.run(10 * SECOND);
      const sosId = mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
      mesh.drain(0);
      mesh.run(SECOND);
      mesh.node(0).powered = false;
      mesh.run(10 * SECOND);
      const isAnswer = (e: NodeEvent): boolean => e.type === "sos-acknowledged" && e.sosId === sosId;
      assert.is(mesh.node(headquarters).events.filter(isAnswer).length, 0, "nobody has answered yet");
      mesh.restart(away);
      const isTold = (): boolean => mesh.node(1).events.filter(isAnswer).length === 1;
      assert.ok(mesh.run(SECOND, isTold), `the answer to a call while node ${away} was off`);
      mesh.restart(0);
      mesh.run(10 * SECOND);
    }
  });

  test(`texts to all and policies reach other areas, once, and speech of one group, ${name}`, () => {
    const scene = make();
    const { mesh, addresses, parts } = scene;
    const { core } = mesh.node(0);
    core.sendText(mesh.nowUs, 0x1_0000, new TextEncoder().encode("to all"));
    core.publishPolicy(mesh.nowUs, 7, new Uint8Array(100).fill(3));
    for (const group of [1, 2]) {
      core.sendVoice(mesh.nowUs, group, 1, VoiceCodec.opus, 0, new Uint8Array(40));
      mesh.drain(0);
    }
    mesh.run(10 * SECOND);
    for (let node = 1; node < addresses.length; node++) {
      assert.is(eventsOf(scene, node, "text").length, 1, `node ${node}`);
      assert.equal(
        eventsOf(scene, node, "policy").map((e) => e.version),
        [7],
        `node ${node}`,
      );
      const isOurs = parts[node] === parts[0];
      const heard = eventsOf(scene, node, "voice")
        .map((e) => [e.group, e.talker])
        .sort();
      const both = [
        [1, addresses[0]],
        [2, addresses[0]],
      ];
      assert.equal(heard, isOurs ? both : both.slice(1), `node ${node}`);
    }
  });
}

for (const [name, make, onOneRadio] of [
  ["over wires", rowOfAreas, []],
  ["on one radio", sharedRadio, [1, 2, 3, 4]],
  ["between parts of an area", twoParts, []],
] as const) {
  test(`of positions other areas hear few, and each knows where everybody is, ${name}`, () => {
    const scene = make();
    const { mesh, addresses, parts } = scene;
    const seconds = 120;
    for (let second = 0; second < seconds; second++) {
      for (let node = 0; node < addresses.length; node++) {
        mesh.node(node).core.reportPosition(mesh.nowUs, HERE);
        mesh.drain(node);
      }
      mesh.run(SECOND);
    }
    for (let node = 0; node < addresses.length; node++) {
      for (const [other, address] of addresses.entries()) {
        if (other === node) continue;
        const heard = eventsOf(scene, node, "position").filter((e) => e.from === address).length;
        const isOurs = parts[other] === parts[node];
        // Who is on the radio hears what members of the other area say there to each other.
        const isHeard = (onOneRadio as readonly number[]).includes(node);
        // Two border nodes on the radio each let others through.
        const across = seconds / (onOneRadio.length > 0 ? 4.5 : 9) + 2;
        const [least, most] = isOurs || isHeard ? [seconds - 1, seconds] : [seconds / 10 - 1, across];
        assert.ok(heard >= least && heard <= most, `node ${node} heard ${heard} of node ${other}`);
      }
    }
  });
}

test("of a node's positions one more than the pace crosses at any time, and what was thinned on the way is not thinned again", () => {
  const what = { kind: FrameKind.groupAll, trafficClass: TrafficClass.command, precedence: Precedence.routine };
  const header = { ...createDataHeader(), ...what, source: 0x104 };
  for (const [fromOutside, paceS] of [
    [false, 9],
    [true, 4.5],
  ] as const) {
    const crossings = new Crossings(1, []);
    const crossingS: number[] = [];
    for (let atS = 0; atS <= 40; atS += 0.5)
      if (crossings.mayCross(atS * SECOND, header, fromOutside)) crossingS.push(atS);
    const inStep = Array.from({ length: Math.floor(40 / paceS) }, (_, i) => (i + 1) * paceS);
    assert.equal(crossingS, [0, 0.5, ...inStep]);
    // Who reports every ten seconds, and once between.
    for (const atS of [100, 102, 110, 120, 130])
      assert.ok(crossings.mayCross(atS * SECOND, header, fromOutside), `${atS} s`);
  }
});

test("an answer from the caller's own area is taken for that caller in other areas, too", () => {
  const addresses = [0x101, 0x102, 0x201, 0x202];
  const edges: [number, number][] = [
    [0, 1],
    [1, 2],
    [2, 3],
  ];
  const scene = sceneOf(addresses, wires(edges), 1);
  const sosId = scene.mesh.node(0).core.raiseSos(scene.mesh.nowUs, 1, HERE);
  scene.mesh.drain(0);
  scene.mesh.run(3 * SECOND);
  for (let node = 0; node < addresses.length; node++) {
    const told = eventsOf(scene, node, "sos-acknowledged").map((e) => [e.from, e.sosId, e.by]);
    assert.equal(told, [[0x101, sosId, 0x102]], `node ${node}`);
  }
});

test("a border node goes on a radio for the sake of another area alone", () => {
  // 0 has a wire to 1, and nobody of their area is on the radio with 1.
  const air: Medium = { name: "air", bearer: {}, members: [1, 2, 3], loss: 0 };
  const scene = sceneOf([0x101, 0x102, 0x201, 0x202], [air, ...wires([[0, 1]])], 3);
  scene.mesh.node(0).core.raiseSos(scene.mesh.nowUs, 1, HERE);
  scene.mesh.drain(0);
  scene.mesh.run(SECOND);
  for (const node of [2, 3]) assert.is(eventsOf(scene, node, "sos").length, 1);
});

test("a text for a node of another area that was off arrives as soon as that says where it is", () => {
  // Those that have met, and those that have not.
  for (const haveMet of [true, false]) {
    const scene = rowOfAreas();
    const { mesh, addresses } = scene;
    const text = (body: string): void => {
      mesh.node(4).core.sendText(mesh.nowUs, addresses[7] as number, new TextEncoder().encode(body));
      mesh.drain(4);
    };
    if (haveMet) text("before");
    mesh.run(10 * SECOND);
    mesh.node(7).powered = false;
    mesh.run(10 * SECOND);
    text("meanwhile");
    mesh.run(45 * SECOND);
    mesh.restart(7);
    mesh.run(3 * SECOND);
    mesh.node(7).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(7);
    mesh.run(SECOND);
    const last = eventsOf(scene, 7, "text").map((e) => new TextDecoder().decode(e.body));
    assert.equal(last, haveMet ? ["before", "meanwhile"] : ["meanwhile"]);
  }
});

test("what is lost on the way into another area is asked for", () => {
  const air: Medium = { name: "air", bearer: {}, members: [0, 1], loss: 0.05 };
  const scene = sceneOf([0x101, 0x201, 0x202], [air, ...wires([[1, 2]])], -1);
  const { mesh } = scene;
  const frames = 500;
  for (let frame = 0; frame < frames; frame++) {
    mesh.node(0).core.sendVoice(mesh.nowUs, 2, 1, VoiceCodec.opus, 2 * frame, new Uint8Array(40));
    mesh.drain(0);
    mesh.run(40_000);
  }
  mesh.run(SECOND);
  const heard = eventsOf(scene, 2, "voice").length;
  assert.ok(heard >= 0.99 * frames && heard <= frames, `${heard} of ${frames}`);
});

test("what the other area does not hear itself is relayed to it, and only that", () => {
  // 0 and 1 are of one area, 2 and 3 of another; 2 and 3 hear 1 alone.
  const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  const mesh = new VirtualMesh(4, [air], 1, (i, options) => ({
    ...options,
    address: [0x101, 0x102, 0x201, 0x202][i] as number,
  }));
  mesh.cut(0, 2, air);
  mesh.cut(0, 3, air);
  mesh.run(20 * SECOND);
  const scene = { mesh, addresses: [], parts: [] };
  const relayed = (): number => mesh.node(1).core.status(mesh.nowUs).counters["relayed"] ?? 0;
  const before = relayed();
  for (const by of [0, 1]) {
    mesh.node(by).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(by);
    mesh.run(SECOND);
  }
  for (const node of [2, 3]) {
    const heard = eventsOf(scene, node, "position").map((e) => e.from);
    assert.equal(heard, [0x101, 0x102], `node ${node}`);
  }
  assert.is(relayed() - before, 1);
});

test("where the other area hears it, nobody relays it for its sake", () => {
  const scene = sharedRadio();
  const { mesh } = scene;
  const relayed = (): number => mesh.node(2).core.status(mesh.nowUs).counters["relayed"] ?? 0;
  mesh.run(20 * SECOND);
  const before = relayed();
  mesh.node(1).core.sendText(mesh.nowUs, 0x1_0000, new TextEncoder().encode("to all"));
  mesh.drain(1);
  mesh.run(SECOND);
  assert.is(eventsOf(scene, 3, "text").length, 1);
  assert.is(relayed() - before, 0);
});

test("a member with the local id of a node of another area is not taken for it", () => {
  // 1 hears only 0, and has the local id of 2, which calls.
  const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2], loss: 0 };
  const mesh = new VirtualMesh(3, [air], 1, (i, options) => ({
    ...options,
    address: [0x101, 0x102, 0x202][i] as number,
  }));
  mesh.cut(1, 2, air);
  mesh.run(10 * SECOND);
  const scene = { mesh, addresses: [], parts: [] };
  mesh.node(2).core.sendText(mesh.nowUs, 0x1_0000, new TextEncoder().encode("to all"));
  mesh.drain(2);
  mesh.run(SECOND / 2);
  for (const node of [0, 1]) assert.is(eventsOf(scene, node, "text").length, 1, `node ${node}`);
});

test("who calls for help on a serial channel hears the answer of another area", () => {
  // 0 and 1 are on a serial channel, 1 has a wire to the headquarters' area as well.
  const addresses = [0x101, 0x102, 0x201, 0x202];
  const serial: Medium = { name: "serial", bearer: NARROW, members: [0, 1], loss: 0 };
  const scene = sceneOf(
    addresses,
    [
      serial,
      ...wires([
        [1, 2],
        [2, 3],
      ]),
    ],
    3,
  );
  const { mesh } = scene;
  mesh.run(20 * SECOND);
  const sosId = mesh.node(0).core.raiseSos(mesh.nowUs, 2, HERE);
  mesh.drain(0);
  mesh.run(5 * SECOND);
  assert.equal(
    eventsOf(scene, 0, "sos-acknowledged").map((e) => [e.from, e.sosId, e.by]),
    [[0x101, sosId, 0x202]],
  );
  // A frame of the other area cannot be said there: nobody takes it for one of a member.
  mesh.node(3).core.reportPosition(mesh.nowUs, HERE);
  mesh.node(3).core.raiseSos(mesh.nowUs, 3, HERE);
  mesh.drain(3);
  mesh.run(5 * SECOND);
  assert.is(eventsOf(scene, 1, "sos").length, 2);
  assert.is(eventsOf(scene, 0, "sos").length, 0);
  assert.is(eventsOf(scene, 0, "position").length, 0);
});

test("an answer of another area, which a border node says on its serial channel, is not said again under the number it has there", () => {
  const serial: Medium = { name: "vhf", bearer: NARROW, members: [0, 1, 2, 3], loss: 0 };
  const scene = sceneOf([0x101, 0x102, 0x103, 0x104, 0x201], [serial, ...wires([[1, 4]])], 4);
  const { mesh } = scene;
  assert.ok(mesh.run(60 * SECOND, () => mesh.node(0).core.isReachable(0x104)));
  mesh.node(3).powered = false;
  mesh.run(2 * SECOND);
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(0);
  assert.ok(mesh.run(5 * SECOND, () => eventsOf(scene, 2, "sos-acknowledged").length === 1));
  mesh.restart(3);
  mesh.run(3 * SECOND);
  for (const node of [0, 2]) assert.is(mesh.node(node).core.status(mesh.nowUs).counters["sos-said-again"], 0);
});

test("who comes back to a serial channel is told of unanswered calls of this area, and takes none of another for one", () => {
  const serial: Medium = { name: "vhf", bearer: NARROW, members: [0, 1], loss: 0 };
  const scene = sceneOf([0x101, 0x102, 0x205], [serial, ...wires([[1, 2]])], -1);
  const { mesh } = scene;
  assert.ok(mesh.run(60 * SECOND, () => mesh.node(0).core.isReachable(0x102)));
  mesh.node(0).powered = false;
  mesh.node(2).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(2);
  mesh.run(2 * SECOND);
  assert.equal(
    eventsOf(scene, 1, "sos").map(({ from }) => from),
    [0x205],
  );
  mesh.node(2).powered = false;
  mesh.restart(0);
  assert.ok(mesh.run(20 * SECOND, () => mesh.node(0).core.isReachable(0x102)));
  mesh.run(5 * SECOND);
  assert.equal(eventsOf(scene, 0, "sos"), []);
});

test("what an insider of another area says without end takes a bounded share, and own traffic goes on", () => {
  const scene = rowOfAreas();
  const { mesh } = scene;
  const sent = (): number => mesh.node(3).core.status(mesh.nowUs).counters["relayed"] ?? 0;
  const before = sent();
  for (let i = 0; i < 200; i++) {
    mesh.node(2).core.sendIpGroup(mesh.nowUs, TrafficClass.bulk, Precedence.routine, new Uint8Array(100), 0, 100);
    mesh.drain(2);
    mesh.run(SECOND / 100);
  }
  for (let node = 3; node < 9; node++) assert.is(eventsOf(scene, node, "ip").length, 0, "groups of IP stay");
  assert.is(sent(), before);
});

test.run();
