import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { VoiceHeader } from "./voice-header.ts";
import { decodeVoiceHeader, encodeVoiceHeader, VOICE_HEADER_OCTETS } from "./voice-header.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/voice-header.json", import.meta.url), "utf8"),
  false,
);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 3);
  for (const vector of vectors) {
    const out = new Uint8Array(4);
    assert.is(encodeVoiceHeader(vector.value as VoiceHeader, out, 0), VOICE_HEADER_OCTETS);
    assert.is(toHex(out), vector.hex, vector.name);
    assert.equal(decodeVoiceHeader(fromHex(vector.hex), 0, 4), vector.value, vector.name);
  }
});

test("a header comes back as it went, with a payload behind it", () => {
  const headers = fc.record(
    {
      talker: fc.integer({ min: 1, max: 254 }),
      codec: fc.integer({ min: 0, max: 1 }),
      burst: fc.nat(31),
      timestamp20ms: fc.nat(65535),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(headers, fc.nat(60), (header, payload) => {
      const out = new Uint8Array(4 + payload);
      encodeVoiceHeader(header, out, 0);
      assert.equal(decodeVoiceHeader(out, 0, out.length), header);
    }),
  );
});

test("any octets decode to a header that encodes to them again, or to nothing", () => {
  const out = new Uint8Array(4);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4 }), (octets) => {
      const header = decodeVoiceHeader(octets, 0, octets.length);
      if (octets.length < 4) assert.is(header, undefined);
      if (header === undefined) return;
      encodeVoiceHeader(header, out, 0);
      assert.is(toHex(out), toHex(octets));
    }),
    { numRuns: 1000 },
  );
});

test("nobody, everybody and unknown codecs are refused", () => {
  for (const hex of ["00000000", "ff000000", "01400000", "01e00000"]) {
    assert.is(decodeVoiceHeader(fromHex(hex), 0, 4), undefined, hex);
  }
  const header = { talker: 0, codec: 0, burst: 0, timestamp20ms: 0 };
  assert.throws(() => encodeVoiceHeader(header, new Uint8Array(4), 0), /talker/);
});

test.run();
