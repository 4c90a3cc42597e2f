import { talkTurns, textsDue } from "../scenario/load.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { TimedFault } from "../world/fault-actions.ts";

/** One thing to do at a time of the scenario. */
export type Step = { atUs: number } & (
  | { do: "hush"; by: string }
  | { do: "mend"; fault: TimedFault }
  | { do: "break"; fault: TimedFault }
  | { do: "talk"; by: string; group: number }
  | { do: "text"; by: string; to: string; destination: number; body: string }
  | { do: "video"; by: string; to: string }
  | { do: "video-stop"; by: string }
  | { do: "sos"; by: string; kind: number }
);

/** What comes first when several things are due at once: a key is released before it is pressed again. */
const ORDER: readonly Step["do"][] = ["hush", "mend", "break", "video-stop", "sos", "talk", "video", "text"];

/** Traffic of a scenario before `untilUs`, in order of time. Speech that is under way then ends then. */
export function trafficSteps(scenario: Scenario, untilUs: number): Step[] {
  const steps: Step[] = [];
  for (const { by, group, fromUs, toUs } of talkTurns(scenario, untilUs)) {
    steps.push({ do: "talk", atUs: fromUs, by, group }, { do: "hush", atUs: Math.min(toUs, untilUs), by });
  }
  for (const { atUs, by, to, destination, body } of textsDue(scenario, untilUs))
    steps.push({ do: "text", atUs, by, to, destination, body });
  for (const { by, to, from, until } of scenario.traffic.video) {
    if (from >= untilUs) continue;
    steps.push({ do: "video", atUs: from, by, to });
    if (until !== undefined && until < untilUs) steps.push({ do: "video-stop", atUs: until, by });
  }
  for (const { at, by, kind } of scenario.traffic.sos) if (at < untilUs) steps.push({ do: "sos", atUs: at, by, kind });
  return inOrder(steps);
}

/** Failures that begin before `untilUs`, and their ends. */
export function faultSteps(faults: readonly TimedFault[], untilUs: number): Step[] {
  const steps: Step[] = [];
  for (const fault of faults.filter(({ atUs }) => atUs < untilUs)) {
    steps.push({ do: "break", atUs: fault.atUs, fault });
    if (fault.untilUs < untilUs) steps.push({ do: "mend", atUs: fault.untilUs, fault });
  }
  return inOrder(steps);
}

export function inOrder(steps: readonly Step[]): Step[] {
  return [...steps].sort((a, b) => a.atUs - b.atUs || ORDER.indexOf(a.do) - ORDER.indexOf(b.do));
}
