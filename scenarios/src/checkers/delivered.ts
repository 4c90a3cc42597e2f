import type { Service } from "../scenario/check-syntax.ts";
import type { Evidence } from "./evidence.ts";

/** At least this share of what was sent to nodes with a path arrived; nothing sent is a failure, not a success. */
export function checkDelivered(
  evidence: Evidence,
  service: Service,
  atLeast: number,
): { pass: boolean; found: string } {
  const { expected, delivered } = evidence.delivery[service];
  const share = expected === 0 ? 0 : delivered / expected;
  return {
    pass: expected > 0 && share >= atLeast,
    found: `${delivered} of ${expected} = ${(share * 100).toFixed(2)} %`,
  };
}
