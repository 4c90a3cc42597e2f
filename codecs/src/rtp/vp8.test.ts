import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { Vp8Descriptor } from "./vp8.ts";
import { createVp8Descriptor, decodeVp8DescriptorInto, encodeVp8Descriptor, vp8DescriptorLength } from "./vp8.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/vp8-descriptor.json", import.meta.url), "utf8"),
  false,
);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 4);
  for (const vector of vectors) {
    const out = new Uint8Array(6);
    const length = encodeVp8Descriptor(vector.value as Vp8Descriptor, out, 0);
    assert.is(toHex(out, length), vector.hex, vector.name);
    const octets = fromHex(`${vector.hex}00`);
    const descriptor = createVp8Descriptor();
    assert.is(decodeVp8DescriptorInto(octets, 0, octets.length, descriptor), length);
    assert.equal(descriptor, vector.value, vector.name);
  }
});

test("descriptors come back as they went; without a payload they are refused", () => {
  const optional = (max: number) => fc.integer({ min: -1, max });
  const descriptors = fc.record(
    {
      nonReference: fc.boolean(),
      start: fc.boolean(),
      partition: fc.nat(7),
      pictureId: optional(0x7fff),
      baseLayerIndex: optional(255),
      temporalLayer: optional(3),
      layerSync: fc.boolean(),
      keyIndex: optional(31),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(descriptors, (descriptor) => {
      if (descriptor.temporalLayer < 0 && descriptor.keyIndex < 0) descriptor.layerSync = false;
      const out = new Uint8Array(7);
      const length = encodeVp8Descriptor(descriptor, out, 0);
      assert.is(length, vp8DescriptorLength(descriptor));
      const back = createVp8Descriptor();
      assert.is(decodeVp8DescriptorInto(out, 0, length + 1, back), length);
      assert.equal(back, descriptor);
      assert.is(decodeVp8DescriptorInto(out, 0, length, back), 0);
    }),
    { numRuns: 500 },
  );
});

test("picture ids of 7 bits are read, and any octets are survived", () => {
  const descriptor = createVp8Descriptor();
  assert.is(decodeVp8DescriptorInto(fromHex("90802a00"), 0, 4, descriptor), 3);
  assert.is(descriptor.pictureId, 42);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (octets) => {
      const size = decodeVp8DescriptorInto(octets, 0, octets.length, descriptor);
      assert.ok(size === 0 || size < octets.length);
    }),
    { numRuns: 2000 },
  );
});

test.run();
