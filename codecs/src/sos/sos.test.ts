import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { Sos, SosAcknowledgement } from "./sos.ts";
import {
  decodeSos,
  decodeSosAcknowledgement,
  encodeSos,
  encodeSosAcknowledgement,
  SOS_ACKNOWLEDGEMENT_AREAS_OCTETS,
  SOS_ACKNOWLEDGEMENT_OCTETS,
  SOS_OCTETS,
} from "./sos.ts";

const read = (name: string) =>
  parseGoldenVectors(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"), true);

test("golden vectors of the SOS hold both ways", () => {
  const vectors = read("sos");
  assert.ok(vectors.length >= 3);
  for (const vector of vectors) {
    const sos = decodeSos(fromHex(vector.hex), 0, SOS_OCTETS);
    assert.equal(sos, vector.value, vector.name);
    const out = new Uint8Array(SOS_OCTETS);
    encodeSos(sos as Sos, out, 0);
    assert.is(toHex(out), vector.hex, vector.name);
  }
});

test("golden vectors of the acknowledgement hold both ways", () => {
  for (const vector of read("sos-acknowledgement")) {
    const octets = fromHex(vector.hex);
    assert.equal(decodeSosAcknowledgement(octets, 0, octets.length), vector.value, vector.name);
    const out = new Uint8Array(SOS_ACKNOWLEDGEMENT_AREAS_OCTETS);
    const length = encodeSosAcknowledgement(vector.value as SosAcknowledgement, out, 0);
    assert.is(toHex(out.subarray(0, length)), vector.hex, vector.name);
  }
});

test("the place comes back within 1.2 m", () => {
  const sos = fc.record({
    kind: fc.nat(14),
    sosId: fc.nat(15),
    latitudeDeg: fc.double({ min: -90, max: 90, noNaN: true }),
    longitudeDeg: fc.double({ min: -180, max: 180, noNaN: true }),
    batteryPercent: fc.nat(100),
  });
  fc.assert(
    fc.property(sos, (sent) => {
      const out = new Uint8Array(SOS_OCTETS);
      encodeSos(sent, out, 0);
      const back = decodeSos(out, 0, SOS_OCTETS) as Sos;
      assert.is(back.kind, sent.kind);
      assert.is(back.sosId, sent.sosId);
      assert.is(back.batteryPercent, sent.batteryPercent);
      assert.ok(Math.abs(back.latitudeDeg - sent.latitudeDeg) * 111_320 <= 0.6);
      const apart = Math.abs(back.longitudeDeg - sent.longitudeDeg);
      assert.ok(Math.min(apart, 360 - apart) * 111_320 <= 1.2);
    }),
  );
});

test("no octets are both an SOS and an acknowledgement, and none throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 10 }), (octets) => {
      const sos = decodeSos(octets, 0, octets.length);
      const acknowledgement = decodeSosAcknowledgement(octets, 0, octets.length);
      assert.ok(sos === undefined || acknowledgement === undefined);
      if (octets.length !== SOS_OCTETS) assert.is(sos, undefined);
      if (octets.length !== SOS_ACKNOWLEDGEMENT_OCTETS && octets.length !== SOS_ACKNOWLEDGEMENT_AREAS_OCTETS)
        assert.is(acknowledgement, undefined);
    }),
    { numRuns: 2000 },
  );
});

test("a call for help survives a set spare bit and an impossible battery", () => {
  const octets = fromHex("25ac16c0c9876480");
  assert.is(decodeSos(octets, 0, 8)?.batteryPercent, 0);
  octets[7] = 0xff;
  assert.ok(Number.isNaN(decodeSos(octets, 0, 8)?.batteryPercent));
});

test("kind 15 belongs to the acknowledgement, local ids 0 and 255 to nobody", () => {
  const sos = { kind: 15, sosId: 0, latitudeDeg: 0, longitudeDeg: 0, batteryPercent: 0 };
  assert.throws(() => encodeSos(sos, new Uint8Array(8), 0), /kind/);
  const acknowledgement = { sosId: 0, originator: 255, by: 1 };
  assert.throws(() => encodeSosAcknowledgement(acknowledgement, new Uint8Array(3), 0), /local id/);
  assert.is(decodeSosAcknowledgement(fromHex("f00001"), 0, 3), undefined);
});

test.run();
