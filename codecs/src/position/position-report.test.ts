import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { PositionReport } from "./position-report.ts";
import {
  createPositionReport,
  decodePositionReport,
  decodePositionReportInto,
  encodePositionReport,
  POSITION_REPORT_OCTETS,
} from "./position-report.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/position-report.json", import.meta.url), "utf8"),
  true,
);
const orUnknown = (arbitrary: fc.Arbitrary<number>) => fc.oneof(arbitrary, fc.constant(Number.NaN));
const real = (min: number, max: number) => orUnknown(fc.double({ min, max, noNaN: true }));
const reports: fc.Arbitrary<PositionReport> = fc.record({
  latitudeDeg: real(-90, 90),
  longitudeDeg: real(-180, 180),
  altitudeM: real(-500, 15_882),
  speedKmh: real(0, 510),
  courseDeg: real(0, 360),
  batteryPercent: real(0, 100),
});

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 5);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    const report = decodePositionReport(octets, 0, octets.length);
    assert.equal(report, vector.value, vector.name);
    const out = new Uint8Array(POSITION_REPORT_OCTETS);
    assert.is(encodePositionReport(report as PositionReport, out, 0), 11);
    assert.is(toHex(out), vector.hex, vector.name);
  }
});

test("a report comes back within half a step of each field", () => {
  const apart = (one: number, other: number) => {
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) === Number.isNaN(other) ? 0 : 1e9;
    return Math.abs(one - other);
  };
  const around = (one: number, other: number) => Math.min(apart(one, other), Math.abs(apart(one, other) - 360));
  fc.assert(
    fc.property(reports, fc.nat(9), (report, offset) => {
      const out = new Uint8Array(offset + 11);
      encodePositionReport(report, out, offset);
      const back = decodePositionReport(out, offset, 11) as PositionReport;
      assert.ok(apart(report.latitudeDeg, back.latitudeDeg) * 111_320 <= 0.6);
      assert.ok(around(report.longitudeDeg, back.longitudeDeg) * 111_320 <= 0.6);
      assert.ok(apart(report.altitudeM, back.altitudeM) <= 0.5);
      assert.ok(apart(report.speedKmh, back.speedKmh) <= 0.5);
      assert.ok(around(report.courseDeg, back.courseDeg) <= 0.71);
      assert.ok(apart(report.batteryPercent, back.batteryPercent) <= 0.5);
    }),
  );
});

test("any octets decode to a report that encodes to them again, or to nothing", () => {
  const out = new Uint8Array(11);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ minLength: 11, maxLength: 11 }), fc.uint8Array()), (octets) => {
      const report = decodePositionReport(octets, 0, octets.length);
      if (octets.length !== 11) assert.is(report, undefined);
      if (report === undefined) return;
      encodePositionReport(report, out, 0);
      assert.is(toHex(out), toHex(octets));
    }),
    { numRuns: 2000 },
  );
});

test("refuses the other format bit, a battery of 101 and a range outside the octets", () => {
  const octets = new Uint8Array(11);
  assert.ok(decodePositionReport(octets, 0, 11));
  octets[10] = 1;
  assert.is(decodePositionReport(octets, 0, 11), undefined);
  octets[10] = 0;
  octets[6] = 101;
  assert.is(decodePositionReport(octets, 0, 11), undefined);
  octets[6] = 0;
  assert.is(decodePositionReport(octets, 1, 11), undefined);
  assert.is(decodePositionReport(octets, -1, 11), undefined);
  const kept = createPositionReport();
  assert.not(decodePositionReportInto(octets, 0, 10, kept));
  assert.ok(Number.isNaN(kept.latitudeDeg));
});

test("asserts on a latitude beyond the pole and on a buffer that is too short", () => {
  const report = { ...createPositionReport(), latitudeDeg: 90.1 };
  assert.throws(() => encodePositionReport(report, new Uint8Array(11), 0), /latitude/);
  assert.throws(() => encodePositionReport(createPositionReport(), new Uint8Array(11), 1), /fit/);
});

test.run();
