import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../core/random.ts";
import { reportPauseMs } from "./position-service.ts";

const INTERVAL_S = 10;
const REPORTS = 1000;
/** Two that begin within this time on a half-duplex channel do not hear each other. */
const TOGETHER_MS = 25;

test("two nodes that report in step do not stay in step, and keep the interval on the whole", () => {
  const random = new Random(1, 2);
  const unit = (): number => random.below(1_000_000) / 1_000_000;
  let [aMs, bMs, together] = [0, 0, 0];
  for (let i = 0; i < REPORTS; i++) {
    aMs += reportPauseMs(INTERVAL_S, unit());
    bMs += reportPauseMs(INTERVAL_S, unit());
    if (Math.abs(aMs - bMs) % (INTERVAL_S * 1000) < TOGETHER_MS) together++;
  }
  assert.ok(together < REPORTS / 50, `${together} of ${REPORTS} reports together`);
  assert.ok(Math.abs(aMs / REPORTS / 1000 - INTERVAL_S) < INTERVAL_S / 50, `${aMs / REPORTS} ms on average`);
});

test.run();
