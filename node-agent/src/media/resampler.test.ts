import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Resampler } from "./resampler.ts";

const AMPLITUDE = 10_000;
/** Samples at either end that the filter's own rise touches. */
const EDGE_S = 0.01;

function tone(frequencyHz: number, rateHz: number, seconds = 0.2): Int16Array {
  const step = (2 * Math.PI * frequencyHz) / rateHz;
  return Int16Array.from({ length: Math.round(rateHz * seconds) }, (_, i) => AMPLITUDE * Math.sin(step * i));
}

/** Amplitude of one frequency, by correlation with its sine and cosine. */
function amplitudeAt(frequencyHz: number, rateHz: number, samples: Int16Array): number {
  const step = (2 * Math.PI * frequencyHz) / rateHz;
  const edge = Math.round(EDGE_S * rateHz);
  const count = Math.floor((samples.length - 2 * edge) / (rateHz / 100)) * (rateHz / 100);
  let sine = 0;
  let cosine = 0;
  for (let i = edge; i < edge + count; i++) {
    sine += (samples[i] as number) * Math.sin(step * i);
    cosine += (samples[i] as number) * Math.cos(step * i);
  }
  return (2 * Math.hypot(sine, cosine)) / count;
}

const pairs: readonly [number, number][] = [
  [8_000, 16_000],
  [16_000, 8_000],
  [48_000, 16_000],
  [16_000, 48_000],
];

for (const [fromHz, toHz] of pairs) {
  test(`${fromHz} -> ${toHz}: speech passes unchanged, the rest is 40 dB down`, () => {
    for (const frequencyHz of [300, 1_000, 3_000]) {
      const output = new Resampler(fromHz, toHz).process(tone(frequencyHz, fromHz));
      const ratio = amplitudeAt(frequencyHz, toHz, output) / AMPLITUDE;
      assert.ok(Math.abs(ratio - 1) < 0.03, `${frequencyHz} Hz: ${ratio}`);
    }
    // What lies beyond the lower rate's half is folded (down) or mirrored (up) if the filter lets it through.
    const lower = Math.min(fromHz, toHz);
    const inside = toHz < fromHz ? lower / 2 + 1_000 : lower / 2 - 1_000;
    const ghost = lower - inside;
    const output = new Resampler(fromHz, toHz).process(tone(inside, fromHz));
    assert.ok(amplitudeAt(ghost, toHz, output) < AMPLITUDE / 100, `${ghost} Hz`);
  });
}

test("blocks of any size give the same samples as one block", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...pairs),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 12 }),
      ([fromHz, toHz], sizes) => {
        const input = tone(440, fromHz).subarray(
          0,
          sizes.reduce((sum, size) => sum + size, 0),
        );
        const whole = new Resampler(fromHz, toHz).process(input);
        const resampler = new Resampler(fromHz, toHz);
        const parts: number[] = [];
        for (let at = 0, n = 0; at < input.length; n++) {
          const block = input.subarray(at, at + (sizes[n] ?? input.length));
          parts.push(...resampler.process(block));
          at += block.length;
        }
        assert.equal(parts, [...whole]);
        assert.is(whole.length, Math.ceil((input.length * toHz) / fromHz));
      },
    ),
    { numRuns: 60, seed: 5 },
  );
});

test("full scale is clipped, not wrapped", () => {
  const square = Int16Array.from({ length: 800 }, (_, i) => (i % 80 < 40 ? 32_767 : -32_768));
  const output = new Resampler(8_000, 16_000).process(square);
  for (let i = 1; i < output.length; i++) {
    assert.ok(Math.abs((output[i] as number) - (output[i - 1] as number)) < 50_000);
  }
});

test.run();
