import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DistanceQueue } from "./distance-queue.ts";

const entry = fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 255 }));

test("whatever is added comes out once, the smallest distance first", () => {
  const queue = new DistanceQueue();
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 3000 }), (entries) => {
      for (const [distance, id] of entries) queue.add(distance, id);
      const taken: [number, number][] = [];
      for (let id = queue.take(); id !== -1; id = queue.take()) taken.push([queue.distance, id]);
      for (let i = 1; i < taken.length; i++)
        assert.ok((taken[i - 1] as [number, number])[0] <= (taken[i] as [number, number])[0]);
      const byBoth = (a: [number, number], b: [number, number]): number => a[0] - b[0] || a[1] - b[1];
      assert.equal(taken.sort(byBoth), (entries as [number, number][]).sort(byBoth));
      queue.clear();
    }),
    { numRuns: 200 },
  );
});

test("more is added while some is taken, as a search does", () => {
  const queue = new DistanceQueue();
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 200 }), (steps) => {
      queue.clear();
      queue.add(0, 0);
      let last = 0;
      let left = 1;
      for (const step of steps) {
        if (queue.take() === -1) return left === 0;
        left--;
        assert.ok(queue.distance >= last);
        last = queue.distance;
        queue.add(last + step, step);
        queue.add(last + 2 * step, step);
        left += 2;
      }
      return true;
    }),
  );
});

test("cleared half way it begins again at nothing", () => {
  const queue = new DistanceQueue();
  for (let i = 0; i < 100; i++) queue.add(600 * i, i);
  queue.take();
  queue.clear();
  assert.is(queue.take(), -1);
  queue.add(3, 7);
  assert.is(queue.take(), 7);
  assert.is(queue.distance, 3);
});

test.run();
