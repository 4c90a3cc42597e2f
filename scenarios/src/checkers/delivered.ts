import type { Service } from "../scenario/check-syntax.ts";
import type { Evidence, Finding } from "./evidence.ts";

/** At least this share of what was sent to nodes with a path arrived; nothing sent is a failure, not a success. */
export function checkDelivered(evidence: Evidence, service: Service, atLeast: number): Finding {
  const { expected, delivered } = evidence.delivery[service];
  if (expected === 0) return { pass: false, found: "nothing was owed to anybody", untested: true };
  const share = delivered / expected;
  return { pass: share >= atLeast, found: `${delivered} of ${expected} = ${(share * 100).toFixed(2)} %` };
}
