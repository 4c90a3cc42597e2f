import type { Fault, Scenario } from "../scenario/schema.ts";
import { parseTarget } from "../scenario/target.ts";

/** One thing that is broken, by name; what a fault of a scenario file or a click on the map means. */
export type FaultAction =
  | { kind: "power"; node: string }
  | { kind: "controller"; node: string }
  | { kind: "cut-network"; network: string }
  | { kind: "cut-node"; node: string; network?: string }
  | { kind: "cut-link"; from: string; to: string; oneWay: boolean; network?: string }
  | { kind: "degrade-network"; network: string; loss: number }
  | { kind: "degrade-node"; node: string; network?: string; loss: number }
  | { kind: "degrade-link"; from: string; to: string; oneWay: boolean; network?: string; loss: number };

/** A fault of the file with its times. */
export interface TimedFault {
  atUs: number;
  /** Infinity if it is for good. */
  untilUs: number;
  action: FaultAction;
  /** For people: the file's words, or the action's. */
  what: string;
}

/** The faults of a scenario in order of time. */
export function timedFaults(scenario: Scenario): TimedFault[] {
  return scenario.faults
    .map((fault) => {
      const action = actionOf(fault, scenario);
      const untilUs = fault.at + (fault.for ?? Number.POSITIVE_INFINITY);
      return { atUs: fault.at, untilUs, action, what: fault.what ?? describeAction(action) };
    })
    .sort((a, b) => a.atUs - b.atUs);
}

function actionOf(fault: Fault, scenario: Scenario): FaultAction {
  if (fault.kill !== undefined) return { kind: "power", node: fault.kill };
  if (fault.killController !== undefined) return { kind: "controller", node: fault.killController };
  const on = fault.on === undefined ? {} : { network: fault.on };
  const { names, oneWay } = parseTarget(fault.cut ?? fault.degrade ?? "");
  const [first = "", second] = names;
  if (fault.degrade !== undefined) {
    const loss = fault.loss ?? 0;
    if (second !== undefined) return { kind: "degrade-link", from: first, to: second, oneWay, loss, ...on };
    if (isNetwork(scenario, first)) return { kind: "degrade-network", network: first, loss };
    return { kind: "degrade-node", node: first, loss, ...on };
  }
  if (second !== undefined) return { kind: "cut-link", from: first, to: second, oneWay, ...on };
  return isNetwork(scenario, first)
    ? { kind: "cut-network", network: first }
    : { kind: "cut-node", node: first, ...on };
}

function isNetwork(scenario: Scenario, name: string): boolean {
  return scenario.networks.some((n) => n.name === name);
}

/** A short sentence for people. */
export function describeAction(action: FaultAction): string {
  const on = "network" in action && action.network !== undefined ? ` on ${action.network}` : "";
  switch (action.kind) {
    case "power":
      return `${action.node} loses power`;
    case "controller":
      return `controller at ${action.node} dies`;
    case "cut-network":
      return `${action.network} is gone`;
    case "cut-node":
      return `${action.node} is cut off${on}`;
    case "cut-link":
      return `${action.from} ${action.oneWay ? "->" : "-"} ${action.to} is cut${on}`;
    case "degrade-network":
      return `${action.network} loses ${Math.round(action.loss * 100)} % more`;
    case "degrade-node":
      return `${action.node} loses ${Math.round(action.loss * 100)} % more${on}`;
    case "degrade-link":
      return `${action.from} ${action.oneWay ? "->" : "-"} ${action.to} loses ${Math.round(action.loss * 100)} % more${on}`;
  }
}
