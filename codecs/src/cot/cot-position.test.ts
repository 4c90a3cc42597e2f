import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createPositionReport } from "../position/position-report.ts";
import type { CotEvent } from "./cot-event.ts";
import { decodeCotEvent, encodeCotEvent } from "./cot-event.ts";
import type { CotPosition } from "./cot-position.ts";
import { CotType, cotToPosition, positionToCot } from "./cot-position.ts";

const POSITION: CotPosition = {
  uid: "skein-00000007",
  type: CotType.person,
  callsign: "搜救 <一>",
  groupName: "Cyan",
  groupRole: "Team Member",
  timeMs: 1_795_462_758_123,
  staleMs: 1_795_462_818_123,
  report: {
    latitudeDeg: 31.0002341,
    longitudeDeg: -103.4,
    altitudeM: 1326,
    speedKmh: 36,
    courseDeg: 102.5,
    batteryPercent: 87,
  },
};

function throughXml(position: CotPosition): CotPosition | undefined {
  const out = new Uint8Array(2048);
  const length = encodeCotEvent(positionToCot(position) as CotEvent, out, 0);
  return cotToPosition(decodeCotEvent(out, 0, length) as CotEvent);
}

test("a position goes through CoT and back", () => {
  assert.equal(throughXml(POSITION), POSITION);
});

test("what is unknown stays unknown", () => {
  const report = { ...createPositionReport(), latitudeDeg: 0, longitudeDeg: 0 };
  const bare = { ...POSITION, groupName: "", groupRole: "", report };
  assert.equal(throughXml(bare), bare);
});

test("any place comes back within a centimetre", () => {
  const degrees = (limit: number) => fc.double({ min: -limit, max: limit, noNaN: true });
  fc.assert(
    fc.property(degrees(90), degrees(180), (latitudeDeg, longitudeDeg) => {
      const back = throughXml({ ...POSITION, report: { ...POSITION.report, latitudeDeg, longitudeDeg } });
      assert.ok(Math.abs((back?.report.latitudeDeg ?? 99) - latitudeDeg) < 1e-7);
      assert.ok(Math.abs((back?.report.longitudeDeg ?? 999) - longitudeDeg) < 1e-7);
    }),
    { numRuns: 200 },
  );
});

test("a report without place makes no event; an event that is no atom makes no position", () => {
  assert.is(positionToCot({ ...POSITION, report: createPositionReport() }), undefined);
  const event = { ...(positionToCot(POSITION) as CotEvent), type: "b-t-f" };
  assert.is(cotToPosition(event), undefined);
});

test.run();
