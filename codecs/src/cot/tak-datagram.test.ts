import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors } from "../testing/golden.ts";
import { encodeUtf8 } from "../text/utf8.ts";
import { decodeTakDatagram } from "./tak-datagram.ts";

const TIME = "2026-11-23T19:39:18Z";
const XML = encodeUtf8(
  `<event uid='u' type='a-f-G' time='${TIME}' start='${TIME}' stale='${TIME}'><point lat='1' lon='2'/></event>`,
);
const PROTOBUF = new Uint8Array([0x12, 0x03, 0x0a, 0x01, 0x61]);
const decode = (...parts: (number | Uint8Array)[]) => {
  const octets = new Uint8Array(parts.flatMap((part) => (typeof part === "number" ? [part] : [...part])));
  return decodeTakDatagram(octets, 0, octets.length);
};
const varint = (value: number): Uint8Array =>
  new Uint8Array(value < 128 ? [value] : [(value & 0x7f) | 0x80, value >> 7]);

test("golden vectors hold", () => {
  const vectors = parseGoldenVectors(
    readFileSync(new URL("../../vectors/tak-datagram.json", import.meta.url), "utf8"),
    true,
  );
  assert.ok(vectors.length >= 6);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    assert.equal(decodeTakDatagram(octets, 0, octets.length), vector.value, vector.name);
  }
});

test("the three framings are told apart, with XML inside", () => {
  const found = [
    decode(XML),
    decode(0xbf, 0, 0xbf, XML),
    decode(0xbf, 1, 0xbf, XML),
    decode(0xbf, varint(XML.length), XML),
  ];
  assert.equal(
    found.map((datagram) => (datagram.kind === "event" ? `${datagram.framing} ${datagram.event.uid}` : datagram.kind)),
    ["xml u", "mesh u", "mesh u", "stream u"],
  );
});

test("protobuf is recognised as unsupported in both framings", () => {
  assert.equal(decode(0xbf, 1, 0xbf, PROTOBUF), { kind: "unsupported", framing: "mesh" });
  assert.equal(decode(0xbf, 2, 0xbf, PROTOBUF), { kind: "unsupported", framing: "mesh" });
  assert.equal(decode(0xbf, PROTOBUF.length, PROTOBUF), { kind: "unsupported", framing: "stream" });
});

test("broken framing and broken XML are malformed", () => {
  const broken = [
    decode(),
    decode(0xbf),
    decode(0xbf, 0x80),
    decode(0xbf, 0),
    decode(0xbf, 1, 0xbf),
    decode(0xbf, 0, 0xbf, PROTOBUF),
    decode(0xbf, 6, PROTOBUF),
    decode(0xbf, 4, PROTOBUF),
    decode(0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    decode(XML.slice(1)),
    decode(0xbf, 1, 0xbf, XML.slice(0, -1)),
  ];
  for (const datagram of broken) assert.equal(datagram, { kind: "malformed" });
});

test("never throws on any octets", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.boolean(), (octets, magic) => {
      if (magic) decode(0xbf, octets);
      else decode(octets);
    }),
    { numRuns: 3000 },
  );
});

test.run();
