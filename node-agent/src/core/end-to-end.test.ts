import {
  type Advertisement,
  createDataHeader,
  createKeyPacket,
  decodeWideDataHeader,
  encodeAdvertisement,
  encodeKeyPacket,
  encodeWideDataHeader,
  FrameKind,
  KEY_CLASS,
  KEY_PRECEDENCE,
  NONCE_OCTETS,
  SHARED_HEADER_OCTETS,
  writeNonce,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { MAX_AWAITING_KEY } from "./limits.ts";
import { sealAsInsider } from "./testing/insider.ts";
import { createNullCrypto } from "./testing/null-crypto.ts";
import { createNullIdentity } from "./testing/null-identity.ts";
import { type Medium, NARROW, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const TAG_OCTETS = 8;

/** A chain 0 - 1 - 2 of radios. */
function chain(bearer: Medium["bearer"] = {}, secretOf = (node: number): number => 1000 + node): VirtualMesh {
  const air: Medium = { name: "air", bearer, members: [0, 1, 2], loss: 0 };
  const mesh = new VirtualMesh(3, [air], 1, (i, options) => ({
    ...options,
    identity: createNullIdentity(secretOf(i)),
  }));
  mesh.cut(0, 2, air);
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  return mesh;
}

function count(mesh: VirtualMesh, node: number, what: string): number {
  const { counters, drops } = mesh.node(node).core.status(mesh.nowUs);
  return counters[what] ?? drops[what] ?? 0;
}

function say(mesh: VirtualMesh, from: number, to: number, text: string): void {
  mesh.node(from).core.sendText(mesh.nowUs, 0x101 + to, new TextEncoder().encode(text));
  mesh.drain(from);
}

function sendIp(mesh: VirtualMesh, from: number, to: number, octet: number): void {
  const packet = new Uint8Array(40).fill(octet);
  mesh.node(from).core.sendIp(mesh.nowUs, 0x101 + to, TrafficClass.bulk, Precedence.routine, false, packet, 0, 40);
  mesh.drain(from);
}

function heard(mesh: VirtualMesh, node: number): string[] {
  return mesh.node(node).events.flatMap((e) => (e.type === "text" ? [new TextDecoder().decode(e.body)] : []));
}

function arrived(mesh: VirtualMesh, node: number): number[] {
  return mesh.node(node).events.flatMap((e) => (e.type === "ip" ? [e.octets[0] as number] : []));
}

/** True once as many texts of this node have been confirmed. */
function isDelivered(mesh: VirtualMesh, node: number, texts: number): boolean {
  const { events } = mesh.node(node);
  return events.filter((e) => e.type === "text-state" && e.state === "delivered").length >= texts;
}

/**
 * The relay has been captured: it is switched off, and somebody with its keys goes on in its place. `forge` seals a
 * plaintext as it would, for node 2.
 */
function captured(mesh: VirtualMesh): (plain: Uint8Array) => void {
  mesh.node(1).powered = false;
  const crypto = createNullCrypto();
  let counter = 5000;
  return (plain) => {
    const frame = new Uint8Array(SHARED_HEADER_OCTETS + plain.length + TAG_OCTETS);
    frame[0] = (2 << 6) | (counter >>> 8);
    frame[1] = counter & 0xff;
    frame[2] = 2;
    frame.set(plain, SHARED_HEADER_OCTETS);
    const nonce = new Uint8Array(NONCE_OCTETS);
    writeNonce(nonce, 1, 0, counter++);
    const end = SHARED_HEADER_OCTETS + plain.length;
    crypto.seal(crypto.senderKey(1001, 0), nonce, frame, SHARED_HEADER_OCTETS, end, TAG_OCTETS);
    mesh.inject(mesh.nowUs + 1, 2, 0, frame);
    mesh.run(SECOND / 100);
  };
}

/** Plaintexts of the frames that the relay sends to node 2 from now on, of packets from node 0. */
function record(mesh: VirtualMesh): Uint8Array[] {
  const plains: Uint8Array[] = [];
  const header = createDataHeader();
  mesh.onFrame = (from, _, octets) => {
    const end = octets.length - TAG_OCTETS;
    if (from !== 1 || (octets[0] as number) >>> 6 !== 2) return;
    if (decodeWideDataHeader(octets, SHARED_HEADER_OCTETS, end, true, header) === 0) return;
    if (header.kind === FrameKind.datagram && header.destination === 0x103)
      plains.push(octets.slice(SHARED_HEADER_OCTETS, end));
  };
  return plains;
}

/** Gives a recorded packet another routing sequence, so that it does not look like a copy. */
function renumbered(plain: Uint8Array, sequence: number): Uint8Array {
  const header = createDataHeader();
  const length = decodeWideDataHeader(plain, 0, plain.length, true, header);
  const out = plain.slice();
  encodeWideDataHeader({ ...header, sequence }, true, out, 0);
  assert.ok(length > 0);
  return out;
}

for (const [name, bearer] of [
  ["wide", {}],
  ["narrow", NARROW],
] as const) {
  test(`a text goes sealed over a relay, and its receipt comes back so: ${name}`, () => {
    const mesh = chain(bearer);
    say(mesh, 0, 2, "at the bridge");
    assert.ok(mesh.run(10 * SECOND, () => isDelivered(mesh, 0, 1)));
    assert.equal(heard(mesh, 2), ["at the bridge"]);
    assert.ok(count(mesh, 0, "end-to-end-sealed") >= 1);
    assert.ok(count(mesh, 2, "end-to-end-opened") >= 1);
    assert.ok(count(mesh, 0, "end-to-end-opened") >= 1);
    assert.is(count(mesh, 1, "end-to-end-opened") + count(mesh, 1, "end-to-end-sealed"), 0);
    assert.is(count(mesh, 0, "keys-asked") + count(mesh, 2, "keys-asked"), 0, "link state has told the keys");
  });
}

/** Two areas: nodes 0 and 1 in the first, 2 in the second, in a line. */
function twoAreas(): VirtualMesh {
  const media = wires([
    [0, 1],
    [1, 2],
  ]);
  const addresses = [0x101, 0x102, 0x201];
  const mesh = new VirtualMesh(3, media, 1, (i, options) => ({ ...options, address: addresses[i] as number }));
  assert.ok(mesh.run(20 * SECOND, () => mesh.node(0).core.isReachable(0x201) && mesh.node(2).core.isReachable(0x101)));
  return mesh;
}

test("a node of another area is asked for its key, once, and what was to be sent waits", () => {
  const mesh = twoAreas();
  const packet = new Uint8Array(40).fill(3);
  mesh.node(0).core.sendIp(mesh.nowUs, 0x201, TrafficClass.bulk, Precedence.routine, false, packet, 0, 40);
  mesh.node(0).core.sendText(mesh.nowUs, 0x201, new TextEncoder().encode("over the ridge"));
  mesh.drain(0);
  assert.ok(mesh.run(5 * SECOND, () => isDelivered(mesh, 0, 1)));
  assert.equal(heard(mesh, 2), ["over the ridge"]);
  assert.equal(arrived(mesh, 2), [3]);
  assert.is(count(mesh, 0, "keys-asked"), 1);
  assert.is(count(mesh, 2, "keys-answered"), 1);
  assert.is(count(mesh, 2, "keys-asked"), 0, "the question has told the asker's key");
});

test("between areas restarts of either end are noticed and made good by the keys alone", () => {
  const mesh = twoAreas();
  const text = (from: number, to: number, body: string): void => {
    mesh.node(from).core.sendText(mesh.nowUs, to, new TextEncoder().encode(body));
    mesh.drain(from);
  };
  text(0, 0x201, "first");
  assert.ok(mesh.run(5 * SECOND, () => heard(mesh, 2).includes("first")));
  for (const node of [2, 0, 2]) {
    mesh.restart(node);
    assert.ok(
      mesh.run(20 * SECOND, () => mesh.node(0).core.isReachable(0x201) && mesh.node(2).core.isReachable(0x101)),
    );
    text(0, 0x201, `after ${node}`);
    assert.ok(mesh.run(30 * SECOND, () => heard(mesh, 2).includes(`after ${node}`)));
    text(2, 0x101, `back after ${node}`);
    assert.ok(mesh.run(30 * SECOND, () => heard(mesh, 0).includes(`back after ${node}`)));
  }
});

test("each end keeps the key that the other has proved, and both at once need no more questions than one each", () => {
  const mesh = chain();
  say(mesh, 0, 2, "one");
  say(mesh, 2, 0, "two");
  assert.ok(mesh.run(10 * SECOND, () => isDelivered(mesh, 0, 1) && isDelivered(mesh, 2, 1)));
  for (const [node, other] of [
    [0, 2],
    [2, 0],
  ] as const) {
    const kept = mesh.node(node).events.filter((e) => e.type === "peer-key");
    const { publicKey } = mesh.node(other).options.identity;
    assert.equal(kept, [{ type: "peer-key", nodeId: 1000 + other, publicKey }]);
    assert.ok(count(mesh, node, "keys-asked") <= 1);
  }
});

test("what a relay with the mission key alters is refused and counted, and the true packet still gets in", () => {
  const mesh = chain();
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  const plains = record(mesh);
  sendIp(mesh, 0, 2, 2);
  mesh.run(SECOND);
  assert.equal(arrived(mesh, 2), [1, 2]);
  const [plain] = plains as [Uint8Array];
  const forge = captured(mesh);
  const before = count(mesh, 2, "end-to-end");
  // Every octet from the payload on, each time under a fresh routing sequence.
  const body = plain.length - 48;
  for (let at = body; at < plain.length; at++) {
    const forged = renumbered(plain, 40_600 + at);
    forged[at] = (forged[at] as number) ^ 4;
    forge(forged);
  }
  assert.is(count(mesh, 2, "end-to-end") - before, 48);
  assert.equal(arrived(mesh, 2), [1, 2]);
});

test("a relay cannot make a packet another class, another kind, or somebody else's", () => {
  const mesh = chain();
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  const plains = record(mesh);
  sendIp(mesh, 0, 2, 2);
  mesh.run(SECOND);
  const [plain] = plains as [Uint8Array];
  const forge = captured(mesh);
  const header = createDataHeader();
  decodeWideDataHeader(plain, 0, plain.length, true, header);
  const changes = [
    { trafficClass: TrafficClass.video },
    { precedence: Precedence.flash },
    { kind: FrameKind.unicast },
    { source: 0x102 },
  ];
  changes.forEach((change, i) => {
    const forged = plain.slice();
    encodeWideDataHeader({ ...header, ...change, sequence: 40_600 + i }, true, forged, 0);
    forge(forged);
  });
  assert.is(count(mesh, 2, "end-to-end") + count(mesh, 2, "no-session"), changes.length);
  assert.equal(arrived(mesh, 2), [1, 2]);
  assert.is(mesh.node(2).events.filter((e) => e.type === "video").length, 0);
});

test("what a relay sends again, under whatever routing sequence, arrives once", () => {
  const mesh = chain();
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  const plains = record(mesh);
  for (let i = 2; i < 12; i++) {
    sendIp(mesh, 0, 2, i);
    mesh.run(SECOND / 10);
  }
  assert.is(plains.length, 10);
  const forge = captured(mesh);
  plains.forEach((plain, i) => {
    forge(renumbered(plain, 41_000 + i));
  });
  assert.is(count(mesh, 2, "end-to-end-replayed"), 10);
  assert.equal(arrived(mesh, 2), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("a forged copy that comes first does not keep the true packet out", () => {
  const mesh = chain();
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  const plains = record(mesh);
  const air = mesh.node(0).media[0] as Medium;
  mesh.cut(1, 2, air);
  sendIp(mesh, 0, 2, 2);
  mesh.run(SECOND / 50);
  const [plain] = plains as [Uint8Array];
  const forge = captured(mesh);
  const forged = plain.slice();
  forged[plain.length - 20] = 99;
  forge(forged);
  assert.is(count(mesh, 2, "end-to-end"), 1);
  forge(plain);
  assert.equal(arrived(mesh, 2), [1, 2]);
});

test("after a restart of either end they agree anew, and nothing of before opens any more", () => {
  const mesh = chain();
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  const plains = record(mesh);
  sendIp(mesh, 0, 2, 2);
  mesh.run(SECOND);
  const before = plains.slice();
  for (const node of [2, 0, 2]) {
    mesh.restart(node);
    mesh.run(3 * SECOND);
    say(mesh, 0, 2, `after ${node}`);
    say(mesh, 2, 0, `back after ${node}`);
    assert.ok(mesh.run(30 * SECOND, () => heard(mesh, 2).includes(`after ${node}`)));
    assert.ok(mesh.run(30 * SECOND, () => heard(mesh, 0).includes(`back after ${node}`)));
  }
  const got = arrived(mesh, 2).length;
  const forge = captured(mesh);
  before.forEach((plain, i) => {
    forge(renumbered(plain, 50_000 + i));
  });
  assert.is(arrived(mesh, 2).length, got);
  assert.is(count(mesh, 2, "end-to-end"), before.length);
});

test("a source that does not know of the destination's restart is told, and what it sends next arrives", () => {
  const mesh = chain();
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  mesh.restart(2);
  mesh.run(SECOND);
  sendIp(mesh, 0, 2, 2);
  mesh.run(SECOND);
  assert.ok(count(mesh, 2, "no-session") >= 1);
  sendIp(mesh, 0, 2, 3);
  mesh.run(SECOND);
  assert.is(arrived(mesh, 2).at(-1), 3);
  assert.is(count(mesh, 0, "sessions"), 1);
});

test("a node that claims the id of another one is refused, counted and told of; the first keeps it", () => {
  const mesh = chain();
  say(mesh, 0, 2, "one");
  assert.ok(mesh.run(10 * SECOND, () => isDelivered(mesh, 0, 1)));
  // The same device id, another key: a card that was cloned without its secret, or a device that lost its state.
  const node = mesh.node(2);
  mesh.nodes[2] = { ...node, options: { ...node.options, identity: createNullIdentity(77) } };
  mesh.restart(2);
  mesh.run(3 * SECOND);
  say(mesh, 0, 2, "two");
  say(mesh, 2, 0, "three");
  mesh.run(70 * SECOND);
  assert.equal(heard(mesh, 2), ["one"]);
  assert.equal(heard(mesh, 0), []);
  assert.ok(count(mesh, 0, "key-conflict") >= 2);
  const told = mesh.node(0).events.filter((e) => e.type === "key-conflict");
  assert.ok(told.length >= 1 && told.length <= 2, `${told.length} times`);
  assert.equal(told[0], { type: "key-conflict", address: 0x103, nodeId: 1002 });
  assert.ok(count(mesh, 0, "keys-asked") < 12, "nobody asks without end");
});

for (const [name, bootEpoch] of [
  ["another key", 1],
  ["another key, and a boot that has not been", 70_000],
] as const) {
  test(`an insider that gives a node ${name} in link state is contradicted, and texts get through`, () => {
    const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
    const mesh = new VirtualMesh(4, [air]);
    for (const [a, b] of [
      [0, 2],
      [0, 3],
      [1, 3],
    ] as const)
      mesh.cut(a, b, air);
    assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
    mesh.run(2 * SECOND);
    // Node 3's place: it tells node 2 of node 0.
    mesh.node(3).powered = false;
    const forged: Advertisement = {
      originator: 0x101,
      nodeId: 1000,
      bootEpoch,
      sequence: 60_000,
      role: 0,
      capabilities: 0,
      name: new Uint8Array([0x41]),
      links: [{ neighbour: 2, channel: 0, vector: 0 }],
      prefixes: [],
      areas: [],
      publicKey: createNullIdentity(66).publicKey,
    };
    const frame = sealAsInsider(mesh.node(3).options, 0, 0, (out, offset) => {
      out[offset] = 0;
      return 1 + encodeAdvertisement(forged, out, offset + 1);
    });
    mesh.inject(mesh.nowUs + 1, 2, 0, frame);
    mesh.run(1000);
    say(mesh, 2, 0, "before it is contradicted");
    assert.ok(mesh.run(20 * SECOND, () => isDelivered(mesh, 2, 1)));
    assert.equal(heard(mesh, 0), ["before it is contradicted"]);
    assert.ok(count(mesh, 0, "contradicted") >= 1);
    say(mesh, 1, 0, "afterwards");
    assert.ok(mesh.run(20 * SECOND, () => isDelivered(mesh, 1, 1)));
    const kept = mesh.node(2).events.filter((e) => e.type === "peer-key");
    assert.equal(kept, [{ type: "peer-key", nodeId: 1000, publicKey: mesh.node(0).options.identity.publicKey }]);
  });
}

test("a key that was kept over a restart counts as proved", () => {
  const mesh = chain({}, (node) => (node === 2 ? 77 : 1000 + node));
  const node = mesh.node(0);
  const peerKeys = [{ nodeId: 1002, publicKey: createNullIdentity(1002).publicKey }];
  mesh.nodes[0] = { ...node, options: { ...node.options, peerKeys } };
  mesh.restart(0);
  mesh.run(3 * SECOND);
  say(mesh, 0, 2, "one");
  mesh.run(10 * SECOND);
  assert.equal(heard(mesh, 2), []);
  assert.ok(count(mesh, 0, "key-conflict") >= 1);
});

test("packets for a key that does not come wait in bounded number and time, each with a count", () => {
  const mesh = chain();
  const { core } = mesh.node(0);
  const nobody = 0x50;
  for (let i = 0; i < 2 * MAX_AWAITING_KEY; i++) sendIp(mesh, 0, nobody, i);
  assert.is(count(mesh, 0, "awaiting-key"), MAX_AWAITING_KEY);
  mesh.run(20 * SECOND);
  assert.ok(count(mesh, 0, "expired") >= MAX_AWAITING_KEY);
  assert.is(core.nextTimeoutUs() > mesh.nowUs, true);
  assert.ok(count(mesh, 0, "keys-asked") <= 6, `${count(mesh, 0, "keys-asked")} questions in 20 s`);
});

test("claims of keys without end cost a bounded number of agreements, and take no session from anybody", () => {
  const mesh = chain();
  say(mesh, 0, 2, "one");
  assert.ok(mesh.run(10 * SECOND, () => isDelivered(mesh, 0, 1)));
  const forge = captured(mesh);
  const packet = createKeyPacket();
  packet.asks = true;
  packet.nodeId = 1000;
  packet.publicKey.set(mesh.node(0).options.identity.publicKey);
  const header = {
    ...createDataHeader(),
    kind: FrameKind.unicast,
    trafficClass: KEY_CLASS,
    precedence: KEY_PRECEDENCE,
  };
  const before = count(mesh, 2, "keys-answered");
  for (let i = 0; i < 200; i++) {
    packet.bootEpoch = 1000 + i;
    const plain = new Uint8Array(11 + 41);
    const at = encodeWideDataHeader(
      { ...header, nextHop: 3, source: 0x101, destination: 0x103, potential: 9, sequence: 40_700 + i },
      true,
      plain,
      0,
    );
    encodeKeyPacket(packet, plain, at);
    forge(plain);
  }
  // 200 claims in 2 s.
  assert.ok(count(mesh, 2, "key-flood") >= 50, `${count(mesh, 2, "key-flood")} refused`);
  assert.ok(count(mesh, 2, "keys-answered") - before <= 12);
  mesh.node(1).powered = true;
  mesh.restart(1);
  mesh.run(5 * SECOND);
  say(mesh, 0, 2, "two");
  assert.ok(mesh.run(10 * SECOND, () => isDelivered(mesh, 0, 2)));
  assert.is(count(mesh, 0, "keys-asked"), 0, "the session has stayed");
});

test("a session outlasts the 65,536 packets that its counter bits tell apart, and a loss of as many", () => {
  const mesh = chain();
  const air = mesh.node(0).media[0] as Medium;
  sendIp(mesh, 0, 2, 1);
  mesh.run(SECOND);
  const { core } = mesh.node(0);
  const packet = new Uint8Array(10);
  mesh.cut(1, 2, air);
  mesh.run(30 * SECOND);
  // Sealed, and lost: kept by nobody beyond a few.
  for (let i = 0; i < 70_000; i++) core.sendIp(mesh.nowUs, 0x103, TrafficClass.voice, 0, false, packet, 0, 10);
  mesh.run(2 * SECOND);
  mesh.restore(1, 2, air);
  assert.ok(mesh.run(30 * SECOND, () => core.isReachable(0x103)));
  mesh.run(SECOND);
  // The first one shows that they are out of step; then they are not.
  sendIp(mesh, 0, 2, 2);
  mesh.run(5 * SECOND);
  sendIp(mesh, 0, 2, 3);
  mesh.run(SECOND);
  assert.is(arrived(mesh, 2).at(-1), 3);
  assert.is(count(mesh, 2, "sessions"), 1);
});

test.run();
