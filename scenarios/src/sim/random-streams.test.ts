import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawUint32, RandomStream, streamKey } from "./random-streams.ts";

const take = (stream: RandomStream, n: number): number[] => Array.from({ length: n }, () => stream.uint32());

test("a stream depends on seed and name alone", () => {
  const first = take(new RandomStream(7, "loss/uhf/A/B"), 5);
  const other = new RandomStream(7, "loss/uhf/A/C");
  take(other, 100);
  assert.equal(take(new RandomStream(7, "loss/uhf/A/B"), 5), first);
  assert.not.equal(take(new RandomStream(8, "loss/uhf/A/B"), 5), first);
  assert.not.equal(take(new RandomStream(7, "loss/uhf/B/A"), 5), first);
});

test("golden values: a change here changes every trace", () => {
  const key = streamKey(20210512, "start");
  assert.equal(
    [0, 1, 2].map((n) => drawUint32(key, n)),
    GOLDEN,
  );
});

test("values fill their range evenly", () => {
  const stream = new RandomStream(1, "even");
  const cells = new Array<number>(64).fill(0);
  const draws = 64_000;
  for (let i = 0; i < draws; i++) {
    const cell = Math.floor(stream.unit() * 64);
    cells[cell] = (cells[cell] as number) + 1;
  }
  // Chi-squared with 63 degrees of freedom: 0.1 % lie above 103.
  const chi = cells.reduce((sum, n) => sum + (n - draws / 64) ** 2 / (draws / 64), 0);
  assert.ok(chi < 103, `chi squared ${chi}`);
});

const GOLDEN = [2122695408, 2829703574, 4092824266];

test.run();
