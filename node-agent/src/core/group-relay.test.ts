import { FrameKind, kindOf, SHARED_HEADER_OCTETS } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_GROUP_TRIES_NARROW } from "./limits.ts";
import { HERE } from "./testing/positions.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const FRAMES = 50;
const FRAME_US = 20_000;
const FIRST_PAYLOAD = 0xa5;

interface Talk {
  /** Transmissions of voice by each node. */
  sent: number[];
  /** Frames that came to each node, and how long the slowest took. */
  heard: number[];
  slowestUs: number[];
}

/** Node 0 says something while all are well and know each other. `loss`: from then on. */
function talk(mesh: VirtualMesh, radio: Medium, loss = 0): Talk {
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  radio.loss = loss;
  const of = <T>(value: T): T[] => mesh.nodes.map(() => value);
  const result: Talk = { sent: of(0), heard: of(0), slowestUs: of(0) };
  // The rig's encryption is none.
  mesh.onFrame = (from, _, octets) => {
    if (octets.some((o, i) => o === FIRST_PAYLOAD && octets[i + 1] === FIRST_PAYLOAD))
      result.sent[from] = (result.sent[from] as number) + 1;
  };
  const startUs = mesh.nowUs;
  const look = (): boolean => {
    for (const [i, node] of mesh.nodes.entries()) {
      for (const event of node.events.splice(0)) {
        if (event.type !== "voice") continue;
        const tookUs = mesh.nowUs - startUs - event.timestamp20ms * FRAME_US;
        result.heard[i] = (result.heard[i] as number) + 1;
        result.slowestUs[i] = Math.max(result.slowestUs[i] as number, tookUs);
      }
    }
    return false;
  };
  for (let frame = 0; frame < FRAMES; frame++) {
    mesh.node(0).core.sendVoice(mesh.nowUs, 1, 1, 0, frame, new Uint8Array(40).fill(FIRST_PAYLOAD));
    mesh.drain(0);
    mesh.run(startUs + (frame + 1) * FRAME_US - mesh.nowUs, look);
  }
  mesh.run(1_000_000, look);
  return result;
}

const total = (counts: number[]): number => counts.reduce((sum, n) => sum + n, 0);

test("where all hear all, one relays for all, and not always the same one", () => {
  const members = Array.from({ length: 12 }, (_, i) => i);
  const radio: Medium = { name: "radio", bearer: {}, members, loss: 0 };
  const { sent, heard } = talk(new VirtualMesh(12, [radio]), radio);
  assert.equal(heard.slice(1), new Array(11).fill(FRAMES));
  assert.is(sent[0], FRAMES);
  assert.ok(total(sent) <= 2.5 * FRAMES, `${total(sent)} transmissions`);
  assert.ok(sent.slice(1).filter((n) => n > 0).length >= 8, `relays ${sent}`);
});

test("where frames get lost, others relay as well", () => {
  const members = Array.from({ length: 12 }, (_, i) => i);
  const radio: Medium = { name: "radio", bearer: {}, members, loss: 0 };
  const { heard } = talk(new VirtualMesh(12, [radio]), radio, 0.3);
  assert.equal(heard.slice(1), new Array(11).fill(FRAMES));
});

/** Node 0 is heard by 1 to 4; all of them reach 5, and the last of them 6 as well. */
function fan(): { mesh: VirtualMesh; radio: Medium } {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1, 2, 3, 4, 5, 6], loss: 0 };
  const mesh = new VirtualMesh(7, [radio]);
  mesh.cut(0, 5, radio);
  for (const far of [0, 1, 2, 3, 5]) mesh.cut(far, 6, radio);
  return { mesh, radio };
}

test("who reaches the most goes first: nobody waits for the first copy", () => {
  const { mesh, radio } = fan();
  const { sent, heard, slowestUs } = talk(mesh, radio);
  assert.equal(heard.slice(1), new Array(6).fill(FRAMES));
  assert.is(sent[4], FRAMES);
  // Two hops of 5 ms, and at most 3 ms so that two relays do not begin at once.
  for (const far of [5, 6]) assert.ok((slowestUs[far] as number) < 15_000, `${slowestUs[far]} us to ${far}`);
});

test("when the best relay has just died, the next one sends in its turn", () => {
  const { mesh } = fan();
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  mesh.node(4).powered = false;
  const startUs = mesh.nowUs;
  mesh.node(0).core.sendVoice(mesh.nowUs, 1, 1, 0, 0, new Uint8Array(40));
  mesh.drain(0);
  const isHeard = (): boolean => mesh.node(5).events.some((event) => event.type === "voice");
  assert.ok(mesh.run(500_000, isHeard));
  assert.ok(mesh.nowUs - startUs < 60_000, `${mesh.nowUs - startUs} us`);
});

