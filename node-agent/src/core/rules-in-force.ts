import { CapLevel, type CoreRules, TrafficClass } from "./api.ts";
import type { Port } from "./port.ts";
import { type CoreState, emit } from "./state.ts";

/** Classes that no policy can keep off every bearer of a node. */
const NEVER_CUT_OFF = [TrafficClass.voice, TrafficClass.command] as const;

/**
 * Puts a policy's rules on the bearers and classes of this node. A rule that would leave voice or commands without any
 * bearer here is a mistake, whatever it was signed with: it is ignored, and the class is returned.
 */
export function putInForce(s: CoreState, rules: CoreRules): TrafficClass[] {
  const closed = s.ports.map((_, id) => {
    let classes = 0;
    for (const trafficClass of rules.bearers[id]?.closedTo ?? []) classes |= 1 << trafficClass;
    return classes;
  });
  const ignored = NEVER_CUT_OFF.filter((trafficClass) => closed.every((classes) => (classes >>> trafficClass) & 1));
  for (const trafficClass of ignored) {
    s.counters.count("rules-ignored");
    for (let id = 0; id < closed.length; id++) closed[id] = (closed[id] as number) & ~(1 << trafficClass);
  }
  for (const [id, port] of s.ports.entries()) {
    port.rules.closedTo = closed[id] as number;
    port.rules.set(rules.bearers[id]);
  }
  s.classRules.set(rules.classes);
  return ignored;
}

/** Tells the owner that a bearer has come to another level of its data cap; true if neighbours must hear of it. */
export function noticeLevel(s: CoreState, port: Port): boolean {
  const { level, toldLevel } = port.rules;
  port.rules.toldLevel = level;
  emit(s, { type: "cap", bearerId: port.config.id, level });
  return level >= CapLevel.reserve !== toldLevel >= CapLevel.reserve;
}
