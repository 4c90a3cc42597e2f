import { readFileSync } from "node:fs";
import { ConfigError } from "@skein/node-agent/config";
import { GROUP_DESTINATION } from "@skein/node-agent/core";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  addressOf,
  bridgedGroupsOf,
  groupsOf,
  loadScenario,
  nodeIdOf,
  parseScenario,
  talkTurns,
  textsDue,
} from "./load.ts";
import { scenarioJsonSchema } from "./schema.ts";

const VALLEY = new URL("../../catalogue/earthquake-valley.yaml", import.meta.url).pathname;
const text = readFileSync(VALLEY, "utf8");

/** 1-based line of the last line that contains `part`. */
const lineOf = (file: string, part: string): number => file.split("\n").findLastIndex((l) => l.includes(part)) + 1;

function problems(file: string): { line: number; path: string; message: string }[] {
  try {
    parseScenario("x.yaml", file);
  } catch (error) {
    assert.instance(error, ConfigError);
    return (error as ConfigError).problems;
  }
  return [];
}

test("the catalogue's valley has what it promises", () => {
  const valley = loadScenario(VALLEY);
  assert.is(valley.nodes.length, 14);
  assert.is(valley.nodes.filter((n) => n.networks.includes("team-b")).length, 6);
  assert.equal(groupsOf(valley, "HQ"), [1, 2, 3]);
  assert.equal(bridgedGroupsOf(valley, "G2"), [2, 3]);
  assert.is(valley.faults.length, 5);
  const g1 = valley.nodes.find((n) => n.name === "G1");
  assert.ok(g1);
  assert.is(addressOf(g1), 0x0105);
  assert.is(nodeIdOf(g1), 0x534b0105);
  assert.is(new Set(valley.nodes.map(nodeIdOf)).size, 14);
});

test("one talker at a time on every group, and on team B's channel", () => {
  const turns = talkTurns(loadScenario(VALLEY), 90e6);
  for (const [i, a] of turns.entries()) {
    for (const b of turns.slice(i + 1)) {
      const overlap = a.fromUs < b.toUs && b.fromUs < a.toUs;
      assert.not.ok(
        overlap && (a.group === b.group || (a.group > 1 && b.group > 1)),
        `${a.by} and ${b.by} at ${b.fromUs}`,
      );
    }
  }
});

test("every failure of the valley comes while somebody speaks", () => {
  const valley = loadScenario(VALLEY);
  for (const fault of valley.faults) {
    const turn = valley.traffic.talk.find((t) => t.from < fault.at && fault.at < t.to - 1e6);
    assert.ok(turn, `nobody speaks at ${fault.at}`);
  }
});

test("turns and texts repeat for as long as the run goes on", () => {
  const valley = loadScenario(VALLEY);
  assert.is(talkTurns(valley, 270e6).length, 3 * valley.traffic.talk.length);
});

test("a text to a group is for its members but the one who writes it", () => {
  const toGroup = text.replace("{at: 7s, by: HQ, to: A1,", "{at: 7s, by: HQ, to: team-a,");
  assert.not.equal(toGroup, text);
  const [first, second] = textsDue(parseScenario("x.yaml", toGroup), 20e6);
  assert.is(first?.destination, GROUP_DESTINATION + 1);
  assert.equal(first?.receivers, ["V", "A1", "A2", "A3", "A4"]);
  assert.is(second?.destination, 0x101);
  assert.equal(second?.receivers, ["HQ"]);
});

const BAD: [what: string, from: string, to: string, path: RegExp, message: RegExp][] = [
  [
    "an unknown network",
    "networks: [uhf], battery: {percent: 88",
    "networks: [vhf], battery: {percent: 88",
    /^nodes\.2\.networks\.0$/,
    /no network is called "vhf"; there are lte/,
  ],
  ["an unknown talker", "{by: A3, group: 1", "{by: A9, group: 1", /^traffic\.talk\.4\.by$/, /no node is called "A9"/],
  [
    "a talker outside the group",
    "{by: A3, group: 1",
    "{by: B3, group: 1",
    /^traffic\.talk\.4\.by$/,
    /B3 is not a member of group 1/,
  ],
  [
    "a text to nobody",
    "{at: 7s, by: HQ, to: A1,",
    "{at: 7s, by: HQ, to: team-c,",
    /^traffic\.texts\.0\.to$/,
    /no node or group is called "team-c"; there are HQ/,
  ],
  ["a group with a node's name", "{name: team-a,", "{name: A1,", /^groups\.0\.name$/, /"A1" is a node, too/],
  ["two groups of one name", "{name: team-b, number", "{name: team-a, number", /^groups\.1\.name$/, /used twice/],
  ["an unknown check", "no_duplicates", "no_dupes", /^checks\.\d+$/, /unknown check; the forms are/],
  [
    "a check on a network that is not there",
    "airtime(uhf)",
    "airtime(vhf)",
    /^checks\.\d+$/,
    /no network is called "vhf"/,
  ],
  ["a time that is none", "at: 24s", "at: 24 parsecs", /^faults\.0\.at$/, /expected a time/],
  [
    "an address that YAML reads as a number",
    'address: "1.5"',
    "address: 1.5",
    /^nodes\.4\.address$/,
    /expected string/,
  ],
  ["an address twice", 'address: "1.6"', 'address: "1.5"', /^nodes\.5\.address$/, /used twice/],
  ["a fault of no kind", "cut: lte,", "cutt: lte,", /^faults\.0/, /unknown field|exactly one of cut, degrade/],
  ["a fault of two kinds", "cut: lte,", "cut: lte, kill: U2,", /^faults\.0$/, /exactly one of cut, degrade/],
  ["a place that is none", "at: [9700, 600]", "at: [9700]", /^nodes\.4\.at$/, /expected a place/],
  ["a cut of nothing", "cut: lte", "cut: wifi", /^faults\.0\.cut$/, /neither a node nor a network/],
  ["an unknown field", "mobilityStep: 500ms", "mobilityStepp: 500ms", /^mobilityStepp$/, /unknown field/],
];
for (const [what, from, to, path, message] of BAD) {
  test(`${what} is refused with its line`, () => {
    assert.ok(text.includes(from), "the file has changed");
    const bad = text.replace(from, to);
    const found = problems(bad);
    assert.ok(
      found.some((p) => path.test(p.path) && message.test(p.message)),
      JSON.stringify(found),
    );
    const problem = found.find((p) => path.test(p.path));
    if (problem && problem.path !== "") assert.is(problem.line, lineOf(bad, to), JSON.stringify(problem));
  });
}

test("broken YAML is refused with its line", () => {
  const [problem] = problems("scenario: x/1\nnodes: [\nseed: 3\n");
  assert.ok(problem && problem.line >= 2);
});

test("a corrupted file is refused in words or is a scenario, whatever was done to it", () => {
  fc.assert(
    fc.property(
      fc.nat(text.length - 1),
      fc.nat(40),
      fc.string({ unit: "binary", maxLength: 8 }),
      (at, gone, rubbish) => {
        // `problems` fails on anything thrown but a ConfigError.
        for (const { line, message } of problems(text.slice(0, at) + rubbish + text.slice(at + gone))) {
          assert.ok(line >= 1);
          assert.ok(message !== "");
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("the JSON schema for editors names the top-level fields", () => {
  const schema = scenarioJsonSchema() as { properties: Record<string, unknown> };
  for (const field of ["networks", "nodes", "groups", "traffic", "faults", "checks"])
    assert.ok(field in schema.properties);
});

test.run();
