import type { CoreOptions } from "@skein/node-agent/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { resultOf, type SimulationResult } from "./result.ts";
import { Simulation } from "./simulation.ts";
import { createFloodingCore, type PlantedFaults } from "./testing/flooding-core.ts";

/** A chain A - B - C - D with a detour E beside C. */
const CHAIN = `
scenario: chain/1
duration: 20s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: uhf, type: udp, bitrateBps: 20000000, latencyMs: 2, rangeM: 1000, queueMs: 2000}
nodes:
  - {name: A, address: "1.1", role: headquarters, networks: [uhf], at: [0, 0], acknowledgesSos: true}
  - {name: B, address: "1.2", role: relay, networks: [uhf], at: [900, 0]}
  - {name: C, address: "1.3", role: relay, networks: [uhf], at: [1800, 0]}
  - {name: D, address: "1.4", role: terminal, networks: [uhf], at: [2700, 0]}
groups:
  - {name: all, number: 1, members: [A, B, C, D]}
traffic:
  positions: {every: 2s}
  talk:
    - {by: D, group: 1, from: 5s, to: 15s}
  texts:
    - {at: 6s, by: A, to: D, body: hello}
  video:
    - {by: D, to: A, from: 5s, bitrateBps: 8000, framesPerS: 5}
  sos:
    - {at: 7s, by: D}
faults:
  - {at: 10s, kill: C, for: 2s}
checks:
  - delivered(voice) >= 97%
  - delivered(position) >= 99%
  - delivered(text) >= 100%
  - delivered(video) >= 95%
  - sos acknowledged within 1s
  - recover(voice) within 500ms
  - bounded_queues <= 500ms
  - airtime(uhf) <= 60%
  - no_duplicates
  - unpowered_silence
`;

function run(text: string, seed: number, faults: PlantedFaults = {}): SimulationResult {
  const createCore = (options: CoreOptions, nowUs: number) => createFloodingCore(options, nowUs, faults);
  const simulation = new Simulation({ scenario: parseScenario("x.yaml", text), seed, createCore });
  simulation.run();
  return resultOf(simulation, seed, 1);
}
const failed = (result: SimulationResult): string[] => result.checks.filter((c) => !c.pass).map((c) => c.check);
const sosFound = (result: SimulationResult): string =>
  result.checks.find(({ check }) => check.startsWith("sos"))?.found ?? "";

test("the same seed gives the same trace, another seed another", () => {
  const first = run(CHAIN, 7);
  assert.is(run(CHAIN, 7).traceSha256, first.traceSha256);
  assert.is.not(run(CHAIN, 8).traceSha256, first.traceSha256);
});

test("running in pieces is running at once", () => {
  const simulation = new Simulation({
    scenario: parseScenario("x.yaml", CHAIN),
    seed: 7,
    createCore: createFloodingCore,
  });
  for (let us = 333_333; simulation.nowUs < simulation.durationUs; us += 333_333) simulation.run(us);
  assert.is(simulation.traceSha256(), run(CHAIN, 7).traceSha256);
});

test("a mesh that does its work passes every check", () => {
  const result = run(CHAIN, 7);
  assert.equal(failed(result), [], JSON.stringify(result.checks));
  assert.is(result.verdict, "pass");
});

test("frames for nodes without a path are not owed", () => {
  const { voice } = run(CHAIN, 7).metrics as { voice: { framesSent: number; expected: number } };
  assert.is(voice.framesSent, 250);
  // Three listeners, none of them with a path during 2.8 s of power cut and boot: 70 frames.
  assert.is(voice.expected, 3 * (250 - 70));
});

test("planted: lost speech is seen", () => {
  assert.ok(failed(run(CHAIN, 7, { keepsEveryNthVoiceFrame: 20 })).includes("delivered(voice) >= 97%"));
  const unbroken = CHAIN.replace("kill: C, for: 2s", "degrade: C, loss: 0");
  assert.ok(failed(run(unbroken, 7, { keepsEveryNthVoiceFrame: 20 })).includes("recover(voice) within 500ms"));
});

test("planted: events handed up twice are seen", () => {
  const found = run(CHAIN, 7, { repeatsEvents: true });
  assert.equal(failed(found), ["no_duplicates"], JSON.stringify(found.checks));
});

test("planted: nobody to acknowledge an SOS is seen", () => {
  assert.ok(failed(run(CHAIN.replace(", acknowledgesSos: true", ""), 7)).includes("sos acknowledged within 1s"));
});

