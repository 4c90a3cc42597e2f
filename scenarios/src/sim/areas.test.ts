import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadScenario } from "../scenario/load.ts";
import { resultOf } from "./result.ts";
import { Simulation } from "./simulation.ts";

for (const [file, title] of [
  ["two-valleys", "three areas speak to each other and hear an SOS, whichever aircraft is up"],
  ["split-area", "an area in two parts that only another area joins goes on, and is whole again"],
] as const) {
  test(title, () => {
    const path = new URL(`../../catalogue/${file}.yaml`, import.meta.url).pathname;
    for (const seed of [1, 2, 3]) {
      const simulation = new Simulation({ scenario: loadScenario(path), seed });
      simulation.run();
      const failed = resultOf(simulation, seed, 1).checks.filter((check) => !check.pass);
      assert.equal(failed, [], `skein sim scenarios/catalogue/${file}.yaml --seed ${seed}`);
    }
  });
}

test.run();
