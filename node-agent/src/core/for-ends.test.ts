import {
  createDataHeader,
  DIRECT_HEADER_OCTETS,
  decodeWideDataHeader,
  FrameKind,
  isForEnds,
  isUnicastKind,
  kindOf,
  NONCE_OCTETS,
  SealFormat,
  sealFormat,
  writeNonce,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { createNullCrypto } from "./testing/null-crypto.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const TAG_OCTETS = 8;
const PACKET_OCTETS = 40;

/** Two nodes with a wire between them, and one that is a neighbour of both. */
function triangle(): { mesh: VirtualMesh; wire: Medium } {
  const media = wires([
    [0, 1],
    [0, 2],
    [1, 2],
  ]);
  const mesh = new VirtualMesh(3, media);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  return { mesh, wire: media[0] as Medium };
}

function sendIp(mesh: VirtualMesh, from: number, to: number, octet: number): void {
  const packet = new Uint8Array(PACKET_OCTETS).fill(octet);
  const { core } = mesh.node(from);
  core.sendIp(mesh.nowUs, 0x101 + to, TrafficClass.voice, Precedence.routine, false, packet, 0, packet.length);
  mesh.drain(from);
}

function arrived(mesh: VirtualMesh, node: number): number[] {
  return mesh.node(node).events.flatMap((e) => (e.type === "ip" ? [e.octets[0] as number] : []));
}

function count(mesh: VirtualMesh, node: number, what: string): number {
  const { counters, drops } = mesh.node(node).core.status(mesh.nowUs);
  return counters[what] ?? drops[what] ?? 0;
}

/** Frames with a packet in them that nodes send each other from now on. */
function packetFrames(mesh: VirtualMesh): { from: number; octets: Uint8Array }[] {
  const frames: { from: number; octets: Uint8Array }[] = [];
  mesh.onFrame = (from, _, octets) => {
    const kind = kindOf(octets[DIRECT_HEADER_OCTETS] as number);
    if (sealFormat(octets) === SealFormat.direct && isUnicastKind(kind)) frames.push({ from, octets });
  };
  return frames;
}

/** Two packets: the first is answered by a proof of the key, the second may rely on it. */
function becomeAcquainted(mesh: VirtualMesh): void {
  for (const octet of [1, 2]) {
    sendIp(mesh, 0, 1, octet);
    mesh.run(SECOND);
  }
  assert.equal(arrived(mesh, 1), [1, 2]);
}

test("a packet to a neighbour is sealed once, under the keys of the two, as soon as both are known to have them", () => {
  const { mesh } = triangle();
  const frames = packetFrames(mesh);
  sendIp(mesh, 0, 1, 7);
  mesh.run(SECOND);
  const first = frames.find((frame) => frame.from === 0)?.octets as Uint8Array;
  assert.not(isForEnds(first));
  frames.length = 0;
  sendIp(mesh, 0, 1, 8);
  mesh.run(SECOND);
  const second = frames.find((frame) => frame.from === 0)?.octets as Uint8Array;
  assert.ok(isForEnds(second));
  assert.is(second.length, DIRECT_HEADER_OCTETS + 4 + PACKET_OCTETS + TAG_OCTETS);
  assert.is(first.length, second.length + 8);
  assert.equal(arrived(mesh, 1), [7, 8]);
  assert.is(count(mesh, 1, "end-to-end-opened"), 2);
});

test("over a relay it is sealed for its destination as before", () => {
  const { mesh, wire } = triangle();
  becomeAcquainted(mesh);
  mesh.cut(0, 1, wire);
  mesh.run(20 * SECOND);
  const frames = packetFrames(mesh);
  sendIp(mesh, 0, 1, 9);
  mesh.run(SECOND);
  assert.ok(frames.length >= 2);
  assert.ok(frames.every(({ octets }) => !isForEnds(octets)));
  assert.equal(arrived(mesh, 1), [1, 2, 9]);
});

test("what was sealed for the ends of a hop that dies is opened again, and goes another way", () => {
  const { mesh, wire } = triangle();
  becomeAcquainted(mesh);
  const frames = packetFrames(mesh);
  mesh.cut(0, 1, wire);
  for (let octet = 10; octet < 20; octet++) {
    sendIp(mesh, 0, 1, octet);
    mesh.run(SECOND / 50);
  }
  mesh.run(2 * SECOND);
  assert.ok(frames.some(({ from, octets }) => from === 0 && isForEnds(octets)));
  assert.ok(count(mesh, 0, "rerouted") > 0);
  assert.equal(
    arrived(mesh, 1).sort((a, b) => a - b),
    [1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
  );
});

test("who starts again is not sent what only the boot before could open", () => {
  const { mesh } = triangle();
  becomeAcquainted(mesh);
  mesh.restart(1);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  for (let octet = 3; octet < 9; octet++) {
    sendIp(mesh, 0, 1, octet);
    mesh.run(SECOND);
  }
  assert.equal(arrived(mesh, 1), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.is(count(mesh, 1, "no-session"), 0);
});

test("nobody else can make such a frame, though it has the mission's key", () => {
  const { mesh } = triangle();
  becomeAcquainted(mesh);
  const frames = packetFrames(mesh);
  sendIp(mesh, 0, 1, 3);
  const sample = frames.find((frame) => frame.from === 0)?.octets as Uint8Array;
  assert.ok(isForEnds(sample));
  mesh.run(SECOND);
  // As the insider would: the frame as it is, sealed under the sender's subkey, which everybody can derive.
  const crypto = createNullCrypto();
  const forged = sample.slice();
  const counter = 200;
  forged[2] = 0;
  forged[3] = counter;
  const end = forged.length - TAG_OCTETS;
  const nonce = new Uint8Array(NONCE_OCTETS);
  writeNonce(nonce, 1, 1, counter);
  crypto.seal(crypto.senderKey(1000, 0), nonce, forged, DIRECT_HEADER_OCTETS, end, TAG_OCTETS);
  const before = count(mesh, 1, "end-to-end");
  mesh.inject(mesh.nowUs + 1, 1, 0, forged);
  mesh.run(SECOND / 10);
  assert.is(count(mesh, 1, "end-to-end"), before + 1);
  assert.is(count(mesh, 1, "keys-asked"), 0);
  // And without the mark, as a new packet: then what is inside has to have a seal of its own.
  const header = createDataHeader();
  forged[0] = (forged[0] as number) & ~0x10;
  forged[DIRECT_HEADER_OCTETS + 3] = 99;
  assert.ok(decodeWideDataHeader(forged, DIRECT_HEADER_OCTETS, end, false, header) > 0);
  assert.is(header.kind, FrameKind.datagram);
  crypto.seal(crypto.senderKey(1000, 0), nonce, forged, DIRECT_HEADER_OCTETS, end, TAG_OCTETS);
  mesh.inject(mesh.nowUs + 1, 1, 0, forged);
  mesh.run(SECOND / 10);
  assert.is(count(mesh, 1, "end-to-end"), before + 2);
  assert.equal(arrived(mesh, 1), [1, 2, 3]);
});

test("the parts of a TCP stream go so too, and are taken from nobody who seals them otherwise", () => {
  const { mesh } = triangle();
  becomeAcquainted(mesh);
  const bulk = (): number[][] => mesh.node(1).events.flatMap((e) => (e.type === "bulk" ? [[...e.octets]] : []));
  const frames: Uint8Array[] = [];
  mesh.onFrame = (from, _, octets) => void (from === 0 && frames.push(octets));
  assert.ok(mesh.node(0).core.sendOnPath(mesh.nowUs, 0x102, 0, Uint8Array.of(4, 5, 6), 0, 3));
  mesh.drain(0);
  const sample = frames[0] as Uint8Array;
  assert.ok(isForEnds(sample));
  mesh.run(SECOND);
  assert.equal(bulk(), [[4, 5, 6]]);
  const crypto = createNullCrypto();
  const forged = sample.slice();
  forged[0] = (forged[0] as number) & ~0x10;
  forged[2] = 0;
  forged[3] = 200;
  const nonce = new Uint8Array(NONCE_OCTETS);
  writeNonce(nonce, 1, 1, 200);
  const end = forged.length - TAG_OCTETS;
  crypto.seal(crypto.senderKey(1000, 0), nonce, forged, DIRECT_HEADER_OCTETS, end, TAG_OCTETS);
  mesh.inject(mesh.nowUs + 1, 1, 0, forged);
  mesh.run(SECOND / 10);
  assert.equal(bulk(), [[4, 5, 6]]);
  assert.is(count(mesh, 1, "end-to-end"), 1);
});

test("a frame for its ends that comes twice is delivered once", () => {
  const { mesh } = triangle();
  becomeAcquainted(mesh);
  const frames = packetFrames(mesh);
  sendIp(mesh, 0, 1, 3);
  const octets = frames.find((frame) => frame.from === 0)?.octets as Uint8Array;
  mesh.run(SECOND);
  mesh.inject(mesh.nowUs + 1, 1, 0, octets);
  mesh.run(SECOND / 10);
  assert.is(count(mesh, 1, "replayed"), 1);
  assert.equal(arrived(mesh, 1), [1, 2, 3]);
});

test.run();
