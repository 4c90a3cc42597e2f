import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FrameKind, kindOctet } from "../mesh/frame-kind.ts";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import {
  asksForKey,
  createKeyPacket,
  decodeKeyPacket,
  END_TO_END_OCTETS,
  END_TO_END_TAG_OCTETS,
  encodeKeyPacket,
  encodeShortKeyQuestion,
  FRAME_ASSOCIATED_OCTETS,
  isKeyPacket,
  isProtected,
  isShortKeyQuestion,
  KEY_ASSOCIATED_OCTETS,
  KEY_CLASS,
  KEY_PACKET_MAX_OCTETS,
  KEY_PRECEDENCE,
  PACKET_ASSOCIATED_OCTETS,
  PUBLIC_KEY_OCTETS,
  readPacketCounter,
  writeFrameAssociated,
  writeKeyAssociated,
  writePacketAssociated,
  writePacketCounter,
} from "./end-to-end.ts";
import { encodeDirectHeader, NONCE_OCTETS, writeNonce } from "./layout.ts";

interface PacketVector {
  source: number;
  destination: number;
  kind: number;
  trafficClass: number;
  precedence: number;
  counter: number;
}
interface FrameVector {
  receiverIndex: number;
  bootEpoch: number;
  stream: number;
  counter: number;
}
interface KeyVector {
  asks: boolean;
  tagged: boolean;
  nodeId: number;
  bootEpoch: number;
  counterHigh: number;
  publicKey: Uint8Array;
  source: number;
  destination: number;
  associated: Uint8Array;
}

function vectors(name: string): ReturnType<typeof parseGoldenVectors> {
  return parseGoldenVectors(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"), false);
}

test("golden vectors of what a packet's tag covers", () => {
  const all = vectors("end-to-end-packet");
  assert.ok(all.length >= 3);
  for (const { name, hex, value } of all) {
    const v = value as PacketVector;
    const out = new Uint8Array(PACKET_ASSOCIATED_OCTETS);
    const octet = kindOctet(v.kind, v.trafficClass, v.precedence);
    writePacketAssociated(out, v.source, v.destination, octet, v.counter);
    assert.is(toHex(out), hex, name);
  }
});

test("golden vectors of what the tag of a frame for its ends covers", () => {
  const all = vectors("end-to-end-frame");
  assert.ok(all.length >= 2);
  for (const { name, hex, value } of all) {
    const v = value as FrameVector;
    const [frame, nonce] = [new Uint8Array(20), new Uint8Array(NONCE_OCTETS)];
    encodeDirectHeader(v.receiverIndex, v.counter, 0, true, frame);
    writeNonce(nonce, v.bootEpoch, v.stream, v.counter);
    const out = new Uint8Array(FRAME_ASSOCIATED_OCTETS);
    writeFrameAssociated(out, frame, nonce);
    assert.is(toHex(out), hex, name);
  }
});

test("the short question is one octet, which no key packet is", () => {
  const { hex } = vectors("key-question")[0] as { hex: string };
  const out = new Uint8Array(4);
  const length = encodeShortKeyQuestion(out, 1);
  assert.is(toHex(out.slice(1), length), hex);
  assert.ok(isShortKeyQuestion(out, 1, 1 + length));
  assert.not(isShortKeyQuestion(out, 1, 1));
  assert.ok(asksForKey(out, 1, 1 + length));
  assert.not(asksForKey(out, 1, 1));
  assert.not(isShortKeyQuestion(out, 1, 3));
  assert.not(decodeKeyPacket(out, 1, 1 + length, createKeyPacket()));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), (octet) => {
      const octets = Uint8Array.of(octet);
      assert.is(isShortKeyQuestion(octets, 0, 1), toHex(octets) === hex);
    }),
  );
});

