import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import { createSnapshot, decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot.ts";

const ROOM = 240;
const out = new Uint8Array(ROOM);
const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/snapshot.json", import.meta.url), "utf8"),
  false,
);

function snapshotOf(target: number, known: readonly (readonly [number, number])[]): Snapshot {
  const snapshot = { ...createSnapshot(), target };
  for (const [local, distance] of known) snapshot.distances[local] = distance;
  return snapshot;
}

test("golden vectors: distance snapshot", () => {
  for (const { name, hex, value } of vectors) {
    const { target, known, read } = value as Record<"known" | "read", [number, number][]> & { target: number };
    const octets = fromHex(hex);
    assert.is(toHex(out, encodeSnapshot(snapshotOf(target, known), out, 0, ROOM)), hex, name);
    const back = createSnapshot();
    assert.ok(decodeSnapshot(octets, 0, octets.length, back), name);
    assert.equal(back, snapshotOf(target, read), name);
    assert.not(decodeSnapshot(octets, 0, octets.length - 1, back), `${name}, cut short`);
  }
});

test("what is read is not below what was written, nor 4.5 % above it", () => {
  const known = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 254 }), fc.integer({ min: 0, max: 60_000 })), {
    selector: ([local]) => local,
    minLength: 1,
    maxLength: 100,
  });
  fc.assert(
    fc.property(known, (given) => {
      const octets = encodeSnapshot(snapshotOf(7, given), out, 0, ROOM);
      const back = createSnapshot();
      assert.ok(decodeSnapshot(out, 0, octets, back));
      for (const [local, distance] of given) {
        const read = back.distances[local] as number;
        assert.ok(read >= distance && read <= 1.045 * (distance + 1), `${read} for ${distance}`);
      }
    }),
  );
});

test("a snapshot takes as many nodes as there is room for, and none is no frame", () => {
  const all = Array.from({ length: 254 }, (_, i) => [i + 1, 10] as const);
  const octets = encodeSnapshot(snapshotOf(0, all), out, 0, 40);
  assert.ok(octets > 30 && octets <= 40);
  const back = createSnapshot();
  assert.ok(decodeSnapshot(out, 0, octets, back));
  assert.is(encodeSnapshot(createSnapshot(), out, 0, ROOM), 0);
});

test("no random octets make the decoder throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      decodeSnapshot(octets, 0, octets.length, createSnapshot());
    }),
  );
});

test.run();
