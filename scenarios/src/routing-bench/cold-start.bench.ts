/**
 * 50 nodes in 1 km2 (150 links on average) are switched on within 0.2 s: time from the first until every node has a
 * path to every other, looked at each 10 ms. The worst of some seeds.
 */
import { RandomStream } from "../sim/random-streams.ts";
import { Field } from "./field.ts";
import { median } from "./figures.ts";
import { connectedPlaces, linksInRange, rangeForLinks } from "./geometry.ts";
import { printAtMost, printFigure } from "./print.ts";
import { coldStartS } from "./switch-on.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const NODES = 50;
const SIDE_M = 1000;
const SAMPLE_US = 10_000;

function timeS(seed: number): number {
  const random = new RandomStream(seed, "cold-start");
  const rangeM = rangeForLinks(NODES, 150, SIDE_M);
  const field = new Field({ nodes: NODES, seed, signalled: true, media: [{ name: "radio", kind: "radio" }] });
  field.setLinks(0, linksInRange(connectedPlaces(NODES, rangeM, SIDE_M, random), rangeM));
  return coldStartS(field, NODES, random, SAMPLE_US);
}

const times = SEEDS.map(timeS);
printAtMost("routing.coldstart50.s", Math.max(...times), "s", 1);
printFigure("routing.coldstart50.medianS", median(times), "s");
