import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { main } from "./cli.ts";

const SCENARIO = `
scenario: pair/1
duration: 30s
origin: {latitude: 30, longitude: 100}
networks:
  - {name: uhf, type: udp, bitrateBps: 2000000, latencyMs: 5, rangeM: 1000}
nodes:
  - {name: A, address: "1.1", role: headquarters, networks: [uhf], at: [0, 0]}
  - {name: B, address: "1.2", role: terminal, networks: [uhf], at: [500, 0]}
groups:
  - {name: both, number: 1, members: [A, B]}
traffic:
  talk: [{by: A, group: 1, from: 3s, to: 8s}]
checks:
  - delivered(voice) >= 97%
  - no_duplicates
`;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command with what it writes caught. */
async function run(...args: string[]): Promise<Outcome> {
  const outcome: Outcome = { code: -1, stdout: "", stderr: "" };
  const streams = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ["stdout", "stderr"] as const) {
    process[name].write = ((text: string) => {
      outcome[name] += text;
      return true;
    }) as typeof process.stdout.write;
  }
  try {
    outcome.code = await main(args);
  } finally {
    process.stdout.write = streams.stdout;
    process.stderr.write = streams.stderr;
  }
  return outcome;
}

const test = suite<{ folder: string; file: string }>("skein sim");
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "skein-sim-"));
  context.file = join(context.folder, "pair.yaml");
  writeFileSync(context.file, SCENARIO);
});
test.after((context) => rmSync(context.folder, { recursive: true }));

test("ends with one JSON object; the same seed twice gives the same trace, another seed another", async ({ file }) => {
  const runs = [await run(file, "--seed", "7", "--json", "--for", "10s")];
  runs.push(
    await run(file, "--seed", "7", "--json", "--for", "10s"),
    await run(file, "--seed", "8", "--json", "--for", "10s"),
  );
  const [a, b, c] = runs.map((r) => JSON.parse(r.stdout));
  assert.equal(
    runs.map((r) => r.code),
    [0, 0, 0],
    runs[0]?.stdout,
  );
  assert.is(a.verdict, "pass");
  assert.is(a.simulatedS, 10);
  assert.match(a.traceSha256, /^[0-9a-f]{64}$/);
  assert.is(b.traceSha256, a.traceSha256);
  assert.is.not(c.traceSha256, a.traceSha256);
});

test("a report for people, and exit code 1 when a check fails", async ({ file, folder }) => {
  const good = await run(file, "--for", "10s");
  assert.is(good.code, 0);
  assert.match(good.stdout, /pass {2}delivered\(voice\) >= 97%/);
  const far = join(folder, "far.yaml");
  writeFileSync(far, SCENARIO.replace("at: [500, 0]", "at: [5000, 0]"));
  const bad = await run(far, "--for", "10s");
  assert.is(bad.code, 1);
  assert.match(bad.stdout, /FAIL {2}delivered\(voice\)/);
});

test("a bad file is refused with file, line and remedy", async ({ folder }) => {
  const file = join(folder, "bad.yaml");
  writeFileSync(file, SCENARIO.replace("networks: [uhf], at: [500, 0]", "networks: [vhf], at: [500, 0]"));
  const { code, stderr } = await run(file);
  assert.is(code, 2);
  assert.match(stderr, /bad\.yaml:9: nodes\.1\.networks\.0: no network is called "vhf"; there are uhf/);
});

test("wrong use is refused with the usage", async ({ file }) => {
  const wrong = [[], [file, "more"], [file, "--seed", "x"], [file, "--for", "soon"], [file, "--fast"], ["none.yaml"]];
  for (const args of wrong) {
    const { code, stderr } = await run(...args);
    assert.is(code, 2, args.join(" "));
    assert.ok(stderr.length > 0);
  }
});

test("prints its help and the schema of its files", async () => {
  assert.match((await run("--help")).stdout, /skein sim FILE/);
  assert.ok(JSON.parse((await run("--schema")).stdout).properties.nodes);
});

test.run();