test("of the time that an SOS takes only that with a path to who answers counts", () => {
  const text = CHAIN.replace("{at: 7s, by: D}", "{at: 11s, by: D}");
  const simulation = new Simulation({ scenario: parseScenario("x.yaml", text), seed: 7 });
  simulation.run();
  const result = resultOf(simulation, 7, 1);
  const [check] = result.checks.filter((c) => c.check.startsWith("sos"));
  assert.ok(check?.pass, check?.found);
  assert.match(check.found, /^D: [12]\.\d{3} s, 0\.\d{3} s of it with a path$/);
  const [call] = (result.metrics as { sos: { acknowledgedS: number }[] }).sos;
  assert.ok(call && call.acknowledgedS > 1.8 && call.acknowledgedS <= 2.8);
});

test("who has no power calls and writes when it is back", () => {
  const found = run(
    CHAIN.replace("faults:", "faults:\n  - {at: 5500ms, kill: A, for: 500ms}\n  - {at: 6900ms, kill: D, for: 2s}"),
    7,
  );
  const { sos, text } = found.metrics as {
    sos: { acknowledgedS: number }[];
    text: { sent: number; delivered: number };
  };
  assert.is(sos.length, 1);
  assert.ok((sos[0]?.acknowledgedS as number) < 0.1);
  assert.equal([text.sent, text.delivered], [1, 1]);
});

test("a call that nobody has answered is raised again after a restart", () => {
  const calling = CHAIN.replace("{at: 7s, by: D}", "{at: 11s, by: D}");
  assert.match(sosFound(run(calling, 7)), /^D: never, in 7\.200 s with a path$/);
  const restarted = calling.replace("faults:", "faults:\n  - {at: 13s, kill: D, for: 1s}");
  assert.match(sosFound(run(restarted, 7)), /^D: 3\.8\d\d s, 0\.2\d\d s of it with a path$/);
  // What is answered is not raised again.
  const late = CHAIN.replace("faults:", "faults:\n  - {at: 13s, kill: D, for: 1s}");
  let raised = 0;
  const createCore = (options: CoreOptions, nowUs: number) => {
    const core = createFloodingCore(options, nowUs);
    const raiseSos: typeof core.raiseSos = (...call) => {
      raised++;
      return core.raiseSos(...call);
    };
    return { ...core, raiseSos };
  };
  const simulation = new Simulation({ scenario: parseScenario("x.yaml", late), seed: 7, createCore });
  simulation.run();
  assert.match(sosFound(resultOf(simulation, 7, 1)), /^D: 0\.0\d\d s$/);
  assert.is(raised, 1);
});

test("a text is owed to who has had a path for ten seconds since, or has it", () => {
  // The relay is off then, and this core does not keep what it sends.
  const lost = CHAIN.replace("{at: 6s, by: A", "{at: 11s, by: A");
  const textOf = (result: SimulationResult): [string | undefined, unknown] => {
    const { sent, delivered } = result.metrics["text"] as { sent: number; delivered: number };
    return [result.checks.find(({ check }) => check.startsWith("delivered(text)"))?.found, [sent, delivered]];
  };
  assert.equal(
    textOf(run(lost, 7)),
    ["nothing was owed to anybody", [1, 0]],
    "there was a path for 7.2 s until the end",
  );
  const long = lost.replace("duration: 20s", "duration: 22900ms");
  assert.equal(textOf(run(long, 7)), ["0 of 1 = 0.00 %", [1, 0]]);
  assert.equal(textOf(run(CHAIN, 7)), ["1 of 1 = 100.00 %", [1, 1]]);
});

test("planted: a channel too narrow for its load is seen", () => {
  const narrow = CHAIN.replace("bitrateBps: 20000000", "bitrateBps: 80000").replace(
    "queues <= 500ms",
    "queues <= 100ms",
  );
  const names = failed(run(narrow, 7));
  assert.ok(names.includes("airtime(uhf) <= 60%") && names.includes("bounded_queues <= 100ms"), names.join());
});

test("a core that wakes without time going on is stopped", () => {
  const createCore = (options: CoreOptions, nowUs: number) =>
    Object.assign(createFloodingCore(options, nowUs), { nextTimeoutUs: () => 0 });
  const simulation = new Simulation({ scenario: parseScenario("x.yaml", CHAIN), seed: 7, createCore });
  assert.throws(() => simulation.run(), /spins/);
});

test.run();
