import { HELLO_FLAG_AREAS, type Hello, writeMeshIp } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { Random } from "./random.ts";
import { readHello } from "./testing/read-hello.ts";
import { readPacket } from "./testing/read-packet.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;

/** A mesh whose nodes have these addresses, by index. */
function meshOf(addresses: readonly number[], media: Medium[], seed = 1): VirtualMesh {
  return new VirtualMesh(addresses.length, media, seed, (i, options) => ({
    ...options,
    address: addresses[i] as number,
  }));
}

function everybodyReaches(mesh: VirtualMesh, addresses: readonly number[]): boolean {
  return mesh.nodes.every(({ core, options }) =>
    addresses.every((to) => to === options.address || core.isReachable(to)),
  );
}

function send(mesh: VirtualMesh, from: number, to: number, mark = 0): void {
  const payload = new Uint8Array(40).fill(mark);
  mesh.node(from).core.sendIp(mesh.nowUs, to, TrafficClass.video, Precedence.routine, false, payload, 0, 40);
  mesh.drain(from);
}

function arrived(mesh: VirtualMesh, node: number): number {
  return mesh.node(node).events.filter((event) => event.type === "ip").length;
}

test("areas that meet route through each other, with no backbone, and keep their link state to themselves", () => {
  // Areas 1, 2 and 3 of three nodes each, in a row.
  const addresses = [0x101, 0x102, 0x103, 0x201, 0x202, 0x203, 0x301, 0x302, 0x303];
  const mesh = meshOf(addresses, wires(Array.from({ length: 8 }, (_, i) => [i, i + 1])));
  assert.ok(mesh.run(5 * SECOND, () => everybodyReaches(mesh, addresses)));
  for (const [from, to] of [
    [0, 8],
    [8, 0],
    [4, 0],
    [1, 5],
  ] as const) {
    send(mesh, from, addresses[to] as number);
    mesh.run(SECOND / 2);
    assert.is(arrived(mesh, to), 1, `${from} to ${to}`);
    mesh.node(to).events.length = 0;
  }
  const known = mesh
    .node(4)
    .core.status(mesh.nowUs)
    .nodes.map((node) => node.address >>> 8);
  assert.equal(known, [2, 2, 2]);
});

test("on one radio neighbours of another area with the same local ids are told apart", () => {
  const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  const addresses = [0x101, 0x102, 0x201, 0x202];
  const mesh = meshOf(addresses, [air]);
  assert.ok(mesh.run(5 * SECOND, () => everybodyReaches(mesh, addresses)));
  mesh.run(2 * SECOND);
  for (const { core } of mesh.nodes) {
    const { neighbours, drops } = core.status(mesh.nowUs);
    assert.is(neighbours.filter((n) => n.bidirectional).length, 3);
    assert.is((drops["address-conflict"] ?? 0) + (drops["authentication"] ?? 0), 0);
  }
  for (let from = 0; from < 4; from++) for (const to of addresses) if (to !== addresses[from]) send(mesh, from, to);
  mesh.run(SECOND);
  for (let node = 0; node < 4; node++) {
    assert.is(arrived(mesh, node), 3);
    assert.is(mesh.node(node).core.status(mesh.nowUs).counters["repeated"], 0, "every frame was acknowledged at once");
  }
});

/** Two rings of four, 0-3 and 4-7, joined at 0 - 4 and 2 - 6. */
function twoBorders(): { mesh: VirtualMesh; media: Medium[]; addresses: number[] } {
  const addresses = [0x101, 0x102, 0x103, 0x104, 0x201, 0x202, 0x203, 0x204];
  const media = wires([
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 0],
    [4, 5],
    [5, 6],
    [6, 7],
    [7, 4],
    [0, 4],
    [2, 6],
  ]);
  const mesh = meshOf(addresses, media);
  assert.ok(mesh.run(5 * SECOND, () => everybodyReaches(mesh, addresses)));
  mesh.run(3 * SECOND);
  return { mesh, media, addresses };
}

test("packets between areas outlive a border link that fails in silence, and a border node", () => {
  for (const lost of ["link", "node"]) {
    const { mesh, media, addresses } = twoBorders();
    for (let packet = 0; packet < 60; packet++) {
      if (packet === 20 && lost === "link") mesh.cut(0, 4, media[8] as Medium);
      if (packet === 20 && lost === "node") mesh.node(0).powered = false;
      send(mesh, 1, addresses[5] as number);
      mesh.run(SECOND / 50);
    }
    mesh.run(SECOND);
    assert.ok(arrived(mesh, 5) >= 59, `${lost}: ${arrived(mesh, 5)} of 60`);
  }
});

