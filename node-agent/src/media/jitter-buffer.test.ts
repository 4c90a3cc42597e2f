import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FRAME_US, JitterBuffer, type PullResult } from "./jitter-buffer.ts";

const CAP_US = 400_000;
const LEAD_US = 40_000;
const EMPTY = new Uint8Array(0);

interface Arrival {
  atUs: number;
  index: number;
}
interface Output {
  atUs: number;
  result: PullResult;
}

const make = () => new JitterBuffer({ capUs: CAP_US, leadUs: LEAD_US });

/** Plays arrivals against the buffer's own clock until it falls silent. */
function run(buffer: JitterBuffer, arrivals: readonly Arrival[]): Output[] {
  const outputs: Output[] = [];
  const drain = (untilUs: number) => {
    for (let dueUs = buffer.nextPullUs(); dueUs <= untilUs; dueUs = buffer.nextPullUs()) {
      outputs.push({ atUs: dueUs, result: buffer.pull(dueUs) });
      if (outputs.length > 100_000) throw new Error("the buffer never falls silent");
    }
  };
  for (const arrival of [...arrivals].sort((a, b) => a.atUs - b.atUs)) {
    drain(arrival.atUs - 1);
    buffer.push((arrival.index * 2) & 0xffff, EMPTY, arrival.atUs);
  }
  drain(Number.MAX_SAFE_INTEGER);
  return outputs;
}

const steady = (count: number, transitUs: (index: number) => number): Arrival[] =>
  Array.from({ length: count }, (_, index) => ({ index, atUs: 1_000_000 + index * FRAME_US + transitUs(index) }));
const playedOf = (outputs: Output[]) =>
  outputs.flatMap(({ atUs, result }) => (result.kind === "played" ? [{ atUs, ...result }] : []));

test("a steady stream is played whole, in order, 40 ms apart or 36 while it catches up", () => {
  const buffer = make();
  const played = playedOf(
    run(
      buffer,
      steady(200, () => 5_000),
    ),
  );
  assert.equal(
    played.map((p) => p.timestamp20ms),
    Array.from({ length: 200 }, (_, i) => i * 2),
  );
  const steps = new Set(played.slice(1).map((p, i) => p.atUs - (played[i]?.atUs ?? 0)));
  assert.equal([...steps].sort(), [36_000, 40_000]);
  assert.is(buffer.counters.late + buffer.counters.duplicate + buffer.counters.capped, 0);
});

test("lag that is not needed is worked off without losing a frame", () => {
  const played = playedOf(
    run(
      make(),
      steady(200, () => 5_000),
    ),
  );
  assert.is(played[0]?.waitedUs, LEAD_US);
  assert.ok((played.at(-1)?.waitedUs ?? Infinity) <= 16_000);
});

test("a lost frame is concealed in its slot", () => {
  const outputs = run(
    make(),
    steady(20, () => 5_000).filter((a) => a.index !== 7),
  );
  const kinds = outputs.slice(0, 20).map((o) => o.result.kind);
  assert.is(kinds.indexOf("concealed"), 7);
  assert.is(kinds.filter((k) => k === "played").length, 19);
});

test("frames that an outage only delayed are all played, and the lag shrinks again", () => {
  const held = (index: number) => (index >= 20 && index < 28 ? (28 - index) * FRAME_US : 0);
  const played = playedOf(
    run(
      make(),
      steady(300, (index) => 5_000 + held(index)),
    ),
  );
  assert.is(played.length, 300);
  assert.ok((played.at(-1)?.waitedUs ?? Infinity) < 20_000);
});

test("after an outage that lost its frames, speech goes on within one lead", () => {
  const arrivals = steady(60, () => 5_000).filter((a) => a.index < 20 || a.index >= 32);
  const played = playedOf(run(make(), arrivals));
  assert.is(played.length, 48);
  const first = played.find((p) => p.timestamp20ms === 64);
  assert.ok((first?.waitedUs ?? Infinity) <= LEAD_US);
});

test("a path that becomes 600 ms faster costs no more than what was in flight", () => {
  const buffer = make();
  const played = playedOf(
    run(
      buffer,
      steady(200, (index) => (index < 50 ? 620_000 : 20_000)),
    ),
  );
  assert.ok(played.every((p) => p.waitedUs <= CAP_US));
  assert.ok(played.length >= 200 - Math.ceil(620_000 / FRAME_US), `${played.length} played`);
});

test("a bundle's three frames that arrive at once are played evenly", () => {
  const arrivals = steady(90, (index) => (2 - (index % 3)) * FRAME_US);
  const buffer = make();
  const played = playedOf(run(buffer, arrivals));
  assert.is(played.length, 90);
  assert.is(buffer.counters.concealed - 5, 0, "only the five at the end");
});

test("the 16-bit timestamp wraps", () => {
  const arrivals = steady(40, () => 0).map((a) => ({ ...a, index: a.index + 0x8000 - 20 }));
  const played = playedOf(run(make(), arrivals));
  assert.is(played.length, 40);
  assert.is(played.at(-1)?.timestamp20ms, 38);
});

const arrivalsArbitrary = fc.array(
  fc.record({ index: fc.nat(400), jitterUs: fc.nat(900_000), copies: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 300 },
);

test("whatever arrives: order kept, nothing twice, waiting within the cap, all accounted for", () => {
  fc.assert(
    fc.property(arrivalsArbitrary, (frames) => {
      const arrivals = frames.flatMap(({ index, jitterUs, copies }) =>
        Array.from({ length: copies }, (_, copy) => ({ index, atUs: index * FRAME_US + jitterUs + copy * 7_000 })),
      );
      const buffer = make();
      const played = playedOf(run(buffer, arrivals));
      for (let i = 1; i < played.length; i++) {
        assert.ok((played[i]?.timestamp20ms ?? 0) > (played[i - 1]?.timestamp20ms ?? 0), "order");
      }
      for (const p of played) assert.ok(p.waitedUs <= CAP_US, `waited ${p.waitedUs}`);
      const { received, late, duplicate, capped } = buffer.counters;
      assert.is(received, arrivals.length);
      assert.is(received, played.length + late + duplicate + capped);
      assert.is(buffer.heldFrames, 0);
    }),
    { numRuns: 300, seed: 11 },
  );
});

test("random timestamps and pull times never throw and never hold more than the cap", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(0xffff), fc.nat(200_000), fc.boolean()), { maxLength: 400 }), (steps) => {
      const buffer = make();
      let nowUs = 0;
      for (const [timestamp, stepUs, pull] of steps) {
        nowUs += stepUs;
        if (pull) while (buffer.nextPullUs() <= nowUs) buffer.pull(nowUs);
        else buffer.push(timestamp, EMPTY, nowUs);
        assert.ok(buffer.heldFrames >= 0 && buffer.heldFrames <= 64);
      }
    }),
    { numRuns: 300, seed: 12 },
  );
});

test.run();
