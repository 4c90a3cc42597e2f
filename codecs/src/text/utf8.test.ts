import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeUtf8, encodeUtf8, encodeUtf8Into, isUtf8, isWellFormed, utf8Length } from "./utf8.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

test("agrees with the platform's encoder, lone surrogates included", () => {
  const texts = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(fc.oneof(texts, fc.string({ unit: "binary" })), (text) => {
      const octets = encodeUtf8(text);
      assert.equal(octets, new Uint8Array(new TextEncoder().encode(text)));
      assert.is(utf8Length(text), octets.length);
      assert.is(isWellFormed(text), strict.decode(octets) === text);
    }),
    { numRuns: 500 },
  );
});

test("agrees with the platform's strict decoder on any octets", () => {
  const lively = fc.uint8Array({ maxLength: 12 });
  const nearly = fc.array(fc.constantFrom(0x41, 0xc1, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x8f, 0x90, 0xa0, 0xbf));
  fc.assert(
    fc.property(
      fc.oneof(
        lively,
        nearly.map((octets) => new Uint8Array(octets)),
      ),
      (octets) => {
        let expected: string | undefined;
        try {
          expected = strict.decode(octets);
        } catch {
          expected = undefined;
        }
        assert.is(decodeUtf8(octets, 0, octets.length), expected);
        assert.is(isUtf8(octets, 0, octets.length), expected !== undefined);
      },
    ),
    { numRuns: 5000 },
  );
});

test("long texts survive the chunks of the decoder", () => {
  const text = "水上救援 🚁 ".repeat(3000);
  const octets = encodeUtf8(text);
  assert.is(decodeUtf8(octets, 0, octets.length), text);
});

test("a range outside the octets is no text, and a buffer that is too short is the caller's mistake", () => {
  assert.is(decodeUtf8(new Uint8Array(2), 1, 2), undefined);
  assert.not(isUtf8(new Uint8Array(2), -1, 1));
  assert.throws(() => encodeUtf8Into("abc", new Uint8Array(2), 0), /fit/);
});

test.run();