test("people are told the way to the border node, and what is done if it does not answer", () => {
  const { mesh, media } = twoBorders();
  const told = (from: number): unknown[] =>
    mesh
      .node(from)
      .core.explainRoute(mesh.nowUs, 0x202)
      .classes.map(({ carried, hops, areas }) => {
        const [first] = hops;
        return [carried, hops.map((hop) => hop.to), areas, first?.alternate?.way, first?.alternate?.protects];
      });
  const four = <T>(one: T): T[] => Array<T>(4).fill(one);
  assert.equal(told(1), four([false, [0x101], [2], [0x103], "node"]));
  assert.equal(told(0), four([false, [0x201], [2], [0x102, 0x103], "node"]));
  mesh.cut(0, 4, media[8] as Medium);
  send(mesh, 0, 0x202);
  mesh.run(SECOND / 10);
  assert.equal(told(0), four([true, [0x102, 0x103], [2], [0x104, 0x103], "node"]));
});

test("a lost way to an area makes a packet take one through more areas, and nobody counts to infinity", () => {
  // Area 1 (0, 1) touches area 2 (2) at 0, and area 3 (3) at 1; areas 2 and 3 touch each other.
  const addresses = [0x101, 0x102, 0x201, 0x301];
  const media = wires([
    [0, 1],
    [0, 2],
    [1, 3],
    [3, 2],
  ]);
  // Also while nodes still tell each other of their areas.
  for (let tenths = 6; tenths <= 30; tenths += 3) {
    const mesh = meshOf(addresses, media);
    assert.ok(mesh.run(5 * SECOND, () => everybodyReaches(mesh, addresses)));
    mesh.run((tenths * SECOND) / 10);
    mesh.cut(0, 2, media[1] as Medium);
    send(mesh, 0, 0x201);
    mesh.run(SECOND);
    assert.is(arrived(mesh, 2), 1, `the packet that met the cut after ${tenths} tenths of a second`);
    mesh.cut(3, 2, media[3] as Medium);
    mesh.run(20 * SECOND);
    for (const node of [0, 1, 3]) assert.not(mesh.node(node).core.isReachable(0x201), `node ${node}`);
  }
});

/** Three areas of four nodes, each a ring, and five links between areas at random. */
function threeAreas(random: Random): { edges: [number, number][]; addresses: number[] } {
  const edges: [number, number][] = [];
  for (let node = 0; node < 12; node++) edges.push([node, node - (node % 4) + ((node + 1) % 4)]);
  for (let i = 0; i < 5; i++) {
    const a = random.below(12);
    const b = (a + 4 + random.below(5)) % 12;
    if (a >> 2 !== b >> 2 && !edges.some(([x, y]) => (x === a && y === b) || (x === b && y === a))) edges.push([a, b]);
  }
  return { edges, addresses: Array.from({ length: 12 }, (_, i) => 0x101 + (i >> 2) * 0x100 + (i % 4)) };
}

/** By node, the lowest node that it has a path to. */
function partsOf(edges: readonly [number, number][]): number[] {
  const parts = Array.from({ length: 12 }, (_, node) => node);
  for (let round = 0; round < 12; round++)
    for (const [a, b] of edges) parts[a] = parts[b] = Math.min(parts[a] as number, parts[b] as number);
  return parts;
}

/** What nodes tell neighbours of other areas, in hellos. */
function toldAcross(mesh: VirtualMesh, forUs: number): Hello[] {
  const told: Hello[] = [];
  mesh.onFrame = (_from, _medium, octets) => {
    const hello = readHello(octets);
    if (hello !== undefined && (hello.flags & HELLO_FLAG_AREAS) !== 0) told.push(hello);
  };
  mesh.run(forUs);
  return told;
}

/**
 * Area 1 in two halves, 0 1 and 2 3, joined at 1 - 2; area 2 (4, 5), and area 3 (6) behind the second half. Node 7 is of
 * that half, too.
 */
function halves(second = 0x202): { mesh: VirtualMesh; seam: Medium; addresses: number[] } {
  const addresses = [0x101, 0x102, 0x103, 0x104, 0x403 - second, second, 0x301, 0x105];
  const media = wires([
    [0, 1],
    [1, 2],
    [2, 3],
    [4, 5],
    [0, 4],
    [3, 5],
    [2, 6],
    [3, 7],
  ]);
  return { mesh: meshOf(addresses, media), seam: media[1] as Medium, addresses };
}

