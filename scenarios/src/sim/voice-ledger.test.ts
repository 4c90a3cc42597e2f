import { test } from "uvu";
import * as assert from "uvu/assert";
import { VOICE_FRAME_US, VoiceLedger } from "./voice-ledger.ts";

const TALKER = 0;
const NEAR = 1;
const FAR = 2;
const START_US = 1_000_000;
const ALL = [NEAR, FAR];
const always = (_a: number, _b: number): boolean => true;

/** A burst of `frames` frames, all sent, that `reach(frame)` lets arrive after so many microseconds at NEAR. */
function speak(frames: number, reach: (frame: number) => number | undefined, connected = always): VoiceLedger {
  const ledger = new VoiceLedger();
  ledger.begin(TALKER, 1, 3, START_US, ALL, frames);
  const arrivals: [atUs: number, frame: number][] = [];
  for (let frame = 0; frame < frames; frame++) {
    ledger.sent(TALKER, 1, frame, connected);
    const delayUs = reach(frame);
    if (delayUs !== undefined) arrivals.push([START_US + (frame + 1) * VOICE_FRAME_US + delayUs, frame]);
  }
  for (const [atUs, frame] of arrivals.sort((a, b) => a[0] - b[0])) ledger.arrived(atUs, NEAR, TALKER, 1, frame, 0);
  return ledger;
}
const nearOnly = (_a: number, b: number): boolean => b === NEAR;
const totals = (ledger: VoiceLedger) => ledger.totals(0, Number.POSITIVE_INFINITY);

test("what arrives in time is played 60 ms after the first frame came", () => {
  const { expected, played, mouthToEarP95Ms } = totals(speak(100, () => 20_000, nearOnly));
  assert.is(expected, 100);
  assert.is(played, 100);
  assert.is(mouthToEarP95Ms, 40 + 20 + 60);
});

test("only listeners with a path are owed a frame", () => {
  assert.is(totals(speak(100, () => 20_000)).expected, 200);
  assert.is(totals(speak(100, () => 20_000)).played, 100);
});

test("a path that becomes slower costs a gap and no frame, when all that follows is as slow", () => {
  const ledger = speak(100, (f) => (f < 50 ? 20_000 : 320_000), nearOnly);
  assert.is(totals(ledger).played, 100);
  const gapUs = ledger.longestGapUs(START_US + 50 * VOICE_FRAME_US, 3_000_000) ?? -1;
  assert.is(gapUs, 320_000 - 20_000 - 60_000);
});

test("a frame later than one that was played is lost", () => {
  const { played, late } = totals(speak(100, (f) => (f === 50 ? 300_000 : 20_000), nearOnly));
  assert.is(played, 99);
  assert.is(late, 1);
});

test("a hole is as long as its frames, and one that never ends is seen", () => {
  const hole = speak(100, (f) => (f >= 50 && f < 60 ? undefined : 20_000), nearOnly);
  assert.is(hole.longestGapUs(START_US + 50 * VOICE_FRAME_US, 3_000_000), 10 * VOICE_FRAME_US);
  const dead = speak(100, (f) => (f >= 50 ? undefined : 20_000), nearOnly);
  assert.ok((dead.longestGapUs(START_US + 50 * VOICE_FRAME_US, 3_000_000) ?? 0) > 1_500_000);
});

test("silence without speech, or without a path, is no gap", () => {
  const ledger = speak(
    100,
    () => undefined,
    () => false,
  );
  assert.is(ledger.longestGapUs(START_US, 3_000_000), undefined);
  assert.is(ledger.longestGapUs(START_US + 60_000_000, 3_000_000), undefined);
});

test("the same coding twice is a duplicate, another border node's is not", () => {
  const ledger = speak(10, () => 20_000, nearOnly);
  ledger.arrived(START_US + 500_000, NEAR, TALKER, 1, 3, 5);
  assert.is(totals(ledger).duplicates, 0);
  ledger.arrived(START_US + 500_000, NEAR, TALKER, 1, 3, 5);
  ledger.arrived(START_US + 500_000, NEAR, TALKER, 1, 3, 0);
  assert.is(totals(ledger).duplicates, 2);
  assert.is(totals(ledger).played, 10);
});

test("a burst number that comes again is another burst", () => {
  const ledger = speak(10, () => 20_000, nearOnly);
  ledger.begin(TALKER, 33, 3, 20_000_000, ALL, 10);
  ledger.sent(TALKER, 33, 0, nearOnly);
  ledger.arrived(20_060_000, NEAR, TALKER, 33, 0, 0);
  assert.is(totals(ledger).played, 11);
});

test.run();
