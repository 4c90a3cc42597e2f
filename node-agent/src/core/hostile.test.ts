import {
  type Advertisement,
  createDataHeader,
  encodeAdvertisement,
  encodeDelta,
  encodeLinkVector,
  encodeWideDataHeader,
  FrameKind,
  kindOf,
  type LinkStateLink,
  SHARED_HEADER_OCTETS,
  VECTOR_GONE,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ClassRoute, Precedence, TrafficClass } from "./api.ts";
import { ANY_POTENTIAL } from "./potential.ts";
import { sealAsInsider } from "./testing/insider.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const FREE_LINK = encodeLinkVector({
  bitrateBps: 1e9,
  latencyUs: 0,
  loss: 0,
  costCentsPerMegabyte: 0,
  closed: 0,
});

/** A chain 0 - 1 - 2 - 3 of radios, each of which hears its neighbours; the insider is node 1's or 3's place. */
function chain(nodes: number): { mesh: VirtualMesh; uhf: Medium } {
  const uhf: Medium = { name: "uhf", bearer: {}, members: Array.from({ length: nodes }, (_, i) => i), loss: 0 };
  const mesh = new VirtualMesh(nodes, [uhf]);
  for (let a = 0; a < nodes; a++) for (let b = a + 2; b < nodes; b++) mesh.cut(a, b, uhf);
  assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  return { mesh, uhf };
}

function advertisement(node: number, over: Partial<Advertisement>, links: LinkStateLink[]): Advertisement {
  return {
    originator: 0x101 + node,
    nodeId: 1000 + node,
    bootEpoch: 1,
    sequence: 60_000,
    role: 0,
    capabilities: 0,
    name: new Uint8Array([0x41 + node]),
    links,
    prefixes: [],
    areas: [],
    ...over,
  };
}

/** `insider` is switched off and says this instead, to those who hear it. */
function say(mesh: VirtualMesh, insider: number, hearers: number[], nth: number, body: Advertisement): void {
  mesh.node(insider).powered = false;
  const frame = sealAsInsider(mesh.node(insider).options, 0, nth, (out, offset) => {
    out[offset] = 0;
    return 1 + encodeAdvertisement(body, out, offset + 1);
  });
  for (const hearer of hearers) mesh.inject(mesh.nowUs + 1, hearer, 0, frame);
}

function linksOf(mesh: VirtualMesh, observer: number, node: number): number[] {
  const address = 0x101 + node;
  const { links } = mesh.node(observer).core.status(mesh.nowUs);
  return links.flatMap(({ from, to }) => (from === address ? [to & 0xff] : [])).sort((a, b) => a - b);
}

function count(mesh: VirtualMesh, node: number, what: string): number {
  return mesh.node(node).core.status(mesh.nowUs).counters[what] ?? 0;
}

test("a forged advertisement of somebody else is contradicted by whom it is about, whatever its numbers", () => {
  for (const numbers of [
    { sequence: 60_000 },
    { sequence: 0xffff },
    { bootEpoch: 70_000, sequence: 5 },
    { bootEpoch: 0xffff_fff0, sequence: 0xffff },
  ]) {
    const { mesh } = chain(5);
    say(mesh, 4, [3], 0, advertisement(1, numbers, []));
    mesh.run(3 * SECOND);
    assert.equal(
      [linksOf(mesh, 0, 1), linksOf(mesh, 3, 1)],
      [
        [1, 3],
        [1, 3],
      ],
      JSON.stringify(numbers),
    );
    assert.is(count(mesh, 1, "contradicted"), 1);
    assert.ok(mesh.node(0).core.isReachable(0x104) && mesh.node(3).core.isReachable(0x101));
  }
});

test("a forged change of one link is contradicted as well", () => {
  const { mesh } = chain(4);
  mesh.node(3).powered = false;
  // One of these is the next number of node 0's advertisement.
  for (let sequence = 1; sequence < 40; sequence++) {
    const frame = sealAsInsider(mesh.node(3).options, 0, sequence, (out, offset) => {
      out[offset] = 1;
      const delta = { originator: 1, sequence, neighbour: 2, channel: 0, vector: VECTOR_GONE };
      return 1 + encodeDelta(delta, out, offset + 1);
    });
    mesh.inject(mesh.nowUs + sequence, 2, 0, frame);
  }
  mesh.run(4 * SECOND);
  assert.equal(linksOf(mesh, 2, 0), [2]);
  assert.ok(count(mesh, 0, "contradicted") >= 1);
});

