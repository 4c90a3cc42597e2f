import {
  type Advertisement,
  classOf,
  createDataHeader,
  encodeAdvertisement,
  encodeNarrowDataHeader,
  encodeShortKeyQuestion,
  FrameKind,
  isKeyPacket,
  KEY_CLASS,
  KEY_PRECEDENCE,
  kindOf,
  precedenceOf,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CoreBearer } from "./api.ts";
import { KeyAnswers } from "./key-answers.ts";
import { KEY_ANSWER_BURST } from "./limits.ts";
import { createNeighbour, type Neighbour } from "./neighbour.ts";
import { airtimeUs, type Port } from "./port.ts";
import { ANY_POTENTIAL } from "./potential.ts";
import { createState } from "./state.ts";
import { sealAsInsider } from "./testing/insider.ts";
import { createNullIdentity } from "./testing/null-identity.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;

const channel = (name: string, members: number[]): Medium => ({ name, bearer: NARROW, members, loss: 0 });

/** Two channels, never in touch; their nodes 2 and 3 can meet on a third channel. */
function partitions(east = [3, 4, 5], seed = 1): { mesh: VirtualMesh; west: Medium; border: Medium } {
  const [west, border] = [channel("west", [0, 1, 2]), channel("border", [2, 3])];
  const mesh = new VirtualMesh(Math.max(...east) + 1, [west, channel("east", east), border], seed);
  mesh.cut(2, 3, border);
  mesh.run(60 * SECOND);
  return { mesh, west, border };
}

function count(mesh: VirtualMesh, node: number, what: string): number {
  const { counters, drops } = mesh.node(node).core.status(mesh.nowUs);
  return counters[what] ?? drops[what] ?? 0;
}

/** The border opens, and node 0 says something to node 5 as soon as it hears of it. */
function meetAndSay(mesh: VirtualMesh, border: Medium): void {
  mesh.restore(2, 3, border);
  assert.ok(mesh.run(5 * SECOND, () => mesh.node(0).core.isReachable(0x106)));
  mesh.node(0).core.sendText(mesh.nowUs, 0x106, new TextEncoder().encode("who are you"));
  mesh.drain(0);
}

const hasText = (mesh: VirtualMesh): boolean => mesh.node(5).events.some((e) => e.type === "text");

test("where partitions meet, the first border node that knows a key answers for its owner, for all who heard the question", () => {
  const { mesh, border } = partitions();
  const relayed: number[] = [];
  mesh.onFrame = (from, medium, octets) => {
    if (medium.name === "west" && from === 2) relayed.push(kindOf(octets[SHARED_HEADER_OCTETS] as number));
  };
  meetAndSay(mesh, border);
  assert.ok(mesh.run(3 * SECOND, () => hasText(mesh)));
  assert.is(count(mesh, 0, "keys-asked"), 1);
  assert.is(count(mesh, 3, "keys-answered-for-others"), 1);
  assert.is(count(mesh, 2, "keys-answered-for-others"), 1);
  assert.is(
    count(mesh, 5, "keys-answered") + count(mesh, 5, "keys-asked"),
    0,
    "the destination is not asked, nor need it ask",
  );
  assert.ok(relayed.includes(FrameKind.linkState));
  // The other node of the channel has heard it, too: it need not ask any more.
  mesh.node(1).core.sendText(mesh.nowUs, 0x106, Uint8Array.of(0x41));
  mesh.drain(1);
  mesh.run(SECOND);
  assert.is(count(mesh, 1, "keys-asked"), 0);
});

test("one report tells of a key and of what is sealed with it", () => {
  const { mesh, border } = partitions();
  const east: string[] = [];
  mesh.onFrame = (from, medium, octets) => {
    const kind = kindOf(octets[SHARED_HEADER_OCTETS] as number);
    if (medium.name !== "east") return;
    if (from === 3 && kind === FrameKind.unicast) east.push("packet");
    if (from === 5 && kind === FrameKind.report) east.push("report");
  };
  meetAndSay(mesh, border);
  assert.ok(mesh.run(3 * SECOND, () => hasText(mesh) && east.length > 2));
  assert.equal(east, ["packet", "packet", "report"], "its key, and the text");
});

test("all agree whose question it was, whoever has brought it, and until it has been answered", () => {
  const [asker, bearer, stranger, wanted] = [0x101, 0x102, 0x107, 0x109];
  const state = createState({ ...new VirtualMesh(1, [channel("west", [0])]).node(0).options, address: 0x105 });
  const port = state.ports[0] as Port;
  const neighbours = [asker, bearer].map((address, i) => createNeighbour(i, i, address, 0, 0));
  for (const n of neighbours) {
    n.alive = true;
    port.neighbours.push(n);
    port.byLocal[n.local] = n;
  }
  const [first, second] = neighbours as [Neighbour, Neighbour];
  const answers = new KeyAnswers(state);
  const overhear = (n: Neighbour, source: number): number => {
    const question = { ...createDataHeader(), trafficClass: KEY_CLASS, precedence: KEY_PRECEDENCE };
    answers.overheard(0, port, n, { ...question, kind: FrameKind.unicast, source, destination: wanted });
    return answers.said(1, port, wanted & 0xff);
  };
  assert.is(overhear(first, asker), first.local);
  assert.is(overhear(second, asker), first.local, "it waits on this channel itself");
  assert.is(overhear(second, stranger), second.local, "who is not on the channel has somebody who brings it");
  assert.is(answers.said(2, port, wanted & 0xff), 0, "it has been answered");
  first.alive = false;
  assert.is(overhear(second, asker), second.local, "who has gone waits no more");
});