test("golden vectors of key packets", () => {
  const all = vectors("key-packet");
  assert.ok(all.length >= 3);
  for (const { name, hex, value } of all) {
    const v = value as KeyVector;
    const octets = fromHex(hex);
    const out = new Uint8Array(KEY_PACKET_MAX_OCTETS);
    const length = encodeKeyPacket(v, out, 0);
    assert.is(toHex(out, length), hex, name);
    assert.is(asksForKey(out, 0, length), v.asks, name);
    const whole = v.tagged ? Uint8Array.of(...octets, 1, 2, 3, 4, 5, 6) : octets;
    const packet = createKeyPacket();
    assert.ok(decodeKeyPacket(whole, 0, whole.length, packet), name);
    assert.equal(
      [packet.asks, packet.tagged, packet.nodeId, packet.bootEpoch, packet.counterHigh, packet.publicKey],
      [v.asks, v.tagged, v.nodeId, v.bootEpoch, v.counterHigh, v.publicKey],
    );
    const associated = new Uint8Array(KEY_ASSOCIATED_OCTETS);
    writeKeyAssociated(associated, v.source, v.destination, packet);
    assert.equal(associated, v.associated, name);
  }
});

test("whatever octets come, a key packet that is taken is the one that its values are written as", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 60 }), fc.nat(7), (octets, flags) => {
      if (octets.length > 0) octets[0] = flags;
      const packet = createKeyPacket();
      if (!decodeKeyPacket(octets, 0, octets.length, packet)) return;
      const out = new Uint8Array(KEY_PACKET_MAX_OCTETS);
      const length = encodeKeyPacket(packet, out, 0);
      assert.is(length + (packet.tagged ? END_TO_END_TAG_OCTETS : 0), octets.length);
      assert.equal(out.slice(0, length), octets.slice(0, length));
    }),
    { numRuns: 2000 },
  );
});

test("key packets of nobody, of no boot, cut short or too long are refused", () => {
  const packet = createKeyPacket();
  packet.nodeId = 7;
  packet.bootEpoch = 1;
  const out = new Uint8Array(64);
  const length = encodeKeyPacket(packet, out, 0);
  assert.ok(decodeKeyPacket(out, 0, length, packet));
  for (const end of [0, length - 1, length + 1]) assert.not(decodeKeyPacket(out, 0, end, packet), `${end} octets`);
  for (const [at, octet] of [
    [0, 8],
    [4, 0],
    [8, 0],
  ] as const) {
    const bad = out.slice();
    bad[at] = octet;
    assert.not(decodeKeyPacket(bad, 0, length, packet), `octet ${at}`);
  }
});

test("each field of a packet's header changes what its tag covers, and each counter the nonce", () => {
  const field = fc.record({
    source: fc.nat(0xffff),
    destination: fc.nat(0xffff),
    octet: fc.nat(0xff),
    counter: fc.nat(2 ** 47),
  });
  const write = (v: { source: number; destination: number; octet: number; counter: number }): string => {
    const out = new Uint8Array(PACKET_ASSOCIATED_OCTETS);
    writePacketAssociated(out, v.source, v.destination, v.octet, v.counter);
    return toHex(out);
  };
  fc.assert(
    fc.property(field, field, (a, b) => {
      const same = (Object.keys(a) as (keyof typeof a)[]).every((key) => a[key] === b[key]);
      assert.is(write(a) === write(b), same);
      assert.is(write(a) === write({ ...a, counter: b.counter }), a.counter === b.counter);
    }),
  );
});

test("a packet carries the low 16 bits of its counter before the tag", () => {
  const octets = new Uint8Array(20);
  writePacketCounter(octets, 12, 0x7_1234_5678);
  assert.is(readPacketCounter(octets, 12 + END_TO_END_OCTETS), 0x5678);
});

test("all unicast is protected but key packets and policies", () => {
  for (let trafficClass = 0; trafficClass < 4; trafficClass++) {
    for (let precedence = 0; precedence < 4; precedence++) {
      assert.ok(isProtected(FrameKind.datagram, trafficClass, precedence));
      const open = trafficClass === KEY_CLASS && (precedence === 0 || precedence === KEY_PRECEDENCE);
      assert.is(isProtected(FrameKind.unicast, trafficClass, precedence), !open);
      const key = trafficClass === KEY_CLASS && precedence === KEY_PRECEDENCE;
      assert.is(isKeyPacket(FrameKind.unicast, trafficClass, precedence), key);
      assert.not(isKeyPacket(FrameKind.datagram, trafficClass, precedence));
    }
  }
  assert.is(createKeyPacket().publicKey.length, PUBLIC_KEY_OCTETS);
});

test.run();
