import {
  decodeAdvertisement,
  FrameKind,
  isGroupKind,
  kindOf,
  NARROW_TAG_OCTETS,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CoreBearer, type MeshCore, Precedence, TrafficClass } from "./api.ts";
import { CONTENTION_GUARD_US, CONTENTION_SLOT_US } from "./limits.ts";
import { airtimeUs } from "./port.ts";
import { type Medium, NARROW, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const UNKNOWN = Number.NaN;
const HERE = {
  latitudeDeg: 31,
  longitudeDeg: 103,
  altitudeM: UNKNOWN,
  speedKmh: UNKNOWN,
  courseDeg: UNKNOWN,
  batteryPercent: UNKNOWN,
};

function channel(members: number): Medium {
  return { name: "serial", bearer: NARROW, members: Array.from({ length: members }, (_, i) => i), loss: 0 };
}

function tellsLinks(frame: Uint8Array): boolean {
  return (
    sealFormat(frame) === SealFormat.shared && kindOf(frame[SHARED_HEADER_OCTETS] as number) === FrameKind.linkState
  );
}

function isGroup(frame: Uint8Array): boolean {
  return sealFormat(frame) === SealFormat.shared && isGroupKind(kindOf(frame[SHARED_HEADER_OCTETS] as number));
}

function total(mesh: VirtualMesh, counter: string): number {
  return mesh.nodes.reduce((sum, n) => sum + (n.core.status(mesh.nowUs).counters[counter] ?? 0), 0);
}

test("a newcomer whose first frames are all lost says hello again when it hears that nobody lists it", () => {
  const mesh = new VirtualMesh(5, [channel(5)]);
  const untilUs = mesh.nowUs + 3 * SECOND;
  mesh.onFrame = (from, _, octets) => {
    if (from === 4 && mesh.nowUs < untilUs) octets.fill(0);
  };
  assert.ok(mesh.run(8 * SECOND, () => mesh.allReachable()));
});

test("two that come up on a channel reach each other with the first that each tells of itself", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const mesh = new VirtualMesh(2, [channel(2)], seed);
    assert.ok(
      mesh.run(4 * SECOND, () => mesh.allReachable()),
      `seed ${seed}`,
    );
    assert.is(total(mesh, "pulls-sent"), 0);
  }
});

test("a newcomer whose hello was sent over somebody else's says it again with its next turn", () => {
  let soon = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const mesh = new VirtualMesh(3, [channel(3)], seed);
    const { core } = mesh.node(2);
    const hellos = (): number => core.status(mesh.nowUs).counters["hellos-sent"] ?? 0;
    let onAirUs = 0;
    mesh.onFrame = (from, _, octets) => {
      if (from !== 2 || onAirUs > 0) return;
      onAirUs = mesh.nowUs;
      octets.fill(0);
    };
    assert.ok(mesh.run(3 * SECOND, () => onAirUs > 0));
    const said = hellos();
    // The other one began before it, and is still on the air when it has ended.
    core.handleCarrier(onAirUs + 1, 0, true);
    mesh.run(100_000);
    core.handleCarrier(mesh.nowUs, 0, false);
    // Without that it waits for 0.4 s at least from one hello to the next.
    if (mesh.run(SECOND / 4, () => hellos() > said)) soon++;
  }
  assert.ok(soon > 10, `${soon} of 20 within a quarter of a second`);
});

test("a radio that makes noise after each transmission does not make its node say hello for ever", () => {
  const mesh = new VirtualMesh(1, [channel(1)]);
  const { core } = mesh.node(0);
  let hellos = 0;
  let endsUs = Number.POSITIVE_INFINITY;
  mesh.onFrame = (_, __, octets) => {
    hellos++;
    endsUs = mesh.nowUs + airtimeUs(mesh.node(0).options.bearers[0] as CoreBearer, octets.length);
  };
  for (let i = 0; i < 10_000; i++) {
    mesh.run(1_000);
    if (mesh.nowUs < endsUs + 2_000) continue;
    endsUs = Number.POSITIVE_INFINITY;
    core.handleCarrier(mesh.nowUs, 0, true);
    core.handleCarrier(mesh.nowUs + 500, 0, false);
    mesh.drain(0);
  }
  assert.ok(hellos > 5 && hellos < 25, `${hellos} hellos in 10 s`);
});

