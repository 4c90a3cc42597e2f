import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NmeaParser } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { timedFaults } from "../world/fault-actions.ts";
import { World } from "../world/world.ts";
import { parseAction } from "./control-server.ts";
import { parseJournal } from "./journal.ts";
import { MissionFiles, ScratchError } from "./mission-files.ts";
import { nmeaTrack } from "./nmea-track.ts";
import { percentile } from "./percentile.ts";
import { Periodic } from "./periodic.ts";
import { descendantsOf } from "./process-tree.ts";
import { faultSteps, trafficSteps } from "./schedule.ts";

const SCENARIO = `
scenario: parts/1
duration: 60s
origin: {latitude: -31.5, longitude: -103.25}
networks:
  - {name: uhf, type: udp, bitrateBps: 2000000, rangeM: 5000}
nodes:
  - {name: A, address: "1.1", role: terminal, networks: [uhf],
     at: {orbit: {centre: [0, 0], radiusM: 500, altitudeM: 1200, speedKmh: 72}}}
  - {name: B, address: "1.2", role: terminal, networks: [uhf], at: [100, 0]}
groups:
  - {name: all, number: 1, members: [A, B]}
traffic:
  talk:
    - {by: A, group: 1, from: 5s, to: 8s, repeatEvery: 20s}
    - {by: A, group: 1, from: 8s, to: 30s}
  texts:
    - {at: 5s, by: B, to: A, body: hello}
  video:
    - {by: A, to: B, from: 2s, until: 9s}
  sos:
    - {at: 50s, by: B}
faults:
  - {at: 10s, cut: "A - B", for: 5s}
  - {at: 12s, kill: A}
`;

test("traffic comes in order, keys are released before they are pressed, and what is too late is left out", () => {
  const steps = trafficSteps(parseScenario("p.yaml", SCENARIO), 27e6);
  assert.equal(
    steps.map(({ do: what, atUs }) => `${atUs / 1e6} ${what}`),
    ["2 video", "5 talk", "5 text", "8 hush", "8 talk", "9 video-stop", "25 talk", "27 hush", "27 hush"],
  );
});

test("failures begin and end; one for good does not end", () => {
  const steps = faultSteps(timedFaults(parseScenario("p.yaml", SCENARIO)), 60e6);
  assert.equal(
    steps.map(({ do: what, atUs }) => `${atUs / 1e6} ${what}`),
    ["10 break", "12 break", "15 mend"],
  );
  assert.is(faultSteps(timedFaults(parseScenario("p.yaml", SCENARIO)), 13e6).length, 2);
});

test("a track reads back as the world's own positions", () => {
  const world = new World(parseScenario("p.yaml", SCENARIO));
  const octets = new TextEncoder().encode(nmeaTrack(world, 0, 7e6, 3));
  const parser = new NmeaParser();
  parser.push(octets, 0, octets.length);
  const fixes = [];
  for (let fix = parser.poll(); fix !== undefined; fix = parser.poll()) fixes.push(fix);
  assert.is(parser.counters.badChecksum + parser.counters.malformed, 0);
  const last = fixes.at(-1);
  const truth = world.positionReport(0, 9e6);
  assert.ok(last !== undefined && Math.abs(last.latitudeDeg - truth.latitudeDeg) < 1e-6);
  assert.ok(Math.abs((last?.longitudeDeg ?? 0) - truth.longitudeDeg) < 1e-6);
  assert.is(last?.altitudeM, 1200);
  assert.ok(Math.abs((last?.speedKmh ?? 0) - 72) < 0.5);
});

test("a journal that ends in the middle of a line, or holds rubbish, gives what is whole", () => {
  const text = '{"e":"start","atUs":1,"node":257}\nnull\n7\n{"e":5}\n{"e":"stop","atUs":2,"no';
  assert.equal(parseJournal(text), [{ e: "start", atUs: 1, node: 257 }]);
});

test("actions are checked", () => {
  assert.equal(parseAction('{"action":"cut-link","from":257,"to":258}'), { action: "cut-link", from: 257, to: 258 });
  assert.is(parseAction("{"), "not JSON");
  for (const bad of [
    '{"action":"cut-link","from":257}',
    '{"action":"burn"}',
    "[]",
    '{"action":"kill-node","address":0}',
  ]) {
    assert.type(parseAction(bad), "string", bad);
  }
});

test("percentiles by nearest rank", () => {
  assert.is(percentile([], 0.95), null);
  assert.is(percentile([3], 0.95), 3);
  assert.is(percentile([5, 1, 4, 2, 3], 0.5), 3);
  assert.is(
    percentile(
      Array.from({ length: 100 }, (_, i) => i + 1),
      0.95,
    ),
    95,
  );
});

/** Runs with `folder` as the place of scratch folders. */
function withTemporaryFolder<T>(folder: string, run: () => T): T {
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  try {
    return run();
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
}

test("a scratch folder that vanishes while the lab runs is told once, and used again when it is back", () => {
  const parent = mkdtempSync(join(tmpdir(), "skein-parts-"));
  const files = withTemporaryFolder(parent, () => new MissionFiles(new World(parseScenario("p.yaml", SCENARIO))));
  const troubles: string[] = [];
  const batteries = new Periodic(
    () => files.writeBattery(0, 0),
    (message) => troubles.push(message),
  );
  batteries.once();
  assert.match(readFileSync(join(files.folder, "A.battery"), "utf8"), /^\d+\n$/);
  rmSync(files.folder, { recursive: true });
  batteries.once();
  batteries.once();
  assert.is(troubles.length, 1);
  assert.match(troubles[0] ?? "", /scratch folder .*skein-lab-.*ENOENT/);
  mkdirSync(files.folder);
  batteries.once();
  assert.ok(existsSync(join(files.folder, "A.battery")));
  rmSync(files.folder, { recursive: true });
  batteries.once();
  assert.is(troubles.length, 2);
  rmSync(parent, { recursive: true });
});

test("a scratch folder that cannot be made is refused in words", () => {
  const parent = mkdtempSync(join(tmpdir(), "skein-parts-"));
  writeFileSync(join(parent, "file"), "");
  for (const place of [join(parent, "file"), join(parent, "missing")]) {
    assert.throws(
      () => withTemporaryFolder(place, () => new MissionFiles(new World(parseScenario("p.yaml", SCENARIO)))),
      (error: unknown) => error instanceof ScratchError && error.message.includes(place) && /TMPDIR/.test(error.remedy),
    );
  }
  assert.equal(readdirSync(parent), ["file"]);
  rmSync(parent, { recursive: true });
});

test("this process descends from its parent", () => {
  assert.ok(descendantsOf(process.ppid).includes(process.pid));
  assert.not.ok(descendantsOf(process.pid).includes(process.ppid));
});

test.run();
