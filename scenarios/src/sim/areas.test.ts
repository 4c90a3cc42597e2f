import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadScenario } from "../scenario/load.ts";
import { resultOf } from "./result.ts";
import { Simulation } from "./simulation.ts";

const SPLIT_AREA = new URL("../../catalogue/split-area.yaml", import.meta.url).pathname;
const TWO_VALLEYS = new URL("../../catalogue/two-valleys.yaml", import.meta.url).pathname;

test("three areas speak to each other and hear an SOS, whichever aircraft is up", () => {
  for (const seed of [1, 2, 3]) {
    const simulation = new Simulation({ scenario: loadScenario(TWO_VALLEYS), seed });
    simulation.run();
    const failed = resultOf(simulation, seed, 1).checks.filter((check) => !check.pass);
    assert.equal(failed, [], `skein sim scenarios/catalogue/two-valleys.yaml --seed ${seed}`);
  }
});

test("an area in two parts that only another area joins goes on, and is whole again", () => {
  for (const seed of [1, 2, 3]) {
    const simulation = new Simulation({ scenario: loadScenario(SPLIT_AREA), seed });
    simulation.run();
    const failed = resultOf(simulation, seed, 1).checks.filter((check) => !check.pass);
    assert.equal(failed, [], `skein sim scenarios/catalogue/split-area.yaml --seed ${seed}`);
  }
});

test.run();
