import { endProgress, printFigure, progress } from "../routing-bench/print.ts";
import { Camera } from "./camera.ts";
import { ADHOC, AIR, FAR, HQ, type Link, LTE, makeField, NEAR, silence, VEHICLE } from "./ways-field.ts";
import { printWorst } from "./worst.ts";

/** Video over ways of several hops: more than one of them carries, and what one carries when the other falls silent. */
const SEEDS = [1, 2, 3, 4, 5, 6];
const BOTH_BPS = 6e6;
const ONE_BPS = 4e6;
const SETTLE_US = 3_000_000;
const FILM_US = 20_000_000;
const BEFORE_US = 1_000_000;
const AFTER_US = 5_000_000;
const LAST_US = 2_000_000;
/** As over one hop. */
const RESIDUAL_LOSS = 0.001;

interface Figures {
  /** Share of the packets that does not come in time, with both ways. */
  residual: number;
  /** The same with one, from a second before the other falls silent: what is under way then is found again on this one. */
  cut: number;
  parted: number;
}

function film(links: readonly Link[], bitrateBps: number, seed: number, isCut: (link: Link) => boolean): Figures {
  const field = makeField(links, seed);
  const camera = new Camera(field, VEHICLE, field.addresses[HQ] as number, bitrateBps);
  field.onEvent = (node, event) => {
    if (node === HQ && event.type === "video") camera.arrived(event.octets);
  };
  camera.start();
  field.run(SETTLE_US);
  const fromUs = field.nowUs;
  field.run(FILM_US);
  const cutUs = field.nowUs;
  silence(field, links, isCut);
  field.run(AFTER_US);
  camera.stop();
  const endUs = field.nowUs;
  field.run(LAST_US);
  const parted = field.cores[VEHICLE]?.status(field.nowUs).counters["video-parted"] ?? 0;
  return {
    residual: camera.residualLoss(fromUs, cutUs - BEFORE_US),
    cut: camera.residualLoss(cutUs - BEFORE_US, endUs),
    parted,
  };
}

const CASES = {
  far: { links: FAR, isCut: ({ of }: Link): boolean => of.includes(AIR) },
  near: { links: NEAR, isCut: ({ like }: Link): boolean => like === LTE },
  nearAir: { links: NEAR, isCut: ({ like }: Link): boolean => like === ADHOC },
};
const residual: Record<string, number> = {};
const cut: Record<string, number> = {};
for (const [name, { links, isCut }] of Object.entries(CASES)) {
  for (const bps of [ONE_BPS, BOTH_BPS]) {
    const runs = SEEDS.map((seed) => {
      progress(`video over ways, ${name} ${bps / 1e6} Mbit/s: seed ${seed} of ${SEEDS.length}`);
      return film(links, bps, seed, isCut);
    });
    const most = (figure: (f: Figures) => number): number => Math.max(...runs.map(figure));
    residual[`${name}${bps / 1e6}M`] = most((f) => f.residual);
    if (bps === ONE_BPS) cut[name] = most((f) => f.cut);
    printFigure(
      `merge.ways.videoParted.${name}${bps / 1e6}M`,
      most((f) => f.parted),
      "packets",
    );
  }
}
endProgress();
printWorst("merge.ways.videoResidualLoss", "share", RESIDUAL_LOSS, residual);
printWorst("merge.ways.videoCutLoss", "share", RESIDUAL_LOSS, cut);
