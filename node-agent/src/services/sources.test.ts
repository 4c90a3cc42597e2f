import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatNmeaSentence, type GnssFix } from "@skein/codecs";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorCode } from "../shell/skein-error.ts";
import { Battery, parsePercent } from "./battery.ts";
import { openJournal } from "./journal.ts";
import { NmeaSource, stepMs } from "./nmea-source.ts";

const test = suite<{ folder: string }>("sources");
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "skein-sources-"));
});
test.after.each((context) => rmSync(context.folder, { recursive: true, force: true }));

const rmc = (time: string, latitude: string): string =>
  formatNmeaSentence(`GNRMC,${time},A,${latitude},N,10324.00740,E,2.16,102.57,231126,,,A`);

test("an NMEA recording with rubbish in it gives its fixes, the rest is counted", ({ folder }) => {
  const file = join(folder, "a.nmea");
  const broken = rmc("193919.00", "3100.02000").replace("N", "M");
  writeFileSync(file, `rubbish\r\n${rmc("193918.00", "3100.01405")}${broken}$GPGGA,cut\r\n\u0000\u0001$$$\r\n`);
  const source = new NmeaSource(file);
  const fixes: GnssFix[] = [];
  source.start((fix) => fixes.push(fix));
  source.stop();
  assert.is(fixes.length, 1);
  assert.ok(Math.abs((fixes[0]?.latitudeDeg ?? 0) - 31.000234) < 1e-6);
  assert.is(source.counters.badChecksum, 3);
});

test("a recording without one position, or none at all, is refused with a reason", ({ folder }) => {
  const file = join(folder, "b.nmea");
  writeFileSync(file, "nothing here\n$GPRMC,,V,,,,,,,,,,N*53\r\n");
  for (const name of [file, join(folder, "missing.nmea"), folder]) {
    assert.throws(
      () => new NmeaSource(name),
      (error: unknown) => errorCode(error, "") === "nmea-unreadable",
    );
  }
});

test("the pace follows the time stamps; a jump or the loop's seam takes one second", () => {
  const at = (timeMs: number) => ({ timeMs }) as GnssFix;
  assert.is(stepMs(at(1000), at(1200)), 200);
  assert.is(stepMs(at(1000), at(11_000)), 10_000);
  assert.is(stepMs(at(9000), at(1000)), 1000);
  assert.is(stepMs(at(1000), at(10_000_000)), 1000);
  assert.is(stepMs(at(Number.NaN), at(1)), 1000);
});

test("a battery file: numbers up to 100 and nothing else", async ({ folder }) => {
  assert.equal([parsePercent("87\n"), parsePercent(" 0 "), parsePercent("12.5")], [87, 0, 12.5]);
  for (const rubbish of ["", "101", "-3", "87%", "0x10", "1e1", "8 7"]) assert.ok(Number.isNaN(parsePercent(rubbish)));
  fc.assert(
    fc.property(fc.string(), (text) => {
      const percent = parsePercent(text);
      return Number.isNaN(percent) || (percent >= 0 && percent <= 100);
    }),
  );
  const missing = new Battery(join(folder, "none"));
  await missing.read();
  assert.ok(Number.isNaN(missing.percent));
  writeFileSync(join(folder, "capacity"), "64\n");
  const battery = new Battery(join(folder, "capacity"));
  await battery.read();
  assert.is(battery.percent, 64);
});

test("the journal: one line an event, all there after the end", ({ folder }) => {
  const file = join(folder, "sub", "journal.jsonl");
  const journal = openJournal(file, 0x107);
  journal.write("text-sent", 10, { messageId: 1 });
  journal.write("voice-played", 20, { talker: 0x102 });
  journal.close();
  journal.write("late", 30, {});
  const lines = readFileSync(file, "utf8").trim().split("\n");
  assert.equal(
    lines.map((line) => JSON.parse(line)),
    [
      { e: "text-sent", atUs: 10, node: 0x107, messageId: 1 },
      { e: "voice-played", atUs: 20, node: 0x107, talker: 0x102 },
    ],
  );
  writeFileSync(join(folder, "plain"), "");
  assert.throws(
    () => openJournal(join(folder, "plain", "j"), 1),
    (e: unknown) => errorCode(e, "") === "journal-not-writable",
  );
});

test.run();
