import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadScenario } from "../scenario/load.ts";
import { timedFaults } from "../world/fault-actions.ts";
import { World } from "../world/world.ts";
import { withExtraFaults } from "./extra-faults.ts";

const SECOND = 1_000_000;
const valley = loadScenario(new URL("../../catalogue/earthquake-valley.yaml", import.meta.url).pathname);

const drawn = (seed: number, count: number, durationUs = valley.duration) =>
  withExtraFaults(valley, seed, count, durationUs).faults.slice(valley.faults.length);

test("a seed draws the same faults each time, another seed others, and more of them begin with the same", () => {
  assert.equal(drawn(7, 2), drawn(7, 2));
  assert.not.equal(drawn(7, 2), drawn(8, 2));
  assert.equal(drawn(7, 5).slice(0, 2), drawn(7, 2));
  assert.equal(withExtraFaults(valley, 7, 0, valley.duration), valley);
});

test("each can be applied and undone, begins when all have met and ends", () => {
  const world = new World(valley, 1);
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const faults = drawn(seed, 1);
    for (const { atUs, untilUs, action } of timedFaults({ ...valley, faults })) {
      kinds.add(action.kind);
      assert.ok(atUs >= 10 * SECOND && atUs <= 0.75 * valley.duration, `seed ${seed}: ${atUs}`);
      assert.ok(untilUs - atUs >= 3 * SECOND && untilUs - atUs <= 28 * SECOND);
      world.revert(world.apply(action));
    }
  }
  assert.equal([...kinds].sort(), ["cut-link", "cut-node", "degrade-network", "power"]);
});

test("links that are cut are links that there are", () => {
  for (let seed = 1; seed <= 200; seed++) {
    for (const { action } of timedFaults({ ...valley, faults: drawn(seed, 1) })) {
      if (action.kind !== "cut-link") continue;
      const [a, b] = [action.from, action.to].map((name) => valley.nodes.find((n) => n.name === name));
      assert.ok(
        a?.networks.some((name) => b?.networks.includes(name)),
        `${action.from} - ${action.to}`,
      );
    }
  }
});

test("in a short run they begin sooner", () => {
  for (const fault of drawn(3, 20, 12 * SECOND)) assert.ok(fault.at >= 3 * SECOND && fault.at <= 9 * SECOND);
});

test.run();
