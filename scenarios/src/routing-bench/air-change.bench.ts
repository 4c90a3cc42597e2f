/**
 * Two shared channels of 9600 bit/s with 10 members each, one of whom is on both. A link breaks, which the bearers of
 * both ends signal: time until everyone within 2 hops of it (everyone, here) knows that it is no more. The worst of
 * some links, on either channel.
 */
import type { MeshCore } from "@skein/node-agent/core";
import { RandomStream } from "../sim/random-streams.ts";
import { Field } from "./field.ts";
import { median } from "./figures.ts";
import { allPairs, type Pair, randomPair } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEED = 1;
const MEMBERS = 10;
const NODES = 2 * MEMBERS - 1;
const JOINT = MEMBERS - 1;
const TRIALS = 8;
const SETTLE_US = 120_000_000;
/** What has not happened by then is printed as this. */
const LIMIT_US = 45_000_000;
const SAMPLE_US = 20_000;

const channels = [0, JOINT].map((first) => Array.from({ length: MEMBERS }, (_, i) => first + i));
const field = new Field({
  nodes: NODES,
  seed: SEED,
  signalled: true,
  media: channels.map((members, i) => ({ name: `air${i}`, kind: "air9600", members })),
});
for (const [medium, members] of channels.entries()) for (const [a, b] of allPairs(members)) field.join(medium, a, b);

function believesIn(core: MeshCore, a: number, b: number): boolean {
  const { links } = core.status(field.nowUs);
  const has = (from: number, to: number): boolean =>
    links.some((link) => link.from === field.addresses[from] && link.to === field.addresses[to]);
  return has(a, b) && has(b, a);
}

/** Seconds until everyone knows; NaN if not everyone knew the link in the first place. */
function breakLink(medium: number, [a, b]: Pair): number {
  if (!field.cores.every((core) => believesIn(core, a, b))) return Number.NaN;
  field.part(medium, a, b);
  let ignorant = field.cores;
  const known = (): boolean => {
    ignorant = ignorant.filter((core) => believesIn(core, a, b));
    return ignorant.length === 0;
  };
  const seconds = Math.min(LIMIT_US, field.runUntil(known, SAMPLE_US, LIMIT_US)) / 1e6;
  field.join(medium, a, b);
  return seconds;
}

const random = new RandomStream(SEED, "change");
for (let node = 0; node < NODES; node++) field.at(field.nowUs + random.unit() * 5e6, () => field.start(node));
const times: number[] = [];
for (let trial = 0; trial < TRIALS; trial++) {
  progress(`change2hops: link ${trial} of ${TRIALS}`);
  field.run(SETTLE_US);
  const medium = trial % 2;
  const [a, b] = randomPair(MEMBERS, random);
  times.push(breakLink(medium, [channels[medium]?.[a] as number, channels[medium]?.[b] as number]));
}
endProgress();
const measured = times.filter((time) => !Number.isNaN(time));
printAtMost("routing.air9600.change2hops.s", Math.max(...measured), "s", 1, measured.length === TRIALS);
printFigure("routing.air9600.change2hops.medianS", median(measured), "s");
printFigure("routing.air9600.change2hops.linksKnownBefore", measured.length / TRIALS, "ratio");
