import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors } from "../testing/golden.ts";
import { encodeUtf8 } from "../text/utf8.ts";
import { decodeGpsdLine, MAX_GPSD_LINE_OCTETS } from "./gpsd.ts";

const decode = (line: string) => {
  const octets = encodeUtf8(line);
  return decodeGpsdLine(octets, 0, octets.length);
};
const TPV = { class: "TPV", device: "/dev/ttyACM0", mode: 3, time: "2026-11-23T19:39:18.000Z", lat: 31, lon: 103.4 };

test("golden vectors hold", () => {
  const vectors = parseGoldenVectors(readFileSync(new URL("../../vectors/gpsd.json", import.meta.url), "utf8"), true);
  assert.ok(vectors.length >= 4);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    assert.equal(decodeGpsdLine(octets, 0, octets.length), vector.value, vector.name);
  }
});

test("a TPV makes a fix; speed is turned into km/h", () => {
  const line = JSON.stringify({ ...TPV, altHAE: 1288.3, altMSL: 1326.5, speed: 10, track: 102.5, eph: 3 });
  assert.equal(decode(`${line}\r\n`), {
    kind: "fix",
    fix: {
      timeMs: Date.UTC(2026, 10, 23, 19, 39, 18),
      latitudeDeg: 31,
      longitudeDeg: 103.4,
      altitudeM: 1326.5,
      speedKmh: 36,
      courseDeg: 102.5,
    },
  });
});

test("old altitude names are read, and none on a place-only fix", () => {
  const altitude = (extra: object) => {
    const line = decode(JSON.stringify({ ...TPV, ...extra }));
    return line.kind === "fix" ? line.fix.altitudeM : undefined;
  };
  assert.is(altitude({ alt: 5 }), 5);
  assert.is(altitude({ altHAE: 6 }), 6);
  assert.ok(Number.isNaN(altitude({ alt: 5, mode: 2 })));
  assert.ok(Number.isNaN(altitude({})));
});

test("other classes, missing fixes and rubbish are told apart", () => {
  const kinds: [string, string][] = [
    ['{"class":"VERSION","release":"3.25"}', "other"],
    ['{"class":"TPV","mode":1}', "without-fix"],
    ['{"class":"TPV","mode":0}', "without-fix"],
    ['{"class":"TPV","mode":3}', "without-fix"],
    ['{"class":"TPV"}', "malformed"],
    ['{"class":"TPV","mode":3,"lat":91,"lon":0}', "malformed"],
    ['{"class":"TPV","mode":3,"lat":"31","lon":0}', "malformed"],
    ['{"class":"TPV","mode":3,"lat":1}', "malformed"],
    ['{"class":7}', "malformed"],
    ["[]", "malformed"],
    ["null", "malformed"],
    ["", "malformed"],
    ['{"class":"TPV"', "malformed"],
    [`{"class":"SKY","x":"${"y".repeat(MAX_GPSD_LINE_OCTETS)}"}`, "malformed"],
  ];
  for (const [line, kind] of kinds) assert.is(decode(line).kind, kind, line.slice(0, 60));
});

test("never throws on any octets or any JSON", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(encodeUtf8)), (octets) => {
      decodeGpsdLine(octets, 0, octets.length);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("lat", "lon", "mode", "time", "speed"), fc.jsonValue()), (extra) => {
      decode(JSON.stringify({ ...TPV, ...extra }));
    }),
  );
});

test.run();
