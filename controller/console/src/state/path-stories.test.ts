import type { PathEvent, PathReport, PathSecond } from "@skein/node-agent/api";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { pathSpans, pathStories } from "./path-stories.ts";

const [LTE, SATELLITE, UHF] = [0, 1, 2];
const VEHICLE = 0x0102;

/** Speech that came over each bearer in a second, and how much of it first; and the longest gap in it. */
function second(atS: number, frames: readonly number[], firsts = frames, voiceGapMs = 40): PathSecond {
  const bearers = frames.map((came, id) => ({
    cents: 0.25,
    classes: [[0, 0, came, 100 * came, firsts[id] ?? 0] as [number, number, number, number, number]],
  }));
  return { atMs: 1000 * atS, voiceGapMs, bearers };
}

let sequence = 0;
function event(atMs: number, change: PathEvent["change"], silentMs = 0, bearerId = LTE): PathEvent {
  return { sequence: ++sequence, atMs, bearerId, address: VEHICLE, change, reason: "no answer", silentMs };
}

function report(events: PathEvent[], seconds: PathSecond[] = []): PathReport {
  return { bearers: ["lte", "satellite", "uhf"], cents: [], seconds, events };
}

test("a cut is one story: who carried speech, when it was noticed, who went on, the gap, and the end", () => {
  const seconds = [
    ...[20, 21, 22, 23, 24].map((at) => second(at, [25, 0, 20], [5, 0, 20])),
    second(25, [2, 10, 20], [0, 1, 20], 97),
    second(26, [0, 10, 25], [0, 0, 25]),
    second(27, [0, 10, 25], [0, 0, 25]),
    second(28, [0, 10, 25], [0, 0, 25]),
  ];
  const events = [
    event(1000, "up"),
    event(24_060, "missed", 58),
    event(24_200, "suspected", 190),
    event(26_400, "down"),
  ];
  const [story, ...more] = pathStories(report(events, seconds), 40_000);
  assert.is(more.length, 0);
  assert.is(story?.atMs, 24_060);
  assert.is(story?.silentMs, 58);
  assert.equal(story?.before, { bearerId: LTE, share: 1, firstShare: 0.2 });
  assert.equal(
    story?.carriers.map(({ bearerId, share }) => [bearerId, share]),
    [
      [UHF, 1],
      [SATELLITE, 0.4],
    ],
  );
  assert.is(story?.voiceGapMs, 97);
  assert.is(story?.end, "down");
  assert.is(story?.endMs, 26_400);
  assert.is(story?.cents, 3);
});

test("a path that answers has only been suspected, one that returns is told of once", () => {
  const events = [
    event(1000, "suspected", 50),
    event(1100, "trusted"),
    event(5000, "suspected", 60),
    event(7000, "down"),
    event(9000, "up"),
  ];
  const stories = pathStories(report(events), 20_000);
  assert.equal(
    stories.map(({ end, endMs, backMs }) => [end, endMs, backMs]),
    [
      ["back", 7000, 9000],
      ["over", 1100, 0],
    ],
  );
});

test("what is missed here is over when speech comes there again, and open until then", () => {
  const events = [event(1000, "missed", 50)];
  const silent = [2, 3, 4].map((at) => second(at, [0, 0, 25]));
  assert.is(pathStories(report(events, silent), 9000)[0]?.end, "open");
  assert.is(pathStories(report(events, [...silent, second(5, [20, 0, 25])]), 9000)[0]?.end, "over");
  const given = [...events, event(5500, "down")];
  assert.equal(
    pathStories(report(given, silent), 9000).map(({ end, atMs }) => [end, atMs]),
    [["down", 1000]],
  );
});

test("without speech nobody carried any", () => {
  const [story] = pathStories(
    report([event(24_500, "down")], [second(24, [0], [0], 0), second(26, [0], [0], 0)]),
    30_000,
  );
  assert.is(story?.before, null);
  assert.equal(story?.carriers, []);
  assert.is(story?.voiceGapMs, 0);
});

test("states of a path fill the window from the first event on", () => {
  const events = [event(1000, "up"), event(4000, "suspected"), event(6000, "down"), event(2000, "up", 0, UHF)];
  assert.equal(
    pathSpans(events, LTE, 2000, 9000).map(({ state, fromMs, toMs }) => [state, fromMs, toMs]),
    [
      ["up", 2000, 4000],
      ["suspect", 4000, 6000],
      ["down", 6000, 9000],
    ],
  );
});

test.run();
