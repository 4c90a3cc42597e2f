import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Bearer } from "../../bearer.ts";
import { ENDPOINT_ALL } from "../../bearer.ts";
import { type BearerRig, complianceCases, Recorder } from "../../compliance/suite.ts";
import { ManualClock } from "./clock.ts";
import { type FaultOptions, withFaults } from "./fault.ts";
import { MockMedium } from "./mock-bearer.ts";

type Faults = Omit<FaultOptions, "seed" | "clock">;
const EVERYTHING: Faults = { loss: 0.1, duplicate: 0.1, reorder: 0.2, reorderMs: 30, corrupt: 0.1, jitterMs: 5 };

function makeMedium(clock: ManualClock): MockMedium {
  return new MockMedium({ clock, medium: "shared", mtuOctets: 300, bitrateBps: 100_000, latencyMs: 5 });
}

function makeRig(faults: Faults | undefined): BearerRig {
  const clock = new ManualClock();
  const medium = makeMedium(clock);
  const wrap = (bearer: Bearer, seed: number): Bearer =>
    faults === undefined ? bearer : withFaults(bearer, { seed, clock, ...faults });
  return {
    left: wrap(medium.attach("left"), 1),
    right: wrap(medium.attach("right"), 2),
    noise: () => medium.noise(),
    async until(what, done) {
      for (let step = 0; step < 10_000 && !done(); step++) clock.advance(1);
      if (!done()) throw new Error(`in vain: ${what}`);
    },
    close: async () => undefined,
  };
}

function addCompliance(name: string, faults: Faults | undefined, faulty: boolean): void {
  for (const { name: what, run } of complianceCases({ make: async () => makeRig(faults), faulty })) {
    test(`${name}: ${what}`, run);
  }
}

addCompliance("mock", undefined, false);
addCompliance("mock + no faults", {}, false);
addCompliance("mock + all faults", EVERYTHING, true);

/** Sends 1000 numbered frames through the faults; the frames as they arrive. */
async function run(faults: Faults, seed: number): Promise<{ frames: string[]; drops: Record<string, number> }> {
  const clock = new ManualClock();
  const medium = makeMedium(clock);
  const left = medium.attach("left");
  const right = withFaults(medium.attach("right"), { seed, clock, ...faults });
  const record = new Recorder();
  await left.open(new Recorder());
  await right.open(record);
  for (let i = 0; i < 1000; i++) {
    left.send(ENDPOINT_ALL, Uint8Array.of(i >> 8, i, 0, 0), 4);
    clock.advance(1);
  }
  clock.advance(1000);
  assert.is(record.frames.length, right.counters.framesReceived);
  return { frames: record.frames, drops: right.counters.dropsReceived };
}

test("faults: the same seed does the same, another one does not", async () => {
  const first = await run(EVERYTHING, 7);
  assert.equal(await run(EVERYTHING, 7), first);
  assert.not.equal((await run(EVERYTHING, 8)).frames, first.frames);
});

test("faults: each one happens about as often as it was asked for", async () => {
  const lost = await run({ loss: 0.3 }, 1);
  assert.is(lost.frames.length + lost.drops["fault-loss"]!, 1000);
  assert.ok(Math.abs(lost.drops["fault-loss"]! - 300) < 60);
  const twice = await run({ duplicate: 0.3 }, 1);
  assert.ok(Math.abs(twice.frames.length - 1300) < 60);
  assert.is(new Set(twice.frames).size, 1000);
  const late = await run({ reorder: 0.3, reorderMs: 10 }, 1);
  assert.is(late.frames.length, 1000);
  assert.not.equal(late.frames, late.frames.toSorted());
  const wrong = await run({ corrupt: 0.3 }, 1);
  const whole = new Set((await run({}, 1)).frames);
  assert.ok(Math.abs(wrong.frames.filter((frame) => !whole.has(frame)).length - 300) < 90);
});

test("faults: a failed device is down, refuses and hears nothing, then works again", async () => {
  const clock = new ManualClock();
  const medium = makeMedium(clock);
  const left = medium.attach("left");
  const right = withFaults(medium.attach("right"), { seed: 1, clock });
  const record = new Recorder();
  await left.open(new Recorder());
  await right.open(record);
  right.fail("antenna fell off");
  assert.is(record.lastDownReason, "antenna fell off");
  assert.not(right.send(ENDPOINT_ALL, Uint8Array.of(1), 1));
  left.send(ENDPOINT_ALL, Uint8Array.of(1), 1);
  clock.advance(100);
  right.fail(undefined);
  left.send(ENDPOINT_ALL, Uint8Array.of(2), 1);
  clock.advance(100);
  assert.equal(record.frames, ["02"]);
  assert.equal(record.told, ["up", "down", "up"]);
  assert.is(right.counters.dropsReceived["fault-down"], 1);
  assert.is(right.counters.dropsSent["down"], 1);
});

test("mock: switched off, it refuses; the medium goes on", async () => {
  const clock = new ManualClock();
  const bearer = makeMedium(clock).attach("one");
  const record = new Recorder();
  bearer.setUp(false);
  await bearer.open(record);
  assert.not(bearer.send(ENDPOINT_ALL, Uint8Array.of(1), 1));
  bearer.setUp(true);
  assert.ok(bearer.send(ENDPOINT_ALL, Uint8Array.of(1), 1));
  assert.equal(record.told, ["down", "up"]);
});

test.run();