test("the link without which nobody has a way to a newcomer is told soon, though others have been told of lately", () => {
  let soon = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const mesh = new VirtualMesh(6, [channel(6)], seed);
    const audibleUs = mesh.nowUs + 20 * SECOND;
    let toldUs = 0;
    mesh.onFrame = (from, _, octets) => {
      if (from !== 5) return;
      if (mesh.nowUs < audibleUs) octets.fill(0);
      else if (toldUs === 0 && tellsLinks(octets)) toldUs = mesh.nowUs;
    };
    mesh.run(20 * SECOND);
    assert.ok(
      mesh.run(20 * SECOND, () => mesh.allReachable()),
      `seed ${seed}`,
    );
    if (mesh.nowUs - toldUs < 0.8 * SECOND) soon++;
  }
  // With company it would take more than a second.
  assert.ok(soon >= 9, `${soon} of 10 within 0.8 s`);
});

test("while newcomers settle, what a node tells of links goes before positions", () => {
  const mesh = new VirtualMesh(3, [channel(3)]);
  const { core } = mesh.node(0);
  mesh.run(800_000);
  core.handleCarrier(mesh.nowUs, 0, true);
  mesh.run(1.5 * SECOND);
  for (let i = 0; i < 3; i++) core.reportPosition(mesh.nowUs, HERE);
  const kinds: number[] = [];
  mesh.onFrame = (from, _, octets) => {
    if (from === 0 && sealFormat(octets) === SealFormat.shared)
      kinds.push(kindOf(octets[SHARED_HEADER_OCTETS] as number));
  };
  core.handleCarrier(mesh.nowUs, 0, false);
  mesh.run(SECOND);
  const links = kinds.indexOf(FrameKind.linkState);
  assert.ok(links >= 0 && links < kinds.indexOf(FrameKind.positions), kinds.join(" "));
});

test("what was sent to all while newcomers settled is said once more when they have, a position is not", () => {
  const said = (send: (core: MeshCore, nowUs: number) => void): number => {
    const mesh = new VirtualMesh(3, [channel(3)]);
    mesh.run(2 * SECOND);
    let frames = 0;
    mesh.onFrame = (from, _, octets) => {
      if (from === 0 && isGroup(octets)) frames++;
    };
    send(mesh.node(0).core, mesh.nowUs);
    mesh.drain(0);
    mesh.run(20 * SECOND);
    return frames;
  };
  assert.is(
    said((core, nowUs) => core.reportPosition(nowUs, HERE)),
    1,
  );
  const octets = Uint8Array.of(0x45, 0, 1);
  assert.is(
    said((core, nowUs) => core.sendIpGroup(nowUs, TrafficClass.command, Precedence.routine, octets, 0, 3)),
    2,
  );
});

test("an advertisement that one member has missed is said again without a question", () => {
  const serial = channel(4);
  const [wire] = wires([[0, 4]]) as [Medium];
  const mesh = new VirtualMesh(5, [serial, wire], 3);
  mesh.run(60 * SECOND);
  const pulls = total(mesh, "pulls-sent");
  const knows = () => !mesh.node(3).core.isReachable(0x105);
  // While node 0 tells that its wire is cut, node 3 is behind a hill, and it is the first to say what it knows.
  let said = false;
  mesh.onFrame = (from, _, octets) => {
    if (from === 3) said = true;
    else if (!said && kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.hello) octets.fill(0);
  };
  mesh.cut(0, 3, serial);
  mesh.cut(0, 4, wire);
  mesh.node(0).core.handleBearer(mesh.nowUs, 1, false);
  mesh.run(3 * SECOND);
  assert.not(knows(), "node 3 has missed it");
  mesh.restore(0, 3, serial);
  assert.ok(mesh.run(30 * SECOND, knows));
  assert.ok(total(mesh, "said-again") > 0);
  assert.is(total(mesh, "pulls-sent"), pulls);
});

test("who has missed a change finds out soon, though nobody has anything else to say", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const serial = channel(4);
    const [wire] = wires([[0, 4]]) as [Medium];
    const mesh = new VirtualMesh(5, [serial, wire], seed);
    mesh.run(120 * SECOND);
    mesh.cut(0, 3, serial);
    mesh.cut(0, 4, wire);
    mesh.node(0).core.handleBearer(mesh.nowUs, 1, false);
    mesh.run(SECOND);
    mesh.restore(0, 3, serial);
    let hellos = 0;
    mesh.onFrame = (_, medium, octets) => {
      if (medium === serial && kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.hello) hellos++;
    };
    assert.ok(
      mesh.run(8 * SECOND, () => !mesh.node(3).core.isReachable(0x105)),
      `seed ${seed}`,
    );
    mesh.run(40 * SECOND);
    // The first spares the others that, and they have been silent for a while anyway.
    assert.ok(hellos <= 8, `seed ${seed}: ${hellos} hellos`);
  }
});

