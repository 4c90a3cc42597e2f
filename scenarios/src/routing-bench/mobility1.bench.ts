/**
 * Mobility1 of meshnet-lab: everyone moves 0..60 m each 10 s. Asked 0.3 s after each move, and at 8 s, so that the
 * 2 s for the answer end with the step. With links signalled by the bearer, and silent.
 */
import { mean, sum } from "./figures.ts";
import { type MobilityResult, playMobility } from "./mobility.ts";
import { endProgress, printAtLeast, printFigure, progress } from "./print.ts";

const SEEDS = [1, 2, 3];
const STEPS = 30;

function play(signalled: boolean): MobilityResult[] {
  return SEEDS.map((seed) =>
    playMobility({
      seed,
      signalled,
      steps: STEPS,
      stepS: 10,
      moveM: 60,
      askS: [0.3, 8],
      onStep: (step) => progress(`mobility1 ${signalled ? "signalled" : "silent"} seed ${seed}: ${step}/${STEPS}`),
    }),
  );
}

function share(results: MobilityResult[], at: number): number {
  const tallies = results.map((result) => result.tallies[at] ?? { asked: 0, delivered: 0 });
  return sum(tallies.map((t) => t.delivered)) / sum(tallies.map((t) => t.asked));
}

const signalled = play(true);
printAtLeast("routing.mobility1.delivered", share(signalled, 1), "ratio", 0.999);
printAtLeast("routing.mobility1.delivered300ms", share(signalled, 0), "ratio", 0.985);
const silent = play(false);
endProgress();
printFigure("routing.mobility1.silent.delivered", share(silent, 1), "ratio");
printFigure("routing.mobility1.silent.delivered300ms", share(silent, 0), "ratio");
const octets = signalled.map((result) => result.octetsPerNodeS);
printFigure("routing.mobility1.octetsPerNodeS", mean(octets), "octets/s");
const links = signalled.map((result) => result.meanLinks);
printFigure("routing.mobility1.links", mean(links), "links");
