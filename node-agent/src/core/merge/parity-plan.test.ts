import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_PARITY_ROWS, VIDEO_PARITY_SHARE, VIDEO_RESIDUAL_LOSS } from "../limits.ts";
import { type PathLoss, parityRows, residualLoss, residualRun } from "./parity-plan.ts";

const QUICK: PathLoss = { loss: 0.05, run: 1, timeUs: 390_000, tryUs: 20_000, framesPerTry: 8 };
const SLOW: PathLoss = { loss: 0.05, run: 1, timeUs: 100_000, tryUs: 600_000, framesPerTry: 200 };

function rows(path: PathLoss, packets: number): number {
  return parityRows(packets, residualLoss(path) * packets, residualRun(path), path.loss);
}

test("what repetition mends in time needs no parity", () => {
  assert.is(rows(QUICK, 32), 0);
  assert.is(rows({ ...SLOW, loss: 0 }, 32), 0);
});

test("without time for a repetition there is parity, more for more loss", () => {
  const wanted = [0.002, 0.01, 0.03, 0.05].map((loss) => rows({ ...SLOW, loss }, 32));
  assert.ok((wanted[0] as number) > 0);
  for (let i = 1; i < wanted.length; i++)
    assert.ok((wanted[i] as number) > (wanted[i - 1] as number), wanted.join(" "));
});

test("runs of losses need more than the same loss one by one, and repetition within a run is worth less", () => {
  const slow = { ...SLOW, loss: 0.01 };
  assert.ok(rows({ ...slow, run: 4 }, 32) > rows(slow, 32));
  assert.ok(residualLoss({ ...QUICK, run: 20 }) > 10 * residualLoss(QUICK));
});

test("of packets that are lost one by one there is left what is bearable", () => {
  // Binomial, reckoned anew: expected number of losses beyond the rows.
  const beyond = (packets: number, loss: number, have: number): number => {
    let chance = (1 - loss) ** packets;
    let sum = 0;
    for (let lost = 1; lost <= packets; lost++) {
      chance *= ((packets - lost + 1) / lost) * (loss / (1 - loss));
      if (lost > have) sum += lost * chance;
    }
    return sum;
  };
  for (const loss of [0.001, 0.01, 0.03])
    assert.ok(beyond(32, loss, parityRows(32, 32 * loss, 1, 0)) <= 32 * VIDEO_RESIDUAL_LOSS, `${loss}`);
});

test("there is never more than a share of the block", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 1, max: 300, noNaN: true }),
      (packets, loss, run) => {
        const wanted = parityRows(packets, packets * loss, run, loss);
        assert.ok(wanted <= Math.min(MAX_PARITY_ROWS, Math.max(1, VIDEO_PARITY_SHARE * packets)));
        assert.ok(wanted >= 0 && Number.isInteger(wanted));
      },
    ),
  );
});

test.run();