const SECOND = 1_000_000;
const SIDE = 3;

/** Nine serial radios on one channel, each of which hears those beside it, long after they came. */
function grid(seed: number): { mesh: VirtualMesh; serial: Medium } {
  const serial: Medium = { name: "serial", bearer: NARROW, members: Array.from({ length: 9 }, (_, i) => i), loss: 0 };
  const mesh = new VirtualMesh(9, [serial], seed);
  for (let a = 0; a < 9; a++) {
    for (let b = a + 1; b < 9; b++) {
      const apart = Math.abs((a % SIDE) - (b % SIDE)) + Math.abs(Math.floor(a / SIDE) - Math.floor(b / SIDE));
      if (apart > 1) mesh.cut(a, b, serial);
    }
  }
  assert.ok(mesh.run(120 * SECOND, () => mesh.allReachable()));
  mesh.run(120 * SECOND);
  return { mesh, serial };
}

/** Who sends the position that `from` reports now, once for each time, and who gets it within ten seconds. */
function report(mesh: VirtualMesh, serial: Medium, from: number, onSent: (by: number, octets: Uint8Array) => void) {
  const isPosition = (octets: Uint8Array): boolean =>
    kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.positions;
  const sent: number[] = [];
  mesh.onFrame = (by, medium, octets) => {
    if (medium !== serial || !isPosition(octets)) return;
    sent.push(by);
    onSent(by, octets);
  };
  for (const node of mesh.nodes) node.events.splice(0);
  mesh.node(from).core.reportPosition(mesh.nowUs, HERE);
  mesh.drain(from);
  mesh.run(10 * SECOND);
  const got = [...mesh.nodes.keys()].filter((i) => mesh.node(i).events.some((event) => event.type === "position"));
  return { sent, got };
}

test("on a narrow channel those relay who together reach all two hops away, and nobody else", () => {
  const { mesh, serial } = grid(1);
  const relays = new Set<number>();
  for (let i = 0; i < 6; i++) {
    const { sent, got } = report(mesh, serial, 4, () => undefined);
    assert.is(got.length, 8);
    // Two opposite neighbours of the one in the middle reach the corners.
    assert.is(sent.length, 3, sent.join(" "));
    for (const by of sent.slice(1)) relays.add(by);
    const corner = report(mesh, serial, 0, () => undefined);
    assert.is(corner.got.length, 8);
    assert.ok(corner.sent.length <= 6, corner.sent.join(" "));
  }
  assert.ok(relays.size > 2, "it is not always the same ones");
});

test("a group frame that met another one at its relay is repeated, as it is not heard to be relayed", () => {
  const { mesh, serial } = grid(2);
  let lost = false;
  const { sent, got } = report(mesh, serial, 4, (_, octets) => {
    if (!lost) octets.fill(0);
    lost = true;
  });
  assert.is(got.length, 8);
  assert.equal(sent.slice(0, 2), [4, 4]);
  assert.is(sent.length, 4, sent.join(" "));
});

test("positions in one frame that met another one at a relay are repeated together, not each", () => {
  const { mesh, serial } = grid(2);
  const core = mesh.node(4).core;
  core.handleCarrier(mesh.nowUs, 0, true);
  for (let i = 0; i < 5; i++) core.reportPosition(mesh.nowUs, HERE);
  core.handleCarrier(mesh.nowUs, 0, false);
  const { sent, got } = report(mesh, serial, 4, (by, octets) => {
    if (by === 4) octets.fill(0);
  });
  assert.is(got.length, 0);
  assert.ok(sent.length > 1 && sent.length <= MAX_GROUP_TRIES_NARROW, sent.join(" "));
});

test("where a relay that is thought to be there has gone, others take its place within seconds", () => {
  for (const gone of [1, 3, 5, 7]) {
    const { mesh, serial } = grid(3);
    mesh.node(gone).powered = false;
    // Each time it is by lot which two relay.
    const rounds = Array.from({ length: 4 }, () => report(mesh, serial, 4, () => undefined).got.length);
    assert.is(rounds.at(-1), 7, `without ${gone}: ${rounds}`);
  }
});

