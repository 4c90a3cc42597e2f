import type { Verdict } from "../checkers/evidence.ts";
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

/** A run in which a check failed that was put to the test. */
export interface FailedRun {
  seed: number;
  extraFaults: { atS: number; forS: number; what: string }[];
  checks: { check: string; found: string }[];
}

/** A check of the file, and in how many runs it held, or was not put to the test. */
export interface RehearsedCheck {
  check: string;
  passed: number;
  untested: number;
  pass: boolean;
}

/** Many runs of one scenario, ready to be printed. */
export interface RehearsalResult {
  scenario: string;
  seed: number;
  extraFaults: number;
  verdict: "pass" | "fail";
  runs: number;
  passed: number;
  checks: RehearsedCheck[];
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
  const checks = new Map<string, { passed: number; untested: number }>();
  const failed: FailedRun[] = [];
  let simulatedS = 0;
  for (let i = 0; i < plan.runs; i++) {
    const seed = (plan.seed + i) >>> 0;
    const result = play(scenario, seed, plan);
    simulatedS += result.simulatedS;
    for (const verdict of result.checks) {
      const { passed, untested } = checks.get(verdict.check) ?? { passed: 0, untested: 0 };
      checks.set(verdict.check, {
        passed: passed + (verdict.pass ? 1 : 0),
        untested: untested + (verdict.untested ? 1 : 0),
      });
    }
    if (result.checks.some(hasFailed)) failed.push(failedRun(scenario, plan, seed, result));
    onRun(i + 1, failed.length);
  }
  const rehearsed = [...checks].map(([check, { passed, untested }]) => {
    return { check, passed, untested, pass: passed > 0 && passed + untested === plan.runs };
  });
  return {
    scenario: scenario.scenario,
    seed: plan.seed,
    extraFaults: plan.extraFaults,
    verdict: rehearsed.every(({ pass }) => pass) ? "pass" : "fail",
    runs: plan.runs,
    passed: plan.runs - failed.length,
    checks: rehearsed,
    failed,
    simulatedS,
    wallS: Number(((performance.now() - startedMs) / 1000).toFixed(3)),
  };
}

function hasFailed({ pass, untested }: Verdict): boolean {
  return !pass && !untested;
}

function failedRun(scenario: Scenario, plan: RehearsalPlan, seed: number, result: SimulationResult): FailedRun {
  const { faults } = withExtraFaults(scenario, seed, plan.extraFaults, plan.durationUs);
  const extra = timedFaults({ ...scenario, faults: faults.slice(scenario.faults.length) });
  return {
    seed,
    extraFaults: extra.map(({ atUs, untilUs, what }) => ({ atS: atUs / 1e6, forS: (untilUs - atUs) / 1e6, what })),
    checks: result.checks.filter(hasFailed).map(({ check, found }) => ({ check, found })),
  };
}
