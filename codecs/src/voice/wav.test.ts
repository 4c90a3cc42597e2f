import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { WavHeader } from "./wav.ts";
import { decodeWavHeader, encodeWavHeader, WAV_HEADER_OCTETS } from "./wav.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/wav-header.json", import.meta.url), "utf8"),
  false,
);

function wav(dataOctets: number): Uint8Array {
  const file = new Uint8Array(WAV_HEADER_OCTETS + dataOctets);
  encodeWavHeader({ channels: 1, sampleRateHz: 16_000, dataOctets }, file, 0);
  return file;
}

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 1);
  for (const vector of vectors) {
    const value = vector.value as WavHeader;
    const file = new Uint8Array(WAV_HEADER_OCTETS + value.dataOctets);
    encodeWavHeader(value, file, 0);
    assert.is(toHex(file, WAV_HEADER_OCTETS), vector.hex, vector.name);
    file.set(fromHex(vector.hex));
    assert.equal(decodeWavHeader(file, 0, file.length), { ...value, dataOffset: 44 });
  }
});

test("chunks before the samples are stepped over, odd ones with their padding", () => {
  const plain = wav(4);
  const file = new Uint8Array(plain.length + 12);
  file.set(plain.subarray(0, 36));
  file.set(fromHex("4c49535403000000aabbcc00"), 36);
  file.set(plain.subarray(36), 48);
  assert.equal(decodeWavHeader(file, 0, file.length), {
    channels: 1,
    sampleRateHz: 16_000,
    dataOffset: 56,
    dataOctets: 4,
  });
});

test("a file that was cut gives the whole samples that are there", () => {
  const file = wav(100);
  assert.is(decodeWavHeader(file, 0, 44 + 51)?.dataOctets, 50);
  for (let length = 0; length < 44; length++) assert.is(decodeWavHeader(file, 0, length), undefined);
});

test("other formats are refused", () => {
  const cases: [number, number][] = [
    [20, 3],
    [34, 8],
    [22, 0],
    [32, 4],
    [0, 0],
    [8, 0],
  ];
  for (const [at, value] of cases) {
    const file = wav(4);
    file[at] = value;
    assert.is(decodeWavHeader(file, 0, file.length), undefined, `octet ${at}`);
  }
});

test("never throws on a broken file", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 6 }), fc.nat(64), (changes, length) => {
      const file = wav(20);
      for (const [at, value] of changes) file[at] = value;
      const header = decodeWavHeader(file, 0, length);
      if (header !== undefined) assert.ok(header.dataOffset + header.dataOctets <= length);
    }),
    { numRuns: 2000 },
  );
});

test.run();
