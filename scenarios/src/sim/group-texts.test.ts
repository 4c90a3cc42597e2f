import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { resultOf } from "./result.ts";
import { Simulation } from "./simulation.ts";

/** A3 is off when HQ writes to all, and HQ itself goes and comes back before A3 does. */
const AWAY = `
scenario: away/1
duration: 40s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: uhf, type: udp, bitrateBps: 2000000, latencyMs: 5, rangeM: 3000}
nodes:
  - {name: HQ, address: "1.1", role: headquarters, networks: [uhf], at: [0, 0]}
  - {name: A1, address: "1.11", role: terminal, networks: [uhf], at: [500, 0]}
  - {name: A2, address: "1.12", role: terminal, networks: [uhf], at: [500, 300]}
  - {name: A3, address: "1.13", role: terminal, networks: [uhf], at: [800, 0]}
groups:
  - {name: team, number: 1, members: [HQ, A1, A3]}
traffic:
  texts:
    - {at: 8s, by: HQ, to: team, body: "Come back at six"}
faults:
  - {at: 5s, kill: A3, for: 15s}
  - {at: 12s, kill: HQ, for: 4s}
checks:
  - delivered(text) >= 100%
  - no_duplicates
`;

function play(text: string, seed: number): Record<string, unknown> {
  const simulation = new Simulation({ scenario: parseScenario("x.yaml", text), seed });
  simulation.run();
  const { checks, metrics } = resultOf(simulation, seed, 1);
  return { failed: checks.filter((check) => !check.pass).map(({ check }) => check), text: metrics["text"] };
}

test("a text to a group reaches its members, those that come back later as well", () => {
  for (const seed of [1, 2, 3]) {
    const { failed, text } = play(AWAY, seed);
    assert.equal(failed, [], `seed ${seed}`);
    assert.equal([(text as { sent: number }).sent, (text as { delivered: number }).delivered], [2, 2]);
  }
});

test("who does not come back has not got it, and is not owed it", () => {
  const { failed, text } = play(AWAY.replace("kill: A3, for: 15s", "kill: A3"), 1);
  assert.equal(failed, []);
  assert.equal([(text as { sent: number }).sent, (text as { delivered: number }).delivered], [2, 1]);
});

test.run();
