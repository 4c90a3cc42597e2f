import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadScenario } from "../scenario/load.ts";
import { withExtraFaults } from "./extra-faults.ts";
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

test("one that was off when the area fell apart does not lead to the other part when it is back", () => {
  const scenario = loadScenario(new URL("../../catalogue/split-area.yaml", import.meta.url).pathname);
  // A1 from 27 to 49 s, the relay from 30 to 60 s.
  const simulation = new Simulation({ scenario: withExtraFaults(scenario, 4084, 1, scenario.duration), seed: 4084 });
  assert.equal(simulation.faults.map(({ what }) => what).sort(), ["A1 loses power", "G1 falls over"]);
  simulation.run();
  assert.equal(
    resultOf(simulation, 4084, 1).checks.filter((check) => !check.pass),
    [],
  );
});

test.run();