test("a forgery that bears the very number of the true news does not divide the mesh", () => {
  for (let sequence = 1; sequence <= 12; sequence++) {
    for (const links of [[], [{ neighbour: 4, channel: 0, vector: FREE_LINK }]]) {
      const { mesh } = chain(6);
      // The one comes from the right, the other from the left; one of the guessed numbers is that of the true one.
      say(mesh, 5, [4], 0, advertisement(0, { sequence }, links));
      mesh.price(0, 0, 5);
      mesh.drain(0);
      mesh.run(3 * SECOND);
      for (const observer of [1, 2, 3, 4]) {
        const seen = mesh
          .node(observer)
          .core.status(mesh.nowUs)
          .links.filter(({ from }) => from === 0x101);
        assert.equal(
          seen.map(({ to, costCentsPerMegabyte }) => [to, costCentsPerMegabyte]),
          [[0x102, 5]],
          `number ${sequence} at ${observer}`,
        );
      }
    }
  }
});

test("what a node said earlier, replayed or said again by an insider, changes nothing and is not answered", () => {
  const { mesh, uhf } = chain(5);
  const recorded: Uint8Array[] = [];
  mesh.onFrame = (from, _, frame) => {
    if (from === 2) recorded.push(frame.slice());
  };
  // For a while node 2 says that it does not hear node 1, and then that it does.
  mesh.cut(1, 2, uhf);
  mesh.run(30 * SECOND);
  assert.equal(linksOf(mesh, 3, 2), [4]);
  mesh.restore(1, 2, uhf);
  mesh.run(30 * SECOND);
  assert.equal(linksOf(mesh, 3, 2), [2, 4]);
  const before = mesh.node(3).core.status(mesh.nowUs).drops["replayed"] ?? 0;
  recorded.forEach((frame, i) => {
    mesh.inject(mesh.nowUs + i, 3, 0, frame);
  });
  for (let sequence = 0; sequence < 3; sequence++) say(mesh, 4, [3], sequence, advertisement(2, { sequence }, []));
  mesh.run(SECOND / 2);
  assert.equal(linksOf(mesh, 3, 2), [2, 4]);
  assert.ok((mesh.node(3).core.status(mesh.nowUs).drops["replayed"] ?? 0) >= before + recorded.length);
  assert.is(count(mesh, 2, "contradicted"), 0);
});

test("a node whose numbers were driven up by a forger is believed again after it has restarted", () => {
  const { mesh } = chain(5);
  say(mesh, 4, [3], 0, advertisement(1, { bootEpoch: 70_000, sequence: 0xffff }, []));
  mesh.run(3 * SECOND);
  // It counts its starts, and knows nothing of the numbers that it had to take.
  mesh.restart(1);
  mesh.run(10 * SECOND);
  assert.equal(
    [0, 2, 3].map((observer) => linksOf(mesh, observer, 1)),
    Array(3).fill([1, 3]),
  );
  assert.ok(mesh.node(0).core.isReachable(0x104) && mesh.node(3).core.isReachable(0x101));
});

