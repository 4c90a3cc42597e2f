import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { optimiseLate, useHostCopy } from "@skein/radio-hal";
import { formatRehearsal } from "../report/rehearsal-report.ts";
import { formatReport } from "../report/report.ts";
import { parseDurationUs } from "../scenario/duration.ts";
import { loadScenario } from "../scenario/load.ts";
import { type Scenario, scenarioJsonSchema } from "../scenario/schema.ts";
import { play } from "./play.ts";
import { type RehearsalPlan, rehearse } from "./rehearsal.ts";
import type { Simulation } from "./simulation.ts";

const USAGE = `skein sim FILE [--seed N] [--runs N] [--extra-faults N] [--for TIME] [--json]
skein sim --schema

Plays a scenario file in virtual time with the real core of every node and holds the run against the file's
checks. The same file and seed give the same trace on every machine.

  --seed N     random seed, 0..4294967295 (default: the file's)
  --runs N     play N seeds, from --seed on, and tell which checks fail in which
  --extra-faults N
               N faults more, drawn anew for each seed: a node loses power or is cut off, a link is cut, a network
               loses frames; the same seed draws the same again
  --for TIME   length of a run, for example 90s or 00:01:30 (default: the file's)
  --json       print one JSON object instead of the report
  --schema     print the JSON schema of scenario files, for editors
  --help       this text

Exit code: 0 all checks hold (of many runs, in each that put them to the test), 1 a check failed, 2 wrong use or a file that is not a scenario.`;

const EXIT_PASS = 0;
const EXIT_FAIL = 1;
const EXIT_USAGE = 2;
/** Virtual time between two lines of progress. */
const PROGRESS_STEP_US = 5_000_000;
const MAX_RUNS = 1_000_000;
const MAX_EXTRA_FAULTS = 100;

interface Request {
  file: string;
  seed: number | undefined;
  durationUs: number | undefined;
  /** undefined: one, and its report. */
  runs: number | undefined;
  extraFaults: number;
  json: boolean;
}

/** `skein sim`; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // A run takes about a second: code that is optimised from its first calls on makes it a fifth shorter, what is spared of
  // compiling a tenth.
  useHostCopy();
  setFlagsFromString("--no-lazy-feedback-allocation");
  optimiseLate();
  let request: Request | number;
  try {
    request = readArguments(args);
    if (typeof request === "number") return request;
  } catch (error) {
    process.stderr.write(`skein sim: ${(error as Error).message}\n\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  let scenario: Scenario;
  try {
    scenario = loadScenario(request.file);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return EXIT_USAGE;
  }
  const { seed = scenario.seed, runs, extraFaults, durationUs = scenario.duration } = request;
  const isWatched = process.stderr.isTTY === true && !request.json;
  if (runs !== undefined)
    return rehearseAll(scenario, { seed, runs, extraFaults, durationUs }, isWatched, request.json);
  // In one piece where nobody watches: V8 compiles the loop for each call of `run` anew.
  const result = play(scenario, seed, { extraFaults, durationUs }, isWatched ? runWithProgress : undefined);
  const text = request.json ? JSON.stringify(result) : formatReport(result, process.stdout.isTTY === true);
  process.stdout.write(`${text}\n`);
  return result.verdict === "pass" ? EXIT_PASS : EXIT_FAIL;
}

function readArguments(args: readonly string[]): Request | number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      runs: { type: "string" },
      "extra-faults": { type: "string", default: "0" },
      for: { type: "string" },
      json: { type: "boolean", default: false },
      schema: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || values.schema) {
    process.stdout.write(`${values.help ? USAGE : JSON.stringify(scenarioJsonSchema(), null, 1)}\n`);
    return EXIT_PASS;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new Error("needs one scenario file");
  const seed = wholeNumber("seed", values.seed, 0, 0xffffffff);
  const runs = wholeNumber("runs", values.runs, 1, MAX_RUNS);
  const extraFaults = wholeNumber("extra-faults", values["extra-faults"], 0, MAX_EXTRA_FAULTS) ?? 0;
  const durationUs = values.for === undefined ? undefined : parseDurationUs(values.for);
  if (durationUs !== undefined && !(durationUs > 0)) {
    throw new Error(`--for takes a time such as 90s, not "${values.for}"`);
  }
  return { file, seed, durationUs, runs, extraFaults, json: values.json };
}

function wholeNumber(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = text === "" ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name} takes a whole number ${least}..${most}, not "${text}"`);
}

function rehearseAll(scenario: Scenario, plan: RehearsalPlan, isWatched: boolean, json: boolean): number {
  const result = rehearse(scenario, plan, (done, failed) => {
    if (isWatched) process.stderr.write(`\r${done} of ${plan.runs} runs, ${failed} failed `);
  });
  if (isWatched) process.stderr.write("\r\x1b[K");
  const text = json ? JSON.stringify(result) : formatRehearsal(result, process.stdout.isTTY === true);
  process.stdout.write(`${text}\n`);
  return result.verdict === "pass" ? EXIT_PASS : EXIT_FAIL;
}

function runWithProgress(simulation: Simulation): void {
  for (let atUs = PROGRESS_STEP_US; simulation.nowUs < simulation.durationUs; atUs += PROGRESS_STEP_US) {
    simulation.run(atUs);
    process.stderr.write(`\r${(simulation.nowUs / 1e6).toFixed(0)} s of ${simulation.durationUs / 1e6} s `);
  }
  process.stderr.write("\r\x1b[K");
}
