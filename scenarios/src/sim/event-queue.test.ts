import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EventQueue } from "./event-queue.ts";

type Event = [timeUs: number, kind: number, node: number, argument: number];

function drain(queue: EventQueue): Event[] {
  const out: Event[] = [];
  while (queue.take()) out.push([queue.timeUs, queue.kind, queue.node, queue.argument]);
  return out;
}

test("events come in the order time, kind, node, sequence", () => {
  const queue = new EventQueue();
  queue.add(20, 0, 0, 1);
  queue.add(10, 3, 0, 2);
  queue.add(10, 2, 9, 3);
  queue.add(10, 2, 1, 4);
  queue.add(10, 2, 1, 5);
  assert.equal(drain(queue), [
    [10, 2, 1, 4],
    [10, 2, 1, 5],
    [10, 2, 9, 3],
    [10, 3, 0, 2],
    [20, 0, 0, 1],
  ]);
});

test("any set of events comes out as a stable sort would put it", () => {
  const event = fc.tuple(
    fc.integer({ min: 0, max: 50 }),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 2000 }), (list) => {
      const queue = new EventQueue();
      const events = list.map(([t, k, n], i): Event => [t, k, n, i]);
      for (const [t, k, n, i] of events) queue.add(t, k, n, i);
      const expected = events.toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3]);
      assert.equal(drain(queue), expected);
    }),
    { numRuns: 30 },
  );
});

test("taking and adding in turn keeps the order, beyond the first capacity", () => {
  const queue = new EventQueue();
  for (let i = 0; i < 5000; i++) queue.add((i * 7919) % 5003, 1, 0, -i);
  let lastUs = -1;
  for (let i = 0; i < 4000; i++) {
    assert.ok(queue.take());
    assert.ok(queue.timeUs >= lastUs);
    lastUs = queue.timeUs;
    if (i % 3 === 0) queue.add(lastUs + 10, 1, 0, i);
  }
  assert.is(queue.size, 5000 - 4000 + 1334);
});

test("a time that is not a whole microsecond is refused", () => {
  assert.throws(() => new EventQueue().add(0.5, 0, 0, 0), /whole microseconds/);
});

test.run();
