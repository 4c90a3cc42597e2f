import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import { CODEC2_BUNDLE_OCTETS, packCodec2Bundle, unpackCodec2Bundle } from "./codec2-bundle.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/codec2-bundle.json", import.meta.url), "utf8"),
  false,
);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 1);
  for (const vector of vectors) {
    const frames = new Uint8Array(21);
    assert.ok(unpackCodec2Bundle(fromHex(vector.hex), 0, 20, frames, 0));
    assert.equal(frames, vector.value, vector.name);
    const out = new Uint8Array(CODEC2_BUNDLE_OCTETS);
    packCodec2Bundle(frames, 0, out, 0);
    assert.is(toHex(out), vector.hex, vector.name);
  }
});

test("bit k of the bundle is bit k of the frames laid end to end", () => {
  const bit = (octets: Uint8Array, index: number) => ((octets[index >> 3] as number) >> (7 - (index & 7))) & 1;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 21, maxLength: 21 }), (frames) => {
      const out = new Uint8Array(CODEC2_BUNDLE_OCTETS);
      assert.is(packCodec2Bundle(frames, 0, out, 0), CODEC2_BUNDLE_OCTETS);
      for (let index = 0; index < 156; index++) {
        assert.is(bit(out, index), bit(frames, Math.floor(index / 52) * 56 + (index % 52)));
      }
      const back = new Uint8Array(21);
      assert.ok(unpackCodec2Bundle(out, 0, out.length, back, 0));
      for (const last of [6, 13, 20]) frames[last] = (frames[last] as number) & 0xf0;
      assert.equal(back, frames);
    }),
  );
});

test("any other length is no bundle", () => {
  const frames = new Uint8Array(21);
  for (const length of [0, 7, 19, 21]) assert.not(unpackCodec2Bundle(new Uint8Array(30), 0, length, frames, 0));
  assert.not(unpackCodec2Bundle(new Uint8Array(20), 1, 20, frames, 0));
  assert.throws(() => packCodec2Bundle(new Uint8Array(20), 0, new Uint8Array(20), 0), /three frames/);
});

test.run();
