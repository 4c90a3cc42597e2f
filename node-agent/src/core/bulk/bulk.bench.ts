/**
 * One stream over the three paths of the bonding lab, in virtual time: satellite 300 ms 2 Mbit/s, LTE 30 ms 20 Mbit/s
 * 1 % loss, ad-hoc 5 ms 5 Mbit/s 5 % loss. The TCP connections of both ends are on their own nodes, so that what is
 * measured is what a TCP of whatever congestion control gets. Prints one JSON object a line, the mean or the worst of
 * some seeds.
 */
import { ADHOC, BURSTY, LTE, ParallelPaths, type PathModel, SATELLITE } from "./testing/parallel-paths.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const ALL = [SATELLITE, LTE, ADHOC];
/** Headers, IP and UDP count as nothing gained: the loss-corrected sum is that of the raw rates. */
const TARGET_MBPS = 24.4;
const FROM_US = 3_000_000;
const CUT_US = 12_000_000;
const END_US = 25_000_000;

const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function goodput(models: readonly PathModel[]): number {
  return mean(
    SEEDS.map((seed) => {
      const lab = new ParallelPaths(models, seed);
      lab.pour(1e9);
      lab.run(CUT_US);
      return lab.arrivals.goodputMbps(FROM_US, CUT_US);
    }),
  );
}

/** The path that carries most goes silent: longest gap, and what comes in the second after the first one. */
function cut(models: readonly PathModel[]): { stallMs: number; share: number } {
  const left = models.filter((m) => m !== models[1]);
  const possible = left.reduce((sum, m) => sum + (m.rateBps / 1e6) * (1 - (m.loss ?? 0)), 0);
  const runs = SEEDS.map((seed) => {
    const lab = new ParallelPaths(models, seed);
    lab.pour(1e9);
    lab.run(CUT_US);
    lab.cut(1);
    lab.run(END_US);
    return {
      stallMs: lab.arrivals.longestGapMs(CUT_US, END_US),
      share: lab.arrivals.goodputMbps(CUT_US + 1e6, CUT_US + 3e6) / possible,
    };
  });
  return { stallMs: Math.max(...runs.map((r) => r.stallMs)), share: mean(runs.map((r) => r.share)) };
}

function line(name: string, value: number, unit: string, target: number | null, pass: boolean): void {
  console.log(JSON.stringify({ name, value: Number(value.toPrecision(4)), unit, target, pass }));
}

function atLeast(name: string, value: number, unit: string, target: number): void {
  line(name, value, unit, target, value >= target);
}

const whole = goodput(ALL);
atLeast("merge.bulk.cubicMbps", whole, "Mbit/s", TARGET_MBPS);
const { stallMs, share } = cut(ALL);
line("merge.bulk.cutStallMs", stallMs, "ms", 200, stallMs <= 200);
atLeast("merge.bulk.cutShareAfter1s", share, "", 0.9);
atLeast("merge.addSatellite.costShare", whole / goodput([LTE, ADHOC]), "", 0.99);
// With the lossy path against without it, and against what it adds.
atLeast("merge.lossyPath.costShare", whole / goodput([SATELLITE, LTE]), "", 0.99);
atLeast("merge.bulk.burstyMbps", goodput(BURSTY), "Mbit/s", 0.92 * (2 + 20 * 0.98 + 5 * 0.92));
const bursty = cut(BURSTY);
line("merge.bulk.burstyCutStallMs", bursty.stallMs, "ms", 200, bursty.stallMs <= 200);
