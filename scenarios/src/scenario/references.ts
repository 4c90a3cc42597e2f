import type { z } from "zod";
import { parseTarget } from "./target.ts";

/** What of a scenario refers to something else by name; a structural subset of the scenario. */
interface Named {
  networks: { name: string; medium: string }[];
  nodes: { name: string; address: string; networks: string[] }[];
  groups: { name: string; number: number; members: string[]; bridgedBy: string[] }[];
  traffic: {
    talk: { by: string; group: number; from: number; to: number }[];
    video: { by: string; to: string }[];
    texts: { by: string; to: string }[];
    sos: { by: string }[];
  };
  faults: Record<string, unknown>[];
  checks: { kind: string; network?: string }[];
}

/** Adds an issue, with its path and so its line, for every name that means nothing and every double. */
export function checkReferences(scenario: Named, context: z.RefinementCtx): void {
  const complain = (path: (string | number)[], message: string): void => {
    context.addIssue({ code: "custom", path, message });
  };
  const networks = uniqueNames(scenario.networks, (n) => n.name, "networks", "name", complain);
  const nodes = uniqueNames(scenario.nodes, (n) => n.name, "nodes", "name", complain);
  uniqueNames(scenario.nodes, (n) => n.address, "nodes", "address", complain);
  const known = (set: Set<string>, what: string, value: string, path: (string | number)[]): void => {
    if (!set.has(value)) complain(path, `no ${what} is called "${value}"; there are ${[...set].join(", ")}`);
  };
  for (const [i, n] of scenario.nodes.entries()) {
    for (const [k, network] of n.networks.entries()) known(networks, "network", network, ["nodes", i, "networks", k]);
  }
  for (const [i, g] of scenario.groups.entries()) {
    for (const [k, m] of g.members.entries()) known(nodes, "node", m, ["groups", i, "members", k]);
    for (const [k, m] of g.bridgedBy.entries()) known(nodes, "node", m, ["groups", i, "bridgedBy", k]);
  }
  const groups = uniqueNames(scenario.groups, (g) => g.name, "groups", "name", complain);
  for (const [i, { name }] of scenario.groups.entries())
    if (nodes.has(name)) complain(["groups", i, "name"], `"${name}" is a node, too: whom would a text to it be for?`);
  const all = new Set([...nodes, ...groups]);
  const node = (value: string, path: (string | number)[]): void => known(nodes, "node", value, path);
  checkTraffic(scenario, node, (value, path) => known(all, "node or group", value, path), complain);
  for (const [i, fault] of scenario.faults.entries()) checkFault(fault, i, nodes, networks, complain);
  for (const [i, check] of scenario.checks.entries()) {
    if (check.kind === "airtime" && check.network !== undefined)
      known(networks, "network", check.network, ["checks", i]);
  }
}

type Complain = (path: (string | number)[], message: string) => void;

function uniqueNames<T>(
  list: T[],
  nameOf: (item: T) => string,
  where: string,
  field: string,
  complain: Complain,
): Set<string> {
  const seen = new Set<string>();
  for (const [i, item] of list.entries()) {
    const value = nameOf(item);
    if (seen.has(value)) complain([where, i, field], `"${value}" is used twice`);
    seen.add(value);
  }
  return seen;
}

function checkTraffic(
  scenario: Named,
  node: (value: string, path: (string | number)[]) => void,
  nodeOrGroup: (value: string, path: (string | number)[]) => void,
  complain: Complain,
): void {
  for (const [i, turn] of scenario.traffic.talk.entries()) {
    node(turn.by, ["traffic", "talk", i, "by"]);
    if (turn.to <= turn.from) complain(["traffic", "talk", i, "to"], "ends before it begins");
    const group = scenario.groups.find((g) => g.number === turn.group);
    if (!group) complain(["traffic", "talk", i, "group"], `there is no group ${turn.group}`);
    else if (!group.members.includes(turn.by)) {
      complain(["traffic", "talk", i, "by"], `${turn.by} is not a member of group ${turn.group}`);
    }
  }
  for (const kind of ["video", "texts"] as const) {
    for (const [i, item] of scenario.traffic[kind].entries()) {
      node(item.by, ["traffic", kind, i, "by"]);
      (kind === "texts" ? nodeOrGroup : node)(item.to, ["traffic", kind, i, "to"]);
    }
  }
  for (const [i, sos] of scenario.traffic.sos.entries()) node(sos.by, ["traffic", "sos", i, "by"]);
}

function checkFault(
  fault: Record<string, unknown>,
  index: number,
  nodes: Set<string>,
  networks: Set<string>,
  complain: Complain,
): void {
  for (const key of ["kill", "killController"]) {
    const value = fault[key];
    if (typeof value === "string" && !nodes.has(value)) {
      complain(["faults", index, key], `no node is called "${value}"; there are ${[...nodes].join(", ")}`);
    }
  }
  for (const key of ["cut", "degrade"]) {
    const text = fault[key];
    if (typeof text !== "string") continue;
    const unknown = parseTarget(text).names.find((n) => !nodes.has(n) && !(networks.has(n) && n === text));
    if (unknown !== undefined) {
      complain(["faults", index, key], `"${unknown}" is neither a node nor a network ("A - B" is a link)`);
    }
  }
  if (typeof fault.on === "string" && !networks.has(fault.on)) {
    complain(["faults", index, "on"], `no network is called "${fault.on}"; there are ${[...networks].join(", ")}`);
  }
}
