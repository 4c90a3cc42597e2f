import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors } from "../testing/golden.ts";
import { encodeUtf8 } from "../text/utf8.ts";
import type { GnssFix } from "./gnss-fix.ts";
import { formatNmeaSentence, NmeaParser } from "./nmea.ts";

const RMC = "GNRMC,193918.25,A,3100.01405,N,10324.00740,W,10.0,102.57,231126,,,A";
const GGA = "GPGGA,193918.25,3100.01405,N,10324.00740,W,1,12,0.8,1326.5,M,-38.2,M,,";

function push(parser: NmeaParser, text: string): GnssFix | undefined {
  const octets = encodeUtf8(text);
  parser.push(octets, 0, octets.length);
  return parser.poll();
}

test("golden vectors hold", () => {
  const vectors = parseGoldenVectors(readFileSync(new URL("../../vectors/nmea.json", import.meta.url), "utf8"), true);
  assert.ok(vectors.length >= 2);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    const parser = new NmeaParser();
    parser.push(octets, 0, octets.length);
    assert.equal(parser.poll(), vector.value, vector.name);
  }
});

test("the checksum of a published sentence holds", () => {
  const body = "GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,";
  assert.is(formatNmeaSentence(body), `$${body}*76\r\n`);
});

test("RMC with the altitude of GGA makes a fix", () => {
  const parser = new NmeaParser();
  assert.is(push(parser, formatNmeaSentence(GGA)), undefined);
  const fix = push(parser, formatNmeaSentence(RMC)) as GnssFix;
  assert.is(fix.timeMs, Date.UTC(2026, 10, 23, 19, 39, 18, 250));
  assert.ok(Math.abs(fix.latitudeDeg - 31.0002341667) < 1e-9);
  assert.ok(Math.abs(fix.longitudeDeg + 103.4001233333) < 1e-9);
  assert.is(fix.altitudeM, 1326.5);
  assert.is(fix.speedKmh, 18.52);
  assert.is(fix.courseDeg, 102.57);
  assert.is(parser.poll(), undefined);
});

test("sentences cut anywhere between pushes make the same fixes", () => {
  const stream = formatNmeaSentence(GGA) + formatNmeaSentence(RMC);
  const whole = push(new NmeaParser(), stream);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 8 }), (cuts) => {
      const parser = new NmeaParser();
      const places = [0, ...cuts.sort((one, other) => one - other), stream.length];
      const octets = encodeUtf8(stream);
      for (let index = 1; index < places.length; index++) {
        const from = places[index - 1] as number;
        parser.push(octets, from, (places[index] as number) - from);
      }
      assert.equal(parser.poll(), whole);
      assert.is(parser.counters.sentences, 2);
    }),
    { numRuns: 100 },
  );
});

test("GGA alone makes fixes once no RMC comes", () => {
  const parser = new NmeaParser();
  assert.is(push(parser, formatNmeaSentence(GGA)), undefined);
  assert.is(push(parser, formatNmeaSentence(GGA)), undefined);
  const fix = push(parser, formatNmeaSentence(GGA)) as GnssFix;
  assert.is(fix.altitudeM, 1326.5);
  assert.ok(Number.isNaN(fix.timeMs) && Number.isNaN(fix.speedKmh));
});

test("empty speed, course and date are unknown; an empty place is malformed", () => {
  const parser = new NmeaParser();
  const fix = push(parser, formatNmeaSentence("GPRMC,,A,3100.0,S,10324.0,E,,,,,")) as GnssFix;
  assert.is(fix.latitudeDeg, -31);
  assert.ok(Number.isNaN(fix.speedKmh) && Number.isNaN(fix.courseDeg) && Number.isNaN(fix.timeMs));
  assert.is(push(parser, formatNmeaSentence("GPRMC,193918,A,,,,,,,231126,,")), undefined);
  assert.is(parser.counters.malformed, 1);
});

test("every kind of bad sentence is counted and the next good one is read", () => {
  const parser = new NmeaParser();
  const good = formatNmeaSentence(RMC);
  push(parser, good.replace("A,3100", "A,3200"));
  push(parser, `$${RMC}\r\n`);
  assert.is(parser.counters.badChecksum, 2);
  push(parser, "$GPRMC,1939");
  push(parser, `$${"x".repeat(200)}\r\n`);
  push(parser, "$GPRMC\u0001,\r\n");
  push(parser, formatNmeaSentence("GPRMC,193918,A,3160.0,N,10324.0,E,1,1,231126,,"));
  push(parser, formatNmeaSentence("GPRMC,193918,A,9100.0,N,10324.0,E,1,1,231126,,"));
  assert.is(parser.counters.malformed, 5);
  push(parser, formatNmeaSentence("GPRMC,193918,V,,,,,,,231126,,"));
  push(parser, formatNmeaSentence("GPGGA,193918,,,,,0,,,,M,,M,,"));
  assert.is(parser.counters.withoutFix, 2);
  push(parser, formatNmeaSentence("GPGSV,1,1,00"));
  assert.is(parser.counters.ignored, 1);
  assert.ok(push(parser, `noise ${good}`));
});

test("never throws on any octets", () => {
  const parser = new NmeaParser();
  const pieces = fc.array(fc.constantFrom(..."$!*,.0123456789ANSEW\r\n".split(""), "$GPRMC,", "$GPGGA,", "*00"));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        pieces.map((list) => encodeUtf8(list.join(""))),
      ),
      (octets) => {
        parser.push(octets, 0, octets.length);
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(parser.counters.badChecksum > 0);
});

test.run();