test("an insider that tells each side something else under one number is believed the same by both", () => {
  const uhf: Medium = { name: "uhf", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  const mesh = new VirtualMesh(4, [uhf]);
  mesh.cut(0, 3, uhf);
  mesh.cut(1, 2, uhf);
  assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  const to = (neighbour: number) => ({ neighbour, channel: 0, vector: FREE_LINK });
  say(mesh, 2, [0], 0, advertisement(2, {}, [to(1), to(4)]));
  say(mesh, 2, [3], 1, advertisement(2, {}, [to(4)]));
  mesh.run(SECOND / 2);
  assert.equal(linksOf(mesh, 0, 2), linksOf(mesh, 3, 2));
  for (let i = 0; i < 20; i++) {
    mesh
      .node(0)
      .core.sendIp(mesh.nowUs, 0x104, TrafficClass.video, Precedence.routine, false, new Uint8Array(40), 0, 40);
    mesh.drain(0);
    mesh.run(SECOND / 20);
  }
  mesh.run(SECOND);
  assert.is(mesh.node(3).events.filter((event) => event.type === "ip").length, 20);
});

test("a flood of forgeries makes nobody talk more than once a second", () => {
  const { mesh } = chain(5);
  let octets = 0;
  mesh.onFrame = (from, _, frame) => {
    if (from === 1) octets += frame.length;
  };
  for (let nth = 0; nth < 200; nth++) {
    say(mesh, 4, [3], nth, advertisement(1, { sequence: 1000 + 10 * nth }, []));
    mesh.run(SECOND / 20);
  }
  assert.ok(count(mesh, 1, "contradicted") <= 11, `${count(mesh, 1, "contradicted")}`);
  assert.ok(octets / 10 < 4_000, `${octets / 10} octets/s`);
  mesh.run(3 * SECOND);
  assert.is(linksOf(mesh, 0, 1).length, 2);
  // What it claims of node 1's links has taken none of them away from those who use them.
  const lost = mesh.node(2).events.filter((event) => event.type === "neighbour" && !event.up);
  assert.is(lost.length, 0);
  assert.is(count(mesh, 2, "flaps-damped"), 0);
});

test("links to everybody at no cost, claimed by one end alone, attract nothing", () => {
  const { mesh } = chain(5);
  const everybody = [1, 2, 3, 4].map((neighbour) => ({ neighbour, channel: 0, vector: FREE_LINK }));
  say(mesh, 4, [3], 0, advertisement(4, {}, everybody));
  mesh.run(SECOND);
  assert.equal(linksOf(mesh, 0, 4), [4], "only the real neighbour says the same");
  mesh.node(0).core.sendIp(mesh.nowUs, 0x104, TrafficClass.bulk, Precedence.routine, false, new Uint8Array(40), 0, 40);
  mesh.drain(0);
  mesh.run(SECOND);
  assert.is(mesh.node(3).events.filter((event) => event.type === "ip").length, 1);
});

/** 0 - 1 - 3 over radio; 2 is the insider's place: near 0 by radio, and near 3 only over a satellite. */
function besideSatellite(): VirtualMesh {
  const uhf: Medium = { name: "uhf", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  const satellite: Medium = { name: "satellite", bearer: { kind: 2, latencyUs: 300_000 }, members: [2, 3], loss: 0 };
  const mesh = new VirtualMesh(4, [uhf, satellite]);
  mesh.cut(0, 3, uhf);
  mesh.cut(1, 2, uhf);
  mesh.cut(2, 3, uhf);
  assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  return mesh;
}

/** Next hops of all classes from node 0 to node 3. */
function nextHops(mesh: VirtualMesh): number[] {
  const { routes } = mesh.node(0).core.status(mesh.nowUs);
  return (routes.find(({ to }) => to === 0x104)?.classes ?? []).map(({ nextHop }) => nextHop & 0xff);
}

test("a node that claims its links to be free attracts no more than the other ends of these links admit", () => {
  const mesh = besideSatellite();
  assert.equal(nextHops(mesh), [2, 2, 2, 2]);
  const free = [
    { neighbour: 1, channel: 0, vector: FREE_LINK },
    { neighbour: 4, channel: 2, vector: FREE_LINK },
  ];
  say(mesh, 2, [0], 0, advertisement(2, {}, free));
  mesh.run(SECOND / 4);
  const claimed = mesh
    .node(0)
    .core.status(mesh.nowUs)
    .links.find(({ from, to }) => from === 0x103 && to === 0x104);
  assert.is(claimed?.latencyMs, 0.5, "the claim has been heard, and is about a link that both ends report");
  assert.equal(nextHops(mesh), [2, 2, 2, 2]);
  const { cost, hops } = mesh.node(0).core.explainRoute(mesh.nowUs, 0x103).classes[0] as ClassRoute;
  assert.ok(cost > 20, `the hop to the liar itself costs what node 0 measures: ${cost}`);
  assert.is(hops.length, 1);
  for (const node of [0, 1, 3]) assert.ok(count(mesh, node, "ends-disagree") >= 1, `seen at ${node}`);
});

test("a packet that comes back to its source goes no further", () => {
  const { mesh, uhf } = chain(4);
  // 0 and 1 hear each other, 3 is behind 2.
  mesh.cut(1, 2, uhf);
  mesh.restore(0, 2, uhf);
  assert.ok(mesh.run(10 * SECOND, () => mesh.node(0).core.isReachable(0x104)));
  mesh.node(1).powered = false;
  let forwarded = 0;
  mesh.onFrame = (from, _, octets) => {
    if (from === 0 && kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.datagram) forwarded++;
  };
  const sendsOn = (source: number, nth: number): boolean => {
    const header = { ...createDataHeader(), kind: FrameKind.datagram, nextHop: 1, source, destination: 0x104 };
    const what = { trafficClass: TrafficClass.command, precedence: Precedence.immediate, sequence: 40_000 + nth };
    const packet = new Uint8Array(64);
    const end = encodeWideDataHeader({ ...header, ...what, potential: ANY_POTENTIAL }, true, packet, 0) + 20;
    const copy = (out: Uint8Array, offset: number): number => {
      out.set(packet.subarray(1, end), offset);
      return end - 1;
    };
    mesh.inject(mesh.nowUs + 1, 0, 0, sealAsInsider(mesh.node(1).options, 0, nth, copy, FrameKind.datagram));
    forwarded = 0;
    mesh.run(SECOND);
    return forwarded > 0;
  };
  assert.ok(sendsOn(0x102, 0));
  assert.not(sendsOn(0x101, 1));
});

test("a link that comes and goes ten times a second is told a few times, and harms no other", () => {
  const media = wires([
    [0, 1],
    [1, 2],
    [2, 3],
    [0, 3],
  ]);
  const mesh = new VirtualMesh(4, media);
  assert.ok(mesh.run(3 * SECOND, () => mesh.allReachable()));
  mesh.run(3 * SECOND);
  let updates = 0;
  const before = [0, 1, 2, 3].reduce((sum, n) => sum + count(mesh, n, "updates-sent"), 0);
  for (let flap = 0; flap < 300; flap++) {
    mesh.node(1).core.handleBearer(mesh.nowUs, 1, flap % 2 === 1);
    mesh.drain(1);
    mesh
      .node(0)
      .core.sendIp(mesh.nowUs, 0x103, TrafficClass.video, Precedence.routine, false, new Uint8Array(40), 0, 40);
    mesh.drain(0);
    mesh.run(SECOND / 20);
  }
  mesh.run(SECOND);
  updates = [0, 1, 2, 3].reduce((sum, n) => sum + count(mesh, n, "updates-sent"), 0) - before;
  assert.ok(updates < 300, `${updates} updates in 15 s`);
  const arrived = mesh.node(2).events.filter((event) => event.type === "ip").length;
  assert.ok(arrived >= 299, `${arrived} of 300`);
  for (const node of [0, 1, 2, 3])
    for (const what of ["rivals", "contradicted", "ends-disagree"]) assert.is(count(mesh, node, what), 0, what);
});

test("a neighbour on a radio channel that flaps ten times a second costs no more the longer it does", () => {
  const uhf: Medium = { name: "uhf", bearer: {}, members: [0, 1, 2], loss: 0 };
  const shf: Medium = { name: "shf", bearer: {}, members: [2, 3, 4], loss: 0 };
  const mesh = new VirtualMesh(5, [uhf, shf]);
  assert.ok(mesh.run(3 * SECOND, () => mesh.allReachable()));
  mesh.run(30 * SECOND);
  let near = 0;
  let far = 0;
  mesh.onFrame = (_from, medium, frame) => {
    if (medium === shf) near += frame.length;
    else far += frame.length;
  };
  const flap = (seconds: number): { near: number; far: number } => {
    near = 0;
    far = 0;
    for (let i = 0; i < 10 * seconds; i++) {
      mesh.node(3).core.handleBearer(mesh.nowUs, 0, i % 2 === 1);
      mesh.drain(3);
      mesh.run(SECOND / 10);
    }
    return { near: near / seconds, far: far / seconds };
  };
  const first = flap(20);
  const second = flap(20);
  // Each time the flapping node and those who hear it say hello; the rest of the mesh is told a few times.
  assert.ok(first.near < 1_500 && second.near <= 1.1 * first.near, `${first.near}, then ${second.near} octets/s`);
  assert.ok(first.far < 100 && second.far <= 1.1 * first.far, `${first.far}, then ${second.far} octets/s`);
});

test.run();
