import { test } from "uvu";
import * as assert from "uvu/assert";
import { Resampler } from "./resampler.ts";

function resample(fromHz: number, input: Float32Array): Int16Array[] {
  const blocks: Int16Array[] = [];
  new Resampler(fromHz, 16_000, 320, (block) => blocks.push(block)).push(input);
  return blocks;
}

test("one second at any rate becomes fifty blocks of 20 ms", () => {
  for (const fromHz of [16_000, 44_100, 48_000]) {
    // One sample more than a second: 16,000 steps of a fractional length may end a rounding error later.
    assert.is(resample(fromHz, new Float32Array(fromHz + 1)).length, 50, `${fromHz} Hz`);
  }
});

test("a constant stays what it is, and full scale does not wrap", () => {
  for (const value of [0.25, 1, -1, 1.7]) {
    const block = resample(44_100, new Float32Array(44_100).fill(value))[3]!;
    const expected = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    for (const sample of block) assert.ok(Math.abs(sample - expected) <= 1, `${sample} instead of ${expected}`);
  }
});

test("speech passes, what would fold back is damped", () => {
  const level = (toneHz: number): number => {
    const input = Float32Array.from({ length: 48_000 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * toneHz * i) / 48_000));
    const samples = resample(48_000, input).flatMap((block) => [...block]);
    return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) / 32767;
  };
  assert.ok(level(1000) > 0.33, "1 kHz keeps its level");
  assert.ok(level(15_000) < level(1000) / 2, "15 kHz would fold to 1 kHz");
});

test.run();