test("news that was sent over somebody else's frame is said again at once", () => {
  const mesh = new VirtualMesh(3, [channel(3)]);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  mesh.run(10 * SECOND);
  const from = mesh.node(0).core;
  let onAirUs = 0;
  mesh.onFrame = (index, _, octets) => {
    if (index !== 0 || onAirUs > 0) return;
    onAirUs = mesh.nowUs;
    octets.fill(0);
  };
  from.reportPosition(mesh.nowUs, HERE);
  mesh.drain(0);
  assert.ok(mesh.run(SECOND, () => onAirUs > 0));
  // The other one began before it, and is still on the air when it has ended.
  from.handleCarrier(onAirUs + 1, 0, true);
  mesh.run(300_000);
  from.handleCarrier(mesh.nowUs, 0, false);
  const came = (index: number) => mesh.node(index).events.some((e) => e.type === "position" && e.from === 0x101);
  assert.not(came(1));
  assert.ok(mesh.run(SECOND, () => came(1) && came(2)));
  assert.is(total(mesh, "news-spoiled"), 1);
});

/** Runs the mesh while each node reports its position every 5 s; true once `done` holds. */
function runWithPositions(mesh: VirtualMesh, forUs: number, done: () => boolean): boolean {
  const untilUs = mesh.nowUs + forUs;
  while (mesh.nowUs < untilUs) {
    for (let index = 0; index < mesh.nodes.length; index++) {
      mesh.node(index).core.reportPosition(mesh.nowUs, HERE);
      mesh.drain(index);
      if (mesh.run(Math.min(2.2 * SECOND, untilUs - mesh.nowUs), done)) return true;
    }
    if (mesh.run(Math.min(0.6 * SECOND, untilUs - mesh.nowUs), done)) return true;
  }
  return false;
}

test("a text that was sent in noise is acknowledged soon after it, however long the noise was", () => {
  let failures = 0;
  for (let noiseUs = 1.5 * SECOND; noiseUs < 24 * SECOND; noiseUs += 0.37 * SECOND) {
    const mesh = new VirtualMesh(2, [channel(2)]);
    assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
    runWithPositions(mesh, 10 * SECOND, () => false);
    let noise = true;
    mesh.onFrame = (from, _, octets) => {
      if (noise && from === 0) octets.fill(0);
    };
    mesh.node(0).core.sendText(mesh.nowUs, 0x102, Uint8Array.of(0x41));
    mesh.drain(0);
    runWithPositions(mesh, noiseUs, () => false);
    noise = false;
    failures += total(mesh, "link-failures");
    const came = () => mesh.node(0).events.some((e) => e.type === "text-state" && e.state === "delivered");
    assert.ok(runWithPositions(mesh, 9 * SECOND, came), `${noiseUs / SECOND} s of noise`);
  }
  assert.ok(failures > 0, "links have failed");
});

test("what a node tells of itself names all whom it hears by then", () => {
  let told = 0;
  for (let seed = 1; seed <= 5; seed++) {
    const mesh = new VirtualMesh(8, [channel(8)], seed);
    mesh.onFrame = (from, _, octets) => {
      if (kindOf(octets[SHARED_HEADER_OCTETS] as number) !== FrameKind.linkState) return;
      // Where no deltas come before it.
      if (octets[SHARED_HEADER_OCTETS + 1] !== 0) return;
      const read = decodeAdvertisement(octets, SHARED_HEADER_OCTETS + 2, octets.length - NARROW_TAG_OCTETS, true);
      if (read?.originator !== 0x101 + from) return;
      told++;
      const heard = mesh.node(from).core.status(mesh.nowUs).neighbours.length;
      assert.is(read.links.length, heard, `seed ${seed}: node ${from} at ${mesh.nowUs} us`);
    };
    assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  }
  assert.ok(told >= 5 * 8);
});

/** Two channels of three, or one of more and one of three, whose third and last but two node can meet on a third one. */
function partitions(westMembers = 3, seed = 1): { mesh: VirtualMesh; west: Medium; border: Medium } {
  const [first, second, third] = [0, 1, 2].map((i) => westMembers + i) as [number, number, number];
  const [west, east] = [channel(westMembers), { ...channel(3), name: "east", members: [first, second, third] }];
  const border = { ...channel(2), name: "border", members: [2, first] };
  const mesh = new VirtualMesh(westMembers + 3, [west, east, border], seed);
  mesh.cut(2, first, border);
  mesh.run(60 * SECOND);
  return { mesh, west, border };
}

