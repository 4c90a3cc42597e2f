import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadScenario } from "../scenario/load.ts";
import { resultOf, type SimulationResult } from "./result.ts";
import { Simulation } from "./simulation.ts";

const VALLEY = new URL("../../catalogue/earthquake-valley.yaml", import.meta.url).pathname;
/** Long enough for two cuts with speech, short enough for every test run. */
const DURATION_US = 36_000_000;

/** The catalogue's valley with the real core in every node. */
function run(seed: number): SimulationResult {
  const simulation = new Simulation({ scenario: loadScenario(VALLEY), seed, durationUs: DURATION_US });
  simulation.run();
  return resultOf(simulation, seed, 1);
}

test("the valley is the same run for the same seed, and another for another", () => {
  const first = run(7);
  const again = run(7);
  assert.is(again.traceSha256, first.traceSha256);
  assert.equal(again.metrics, first.metrics);
  assert.is.not(run(8).traceSha256, first.traceSha256);
});

test("what must always hold does, whatever the seed", () => {
  for (const seed of [1, 2]) {
    const { checks } = run(seed);
    for (const name of ["no_duplicates", "no_forwarding_loop", "unpowered_silence"]) {
      const check = checks.find((c) => c.check === name);
      assert.ok(
        check?.pass,
        `skein sim scenarios/catalogue/earthquake-valley.yaml --seed ${seed} --for 36s: ${name}: ${check?.found}`,
      );
    }
  }
});

test.run();
