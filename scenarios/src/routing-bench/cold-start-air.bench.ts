/**
 * Radios on one channel of 9600 bit/s are switched on within 0.2 s: time from the first until every node has a path to every
 * other, looked at each 50 ms. Median of some seeds; nobody says anything yet. In the first cases all hear each other; in the
 * others the frames of some meet at those between, and nobody who sent one notices.
 */
import { RandomStream } from "../sim/random-streams.ts";
import { Field } from "./field.ts";
import { median, quantile } from "./figures.ts";
import { allPairs, gridLinks, type Pair, starLinks } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";
import { coldStartS } from "./switch-on.ts";

const SEEDS = 40;
const SAMPLE_US = 50_000;
/** A team and its relays, as the valley of the catalogue has them. */
const TEAM = 6;
const TEAM_S = 5;

function measure(name: string, nodes: number, links: readonly Pair[], boundS?: number): void {
  const times = Array.from({ length: SEEDS }, (_, i) => {
    const seed = i + 1;
    progress(`${name}: seed ${seed} of ${SEEDS}`);
    const field = new Field({ nodes, seed, media: [{ name: "air", kind: "air9600" }] });
    for (const [a, b] of links) field.join(0, a, b);
    return coldStartS(field, nodes, new RandomStream(seed, "cold-start"), SAMPLE_US);
  });
  endProgress();
  printFigure(`routing.air9600.${name}.p90S`, quantile(times, 0.9), "s");
  if (boundS === undefined) printFigure(`routing.air9600.${name}.s`, median(times), "s");
  else printAtMost(`routing.air9600.${name}.s`, median(times), "s", boundS);
}

for (const nodes of [2, TEAM, 12]) {
  const links = allPairs(Array.from({ length: nodes }, (_, i) => i));
  measure(`coldstart${nodes}`, nodes, links, nodes === TEAM ? TEAM_S : undefined);
}
measure("coldstartChain3", 3, starLinks(2));
measure("coldstartStar11", 11, starLinks(10));
measure("coldstartGrid9", 9, gridLinks(3));