test("who says a key has the next turn as well, for what was sealed with it", () => {
  const position = {
    latitudeDeg: 31,
    longitudeDeg: 103,
    altitudeM: 500,
    speedKmh: 0,
    courseDeg: 0,
    batteryPercent: 50,
  };
  const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
  const next = seeds.map((seed) => {
    const east = [3, 5, 6, 7, 8, 9];
    const { mesh, border } = partitions(east, seed);
    const began: { node: number; atUs: number }[] = [];
    let keyEndUs = 0;
    mesh.onFrame = (from, medium, octets) => {
      if (medium.name !== "east") return;
      if (keyEndUs > 0) began.push({ node: from, atUs: mesh.nowUs });
      const octet = octets[SHARED_HEADER_OCTETS] as number;
      if (from === 3 && isKeyPacket(kindOf(octet), classOf(octet), precedenceOf(octet)))
        keyEndUs = mesh.nowUs + airtimeUs({ ...NARROW } as CoreBearer, octets.length);
    };
    meetAndSay(mesh, border);
    assert.ok(
      mesh.run(5 * SECOND, () => keyEndUs > 0),
      `seed ${seed}: no key was said`,
    );
    // While it is on the air all others find something to say.
    const others = east.slice(1).map((node) => mesh.node(node).core);
    for (const core of others) core.handleCarrier(mesh.nowUs, 0, true);
    for (const node of east) mesh.node(node).core.reportPosition(mesh.nowUs, position);
    mesh.run(keyEndUs - mesh.nowUs);
    for (const core of others) core.handleCarrier(mesh.nowUs, 0, false);
    mesh.run(2 * SECOND);
    return began.filter(({ atUs }) => atUs === began[0]?.atUs).map(({ node }) => node);
  });
  assert.equal(
    next,
    seeds.map(() => [3]),
  );
});

test("who forges an answer to a question is contradicted, and what was said arrives, for the true key", () => {
  const { mesh, west, border } = partitions();
  // Node 1 has been captured.
  mesh.node(1).powered = false;
  const forged: Advertisement = {
    originator: 0x106,
    nodeId: 1005,
    bootEpoch: 1,
    sequence: 60_000,
    role: 0,
    capabilities: 0,
    name: new Uint8Array([0x41]),
    links: [{ neighbour: 2, channel: 1, vector: 0 }],
    prefixes: [],
    areas: [],
    publicKey: createNullIdentity(66).publicKey,
  };
  let told = 0;
  mesh.onFrame = (from, medium) => {
    if (from !== 0 || medium !== west || told > 0 || count(mesh, 0, "keys-asked") === 0) return;
    const frame = sealAsInsider(mesh.node(1).options, 0, told++, (out, offset) => {
      out[offset] = 0;
      return 1 + encodeAdvertisement(forged, out, offset + 1, true);
    });
    for (const hears of [0, 2]) mesh.inject(mesh.nowUs + SECOND / 10, hears, 0, frame);
  };
  meetAndSay(mesh, border);
  assert.ok(mesh.run(30 * SECOND, () => hasText(mesh)));
  assert.is(told, 1);
  assert.ok(count(mesh, 5, "contradicted") >= 1);
  const kept = mesh.node(0).events.filter((e) => e.type === "peer-key");
  assert.equal(kept, [{ type: "peer-key", nodeId: 1005, publicKey: mesh.node(5).options.identity.publicKey }]);
});

test("questions for everybody, without end, are answered in bounded number, and the rest counted", () => {
  const { mesh } = partitions();
  mesh.node(1).powered = false;
  const header = {
    ...createDataHeader(),
    kind: FrameKind.unicast,
    trafficClass: KEY_CLASS,
    precedence: KEY_PRECEDENCE,
  };
  for (let i = 0; i < 200; i++) {
    const frame = sealAsInsider(mesh.node(1).options, 0, i, (out, offset) => {
      const question = { ...header, nextHop: 3, source: 0x102, destination: 0x101 + 2 * (i % 2), sequence: i };
      const at = offset - 1 + encodeNarrowDataHeader({ ...question, potential: ANY_POTENTIAL }, out, offset - 1);
      return at + encodeShortKeyQuestion(out, at) - offset;
    });
    mesh.inject(mesh.nowUs + 1, 2, 0, frame);
    mesh.run(SECOND / 20);
  }
  const answers = count(mesh, 2, "keys-answered-for-others");
  // 10 s: the burst, and one each two seconds.
  assert.ok(answers > KEY_ANSWER_BURST && answers <= KEY_ANSWER_BURST + 7, `${answers} answers`);
  assert.ok(count(mesh, 2, "key-answers") >= 100, `${count(mesh, 2, "key-answers")} not answered`);
});

test.run();
