import { test } from "uvu";
import * as assert from "uvu/assert";
import { SequenceFilter } from "./sequence-filter.ts";

const passed = (...sequences: number[]): number[] => {
  const filter = new SequenceFilter();
  return sequences.filter((sequence) => filter.pass(sequence));
};

test("packets pass once, in whatever order they come", () => {
  assert.equal(passed(7, 9, 8, 8, 9, 10, 7), [7, 9, 8, 10]);
});

test("numbers go on after 65535, and those before it still count", () => {
  assert.equal(passed(65534, 0, 65535, 65535, 0, 1), [65534, 0, 65535, 1]);
});

test("a packet that 64 others have passed by is too late, also when its slot was never used", () => {
  assert.equal(passed(0, 100, 36, 37, 0), [0, 100, 37]);
});

test("a sequence number may come again after a whole round", () => {
  const filter = new SequenceFilter();
  assert.ok(filter.pass(5));
  for (let sequence = 6; sequence < 65536; sequence++) assert.ok(filter.pass(sequence));
  for (let sequence = 0; sequence < 6; sequence++) assert.ok(filter.pass(sequence), String(sequence));
});

test("another source begins anew", () => {
  const filter = new SequenceFilter();
  filter.pass(5000);
  assert.not(filter.pass(3));
  filter.reset();
  assert.ok(filter.pass(3));
  assert.ok(filter.pass(4));
});

test.run();
