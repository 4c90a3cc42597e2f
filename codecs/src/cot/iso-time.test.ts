import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatIsoTime, parseIsoTime } from "./iso-time.ts";

test("agrees with the platform's calendar from 1970 to 9999", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (epochMs) => {
      const text = new Date(epochMs).toISOString();
      assert.is(formatIsoTime(epochMs), text);
      assert.is(parseIsoTime(text), epochMs);
    }),
    { numRuns: 2000 },
  );
});

test("every day of the years around a leap century comes back", () => {
  for (let day = 10_000; day < 12_000; day++) {
    const epochMs = day * 86_400_000;
    assert.is(formatIsoTime(epochMs), new Date(epochMs).toISOString());
    assert.is(parseIsoTime(formatIsoTime(epochMs)), epochMs);
  }
});

test("offsets, missing and long fractions are read", () => {
  assert.is(parseIsoTime("1970-01-01T08:00:01+08:00"), 1000);
  assert.is(parseIsoTime("1969-12-31T16:30:00.5-0730"), 500);
  assert.is(parseIsoTime("1970-01-01T00:00:00.123456789Z"), 123);
  assert.is(parseIsoTime("1970-01-01T00:00:00.1Z"), 100);
});

test("what is no instant is refused", () => {
  const refused = [
    "",
    "now",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-01-01T00:00:00+25:00",
    " 2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
  ];
  for (const text of refused) assert.is(parseIsoTime(text), undefined, text);
  assert.throws(() => formatIsoTime(Number.NaN), /time/);
  assert.throws(() => formatIsoTime(-1), /time/);
});

test.run();
