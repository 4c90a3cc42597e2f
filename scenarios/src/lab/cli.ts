import { setTimeout as sleep } from "node:timers/promises";
import { findCodec2 } from "@skein/node-agent/codec2";
import { UsageError, withArguments } from "../cli/arguments.ts";
import { parseDurationUs } from "../scenario/duration.ts";
import { loadScenario } from "../scenario/load.ts";
import type { Scenario } from "../scenario/schema.ts";
import { Lab } from "./lab.ts";
import { formatReport, formatView } from "./summary.ts";

const HELP = `Usage: skein lab FILE [--headless] [--for TIME] [--json] [--keep]

Plays a scenario with real agent processes, a controller and the operator's console. Without --headless it shows a
live summary and goes on, traffic without failures after the first round, until Ctrl-C.

  --headless   play once and end with a verdict: exit code 0 if it is "pass"
  --for TIME   how much of the scenario, for example 90s (default: all of it)
  --json       end with one JSON object on standard output; progress goes to standard error
  --keep       keep the scratch folder (configurations, journals, logs) and say where it is`;

const SUMMARY_MS = 1000;
/** Fast enough for Opus at 6 kbit/s, which a 9600 bit/s channel cannot carry. */
const BAUD_WITHOUT_CODEC2 = 38_400;

interface Options {
  headless: boolean;
  lengthUs: number;
  json: boolean;
  keep: boolean;
}

/** `skein lab`. @returns the exit code: 0, or 1 when the verdict is not `pass` */
export function main(args: string[]): Promise<number> {
  const options = {
    headless: { type: "boolean", default: false },
    for: { type: "string" },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  } as const;
  return withArguments(args, options, HELP, ({ values, positionals }) => {
    const [file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) throw new UsageError("expected one scenario file");
    const scenario = loadScenario(file);
    const lengthUs = values.for === undefined ? scenario.duration : parseDurationUs(values.for);
    if (!(lengthUs > 0)) throw new UsageError(`--for ${values.for}: expected a time such as 90s`);
    return run(scenario, { headless: values.headless, lengthUs, json: values.json, keep: values.keep });
  });
}

async function run(asked: Scenario, options: Options): Promise<number> {
  const { scenario, notes } = adaptToMachine(asked);
  const stop = new AbortController();
  const lab = await Lab.open(scenario, notes);
  const release = catchSignals(lab, stop, options.keep);
  try {
    for (const note of notes) console.error(note);
    const isLive = !options.headless && process.stdout.isTTY;
    if (!isLive) lab.onEvent = (line) => (options.headless ? console.error(line) : console.log(line));
    if (isLive) void showLive(scenario.scenario, lab, stop.signal);
    if (options.headless) await lab.openBrowser();
    const isStarted = await Promise.race([lab.start(stop.signal).then(() => true), aborted(stop.signal)]);
    if (!isStarted) return 1;
    return options.headless ? await playOnce(lab, options, stop.signal) : await playOn(lab, options, stop.signal);
  } finally {
    stop.abort();
    await lab.close(options.keep);
    if (options.keep) console.error(`kept: ${lab.files.folder}`);
    release();
  }
}

/** Resolves to false when the signal comes. */
function aborted(signal: AbortSignal): Promise<false> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(false), { once: true }));
}

async function playOnce(lab: Lab, options: Options, signal: AbortSignal): Promise<number> {
  await lab.play(options.lengthUs, true, signal);
  if (signal.aborted) return 1;
  const report = await lab.conclude(options.lengthUs);
  console.log(options.json ? JSON.stringify(report) : formatReport(report));
  return report.verdict === "pass" ? 0 : 1;
}

async function playOn(lab: Lab, options: Options, signal: AbortSignal): Promise<number> {
  for (let round = 0; !signal.aborted; round++) {
    await lab.play(options.lengthUs, round === 0, signal);
    if (round === 0 && !signal.aborted) await lab.heal();
  }
  return 0;
}

/** Without libcodec2 the slow radios must be less slow, and whoever reads the result must know. */
function adaptToMachine(scenario: Scenario): { scenario: Scenario; notes: string[] } {
  const isSlow = (network: Scenario["networks"][number]): boolean =>
    network.type === "serial" && network.baud < BAUD_WITHOUT_CODEC2;
  if (findCodec2() !== undefined || !scenario.networks.some(isSlow)) return { scenario, notes: [] };
  const networks = scenario.networks.map((n) =>
    isSlow(n) ? { ...n, baud: BAUD_WITHOUT_CODEC2 } : n,
  ) as Scenario["networks"];
  const note = `libcodec2 is not installed: serial radios run at ${BAUD_WITHOUT_CODEC2} bit/s with Opus at 6 kbit/s`;
  return { scenario: { ...scenario, networks }, notes: [note] };
}

async function showLive(scenario: string, lab: Lab, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    process.stdout.write(formatView(scenario, await lab.view()));
    await sleep(SUMMARY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** First Ctrl-C: an orderly end. Second one, or a mistake in this program: an immediate one. No child is left. */
function catchSignals(lab: Lab, stop: AbortController, keep: boolean): () => void {
  const end = (): void => {
    if (stop.signal.aborted) process.exit(130);
    lab.expectEnd();
    stop.abort();
    console.error("ending (Ctrl-C again: at once)");
  };
  const abandon = (): void => lab.abandon(keep);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  process.on("exit", abandon);
  return () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, end);
    process.off("exit", abandon);
  };
}