test("into a narrow channel nobody waits for a relay that the wide radios have lost", () => {
  const media: Medium[] = [
    { name: "uhf", bearer: {}, members: [0, 1, 2], loss: 0 },
    { name: "vhf", bearer: NARROW, members: [0, 1, 3], loss: 0 },
  ];
  const mesh = new VirtualMesh(4, media);
  assert.ok(mesh.run(60_000_000, () => mesh.allReachable()));
  mesh.run(30_000_000);
  const arrivesWithin = (us: number): boolean => {
    const sequence = mesh.node(2).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(2);
    return mesh.run(us, () => mesh.node(3).events.some((e) => e.type === "position" && e.sequence === sequence));
  };
  assert.ok(arrivesWithin(500_000));
  mesh.node(0).powered = false;
  const linksToIt = (node: number): number =>
    mesh
      .node(node)
      .core.status(mesh.nowUs)
      .neighbours.filter((n) => n.address === 0x101 && n.bidirectional).length;
  // On the narrow channel its silence tells nothing for longer.
  assert.ok(mesh.run(30_000_000, () => linksToIt(2) === 0 && linksToIt(1) === 1));
  mesh.run(100_000);
  assert.is(linksToIt(1), 1);
  assert.ok(arrivesWithin(500_000));
});

test("a border node that has started anew does not number what it hears on a narrow channel for the wide radios", () => {
  const uhf: Medium = { name: "uhf", bearer: {}, members: [0, 1, 2], loss: 0 };
  const vhf: Medium = { name: "vhf", bearer: NARROW, members: [1, 2, 3], loss: 0 };
  const mesh = new VirtualMesh(4, [uhf, vhf]);
  assert.ok(mesh.run(60_000_000, () => mesh.allReachable()));
  mesh.run(30_000_000);
  const acquaintances = mesh
    .node(2)
    .events.flatMap((e) => (e.type === "acquaintance" && e.acquaintance.bearerId === 1 ? [e.acquaintance] : []));
  const report = (): number => {
    const sequence = mesh.node(0).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(0);
    return sequence;
  };
  let said: Uint8Array | undefined;
  mesh.onFrame = (from, medium, octets) => {
    if (from === 1 && medium === vhf && kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.positions)
      said = octets.slice();
  };
  report();
  mesh.run(1_000_000);
  mesh.restart(2, { acquaintances });
  // The links are up, but it has heard nothing of node 0 on the wide radio.
  mesh.run(300_000);
  mesh.inject(mesh.nowUs, 2, 1, said as Uint8Array);
  mesh.run(200_000);
  assert.ok(mesh.node(2).events.some((e) => e.type === "position" && e.from === 0x101));
  const sequence = report();
  mesh.run(300_000);
  for (const node of [1, 2])
    assert.ok(
      mesh.node(node).events.some((e) => e.type === "position" && e.sequence === sequence),
      `node ${node}`,
    );
});

test("an SOS does not depend on a relay that has just gone", () => {
  for (const gone of [1, 3, 5, 7]) {
    const { mesh } = grid(4);
    mesh.node(gone).powered = false;
    mesh.node(4).core.raiseSos(mesh.nowUs, 1, HERE);
    mesh.drain(4);
    const heard = (): number => mesh.nodes.filter((node) => node.events.some((event) => event.type === "sos")).length;
    assert.ok(
      mesh.run(4 * SECOND, () => heard() === 7),
      `without ${gone}: ${heard()}`,
    );
  }
});

test("on a narrow channel speech is relayed at once or not at all, and other news later if its relay is not heard", () => {
  const late = (isVoice: boolean): number => {
    const radio: Medium = { name: "radio", bearer: NARROW, members: [0, 1, 2, 3], loss: 0 };
    const mesh = new VirtualMesh(4, [radio]);
    mesh.cut(0, 3, radio);
    assert.ok(mesh.run(60_000_000, () => mesh.allReachable()));
    mesh.run(20_000_000);
    const startUs = mesh.nowUs;
    let relays = 0;
    mesh.onFrame = (from, _, octets) => {
      const kind = kindOf(octets[SHARED_HEADER_OCTETS] as number);
      if (from === 0 || kind !== (isVoice ? FrameKind.groupNarrow : FrameKind.positions)) return;
      // The first relay is not heard.
      if (relays++ === 0) octets.fill(0);
    };
    const { core } = mesh.node(0);
    if (isVoice) core.sendVoice(mesh.nowUs, 1, 1, 1, 0, new Uint8Array(20));
    else core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(0);
    mesh.run(3_000_000);
    assert.ok(mesh.nowUs > startUs && relays > 0);
    return relays - 1;
  };
  assert.is(late(true), 0);
  assert.ok(late(false) > 0);
});

test.run();