function deliversAll(mesh: VirtualMesh, addresses: readonly number[], what: string): void {
  for (const [from] of addresses.entries()) {
    for (const [to, address] of addresses.entries()) {
      if (from === to) continue;
      mesh.node(to).events.length = 0;
      send(mesh, from, address);
      mesh.run(SECOND / 5);
      assert.is(arrived(mesh, to), 1, `${what}: ${from} to ${to}`);
    }
  }
}

test("the parts of an area that has fallen apart are reached, and reach each other, through another area", () => {
  const { mesh, seam, addresses } = halves();
  assert.ok(mesh.run(5 * SECOND, () => everybodyReaches(mesh, addresses)));
  mesh.run(2 * SECOND);
  deliversAll(mesh, addresses, "whole");
  mesh.cut(1, 2, seam);
  // Nobody says anything, so that hellos have to show it.
  mesh.run(25 * SECOND);
  assert.ok(
    mesh.run(SECOND, () => everybodyReaches(mesh, addresses)),
    "all pairs, the area in two parts",
  );
  deliversAll(mesh, addresses, "in two parts");
  // What people are told of it: hops to where packets leave, and the areas that they enter.
  for (const [from, to, hops, areas] of [
    [0, 0x104, [0x201], [2, 1]],
    [1, 0x104, [0x101], [2, 1]],
    [1, 0x301, [0x101], [2, 1, 3]],
    [4, 0x104, [0x202], [1]],
    [4, 0x102, [0x101], [1]],
    [0, 0x102, [0x102], []],
  ] as const) {
    for (const way of mesh.node(from).core.explainRoute(mesh.nowUs, to).classes) {
      const told = [way.noPath, way.hops.map((hop) => hop.to), way.areas];
      assert.equal(told, [null, [...hops], [...areas]], `${from} to ${to}`);
      assert.ok(way.cost > 0 && way.cost < 0xffff);
    }
  }
  const { routes } = mesh.node(0).core.status(mesh.nowUs);
  assert.is(routes.find((route) => route.to === 0x104)?.classes[0]?.nextHop, 0x201);
  mesh.restore(1, 2, seam);
  mesh.run(5 * SECOND);
  deliversAll(mesh, addresses, "whole again");
});

test("parts of an area that have never met reach each other through another one, and by IP", () => {
  const addresses = [0x101, 0x102, 0x201, 0x202, 0x103, 0x104];
  const mesh = meshOf(addresses, wires(Array.from({ length: 5 }, (_, i) => [i, i + 1])));
  mesh.run(6 * SECOND);
  deliversAll(mesh, addresses, "never met");
  const ip = new Uint8Array(16);
  for (const [to, owner] of [
    [0x104, 0x104],
    [0x105, 0],
  ] as const) {
    writeMeshIp(to, 6, ip, 0);
    assert.is(mesh.node(0).core.resolveIp(ip, 0, 6), owner);
  }
});

test("what one half of an area alone notices the other learns from the area between them", () => {
  // With the lower address on either side of area 2, and with a node that is known to be gone and without.
  for (const [second, gone] of [
    [0x202, false],
    [0x202, true],
    [0x201, true],
  ] as const) {
    const { mesh, seam } = halves(second);
    mesh.run(8 * SECOND);
    if (gone) mesh.node(7).powered = false;
    mesh.run(25 * SECOND);
    mesh.cut(1, 2, seam);
    // Only node 1 has anything to send over the seam, and finds that nobody answers.
    for (let packet = 0; packet < 200; packet++) {
      send(mesh, 0, 0x104, packet);
      mesh.run(SECOND / 50);
    }
    assert.ok(arrived(mesh, 3) > 125, `${arrived(mesh, 3)} of 200 packets in four seconds`);
  }
});

test("a relay dies, and what it leaves of its area goes on through another one", () => {
  // Area 1: 0 - 1 - 2 - 3, of which 1 dies; area 2 (4, 5) joins 0 and 3.
  const addresses = [0x101, 0x102, 0x103, 0x104, 0x201, 0x202];
  const media = wires([
    [0, 1],
    [1, 2],
    [2, 3],
    [0, 4],
    [4, 5],
    [5, 3],
  ]);
  // The part without the lowest address has a name of its own, by which the other one soon tells them apart.
  for (const [from, to, least] of [
    [0, 3, 160],
    [3, 0, 173],
  ] as const) {
    const mesh = meshOf(addresses, media);
    mesh.run(30 * SECOND);
    mesh.node(1).powered = false;
    // Whoever receives sends nothing that would show it the loss.
    for (let packet = 0; packet < 200; packet++) {
      send(mesh, from, addresses[to] as number, packet);
      mesh.run(SECOND / 50);
    }
    assert.ok(arrived(mesh, to) > least, `${arrived(mesh, to)} of 200 packets in four seconds from ${from}`);
  }
});

