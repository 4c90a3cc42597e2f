import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { resultOf } from "./result.ts";
import { Simulation } from "./simulation.ts";

/** A does not hear B, who talks for ten seconds; a relay of that takes what B leaves of the channel. */
const HIDDEN = `
scenario: hidden-talker/1
duration: 24s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: vhf, type: serial, medium: shared, baud: 9600, halfDuplex: true, keyUpMs: 20, rangeM: 6000}
nodes:
  - {name: HQ, address: "1.1", role: headquarters, networks: [vhf], at: [5000, 0], acknowledgesSos: true}
  - {name: A, address: "1.2", role: terminal, networks: [vhf], at: [0, 0]}
  - {name: B, address: "1.3", role: terminal, networks: [vhf], at: [10000, 0]}
  - {name: C, address: "1.4", role: terminal, networks: [vhf], at: [7000, 0]}
groups:
  - {name: all, number: 1, members: [HQ, A, B, C]}
traffic:
  talk: [{by: B, group: 1, from: 10s, to: 20s}]
  sos: [{at: 12s, by: A}]
checks:
  - sos acknowledged within 3s
`;

test("a call for help gets through while somebody talks whom the caller does not hear", () => {
  const seeds = 24;
  let inTime = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    // At any moment of the talker's step.
    const scenario = parseScenario("x.yaml", HIDDEN.replace("at: 12s", `at: ${12_000 + ((seed * 37) % 240)}ms`));
    const simulation = new Simulation({ scenario, seed });
    simulation.run();
    const [call] = simulation.traffic.sos.calls;
    if (call?.acknowledgedUs !== undefined && call.acknowledgedUs - call.raisedUs < 3_000_000) inTime++;
  }
  assert.ok(inTime >= 0.7 * seeds, `${inTime} of ${seeds} within three seconds`);
});

/** Four around one in the middle, who do not hear each other; one of them talks. */
const STAR = `
scenario: star/1
duration: 40s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: vhf, type: serial, medium: shared, baud: 9600, halfDuplex: true, keyUpMs: 20, rangeM: 4500}
nodes:
  - {name: M, address: "1.1", role: relay, networks: [vhf], at: [0, 0]}
  - {name: A, address: "1.2", role: terminal, networks: [vhf], at: [3500, 0]}
  - {name: B, address: "1.3", role: terminal, networks: [vhf], at: [-3500, 0]}
  - {name: C, address: "1.4", role: terminal, networks: [vhf], at: [0, 3500]}
  - {name: D, address: "1.5", role: terminal, networks: [vhf], at: [0, -3500]}
groups:
  - {name: all, number: 1, members: [M, A, B, C, D]}
traffic:
  positions: {every: 20s}
  talk: [{by: A, group: 1, from: 25s, to: 35s}]
checks:
  - delivered(voice) >= 90%
`;

test("on a serial channel speech is heard by those who hear a relay alone", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const simulation = new Simulation({ scenario: parseScenario("x.yaml", STAR), seed });
    simulation.run();
    const { checks } = resultOf(simulation, seed, 1);
    assert.equal(
      checks.filter((check) => !check.pass).map(({ found }) => found),
      [],
      `seed ${seed}`,
    );
  }
});

test.run();
