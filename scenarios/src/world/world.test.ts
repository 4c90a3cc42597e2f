import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { timedFaults } from "./fault-actions.ts";
import { World } from "./world.ts";

const BASE = `
scenario: world-test/1
duration: 60s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: uhf, type: udp, bitrateBps: 1000000, latencyMs: 5, rangeM: 1000, airborneRangeM: 3000, loss: {near: 0.01, edge: 0.2}}
  - {name: sat, type: udp, kind: satellite, medium: point-to-point, bitrateBps: 1000000, latencyMs: 300}
nodes:
  - {name: A, address: "1.1", role: terminal, networks: [uhf, sat], at: [0, 0]}
  - {name: B, address: "1.2", role: terminal, networks: [uhf], at: [900, 0]}
  - {name: C, address: "1.3", role: terminal, networks: [uhf, sat], at: [1800, 0]}
  - {name: U, address: "1.4", role: airborne, networks: [uhf], at: {orbit: {centre: [900, 0], radiusM: 500, altitudeM: 900, speedKmh: 90}}}
`;
const make = (faults = ""): World => new World(parseScenario("x.yaml", BASE + faults), 7);
const A = 0;
const B = 1;
const C = 2;
const U = 3;
const UHF = 0;
const SAT = 1;

test("range, loss and delay", () => {
  const world = make();
  assert.not.ok(world.link(UHF, A, C).up);
  const near = world.link(UHF, A, B);
  assert.ok(near.up);
  assert.ok(near.loss > 0.01 && near.loss < 0.2);
  assert.is(near.delayUs, 5000);
  assert.equal(world.link(SAT, A, C), { up: true, loss: 0, delayUs: 300_000 });
  assert.not.ok(world.link(SAT, A, B).up, "B has no satellite terminal");
  assert.ok(world.link(UHF, A, U).up, "line of sight reaches further");
});

test("loss grows with distance", () => {
  const at = (x: number): number =>
    new World(parseScenario("x.yaml", BASE.replace("[900, 0]}", `[${x}, 0]}`)), 7).link(UHF, A, B).loss;
  assert.ok(at(100) < at(500) && at(500) < at(990));
  assert.is(at(1000), 0.2);
});

test("connected follows links, in both directions, over nodes that are on", () => {
  const world = make();
  assert.ok(world.connected(A, C));
  const sat = world.apply({ kind: "cut-network", network: "sat" });
  assert.ok(world.connected(A, C), "B and U still join them");
  const uav = world.apply({ kind: "power", node: "U" });
  const oneWay = world.apply({ kind: "cut-link", from: "A", to: "B", oneWay: true });
  assert.ok(world.link(UHF, B, A).up);
  assert.not.ok(world.link(UHF, A, B).up);
  assert.not.ok(world.connected(A, C), "a one-way link is no path");
  assert.not.ok(world.connected(A, U), "U is off");
  assert.ok(world.connected(B, C));
  assert.ok(world.revert(uav));
  assert.ok(world.connected(A, C));
  world.revert(oneWay);
  world.revert(sat);
  assert.not.ok(world.revert(sat), "mended already");
  assert.is(world.activeFaults().size, 0);
});

test("overlapping faults: the link is back when the last one is mended", () => {
  const world = make();
  const node = world.apply({ kind: "cut-node", node: "B" });
  const link = world.apply({ kind: "cut-link", from: "A", to: "B", oneWay: false, network: "uhf" });
  world.revert(node);
  assert.not.ok(world.link(UHF, A, B).up);
  assert.ok(world.link(UHF, B, C).up);
  world.revert(link);
  assert.ok(world.link(UHF, A, B).up);
});

test("degrading adds an independent loss", () => {
  const world = make();
  const before = world.link(UHF, A, B).loss;
  world.apply({ kind: "degrade-link", from: "A", to: "B", oneWay: false, loss: 0.5 });
  assert.ok(Math.abs(world.link(UHF, B, A).loss - (1 - (1 - before) * 0.5)) < 1e-5);
});

test("advance works in mobility steps, and the same time gives the same place", () => {
  const world = make();
  const versions: number[] = [];
  for (let us = 0; us <= 2_000_000; us += 100_000) if (world.advance(us)) versions.push(us);
  assert.equal(versions, [500_000, 1_000_000, 1_500_000, 2_000_000]);
  const jump = make();
  jump.advance(2_000_000);
  assert.equal(jump.point(U), world.point(U));
  assert.not.equal(make().point(U), world.point(U));
});

test("an orbit keeps its radius, speed and height", () => {
  const world = make();
  const report = world.positionReport(U, 12_345_678);
  assert.ok(Math.abs(report.speedKmh - 90) < 0.1);
  assert.is(report.altitudeM, 900);
  const north = (report.latitudeDeg - 30) * 111_195;
  const east = (report.longitudeDeg - 100) * 111_195 * Math.cos((30 * Math.PI) / 180) - 900;
  assert.ok(Math.abs(Math.hypot(east, north) - 500) < 0.01);
});

test("a wanderer stays in its disc at its speed", () => {
  const wander = "at: {randomWaypoint: {centre: [0, 0], radiusM: 200, speedKmh: 36, pause: 1s}}}";
  const world = new World(parseScenario("x.yaml", BASE.replace("at: [0, 0]}", wander)), 7);
  let last = { ...world.point(A) };
  let moved = 0;
  for (let s = 1; s < 300; s++) {
    world.advance(s * 1_000_000);
    const here = { ...world.point(A) };
    assert.ok(Math.hypot(here.eastM, here.northM) <= 200.001);
    const step = Math.hypot(here.eastM - last.eastM, here.northM - last.northM);
    assert.ok(step <= 10.001, `${step} m in a second`);
    moved += step;
    last = here;
  }
  assert.ok(moved > 1000);
});

test("faults of the file become actions with their times", () => {
  const faults = timedFaults(
    make(`
faults:
  - {at: 20s, kill: U, for: 5s}
  - {at: 10s, cut: sat}
  - {at: 30s, cut: "A -> B", on: uhf, what: a tree falls}
  - {at: 40s, degrade: B, loss: 0.3}
`).scenario,
  );
  assert.equal(
    faults.map((f) => [f.atUs, f.untilUs, f.action.kind, f.what]),
    [
      [10e6, Number.POSITIVE_INFINITY, "cut-network", "sat is gone"],
      [20e6, 25e6, "power", "U loses power"],
      [30e6, Number.POSITIVE_INFINITY, "cut-link", "a tree falls"],
      [40e6, Number.POSITIVE_INFINITY, "degrade-node", "B loses 30 % more"],
    ],
  );
});

test("a controller dies with its node or alone", () => {
  const world = new World(parseScenario("x.yaml", BASE.replace("at: [0, 0]}", "at: [0, 0], controller: true}")), 7);
  assert.ok(world.controllerUp(A));
  const alone = world.apply({ kind: "controller", node: "A" });
  assert.not.ok(world.controllerUp(A));
  assert.ok(world.powered(A));
  world.revert(alone);
  world.apply({ kind: "power", node: "A" });
  assert.not.ok(world.controllerUp(A));
});

test.run();
