import type { MeshCore } from "@skein/node-agent/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadScenario } from "../scenario/load.ts";
import { World } from "../world/world.ts";
import { PositionDriver } from "./position-driver.ts";

const VALLEY = new URL("../../catalogue/earthquake-valley.yaml", import.meta.url).pathname;
const SECOND = 1_000_000;
const EVERY_US = 10 * SECOND;

function rig() {
  const scenario = loadScenario(VALLEY);
  const due: { atUs: number; start: number }[] = [];
  let reports = 0;
  const core = { reportPosition: () => ++reports } as unknown as MeshCore;
  const host = {
    schedule: (atUs: number, _kind: number, _node: number, start: number) => void due.push({ atUs, start }),
    core: () => core,
    indexOf: () => 0,
    addressOf: () => 0x101,
    touched: () => undefined,
  };
  const driver = new PositionDriver(scenario, 7, new World(scenario, 7), host);
  return { driver, due, reports: () => reports };
}

test("reports begin three seconds after the start, and at once at a node that starts later", () => {
  const { driver, due } = rig();
  driver.booted(0.1 * SECOND, 0);
  driver.booted(5 * SECOND, 1);
  const [cold, late] = due.map(({ atUs }) => atUs) as [number, number];
  assert.ok(cold >= 3 * SECOND && cold < 3 * SECOND + EVERY_US, `${cold}`);
  assert.ok(late >= 5 * SECOND && late < 5.5 * SECOND, `${late}`);
});

test("a node that has started anew does not go on with the reports of before", () => {
  const { driver, due, reports } = rig();
  driver.booted(20 * SECOND, 0);
  driver.booted(21 * SECOND, 0);
  const [before, now] = due as [{ atUs: number; start: number }, { atUs: number; start: number }];
  driver.happen(before.atUs + SECOND, 0, before.start);
  assert.is(reports(), 0);
  driver.happen(now.atUs, 0, now.start);
  assert.is(reports(), 1);
  assert.equal(due.slice(2), [{ atUs: now.atUs + EVERY_US, start: now.start }]);
});

test("newcomers are told once an interval", () => {
  const { driver, reports } = rig();
  driver.booted(20 * SECOND, 0);
  for (const atS of [22, 31.9, 32]) driver.othersHaveCome(atS * SECOND, 0);
  assert.is(reports(), 2);
});

test.run();
