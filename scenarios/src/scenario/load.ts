import { readFileSync } from "node:fs";
import { parseYaml } from "@skein/node-agent/config";
import { GROUP_DESTINATION } from "@skein/node-agent/core";
import { type Scenario, type ScenarioNode, scenarioSchema } from "./schema.ts";

/**
 * Parses and validates a scenario file's text.
 * @throws ConfigError (code `config-invalid`) with file and line of each problem.
 */
export function parseScenario(file: string, text: string): Scenario {
  return parseYaml(file, text, scenarioSchema);
}

/** Reads a scenario file. @throws ConfigError, or the file system's own error. */
export function loadScenario(file: string): Scenario {
  return parseScenario(file, readFileSync(file, "utf8"));
}

/** Area in the high octet, local id in the low one. */
export function addressOf(node: ScenarioNode): number {
  const [area, id] = node.address.split(".");
  return (Number(area) << 8) | Number(id);
}

/** The 32-bit node id: the file's own, or one that shows the address when read as hexadecimal. */
export function nodeIdOf(node: ScenarioNode): number {
  return node.id ?? (0x534b0000 | addressOf(node)) >>> 0;
}

/** Voice groups that a node listens to. */
export function groupsOf(scenario: Scenario, nodeName: string): number[] {
  return scenario.groups.filter((g) => g.members.includes(nodeName)).map((g) => g.number);
}

/** Voice groups that a node carries between wide and narrow radios. */
export function bridgedGroupsOf(scenario: Scenario, nodeName: string): number[] {
  return scenario.groups.filter((g) => g.bridgedBy.includes(nodeName)).map((g) => g.number);
}

/** Voice groups whose members are in several areas: all nodes let them through. */
export function groupsAcross(scenario: Scenario): number[] {
  const areasOf = (members: readonly string[]): Set<number> =>
    new Set(scenario.nodes.filter(({ name }) => members.includes(name)).map((node) => addressOf(node) >>> 8));
  return scenario.groups.filter((g) => areasOf(g.members).size > 1).map((g) => g.number);
}

/** One turn of speech, or any other thing with a period, spelled out until `untilUs`. */
export interface TalkTurn {
  by: string;
  group: number;
  fromUs: number;
  toUs: number;
}

/** Every turn that starts before `untilUs`, repetitions included, in order of start. */
export function talkTurns(scenario: Scenario, untilUs: number): TalkTurn[] {
  const turns: TalkTurn[] = [];
  for (const t of scenario.traffic.talk) {
    for (let shiftUs = 0; t.from + shiftUs < untilUs; shiftUs += t.repeatEvery ?? Number.POSITIVE_INFINITY) {
      turns.push({ by: t.by, group: t.group, fromUs: t.from + shiftUs, toUs: t.to + shiftUs });
    }
  }
  return turns.sort((a, b) => a.fromUs - b.fromUs);
}

export interface DueText {
  atUs: number;
  by: string;
  /** A node, or a group. */
  to: string;
  /** The same as agents have it: an address, or GROUP_DESTINATION and the group's number. */
  destination: number;
  /** Nodes that are to have it. */
  receivers: string[];
  body: string;
}

/** Every text that is sent before `untilUs`, repetitions included, in order of time. */
export function textsDue(scenario: Scenario, untilUs: number): DueText[] {
  const due: DueText[] = [];
  for (const { at, by, to, body, repeatEvery } of scenario.traffic.texts) {
    const group = scenario.groups.find(({ name }) => name === to);
    const node = scenario.nodes.find(({ name }) => name === to);
    const destination = group !== undefined ? GROUP_DESTINATION + group.number : addressOf(node as ScenarioNode);
    const receivers = group !== undefined ? group.members.filter((name) => name !== by) : [to];
    for (let shiftUs = 0; at + shiftUs < untilUs; shiftUs += repeatEvery ?? Number.POSITIVE_INFINITY)
      due.push({ atUs: at + shiftUs, by, to, destination, receivers, body });
  }
  return due.sort((a, b) => a.atUs - b.atUs);
}
