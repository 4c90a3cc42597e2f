import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamWatch } from "./silence.ts";

const SOURCE = 0x101;
const EVERY_US = 20_000;

/** A stream that has come regularly, up to packet `last`, at `lateUs(i)` after its time. */
function steady(last: number, lateUs: (i: number) => number = () => 0): StreamWatch {
  const watch = new StreamWatch();
  for (let i = 0; i <= last; i++) watch.heard(i * EVERY_US + lateUs(i), SOURCE, i);
  return watch;
}

test("a path that stops while another one goes on is missed after three packets", () => {
  const watch = steady(50);
  watch.heardElsewhere(SOURCE, 51);
  assert.is(watch.dueUs(51 * EVERY_US), 53 * EVERY_US);
});

test("a speaker who falls silent is not missed, nor what the other path brings late", () => {
  const watch = steady(50);
  assert.is(watch.dueUs(60 * EVERY_US), Number.POSITIVE_INFINITY);
  watch.heardElsewhere(SOURCE, 50);
  watch.heardElsewhere(SOURCE, 49);
  assert.is(watch.dueUs(60 * EVERY_US), Number.POSITIVE_INFINITY);
});

test("a path with much jitter is given more time", () => {
  const even = steady(200);
  const uneven = steady(200, (i) => (i % 2) * 15_000 + (i % 10 === 0 ? 60_000 : 0));
  for (const watch of [even, uneven]) watch.heardElsewhere(SOURCE, 201);
  const atUs = 201 * EVERY_US;
  assert.ok(uneven.dueUs(atUs) - 200 * EVERY_US > even.dueUs(atUs) - 200 * EVERY_US + 10_000);
});

test("what was told is not told again before the stream has come back", () => {
  const watch = steady(50);
  watch.heardElsewhere(SOURCE, 51);
  watch.told();
  watch.heardElsewhere(SOURCE, 52);
  assert.is(watch.dueUs(53 * EVERY_US), Number.POSITIVE_INFINITY);
  for (let i = 53; i < 70; i++) watch.heard(i * EVERY_US, SOURCE, i);
  watch.heardElsewhere(SOURCE, 70);
  assert.ok(watch.dueUs(70 * EVERY_US) < Number.POSITIVE_INFINITY);
});

test.run();
