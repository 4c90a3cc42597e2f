import { quantile } from "../routing-bench/figures.ts";
import { endProgress, printAtMost, printFigure, progress } from "../routing-bench/print.ts";
import { PROFILE_NAMES, PROFILES, type ProfileName } from "./profiles.ts";
import { SITE } from "./two-nodes.ts";
import { LATE_US, PACKET_US, VoiceRun } from "./voice-run.ts";
import { printWorst } from "./worst.ts";

/** Protected voice while the path that carries most falls silent, as in the lab: from 0.4 s before to 5 s after. */
const CUTS = 100;
const SETTLE_US = 3_000_000;
const AROUND_BEFORE_US = 400_000;
const AROUND_AFTER_US = 5_000_000;
const LAST_ANSWERS_US = 2_000_000;
const STEP_US = 1_000;
/** Voice is to be as quick as the best path, give or take so much. */
const NEAR_MS = 2;

interface Cuts {
  lost: number;
  readonly gapsUs: number[];
  readonly beyondUs: number[];
  readonly suspectUs: number[];
  readonly beforeUs: number[];
  readonly overheads: number[];
  readonly bothWays: number[];
  suspicions: number;
  packets: number;
}

function cutOnce(profile: ProfileName, seed: number, into: Cuts): void {
  const run = new VoiceRun({ paths: PROFILES[profile], seed, critical: true });
  const { mesh } = run;
  run.talk(SETTLE_US);
  const fromUs = mesh.nowUs;
  const overhead = run.overhead(SETTLE_US);
  into.overheads.push(overhead.there);
  into.bothWays.push(overhead.both);
  const path = run.carrier();
  run.talk((seed * 7919) % PACKET_US);
  const cutUs = mesh.nowUs;
  into.suspicions += mesh.cores[SITE]?.status(cutUs).counters.suspicions ?? 0;
  into.packets += run.stream.sentUs.length;
  const apartUs = delayDifferenceUs(run, path);
  const wasUp = run.stateOf(path) === "up";
  mesh.setUp(path, false);
  while (run.stateOf(path) === "up" && mesh.nowUs - cutUs < AROUND_AFTER_US) run.talk(STEP_US);
  if (wasUp) into.suspectUs.push(mesh.nowUs - cutUs);
  run.talk(cutUs + AROUND_AFTER_US - mesh.nowUs);
  const endUs = mesh.nowUs;
  run.stop();
  mesh.run(LAST_ANSWERS_US);
  into.beforeUs.push(...run.stream.delaysUs(fromUs, cutUs - AROUND_BEFORE_US));
  into.lost += run.stream.delaysUs(fromUs, endUs).filter((us) => us === Number.POSITIVE_INFINITY).length;
  const gapUs = run.stream.longestGapUs(cutUs - AROUND_BEFORE_US, endUs);
  into.gapsUs.push(gapUs);
  into.beyondUs.push(gapUs - apartUs);
}

/** How much slower the quickest of the other paths in time is than the quickest of all. */
function delayDifferenceUs(run: VoiceRun, cut: number): number {
  const paths = run.paths().filter((path) => path.delayMs * 1000 < LATE_US);
  const others = paths.filter((path) => path.bearerId !== cut).map((path) => path.delayMs);
  return 1000 * (Math.min(...others) - Math.min(...paths.map((path) => path.delayMs)));
}

const cuts = {} as Record<ProfileName, Cuts>;
const calm = {} as Record<ProfileName, number>;
for (const profile of PROFILE_NAMES) {
  const all: Cuts = {
    lost: 0,
    gapsUs: [],
    beyondUs: [],
    suspectUs: [],
    beforeUs: [],
    overheads: [],
    bothWays: [],
    suspicions: 0,
    packets: 0,
  };
  for (let seed = 1; seed <= CUTS; seed++) {
    progress(`${profile}: cut ${seed} of ${CUTS}`);
    cutOnce(profile, seed, all);
  }
  cuts[profile] = all;
  const ordinary = new VoiceRun({ paths: PROFILES[profile], seed: 1, critical: false });
  ordinary.talk(10_000_000);
  calm[profile] = ordinary.overhead(60_000_000).there;
}
endProgress();

function each(figure: (all: Cuts) => number): Record<ProfileName, number> {
  return Object.fromEntries(PROFILE_NAMES.map((profile) => [profile, figure(cuts[profile])])) as Record<
    ProfileName,
    number
  >;
}
/** Median delay of the best path, without anybody's frames in the way. */
function quickestMs(profile: ProfileName): number {
  return Math.min(...PROFILES[profile].map(({ delayUs, jitterUs = 0 }) => delayUs + jitterUs / 2)) / 1000;
}
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

printWorst(
  "merge.voice.cut.lost",
  "packets",
  0,
  each((c) => c.lost),
);
printWorst(
  "merge.voice.cut.gapP99Ms",
  "ms",
  60,
  each((c) => quantile(c.gapsUs, 0.99) / 1000),
);
for (const profile of PROFILE_NAMES)
  printFigure(`merge.voice.cut.gapP50Ms.${profile}`, quantile(cuts[profile].gapsUs, 0.5) / 1000, "ms");
printWorst(
  "merge.voice.cut.gapOverDelayDifferenceP99Ms",
  "ms",
  35,
  each((c) => quantile(c.beyondUs, 0.99) / 1000),
);
printWorst(
  "merge.voice.overhead",
  "x",
  2.7,
  each((c) => mean(c.overheads)),
);
printWorst("merge.voice.calmOverhead", "x", 1.4, calm);
const middlesMs = each((c) => quantile(c.beforeUs, 0.5) / 1000);
for (const profile of PROFILE_NAMES) printFigure(`merge.voice.before.p50Ms.${profile}`, middlesMs[profile], "ms");
const allNear = PROFILE_NAMES.every((profile) => middlesMs[profile] <= quickestMs(profile) + NEAR_MS);
const slowestMs = Math.max(...PROFILE_NAMES.map((profile) => quickestMs(profile) + NEAR_MS));
printAtMost("merge.voice.before.p50Ms", Math.max(...Object.values(middlesMs)), "ms", slowestMs, allNear);
printWorst(
  "merge.voice.before.p99Ms",
  "ms",
  40,
  each((c) => quantile(c.beforeUs, 0.99) / 1000),
);
printWorst(
  "merge.voice.before.lateShare",
  "share",
  0.0005,
  each((c) => c.beforeUs.filter((us) => us > LATE_US).length / c.beforeUs.length),
);
printWorst(
  "merge.detect.suspectP50Ms",
  "ms",
  70,
  each((c) => quantile(c.suspectUs, 0.5) / 1000),
);
printWorst(
  "merge.detect.suspectP99Ms",
  "ms",
  100,
  each((c) => quantile(c.suspectUs, 0.99) / 1000),
);
for (const profile of PROFILE_NAMES) {
  const { suspicions, packets, bothWays } = cuts[profile];
  printFigure(`merge.detect.falseSuspectPerMinute.${profile}`, suspicions / ((packets * PACKET_US) / 60e6), "1/min");
  printFigure(`merge.voice.overheadBothWays.${profile}`, mean(bothWays), "x");
}
