import type { Scenario } from "../scenario/schema.ts";
import { timedFaults } from "../world/fault-actions.ts";
import { withExtraFaults } from "./extra-faults.ts";
import { play, type Terms } from "./play.ts";
import type { SimulationResult } from "./result.ts";

/** What is played: seeds from `seed` on. */
export interface RehearsalPlan extends Terms {
  readonly seed: number;
  readonly runs: number;
}

/** A run in which a check failed. */
export interface FailedRun {
  seed: number;
  extraFaults: { atS: number; forS: number; what: string }[];
  checks: { check: string; found: string }[];
}

/** Many runs of one scenario, ready to be printed. */
export interface RehearsalResult {
  scenario: string;
  seed: number;
  extraFaults: number;
  verdict: "pass" | "fail";
  runs: number;
  passed: number;
  /** By check of the file: runs in which it held. */
  checks: { check: string; passed: number; pass: boolean }[];
  failed: FailedRun[];
  simulatedS: number;
  wallS: number;
}

/** Plays all runs, one after the other; `onRun` is told after each how many failed so far. */
export function rehearse(
  scenario: Scenario,
  plan: RehearsalPlan,
  onRun: (done: number, failed: number) => void = () => undefined,
): RehearsalResult {
  const startedMs = performance.now();
  const passed = new Map<string, number>();
  const failed: FailedRun[] = [];
  let simulatedS = 0;
  for (let i = 0; i < plan.runs; i++) {
    const seed = (plan.seed + i) >>> 0;
    const result = play(scenario, seed, plan);
    simulatedS += result.simulatedS;
    for (const { check, pass } of result.checks) passed.set(check, (passed.get(check) ?? 0) + (pass ? 1 : 0));
    if (result.verdict === "fail") failed.push(failedRun(scenario, plan, seed, result));
    onRun(i + 1, failed.length);
  }
  return {
    scenario: scenario.scenario,
    seed: plan.seed,
    extraFaults: plan.extraFaults,
    verdict: failed.length === 0 ? "pass" : "fail",
    runs: plan.runs,
    passed: plan.runs - failed.length,
    checks: [...passed].map(([check, count]) => ({ check, passed: count, pass: count === plan.runs })),
    failed,
    simulatedS,
    wallS: Number(((performance.now() - startedMs) / 1000).toFixed(3)),
  };
}

function failedRun(scenario: Scenario, plan: RehearsalPlan, seed: number, result: SimulationResult): FailedRun {
  const { faults } = withExtraFaults(scenario, seed, plan.extraFaults, plan.durationUs);
  const extra = timedFaults({ ...scenario, faults: faults.slice(scenario.faults.length) });
  return {
    seed,
    extraFaults: extra.map(({ atUs, untilUs, what }) => ({ atS: atUs / 1e6, forS: (untilUs - atUs) / 1e6, what })),
    checks: result.checks.filter(({ pass }) => !pass).map(({ check, found }) => ({ check, found })),
  };
}
