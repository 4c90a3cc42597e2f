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

test("many seeds, each with a fault more: what failed in which, and that run once more by its seed", async ({
  folder,
}) => {
  const file = join(folder, "sos.yaml");
  const withSos = SCENARIO.replace("traffic:\n", "traffic:\n  sos: [{at: 12s, by: B}]\n");
  const answered = withSos.replace("role: headquarters,", "role: headquarters, acknowledgesSos: true,");
  writeFileSync(file, `${answered}  - sos acknowledged within 3s\n`);
  const options = ["--seed", "3", "--extra-faults", "1", "--json"];
  const { code, stdout } = await run(file, "--runs", "12", ...options);
  const result = JSON.parse(stdout);
  assert.is(result.runs, 12);
  assert.is(result.passed, 12 - result.failed.length);
  // Some of the faults are in the way of the call, of some nobody notices.
  assert.ok(result.failed.length > 0 && result.passed > 0, stdout);
  assert.is(code, 1);
  assert.is(result.verdict, "fail");
  const failed = result.failed[0];
  assert.is(failed.extraFaults.length, 1);
  const again = await run(file, ...options, "--seed", String(failed.seed));
  assert.is(again.code, 1);
  assert.equal(
    JSON.parse(again.stdout).checks.filter((c: { pass: boolean }) => !c.pass),
    failed.checks.map((c: object) => ({ ...c, pass: false })),
  );
  const text = await run(file, "--seed", "3", "--extra-faults", "1", "--runs", "12");
  assert.match(text.stdout, new RegExp(`seed ${failed.seed}\n.*${failed.extraFaults[0].what}\n.*FAIL`));
  assert.match(text.stdout, new RegExp(`no check failed in ${result.passed} of 12 runs`));
});

test("of many seeds, what the faults left nothing to measure is no failure, unless it is so in all", async ({
  folder,
}) => {
  const file = join(folder, "quiet.yaml");
  // While some of the faults last, nobody speaks who has power and a path.
  writeFileSync(file, SCENARIO.replace("from: 3s, to: 8s", "from: 20s, to: 24s").replace("97%", "50%"));
  const some = await run(file, "--seed", "1", "--runs", "12", "--extra-faults", "1", "--json");
  const { passed, verdict, checks } = JSON.parse(some.stdout);
  assert.equal([some.code, passed, verdict], [0, 12, "pass"], some.stdout);
  const [speech] = checks;
  assert.ok(speech.passed > 0 && speech.untested > 0 && speech.passed + speech.untested === 12, some.stdout);
  writeFileSync(file, `${SCENARIO}  - recover(voice) within 30s\n`);
  const none = await run(file, "--runs", "2");
  assert.is(none.code, 1);
  assert.match(none.stdout, /FAIL {2}recover.*held in 0 of 0, not put to the test in 2\n/);
  assert.match(none.stdout, /FAIL {2}no check failed in 2 of 2 runs/);
});

test("many seeds without a fault more: all hold", async ({ file }) => {
  const { code, stdout } = await run(file, "--runs", "3", "--for", "10s", "--json");
  const { verdict, failed, checks } = JSON.parse(stdout);
  assert.equal([code, verdict, failed], [0, "pass", []]);
  assert.equal(
    checks.map((c: { passed: number }) => c.passed),
    [3, 3],
  );
});

test("a bad file is refused with file, line and remedy", async ({ folder }) => {
  const file = join(folder, "bad.yaml");
  writeFileSync(file, SCENARIO.replace("networks: [uhf], at: [500, 0]", "networks: [vhf], at: [500, 0]"));
  const { code, stderr } = await run(file);
  assert.is(code, 2);
  assert.match(stderr, /bad\.yaml:9: nodes\.1\.networks\.0: no network is called "vhf"; there are uhf/);
});

test("wrong use is refused with the usage", async ({ file }) => {
  const wrong = [
    [],
    [file, "more"],
    [file, "--seed", "x"],
    [file, "--for", "soon"],
    [file, "--fast"],
    ["none.yaml"],
    [file, "--runs", "0"],
    [file, "--extra-faults", "x"],
  ];
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
