import {
  type Advertisement,
  type AreaRoute,
  createHello,
  decodeAdvertisement,
  encodeAdvertisement,
  encodeHello,
  encodeLinkVector,
  FrameKind,
  HELLO_FLAG_AREAS,
  helloEntry,
  type LinkStateLink,
  membersOf,
  NO_MEMBERS,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { LinkStateDb } from "./link-state-db.ts";
import { sealAsInsider } from "./testing/insider.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const VECTOR = encodeLinkVector({ bitrateBps: 2e6, latencyUs: 5_000, loss: 0, costCentsPerMegabyte: 0, closed: 0 });

function meshOf(addresses: readonly number[], media: Medium[]): VirtualMesh {
  return new VirtualMesh(addresses.length, media, 1, (i, options) => ({ ...options, address: addresses[i] as number }));
}

function advertisement(
  originator: number,
  nodeId: number,
  links: LinkStateLink[],
  over: Partial<Advertisement> = {},
): Advertisement {
  const fixed = { role: 0, capabilities: 0, name: new Uint8Array([0x41]), prefixes: [], areas: [] };
  return { originator, nodeId, bootEpoch: 1, sequence: 60_000, links, ...fixed, ...over };
}

function send(mesh: VirtualMesh, from: number, to: number): void {
  mesh.node(from).core.sendIp(mesh.nowUs, to, TrafficClass.video, Precedence.routine, false, new Uint8Array(40), 0, 40);
  mesh.drain(from);
}

function arrived(mesh: VirtualMesh, node: number): number {
  return mesh.node(node).events.filter((event) => event.type === "ip").length;
}

function drops(mesh: VirtualMesh, node: number): number {
  return mesh.node(node).core.status(mesh.nowUs).drops["address-conflict"] ?? 0;
}

test("in an area of 254 nodes one more changes nothing for the others, and is refused", () => {
  const db = new LinkStateDb(1);
  // A ring of all ids that there are.
  const links = (local: number): LinkStateLink[] =>
    [local === 1 ? 254 : local - 1, local === 254 ? 1 : local + 1].map((neighbour) => ({
      neighbour,
      channel: 0,
      vector: VECTOR,
    }));
  for (let local = 1; local <= 254; local++)
    assert.is(db.applyFull(advertisement(0x100 | local, local, links(local)), 0), "news");
  const { digest, version } = db;
  for (const local of [1, 100, 254])
    assert.is(db.applyFull(advertisement(0x100 | local, 5000, links(local), { bootEpoch: 9 }), 0), "conflict");
  assert.equal([db.digest, db.version], [digest, version]);
  const out = new Uint8Array(200);
  for (const local of [0, 255]) {
    const length = encodeAdvertisement(advertisement(0x100 | local, 5000, []), out, 0);
    assert.is(decodeAdvertisement(out, 0, length), undefined, "there is no such id");
  }
});

test("of two nodes with one address on a radio the first is heard, the second is told of, the rest is unharmed", () => {
  const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  // Node 3 comes later, with the address of node 1.
  const mesh = meshOf([0x101, 0x102, 0x103, 0x102], [air]);
  mesh.node(3).powered = false;
  mesh.run(4 * SECOND);
  mesh.node(3).powered = true;
  mesh.run(20 * SECOND);
  for (const observer of [0, 1, 2]) {
    assert.ok(drops(mesh, observer) > 0, `node ${observer}`);
    const told = mesh.node(observer).events.filter((event) => event.type === "address-conflict");
    assert.equal(told, [{ type: "address-conflict", address: 0x102, nodeId: 1001, other: 1003 }]);
  }
  for (const from of [0, 2]) send(mesh, from, 0x102);
  send(mesh, 0, 0x103);
  send(mesh, 1, 0x101);
  mesh.run(SECOND);
  // Node 3, on the same radio, cannot know that what is for its address is not for it.
  assert.equal([arrived(mesh, 0), arrived(mesh, 1), arrived(mesh, 2)], [1, 2, 1]);
});

test("a device that replaces a lost one may have its address", () => {
  const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2], loss: 0 };
  const mesh = meshOf([0x101, 0x102, 0x102], [air]);
  mesh.node(2).powered = false;
  mesh.run(4 * SECOND);
  mesh.node(1).powered = false;
  mesh.run(30 * SECOND);
  mesh.node(2).powered = true;
  mesh.run(10 * SECOND);
  send(mesh, 0, 0x102);
  mesh.run(SECOND);
  assert.is(arrived(mesh, 2), 1);
});

