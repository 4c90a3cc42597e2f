import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Admission } from "./admission.ts";

const test = suite("admission");

/** An event loop whose turns take `turnUs`; `turn` offers packets and returns how many of them are taken. */
function createLoop() {
  let nowUs = 0;
  let waiting: (() => void)[] = [];
  const admission = new Admission(
    () => nowUs,
    (then) => waiting.push(then),
  );
  return (turnUs: number, offered: number): number => {
    let taken = 0;
    for (let i = 0; i < offered; i++) if (admission.admits()) taken++;
    nowUs += turnUs;
    const due = waiting;
    waiting = [];
    for (const then of due) then();
    return taken;
  };
}

test("a node that keeps up takes everything", () => {
  const turn = createLoop();
  for (let i = 0; i < 100; i++) assert.is(turn(20_000, 64), 64);
});

test("one long turn changes nothing", () => {
  const turn = createLoop();
  for (let i = 0; i < 10; i++) turn(1000, 64);
  turn(100_000, 64);
  for (let i = 0; i < 10; i++) assert.is(turn(1000, 64), 64);
});

test("the further behind, the less is taken, but never nothing; once it has caught up, everything again", () => {
  const turn = createLoop();
  const takenAt = (turnUs: number): number => {
    for (let i = 0; i < 100; i++) turn(turnUs, 64);
    // A measurement takes two turns, and what is left is for both.
    return turn(turnUs, 64) + turn(turnUs, 64);
  };
  const at50 = takenAt(50_000);
  const at100 = takenAt(100_000);
  assert.ok(at50 > 0 && at50 < 64, `${at50} in turns of 50 ms`);
  assert.ok(at100 > 0 && at100 < at50, `${at100} in turns of 100 ms`);
  assert.ok(takenAt(10_000_000) > 0);
  assert.is(takenAt(1000), 128);
});

test.run();