test("while areas come up nobody is told of parts that they are not in for long", () => {
  const { edges, addresses } = threeAreas(new Random(1, 11));
  const mesh = meshOf(addresses, wires(edges));
  const told = toldAcross(mesh, 5 * SECOND);
  assert.ok(told.length > 20);
  for (const { part, members } of told) assert.ok(part <= 1 && members.length === 0, `${part}: ${members}`);
});

test("after any failures whatever has a path arrives, across whichever parts of which areas it leads", () => {
  let split = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed, 11);
    const { edges, addresses } = threeAreas(random);
    const media = wires(edges);
    const mesh = meshOf(addresses, media, seed);
    mesh.run(6 * SECOND);
    const left = new Set(edges.keys());
    for (let cuts = 0; cuts < 7; cuts++) {
      const edge = random.below(edges.length);
      const [a, b] = edges[edge] as [number, number];
      if (left.delete(edge)) mesh.cut(a, b, media[edge] as Medium);
    }
    // Until links that nobody uses are found silent.
    mesh.run(25 * SECOND);
    const links = [...left].map((edge) => edges[edge] as [number, number]);
    const whole = partsOf(links);
    const inside = partsOf(links.filter(([a, b]) => a >> 2 === b >> 2));
    for (let from = 0; from < 12; from++) {
      for (let to = 0; to < 12; to++) {
        if (from === to || whole[from] !== whole[to]) continue;
        if (from >> 2 === to >> 2 && inside[from] !== inside[to]) split++;
        mesh.node(to).events.length = 0;
        send(mesh, from, addresses[to] as number);
        mesh.run(SECOND / 4);
        assert.is(arrived(mesh, to), 1, `seed ${seed}: ${from} to ${to}`);
      }
    }
    for (const [a, b] of edges) mesh.restore(a, b, media[edges.findIndex(([x, y]) => x === a && y === b)] as Medium);
    mesh.run(60 * SECOND);
    const told = toldAcross(mesh, 60 * SECOND);
    assert.ok(told.length > 20);
    for (const { part, members, routes } of told) {
      assert.is(members.length, 0, `seed ${seed}: part ${part} of an area that is whole`);
      for (const route of routes) assert.equal([route.to & 0xff, route.members.length], [1, 0], `seed ${seed}`);
    }
    for (const { core } of mesh.nodes) assert.is(core.status(mesh.nowUs).drops["malformed-body"], 0, `seed ${seed}`);
  }
  assert.ok(split > 50, `only ${split} pairs in two parts of an area`);
});

test("what a packet between areas carries falls at every hop, whatever fails in silence meanwhile", () => {
  let crossed = 0;
  let detours = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed, 9);
    const { edges, addresses } = threeAreas(random);
    const media = wires(edges);
    const mesh = meshOf(addresses, media, seed);
    mesh.run(6 * SECOND);
    const given = new Map<string, number>();
    mesh.onFrame = (from, medium, octets) => {
      const packet = readPacket(octets, 0xa5);
      if (packet === undefined) return;
      if (packet.stage > 0) crossed++;
      if (from !== 0)
        assert.ok(
          packet.remaining < (given.get(`${from}/${packet.mark}`) ?? 0),
          `seed ${seed}: ${packet.mark} at ${from}`,
        );
      const to = `${medium.members.find((m) => m !== from)}/${packet.mark}`;
      given.set(to, Math.max(given.get(to) ?? 0, packet.remaining));
    };
    for (let packet = 0; packet < 60; packet++) {
      const payload = new Uint8Array(120);
      payload[118] = 0xa5;
      payload[119] = packet;
      mesh.node(0).core.sendVideo(mesh.nowUs, addresses[4 + (packet % 8)] as number, 0, payload);
      mesh.drain(0);
      if (packet % 10 === 5) {
        const medium = media[random.below(media.length)] as Medium;
        mesh.cut(medium.members[0] as number, medium.members[1] as number, medium);
      }
      mesh.run(20_000);
    }
    mesh.run(2 * SECOND);
    for (const { core } of mesh.nodes) detours += core.status(mesh.nowUs).counters["detours"] ?? 0;
  }
  assert.ok(crossed > 200, `only ${crossed} frames on the way to another area`);
  assert.ok(detours > 0, "no packet had to take a way through more areas");
});

test.run();