test("partitions that used one id twice merge: it is told, all others reach each other, and nobody asks without end", () => {
  // 0 - 1 - 2 and 3 - 4 - 5; nodes 2 and 5 have the same address; later 0 - 3.
  const media = wires([
    [0, 1],
    [1, 2],
    [3, 4],
    [4, 5],
    [0, 3],
  ]);
  const joint = media[4] as Medium;
  const addresses = [0x101, 0x102, 0x103, 0x104, 0x105, 0x103];
  const mesh = meshOf(addresses, media);
  mesh.cut(0, 3, joint);
  mesh.run(5 * SECOND);
  mesh.restore(0, 3, joint);
  const together = (): boolean =>
    [0, 1, 3, 4].every((a) =>
      [0, 1, 3, 4].every((b) => a === b || mesh.node(a).core.isReachable(addresses[b] as number)),
    );
  assert.ok(mesh.run(30 * SECOND, together));
  mesh.run(10 * SECOND);
  assert.ok(drops(mesh, 0) + drops(mesh, 3) > 0);
  const pulls = (): number =>
    mesh.nodes.reduce((sum, { core }) => sum + (core.status(mesh.nowUs).counters["pulls-sent"] ?? 0), 0);
  const before = pulls();
  for (let second = 0; second < 60; second++) {
    send(mesh, 1, 0x105);
    send(mesh, 4, 0x102);
    mesh.run(SECOND);
  }
  assert.ok(pulls() - before <= 40, `${pulls() - before} questions in a minute`);
  assert.equal([arrived(mesh, 4), arrived(mesh, 1)], [60, 60]);
  const conflict = (node: number): boolean => mesh.node(node).events.some((e) => e.type === "address-conflict");
  assert.ok(conflict(0) || conflict(3), "where the halves meet it is told");
});

test("a border node that claims to reach every area at no cost gets little, and not for long", () => {
  // A row of five in area 1; node 0 hears area 2 (node 5), node 4 is the insider.
  const uhf: Medium = { name: "uhf", bearer: {}, members: [0, 1, 2, 3, 4], loss: 0 };
  const [wire] = wires([[0, 5]]) as [Medium];
  const addresses = [0x101, 0x102, 0x103, 0x104, 0x105, 0x201];
  const mesh = meshOf(addresses, [uhf, wire]);
  for (let a = 0; a < 5; a++) for (let b = a + 2; b < 5; b++) mesh.cut(a, b, uhf);
  assert.ok(
    mesh.run(6 * SECOND, () => mesh.nodes.every(({ core }) => core.isReachable(0x101) || core === mesh.node(0).core)),
  );
  assert.ok(mesh.run(6 * SECOND, () => [0, 1, 2, 3].every((node) => mesh.node(node).core.isReachable(0x201))));
  const everywhere: AreaRoute[] = Array.from({ length: 64 }, (_, i) => ({
    to: ((i + 2) << 8) | 1,
    members: NO_MEMBERS,
    via: [],
    costs: [0, 0, 0, 0],
  }));
  mesh.node(4).powered = false;
  const forged = advertisement(0x105, 1004, [{ neighbour: 4, channel: 0, vector: VECTOR }], { areas: everywhere });
  const say = (body: Advertisement, nth: number): void => {
    const frame = sealAsInsider(mesh.node(4).options, 0, nth, (out, offset) => {
      out[offset] = 0;
      return 1 + encodeAdvertisement(body, out, offset + 1);
    });
    mesh.inject(mesh.nowUs + 1, 3, 0, frame);
  };
  say(forged, 0);
  mesh.run(SECOND / 2);
  assert.ok(mesh.node(1).core.isReachable(0x901), "they believe it");
  // Inside the area nothing changes; whoever is nearer to an honest border node goes there.
  send(mesh, 3, 0x101);
  send(mesh, 1, 0x201);
  mesh.run(SECOND / 2);
  assert.equal([arrived(mesh, 0), arrived(mesh, 5)], [1, 1]);
  // The insider's neighbour finds out when nothing is acknowledged.
  for (let packet = 0; packet < 40; packet++) {
    send(mesh, 3, 0x201);
    mesh.run(SECOND / 10);
  }
  mesh.run(SECOND);
  assert.ok(arrived(mesh, 5) >= 40, `${arrived(mesh, 5)} of 41`);
  // An area twice is refused as a whole, and counted.
  const malformed = mesh.node(3).core.status(mesh.nowUs).drops["malformed-body"] ?? 0;
  say({ ...forged, sequence: 60_001, areas: [...everywhere.slice(0, 2), ...everywhere.slice(0, 2)] }, 1);
  mesh.run(SECOND / 2);
  assert.is(mesh.node(3).core.status(mesh.nowUs).drops["malformed-body"], malformed + 1);
});

