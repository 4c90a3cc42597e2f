import { CONFLICT_TOLD_US, DISPUTE_US, MAX_CONFLICTS } from "./limits.ts";
import { type CoreState, emit } from "./state.ts";

/**
 * `address` is `nodeId`'s as far as this node is concerned, and somebody else claims it: counted each time, told to the
 * owner now and then. Whoever came first keeps the address here; nothing is taken away from a node that has links.
 */
export function noteConflict(s: CoreState, nowUs: number, address: number, nodeId: number, other: number): void {
  s.counters.drop("address-conflict");
  const { conflicts } = s;
  conflicts.disputedUntilUs = nowUs + DISPUTE_US;
  const key = address * 0x1_0000_0000 + other;
  const toldUs = conflicts.toldUs.get(key);
  if (toldUs !== undefined && nowUs - toldUs < CONFLICT_TOLD_US) return;
  if (toldUs === undefined && conflicts.toldUs.size >= MAX_CONFLICTS) conflicts.toldUs.clear();
  conflicts.toldUs.set(key, nowUs);
  emit(s, { type: "address-conflict", address, nodeId, other });
}
