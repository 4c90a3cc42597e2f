import {
  DIRECT_HEADER_OCTETS,
  encodeAdvertisement,
  encodeLinkVector,
  FrameKind,
  kindOf,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CLAIM_GAP_US } from "./limits.ts";
import { sealAsInsider } from "./testing/insider.ts";
import { type Medium, NARROW, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;

/** Nodes with these addresses; ids are 1000 and on, in this order, unless given. */
function meshOf(addresses: readonly number[], media: Medium[], ids: readonly number[] = []): VirtualMesh {
  return new VirtualMesh(addresses.length, media, 1, (i, options) => ({
    ...options,
    address: addresses[i] as number,
    nodeId: ids[i] ?? options.nodeId,
    // Drawn by chance at a node's first start.
    bootEpoch: 100 + 7 * i,
  }));
}

/** Nodes that have been told to take another address, and whose theirs is. */
function yielding(mesh: VirtualMesh): [node: number, to: number][] {
  return mesh.nodes.flatMap(({ events }, i) =>
    events.flatMap((e): [number, number][] => (e.type === "address-lost" ? [[i, e.other]] : [])),
  );
}

function air(members: number, bearer: Medium["bearer"] = {}): Medium {
  return { name: "air", bearer, members: Array.from({ length: members }, (_, i) => i), loss: 0 };
}

for (const [name, bearer] of [
  ["an IP radio", {}],
  ["a serial radio", NARROW],
] as const) {
  test(`of two with one address on ${name} the one with the higher id yields, whoever came first`, () => {
    for (const ids of [
      [1000, 1001, 1002, 1003],
      [1000, 1003, 1002, 1001],
    ]) {
      const mesh = meshOf([0x101, 0x102, 0x103, 0x102], [air(4, bearer)], ids);
      mesh.node(3).powered = false;
      mesh.run(20 * SECOND);
      mesh.node(3).powered = true;
      mesh.run(60 * SECOND);
      assert.equal(yielding(mesh), [[ids[1] === 1003 ? 1 : 3, 1001]]);
    }
  });
}

/** Nodes 0, 1, 2 and 3, 4, 5 in a row each, and what joins 0 and 3. */
const HALVES: [name: string, media: () => Medium[]][] = [
  [
    "point-to-point",
    () =>
      wires([
        [0, 1],
        [1, 2],
        [3, 4],
        [4, 5],
        [0, 3],
      ]),
  ],
  [
    "serial",
    () =>
      [
        [0, 1, 2],
        [3, 4, 5],
        [0, 3],
      ].map((members) => ({ name: `channel ${members}`, bearer: NARROW, members, loss: 0 })),
  ],
];

for (const [name, makeMedia] of HALVES) {
  test(`where nobody hears both it is told through those between, in either half that merges, ${name}`, () => {
    // Nodes 2 and 5 have the same address.
    for (const [ids, loser] of [
      [[1000, 1001, 1002, 1003, 1004, 1005], 5],
      [[1000, 1001, 1005, 1003, 1004, 1002], 2],
    ] as const) {
      const media = makeMedia();
      const joint = media.at(-1) as Medium;
      const mesh = meshOf([0x101, 0x102, 0x103, 0x104, 0x105, 0x103], media, ids);
      mesh.cut(0, 3, joint);
      mesh.run(60 * SECOND);
      mesh.restore(0, 3, joint);
      mesh.run(60 * SECOND);
      assert.equal(yielding(mesh), [[loser, 1002]]);
    }
  });
}

test("a node that hears both of them on bearers of their own tells the one that has to yield", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const media = wires([
      [0, 1],
      [1, 2],
    ]);
    const mesh = new VirtualMesh(3, media, seed, (i, options) => ({
      ...options,
      address: [0x107, 0x108, 0x107][i] as number,
      nodeId: [1002, 1000, 1001][i] as number,
      bootEpoch: 1 + (((i + 1) * seed * 37) % 256),
    }));
    mesh.run(30 * SECOND);
    assert.equal(yielding(mesh), [[0, 1001]], `seed ${seed}`);
  }
});

