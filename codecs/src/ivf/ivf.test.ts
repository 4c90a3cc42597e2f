import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { IvfHeader } from "./ivf.ts";
import {
  decodeIvfFile,
  decodeIvfHeader,
  encodeIvfFrame,
  encodeIvfHeader,
  IVF_FRAME_HEADER_OCTETS,
  IVF_HEADER_OCTETS,
} from "./ivf.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/ivf-header.json", import.meta.url), "utf8"),
  false,
);
const HEADER: IvfHeader = { fourcc: "VP80", width: 320, height: 240, rate: 15, scale: 1, frameCount: 0 };

function ivf(frames: readonly Uint8Array[]): Uint8Array {
  const octets = new Uint8Array(
    frames.reduce((sum, frame) => sum + IVF_FRAME_HEADER_OCTETS + frame.length, IVF_HEADER_OCTETS),
  );
  let at = encodeIvfHeader(HEADER, octets, 0);
  for (const [index, frame] of frames.entries()) at += encodeIvfFrame(index * 2 ** 33, frame, octets, at);
  return octets;
}

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 1);
  for (const vector of vectors) {
    assert.equal(decodeIvfHeader(fromHex(vector.hex), 0, IVF_HEADER_OCTETS), vector.value, vector.name);
    const out = new Uint8Array(IVF_HEADER_OCTETS);
    encodeIvfHeader(vector.value as IvfHeader, out, 0);
    assert.is(toHex(out), vector.hex, vector.name);
  }
});

test("frames come back as they went; a cut file gives the whole ones", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 }), fc.nat(20), (frames, cut) => {
      const file = ivf(frames);
      const read = decodeIvfFile(file);
      assert.equal(read?.header, HEADER);
      assert.equal(
        read?.frames.map((frame) => file.slice(frame.offset, frame.offset + frame.lengthOctets)),
        frames,
      );
      assert.equal(
        read?.frames.map((frame) => frame.timestamp),
        frames.map((_, index) => index * 2 ** 33),
      );
      const shorter = decodeIvfFile(file.slice(0, Math.max(file.length - cut, IVF_HEADER_OCTETS)));
      assert.ok((shorter?.frames.length ?? 99) <= frames.length);
    }),
  );
});

test("never throws on any octets", () => {
  const start = ivf([]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(31), fc.nat(255), (rest, at, value) => {
      const file = new Uint8Array([...start, ...rest]);
      file[at] = value;
      const read = decodeIvfFile(file);
      for (const frame of read?.frames ?? []) assert.ok(frame.offset + frame.lengthOctets <= file.length);
      decodeIvfHeader(rest, 0, rest.length);
    }),
    { numRuns: 1000 },
  );
});

test("a time base of nothing is refused by both sides", () => {
  const file = ivf([]);
  file[16] = 0;
  assert.is(decodeIvfFile(file), undefined);
  assert.throws(() => encodeIvfHeader({ ...HEADER, scale: 0 }, new Uint8Array(32), 0), /scale/);
});

test.run();