test("who lies about parts of the area takes no packet from it, and makes no link fail", () => {
  // A row of five in area 1; node 4 is the insider.
  const uhf: Medium = { name: "uhf", bearer: {}, members: [0, 1, 2, 3, 4], loss: 0 };
  const addresses = [0x101, 0x102, 0x103, 0x104, 0x105];
  const mesh = meshOf(addresses, [uhf]);
  for (let a = 0; a < 5; a++) for (let b = a + 2; b < 5; b++) mesh.cut(a, b, uhf);
  mesh.run(6 * SECOND);
  mesh.node(4).powered = false;
  const say = (areas: AreaRoute[], nth: number): void => {
    const body = advertisement(0x105, 1004, [{ neighbour: 4, channel: 0, vector: VECTOR }], { areas });
    const frame = sealAsInsider(mesh.node(4).options, 0, nth, (out, offset) => {
      out[offset] = 0;
      return 1 + encodeAdvertisement({ ...body, sequence: 60_000 + nth }, out, offset + 1);
    });
    mesh.inject(mesh.nowUs + 1, 3, 0, frame);
  };
  const costs = [0, 0, 0, 0];
  for (let second = 0; second < 30; second++) {
    // That all others are in another part; and that the part of node 1 has everybody but 0, or but 0 and 3, in it.
    const left = second % 2 === 0 ? [1, 2, 3, 5] : [1, 3, 5];
    say(
      [
        { to: 0x106, members: membersOf([1, 2, 3, 4, 6]), via: [0x200], costs },
        { to: 0x101, members: membersOf(left), via: [0x200], costs },
      ],
      second,
    );
    for (let packet = 0; packet < 10; packet++) {
      send(mesh, 0, 0x104);
      send(mesh, 3, 0x101);
      mesh.run(SECOND / 10);
    }
  }
  mesh.run(SECOND);
  assert.equal([arrived(mesh, 3), arrived(mesh, 0)], [300, 300]);
  for (const node of [0, 1, 2, 3]) {
    const { counters } = mesh.node(node).core.status(mesh.nowUs);
    assert.is(counters["link-failures"], 0, `node ${node}`);
    assert.ok((counters["suspicions"] ?? 0) <= 8, `node ${node}: ${counters["suspicions"]} suspicions`);
  }
  const asked = mesh.node(3).core.status(mesh.nowUs).counters["suspicions"] ?? 0;
  assert.ok(asked > 0, "the insider is asked about, at least");
});

test("a route that leads through the one who tells of it is left alone, and told to nobody", () => {
  // Node 2 of area 2 is the insider; 1, which hears it, is the border node of area 1.
  const [air, wire] = [{ name: "air", bearer: {}, members: [1, 2], loss: 0 } as Medium, wires([[0, 1]])[0] as Medium];
  const mesh = meshOf([0x101, 0x102, 0x201], [air, wire]);
  mesh.run(6 * SECOND);
  mesh.node(2).powered = false;
  const hello = createHello();
  hello.flags = HELLO_FLAG_AREAS;
  hello.interval100ms = 50;
  hello.entryCount = 1;
  Object.assign(helloEntry(hello, 0), { area: 1, local: 2, quality: 255 });
  hello.part = 1;
  const costs = [1, 1, 1, 1];
  hello.routes = [
    { to: 0x301, members: NO_MEMBERS, via: [0x200], costs },
    { to: 0x401, members: NO_MEMBERS, via: [0x201], costs },
    { to: 0x501, members: NO_MEMBERS, via: [0x600], costs },
  ];
  const body = (out: Uint8Array, offset: number): number => encodeHello(hello, false, out, offset);
  mesh.inject(mesh.nowUs + 1, 1, 0, sealAsInsider(mesh.node(2).options, 0, 0, body, FrameKind.hello));
  mesh.run(3 * SECOND);
  const reaches = [3, 4, 5, 2].filter((area) => mesh.node(0).core.isReachable((area << 8) | 1));
  assert.equal(reaches, [5, 2]);
  assert.is(mesh.node(0).core.status(mesh.nowUs).drops["malformed-body"], 0);
});

test.run();
