import { narrowPotential } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CoreBearer } from "./api.ts";
import { narrowLimit } from "./potential.ts";
import { Random } from "./random.ts";
import { readPacket } from "./testing/read-packet.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;

test("the limit that an 8-bit potential stands for is the first value that no longer descends", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xfffe }), (potential) => {
      const carried = narrowPotential(potential);
      const limit = narrowLimit(carried);
      assert.ok(limit <= potential, "what is allowed lies below what was carried");
      if (limit > 0) assert.ok(narrowPotential(limit - 1) < carried);
      assert.ok(narrowPotential(limit) >= carried);
    }),
  );
});

/** A connected random graph: a tree and some more edges. */
function randomEdges(nodes: number, extra: number, random: Random): [number, number][] {
  const edges: [number, number][] = [];
  for (let i = 1; i < nodes; i++) edges.push([random.below(i), i]);
  for (let i = 0; i < extra; i++) {
    const a = random.below(nodes);
    const b = random.below(nodes);
    if (a !== b && !edges.some(([x, y]) => (x === a && y === b) || (x === b && y === a))) edges.push([a, b]);
  }
  return edges;
}

test("what a packet carries falls at every hop, whatever fails in silence meanwhile", () => {
  let repaired = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed, 5);
    const media = wires(randomEdges(8, 6, random));
    const mesh = new VirtualMesh(8, media, seed);
    assert.ok(mesh.run(3 * SECOND, () => mesh.allReachable()));
    // The most that each node was given, by packet: the null crypto leaves header and payload readable.
    const given = new Map<string, number>();
    let hops = 0;
    mesh.onFrame = (from, medium, octets) => {
      const read = readPacket(octets, 0xa5);
      if (read === undefined) return;
      const { mark: packet, remaining: carried } = read;
      if (read.repaired) repaired++;
      if (from !== 0) {
        assert.ok(carried < (given.get(`${from}/${packet}`) ?? 0), `seed ${seed}, packet ${packet} at ${from}`);
        hops++;
      }
      const to = `${medium.members.find((m) => m !== from)}/${packet}`;
      given.set(to, Math.max(given.get(to) ?? 0, carried));
    };
    for (let packet = 0; packet < 60; packet++) {
      const payload = new Uint8Array(120);
      payload[118] = 0xa5;
      payload[119] = packet;
      mesh.node(0).core.sendVideo(mesh.nowUs, 0x101 + 1 + (packet % 7), 0, payload);
      mesh.drain(0);
      if (packet % 10 === 5) {
        const medium = media[random.below(media.length)] as Medium;
        mesh.cut(medium.members[0] as number, medium.members[1] as number, medium);
      }
      mesh.run(20_000);
    }
    mesh.run(2 * SECOND);
    assert.ok(hops >= 10, `seed ${seed}: only ${hops} hops`);
  }
  assert.ok(repaired > 10, `only ${repaired} repaired frames`);
});

test("a cut that nobody has noticed costs a packet less than 100 ms, and no packet", () => {
  // 0 - 1 - 2 with 0 - 3 - 4 - 2 as the way round.
  const media = wires([
    [0, 1],
    [1, 2],
    [0, 3],
    [3, 4],
    [4, 2],
  ]);
  const mesh = new VirtualMesh(5, media, 3);
  assert.ok(mesh.run(3 * SECOND, () => mesh.allReachable()));
  const arrivedUs: number[] = [];
  const video = (): number => mesh.node(2).events.filter((e) => e.type === "video").length;
  let seen = 0;
  for (let packet = 0; packet < 100; packet++) {
    if (packet === 50) mesh.cut(1, 2, media[1] as Medium);
    mesh.node(0).core.sendVideo(mesh.nowUs, 0x103, 0, new Uint8Array(100));
    mesh.drain(0);
    for (let ms = 0; ms < 20; ms++) {
      mesh.run(1000);
      for (const now = video(); seen < now; seen++) arrivedUs.push(mesh.nowUs);
    }
  }
  mesh.run(SECOND);
  assert.is(video(), 100);
  const gaps = arrivedUs.map((at, i) => at - (arrivedUs[i - 1] ?? at));
  assert.ok(Math.max(...gaps) < 100_000, `${Math.max(...gaps)} us`);
});

