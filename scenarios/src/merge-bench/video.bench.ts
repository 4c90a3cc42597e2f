import { quantile } from "../routing-bench/figures.ts";
import { endProgress, printAtMost, printFigure, progress } from "../routing-bench/print.ts";
import type { LossyPipe } from "./lossy-pipe.ts";
import { type PathOptions, PROFILES } from "./profiles.ts";
import { SITE } from "./two-nodes.ts";
import { VideoRun } from "./video-run.ts";
import { printWorst } from "./worst.ts";

/** Video over several paths: what is not there in time, and what it costs. */
const SETTLE_US = 5_000_000;
const FILM_US = 60_000_000;
const LONG_QUEUE_US = 200_000;

/** Two satellites, low and high, that lose in runs: no time to repeat anything twice on the one, and even once on the other. */
const FAR: PathOptions[] = [
  { name: "sat", rateBps: 5e6, delayUs: 300_000 },
  { name: "low", rateBps: 10e6, delayUs: 180_000 },
].map(({ name, rateBps, delayUs }) => ({
  name,
  rateBps,
  delayUs,
  loss: 0.02,
  burst: 2,
  queueOctets: (rateBps * 0.3) / 8,
  bearer: { kind: 2, bitrateBps: rateBps, latencyUs: delayUs },
}));

/**
 * The lab's profiles, the same with 5 % of the packets lost on both lower paths, and where repetition is too late: with two
 * paths, and with one.
 */
const CASES = {
  ...PROFILES,
  lossy: PROFILES.clean.map((path) => (path.name === "sat" ? path : { ...path, loss: 0.05 })),
  far: FAR,
  alone: FAR.filter(({ name }) => name === "low"),
};
/** One that the ad-hoc path carries alone, and one that needs LTE beside it. Key frames of the latter are more than a far path opens for. */
const RATES_BPS = [2e6, 6e6];
const FAR_RATES_BPS = [2e6];
const NAMES = Object.keys(CASES) as (keyof typeof CASES)[];

interface Figures {
  residual: number;
  /** Octets of parity, as a share of those of the video. */
  fecShare: number;
  overhead: number;
  p50Ms: number;
  p99Ms: number;
  metered: number;
}

function film(paths: readonly PathOptions[], bitrateBps: number, seed: number): Figures {
  const run = new VideoRun(paths, seed, bitrateBps);
  run.film(SETTLE_US);
  const { mesh, camera } = run;
  const fromUs = mesh.nowUs;
  const before = { octets: camera.octets, air: mesh.octetsFrom(SITE), parity: run.parityOctets() };
  const metered = (): number =>
    ["sat", "lte"].reduce((sum, name) => sum + (mesh.pipes[mesh.pathOf(name)]?.[SITE]?.octets ?? 0), 0);
  const meteredBefore = metered();
  run.film(FILM_US);
  camera.stop();
  const toUs = mesh.nowUs;
  const octets = camera.octets - before.octets;
  const parity = run.parityOctets() - before.parity;
  const air = mesh.octetsFrom(SITE) - before.air;
  const dear = metered() - meteredBefore;
  mesh.run(2_000_000);
  const delaysUs = camera.stream.delaysUs(fromUs, toUs);
  return {
    residual: camera.residualLoss(fromUs, toUs),
    fecShare: parity / octets,
    overhead: air / octets,
    p50Ms: quantile(delaysUs, 0.5) / 1000,
    p99Ms: quantile(delaysUs, 0.99) / 1000,
    metered: dear / octets,
  };
}

const figures: Record<string, Figures> = {};
for (const name of NAMES) {
  for (const bps of name === "far" || name === "alone" ? FAR_RATES_BPS : RATES_BPS) {
    progress(`video: ${name} ${bps / 1e6} Mbit/s`);
    figures[`${name}${bps / 1e6}M`] = film(CASES[name], bps, 17);
  }
}

const LOOK_US = 5_000;
/** The ad-hoc path claims 20 Mbit/s and passes a fortieth: when that is known, and how long its queue gets until then and later. */
function lie(): void {
  const paths = PROFILES.clean.map((path) => {
    if (path.name !== "adhoc") return path;
    return { ...path, rateBps: 0.5e6, bearer: { ...path.bearer, bitrateBps: 20e6 } };
  });
  const run = new VideoRun(paths, 23, 2e6);
  const pipe = (run.mesh.pipes[run.mesh.pathOf("adhoc")] as LossyPipe[])[SITE] as LossyPipe;
  const fromUs = run.mesh.nowUs;
  let longestUs = 0;
  while (run.mesh.nowUs - fromUs < FILM_US) {
    run.film(LOOK_US);
    const queueUs = pipe.queueUs(run.mesh.nowUs);
    longestUs = Math.max(longestUs, queueUs);
  }
  run.camera.stop();
  const toUs = run.mesh.nowUs;
  run.mesh.run(2_000_000);
  printAtMost("merge.video.lyingRate.longestQueueMs", longestUs / 1000, "ms", LONG_QUEUE_US / 1000);
  printAtMost("merge.video.lyingRate.residualLoss", run.camera.residualLoss(fromUs, toUs), "share", 0.001);
}
lie();
endProgress();

function each(figure: (f: Figures) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, f]) => [name, figure(f)]));
}

printWorst(
  "merge.video.residualLoss",
  "share",
  0.001,
  each((f) => f.residual),
);
// The design's code (26, 20) is the most that there may be; and there is none where repetition mends all that is lost.
printWorst(
  "merge.video.fecShare",
  "share",
  0.3,
  each((f) => f.fecShare),
);
const needless = Object.entries(figures).filter(([name]) => name.startsWith("clean"));
printAtMost("merge.video.fecShareOfClean", Math.max(...needless.map(([, f]) => f.fecShare)), "share", 0.01);
for (const [name, f] of Object.entries(figures)) {
  printFigure(`merge.video.overhead.${name}`, f.overhead, "x");
  printFigure(`merge.video.p50Ms.${name}`, f.p50Ms, "ms");
  printFigure(`merge.video.p99Ms.${name}`, f.p99Ms, "ms");
  printFigure(`merge.video.metered.${name}`, f.metered, "x");
}
