import type { RehearsalResult, RehearsedCheck } from "../sim/rehearsal.ts";
import { painter } from "./painter.ts";

/** Many runs for people: what failed in which, with which faults, and how often each check held. */
export function formatRehearsal(result: RehearsalResult, colour: boolean): string {
  const { paint, verdict } = painter(colour);
  const widest = Math.max(0, ...result.checks.map((c) => c.check.length));
  const { seed, runs, extraFaults, simulatedS, wallS } = result;
  const seeds = runs === 1 ? `seed ${seed}` : `seeds ${seed} to ${(seed + runs - 1) >>> 0}`;
  const faults = extraFaults === 0 ? "" : `, each with ${extraFaults} fault${extraFaults === 1 ? "" : "s"} more`;
  const failed = result.failed.flatMap((run) => [
    `  ${paint(31, `seed ${run.seed}`)}`,
    ...run.extraFaults.map(({ atS, forS, what }) => `    ${atS} s, for ${forS} s: ${what}`),
    ...run.checks.map(({ check, found }) => `    ${verdict(false)}  ${check}  ${found}`),
  ]);
  return [
    paint(1, `${result.scenario}, ${seeds}${faults}: ${simulatedS} s in ${wallS} s`),
    ...(failed.length > 0 ? ["", ...failed] : []),
    "",
    ...result.checks.map((c) => `  ${verdict(c.pass)}  ${c.check.padEnd(widest)}  ${heldIn(c, runs)}`),
    "",
    `${verdict(result.verdict === "pass")}  no check failed in ${result.passed} of ${runs} runs`,
  ].join("\n");
}

function heldIn({ passed, untested }: RehearsedCheck, runs: number): string {
  const rest = untested === 0 ? "" : `, not put to the test in ${untested}`;
  return `held in ${passed} of ${runs - untested}${rest}`;
}
