import type { Check } from "../scenario/check-syntax.ts";
import { checkAirtime } from "./airtime.ts";
import { checkDelivered } from "./delivered.ts";
import { checkDuplicates } from "./duplicates.ts";
import type { Evidence, Finding, Verdict } from "./evidence.ts";
import { checkLoops } from "./loops.ts";
import { checkQueues } from "./queues.ts";
import { checkRecover } from "./recover.ts";
import { checkSos } from "./sos.ts";
import { checkUnpoweredSilence } from "./unpowered-silence.ts";

/** Holds the evidence of a run against the checks of its scenario, in their order. */
export function runChecks(checks: readonly (Check & { text: string })[], evidence: Evidence): Verdict[] {
  return checks.map((check) => ({ check: check.text, ...runCheck(check, evidence) }));
}

function runCheck(check: Check, evidence: Evidence): Finding {
  switch (check.kind) {
    case "delivered":
      return checkDelivered(evidence, check.service, check.atLeast);
    case "airtime":
      return checkAirtime(evidence, check.network, check.atMost);
    case "recover":
      return checkRecover(evidence, check.withinUs);
    case "sos":
      return checkSos(evidence, check.withinUs);
    case "queues":
      return checkQueues(evidence, check.atMostUs);
    case "no_duplicates":
      return checkDuplicates(evidence);
    case "no_forwarding_loop":
      return checkLoops(evidence);
    case "unpowered_silence":
      return checkUnpoweredSilence(evidence);
  }
}
