/**
 * Radios on one channel of 9600 bit/s, all of which hear each other, are switched on within 0.2 s: time from the first
 * until every node has a path to every other, looked at each 50 ms. Median of some seeds; nobody says anything yet.
 */
import { RandomStream } from "../sim/random-streams.ts";
import { Field } from "./field.ts";
import { median } from "./figures.ts";
import { allPairs } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";
import { coldStartS } from "./switch-on.ts";

const SEEDS = 40;
const SAMPLE_US = 50_000;
/** A team and its relays, as the valley of the catalogue has them. */
const TEAM = 6;
const TEAM_S = 5;

function timeS(nodes: number, seed: number): number {
  progress(`${nodes} radios on a channel: seed ${seed} of ${SEEDS}`);
  const random = new RandomStream(seed, "cold-start");
  const field = new Field({ nodes, seed, media: [{ name: "air", kind: "air9600" }] });
  for (const [a, b] of allPairs(Array.from({ length: nodes }, (_, i) => i))) field.join(0, a, b);
  return coldStartS(field, nodes, random, SAMPLE_US);
}

for (const nodes of [2, TEAM, 12]) {
  const times = Array.from({ length: SEEDS }, (_, i) => timeS(nodes, i + 1)).sort((a, b) => a - b);
  endProgress();
  printFigure(`routing.air9600.coldstart${nodes}.p90S`, times[Math.floor(0.9 * SEEDS)] as number, "s");
  if (nodes === TEAM) printAtMost(`routing.air9600.coldstart${nodes}.s`, median(times), "s", TEAM_S);
  else printFigure(`routing.air9600.coldstart${nodes}.s`, median(times), "s");
}
