/**
 * Mobility2 of meshnet-lab: everyone moves 0..200 m, asked 15 s later; a step is 17 s, so that the 2 s for the answer
 * end with it. All Skein frames count, also those of the questions and answers (56 octets each).
 */
import { mean, sum } from "./figures.ts";
import { playMobility } from "./mobility.ts";
import { endProgress, printAtLeast, printAtMost, printFigure, progress } from "./print.ts";

const SEEDS = [1, 2, 3];
const STEPS = 30;

const results = SEEDS.map((seed) =>
  playMobility({
    seed,
    signalled: true,
    steps: STEPS,
    stepS: 17,
    moveM: 200,
    askS: [15],
    onStep: (step) => progress(`mobility2 seed ${seed}: ${step}/${STEPS}`),
  }),
);
endProgress();

const tallies = results.flatMap((result) => result.tallies);
const delivered = sum(tallies.map((t) => t.delivered)) / sum(tallies.map((t) => t.asked));
const octets = mean(results.map((result) => result.octetsPerNodeS));
const control = mean(results.map((result) => result.controlOctetsPerNodeS));
printAtLeast("routing.mobility2.delivered", delivered, "ratio", 0.999);
printAtMost("routing.mobility2.octetsPerNodeS", octets, "octets/s", 350);
printFigure("routing.mobility2.controlOctetsPerNodeS", control, "octets/s");
