import { POLICY_CLASSES, type PolicyDocument } from "@skein/codecs";
import type { AgentConfig } from "../config/schema.ts";
import type { CoreRules, TrafficClass } from "../core/api.ts";

const OCTETS_PER_MEGABYTE = 1_000_000;

/** What a policy means for a node's bearers; one that it does not name is as configured. */
export function rulesOf(document: PolicyDocument, bearers: AgentConfig["bearers"]): CoreRules {
  return {
    bearers: bearers.map(({ name, costCentsPerMegabyte }) => {
      const ruled = document.bearers[name];
      return {
        costCentsPerMegabyte: ruled?.costCentsPerMegabyte ?? costCentsPerMegabyte,
        preferenceMs: ruled?.preference ?? 0,
        closedTo: POLICY_CLASSES.flatMap((_, c) => (mayUse(document, c, name) ? [] : [c as TrafficClass])),
        ...(ruled?.cap === undefined
          ? {}
          : {
              cap: {
                octets: ruled.cap.megabytes * OCTETS_PER_MEGABYTE,
                reserveOctets: (ruled.cap.megabytes * OCTETS_PER_MEGABYTE * ruled.cap.reservePercent) / 100,
                countsReceived: ruled.cap.counts === "both",
              },
            }),
      };
    }),
    classes: POLICY_CLASSES.map((name) => {
      const { copies, maxKbps } = document.classes[name] ?? {};
      return {
        ...(copies === undefined ? {} : { copiesCalm: copies.calm, copiesRisk: copies.risk }),
        ...(maxKbps === undefined ? {} : { rateBps: maxKbps * 1000 }),
      };
    }),
  };
}

function mayUse({ classes }: PolicyDocument, trafficClass: number, bearer: string): boolean {
  const { only, never } = classes[POLICY_CLASSES[trafficClass] as (typeof POLICY_CLASSES)[number]] ?? {};
  return only?.includes(bearer) ?? !never?.includes(bearer);
}
