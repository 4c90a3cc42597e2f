/**
 * The fourteen nodes of the valley are switched on one after the other within 7 s, the narrow channel's first, as people and
 * slow machines do it: time from the last one until each has a path to each other, over many seeds. What counts is the
 * tail: who starts while everybody has news must not be left out. Nobody says anything but positions.
 */
import { fileURLToPath } from "node:url";
import { loadScenario } from "../scenario/load.ts";
import type { Scenario } from "../scenario/schema.ts";
import { RandomStream } from "../sim/random-streams.ts";
import { REACH_LIMIT_US, Simulation } from "../sim/simulation.ts";
import { median, quantile } from "./figures.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const VALLEY = fileURLToPath(new URL("../../catalogue/earthquake-valley.yaml", import.meta.url));
const SEEDS = 400;
const TARGET_S = 5;
const TAIL = 0.99;
const ORDER = ["G2", "G1", "B1", "B2", "B3", "B4", "HQ", "V", "U1", "U2", "A1", "A2", "A3", "A4"];
const STEP_US = 500_000;

const valley = loadScenario(VALLEY);

/** The same scenario without failures and talk, each node without power until its turn comes. */
function switchedOn(onUs: readonly number[]): Scenario {
  const faults = ORDER.map((kill, i) => ({ at: 0, kill, for: onUs[i] as number, what: `${kill} is off` }));
  const traffic = { ...valley.traffic, talk: [], video: [], texts: [], sos: [] };
  return { ...valley, duration: REACH_LIMIT_US, faults, traffic };
}

function reachS(seed: number): number {
  progress(`switching the valley on: seed ${seed} of ${SEEDS}`);
  const random = new RandomStream(seed, "valley-start");
  const onUs = ORDER.map((_, i) => Math.round((i + random.unit()) * STEP_US) + 1);
  const simulation = new Simulation({ scenario: switchedOn(onUs), seed });
  simulation.run();
  // What has not happened by then is told as this.
  return ((simulation.allPairsReachableUs ?? REACH_LIMIT_US) - Math.max(...onUs)) / 1e6;
}

const times = Array.from({ length: SEEDS }, (_, i) => reachS(i + 1));
endProgress();
printFigure("routing.valley.start.s", median(times), "s");
printFigure("routing.valley.start.maxS", Math.max(...times), "s");
printAtMost("routing.valley.start.p99S", quantile(times, TAIL), "s", TARGET_S);