test("who leaves its address leaves it to the other at once", () => {
  const media = wires([
    [0, 1],
    [1, 2],
    [2, 3],
  ]);
  const mesh = meshOf([0x103, 0x101, 0x102, 0x103], media, [1003, 1000, 1001, 1002]);
  mesh.run(30 * SECOND);
  assert.equal(yielding(mesh), [[0, 1002]]);
  const { core } = mesh.node(0);
  core.leave(mesh.nowUs);
  mesh.drain(0);
  mesh.run(SECOND / 10);
  mesh.node(0).powered = false;
  const knows = (): boolean => {
    const known = mesh
      .node(1)
      .core.status(mesh.nowUs)
      .nodes.find((n) => n.address === 0x103);
    return known?.nodeId === 1002 && known.reachable;
  };
  assert.ok(mesh.run(SECOND / 2, knows), "node 1 goes by the other one");
});

test("a device that replaces a lost one keeps the address, whatever is left of that one, and all know it", () => {
  for (let seed = 1; seed <= 10; seed++) {
    // Node 3 replaces node 1, on the radio or where only node 2 hears it; 4 and 5 are far away.
    for (const where of [air(4), { ...air(4), members: [0, 1, 2] }]) {
      const media = [
        where,
        ...wires([[0, 4], [4, 5], ...(where.members.includes(3) ? [] : ([[2, 3]] as [number, number][]))]),
      ];
      const mesh = new VirtualMesh(6, media, seed, (i, options) => ({
        ...options,
        address: [0x101, 0x102, 0x103, 0x102, 0x104, 0x105][i] as number,
        bootEpoch: 100 + 7 * ((i * seed) % 6),
      }));
      mesh.node(3).powered = false;
      mesh.run(10 * SECOND);
      mesh.node(1).powered = false;
      mesh.run(60 * SECOND);
      mesh.node(3).powered = true;
      // What it tells of itself comes after what the others tell each other.
      const untilUs = mesh.nowUs + (seed % 2) * 3 * SECOND;
      mesh.onFrame = (from, medium, octets) => {
        const at = medium === where ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
        if (from === 3 && mesh.nowUs < untilUs && kindOf(octets[at] as number) === FrameKind.linkState) octets.fill(0);
      };
      mesh.run(30 * SECOND);
      assert.equal(yielding(mesh), [], `seed ${seed}`);
      const known = [0, 2, 4, 5].map((i) => {
        const { nodes } = mesh.node(i).core.status(mesh.nowUs);
        const found = nodes.find(({ address }) => address === 0x102);
        return found?.reachable ? found.nodeId : 0;
      });
      assert.equal(known, [1003, 1003, 1003, 1003], `seed ${seed}`);
    }
  }
});

test("an insider that claims everybody's address without end makes nobody talk without end", () => {
  const members = 6;
  const mesh = new VirtualMesh(members + 1, [
    air(members),
    { name: "wire", bearer: { medium: "shared" }, members: [0, members], loss: 0 },
  ]);
  mesh.run(10 * SECOND);
  const insider = mesh.node(members);
  insider.powered = false;
  let passedOn = 0;
  mesh.onFrame = (from, medium, octets) => {
    const kind = kindOf(octets[SHARED_HEADER_OCTETS] as number);
    if (from < members && medium.name === "air" && kind === FrameKind.linkState) passedOn++;
  };
  const vector = encodeLinkVector({ bitrateBps: 2e6, latencyUs: 5_000, loss: 0, costCentsPerMegabyte: 0, closed: 0 });
  const seconds = 60;
  for (let i = 0; i < seconds * 20; i++) {
    const frame = sealAsInsider(insider.options, 0, i, (out, offset) => {
      out[offset] = 0;
      const claim = {
        originator: 0x102 + (i % (members - 1)),
        nodeId: 1 + i,
        bootEpoch: 1,
        sequence: i,
        role: 0,
        capabilities: 0,
        name: new Uint8Array([0x41]),
        links: [{ neighbour: 1, channel: 0, vector }],
        prefixes: [],
        areas: [],
      };
      return 1 + encodeAdvertisement(claim, out, offset + 1, false);
    });
    mesh.inject(mesh.nowUs + 1, 0, 1, frame);
    mesh.run(SECOND / 20);
  }
  const most = members * ((seconds * SECOND) / CLAIM_GAP_US + 5);
  assert.ok(passedOn <= most, `${passedOn} frames of link state in ${seconds} s, of ${members} nodes`);
  assert.ok((mesh.node(0).core.status(mesh.nowUs).drops["address-conflict"] ?? 0) > 1000);
});

test.run();