test("two partitions that meet reach each other by distance snapshots, before their advertisements have crossed", () => {
  const { mesh, border } = partitions();
  const reached = () => mesh.node(0).core.isReachable(0x106) && mesh.node(5).core.isReachable(0x101);
  assert.not(reached());
  mesh.restore(2, 3, border);
  const known = () =>
    mesh
      .node(0)
      .core.status(mesh.nowUs)
      .nodes.some((n) => n.address === 0x106);
  assert.ok(mesh.run(3 * SECOND, () => mesh.node(0).core.isReachable(0x106)));
  assert.not(known(), "its advertisement is not there yet");
  assert.ok(mesh.run(3 * SECOND, reached));
  mesh.node(0).core.sendText(mesh.nowUs, 0x106, Uint8Array.of(0x41));
  mesh.drain(0);
  assert.ok(mesh.run(5 * SECOND, () => mesh.node(5).events.some((e) => e.type === "text")));
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
});

test("who was told of a partition passes it on in the slot before all turns, however many its channel has", () => {
  const members = 12;
  for (let seed = 1; seed <= 5; seed++) {
    const { mesh, west, border } = partitions(members, seed);
    const bearer = mesh.node(2).options.bearers[0] as CoreBearer;
    let [told, quietUs, passedOnUs] = [false, 0, 0];
    mesh.onFrame = (from, medium, octets) => {
      const isSnapshot = kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.snapshot;
      if (from === members && medium === border && isSnapshot) told = true;
      if (from !== 2 || medium !== west || passedOnUs > 0) return;
      if (isSnapshot) passedOnUs = mesh.nowUs;
      else quietUs = mesh.nowUs + airtimeUs(bearer, octets.length);
    };
    mesh.restore(2, members, border);
    assert.ok(mesh.run(5 * SECOND, () => told));
    // Its own frame makes an order of turns: it would have the seventh, on average. It ends when that comes.
    mesh.run(SECOND / 20);
    mesh.node(2).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(2);
    const learned = () => (mesh.node(2).core.status(mesh.nowUs).counters["snapshots-learned"] ?? 0) > 0;
    assert.ok(mesh.run(SECOND, learned));
    const learnedUs = mesh.nowUs;
    assert.ok(mesh.run(SECOND, () => passedOnUs > 0));
    const waitedUs = passedOnUs - Math.max(learnedUs, quietUs);
    assert.ok(quietUs > 0 && waitedUs <= CONTENTION_GUARD_US + CONTENTION_SLOT_US, `seed ${seed}: ${waitedUs} us`);
  }
});

test("who hears of a partition leaves the first turn to the one that told of it", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { mesh, west, border } = partitions(3, seed);
    let saidUs = 0;
    mesh.onFrame = (from, medium) => {
      if (from === 0 && medium === west && saidUs === 0) saidUs = mesh.nowUs;
    };
    mesh.restore(2, 3, border);
    assert.ok(mesh.run(5 * SECOND, () => mesh.node(0).core.isReachable(0x106)));
    const heardUs = mesh.nowUs;
    saidUs = 0;
    const { core } = mesh.node(0);
    core.handleCarrier(heardUs, 0, true);
    core.handleCarrier(heardUs, 0, false);
    core.reportPosition(heardUs, HERE);
    mesh.drain(0);
    assert.ok(mesh.run(SECOND, () => saidUs > 0));
    const waitedUs = saidUs - heardUs;
    assert.ok(waitedUs >= CONTENTION_GUARD_US + 2 * CONTENTION_SLOT_US, `seed ${seed}: ${waitedUs} us`);
  }
});

test("a text between slow radios is not made anew before its receipt can have come", () => {
  const mesh = new VirtualMesh(2, [channel(2)]);
  assert.ok(mesh.run(8 * SECOND, () => mesh.allReachable()));
  const send = (): void => {
    mesh.node(0).core.sendText(mesh.nowUs, 0x102, Uint8Array.of(1, 2, 3));
    mesh.drain(0);
  };
  // The ends exchange their keys.
  send();
  mesh.run(10 * SECOND);
  const made = (): number => mesh.node(0).core.status(mesh.nowUs).counters["end-to-end-sealed"] ?? 0;
  const before = made();
  mesh.onFrame = (from, _, octets) => {
    if (from === 1) octets.fill(0);
  };
  send();
  mesh.run(4 * SECOND);
  assert.is(made() - before, 1);
  mesh.onFrame = () => undefined;
  const hasCome = (): boolean => mesh.node(1).events.filter((e) => e.type === "text").length === 2;
  assert.ok(mesh.run(30 * SECOND, hasCome), "it is repeated all the same");
});

test.run();