/** A vehicle and its headquarters share satellite, cellular and a two-hop mesh. */
function threeWays(): { mesh: VirtualMesh; media: Medium[] } {
  const bearer = (kind: number, latencyUs: number, costCentsPerMegabyte: number): Partial<CoreBearer> => {
    return { kind, latencyUs, costCentsPerMegabyte, medium: "point-to-point" };
  };
  const media: Medium[] = [
    { name: "lte", bearer: bearer(3, 30_000, 20), members: [0, 2], loss: 0 },
    { name: "satellite", bearer: bearer(2, 300_000, 800), members: [0, 2], loss: 0 },
    { name: "uhf", bearer: {}, members: [0, 1], loss: 0 },
    { name: "uhf-b", bearer: {}, members: [1, 2], loss: 0 },
  ];
  return { mesh: new VirtualMesh(3, media), media };
}

test("voice takes every bearer at once and is heard once; a text takes the cheapest that works", () => {
  const { mesh, media } = threeWays();
  assert.ok(mesh.run(10 * SECOND, () => mesh.allReachable()));
  mesh.run(10 * SECOND);
  const sent = new Map<string, number>();
  mesh.onFrame = (from, medium, octets) => {
    if (from === 0 && octets.length > 150) sent.set(medium.name, (sent.get(medium.name) ?? 0) + 1);
  };
  const of = (type: string): number => mesh.node(2).events.filter((e) => e.type === type).length;
  mesh.node(0).core.sendVoice(mesh.nowUs, 1, 1, 0, 0, new Uint8Array(150));
  mesh.drain(0);
  mesh.run(SECOND);
  assert.equal([...sent.keys()].sort(), ["lte", "satellite", "uhf"]);
  assert.is(of("voice"), 1);
  sent.clear();
  mesh.node(0).core.sendText(mesh.nowUs, 0x103, new Uint8Array(200).fill(0x61));
  mesh.drain(0);
  mesh.run(SECOND);
  assert.equal([...sent.keys()], ["uhf"]);
  sent.clear();
  mesh.cut(0, 1, media[2] as Medium);
  mesh.run(5 * SECOND);
  sent.clear();
  mesh.node(0).core.sendText(mesh.nowUs, 0x103, new Uint8Array(200).fill(0x62));
  mesh.drain(0);
  mesh.run(SECOND);
  // Nobody has noticed the silent cut yet: the text itself finds it out, and takes the other way.
  assert.is([...sent.keys()].at(-1), "lte");
  assert.is(of("text"), 2);
});

test("a policy's price moves traffic to another bearer", () => {
  const { mesh } = threeWays();
  assert.ok(mesh.run(10 * SECOND, () => mesh.allReachable()));
  mesh.run(5 * SECOND);
  const bearerToHq = (): number | undefined =>
    mesh
      .node(0)
      .core.status(mesh.nowUs)
      .routes.find((r) => r.to === 0x103)?.classes[3]?.bearerId;
  assert.is(bearerToHq(), 2);
  for (const node of [0, 1]) mesh.price(node, node === 0 ? 2 : 0, 2000);
  mesh.drain(0);
  mesh.drain(1);
  mesh.run(5 * SECOND);
  assert.is(bearerToHq(), 0);
});

test("video that would be too old when its turn came does not wait on a slow channel", () => {
  const serial: Partial<CoreBearer> = {
    medium: "shared",
    layout: "narrow",
    mtuOctets: 240,
    bitrateBps: 9600,
    keyUpUs: 20_000,
    halfDuplex: true,
  };
  const mesh = new VirtualMesh(2, [{ name: "vhf", bearer: serial, members: [0, 1], loss: 0 }]);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  for (let i = 0; i < 20; i++) mesh.node(0).core.sendVideo(mesh.nowUs, 0x102, 0, new Uint8Array(600));
  const [bearer] = mesh.node(0).core.status(mesh.nowUs).bearers;
  assert.ok(bearer !== undefined && bearer.queuedMs > 0 && bearer.queuedMs <= 1500, `${bearer?.queuedMs} ms wait`);
  mesh.drain(0);
  mesh.run(5 * SECOND);
  const arrived = mesh.node(1).events.filter((event) => event.type === "video").length;
  assert.ok(arrived >= 1, "what is in time goes");
  const { drops } = mesh.node(0).core.status(mesh.nowUs);
  const dropped = Object.values(drops).reduce((sum, n) => sum + n, 0);
  assert.is(arrived + dropped, 20, "the rest is counted");
});

test.run();
