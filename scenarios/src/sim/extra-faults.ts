import type { Fault, Scenario } from "../scenario/schema.ts";
import { RandomStream } from "./random-streams.ts";

/** No sooner, so that all have found each other, and no later than this share of the run, so that there is time to recover. */
const FIRST_US = 10_000_000;
const LAST_SHARE = 0.75;
/** How long they last. */
const SHORTEST_US = 3_000_000;
const LONGEST_US = 28_000_000;
const SECOND_US = 1_000_000;
/** What is broken, by share: a node loses power, is cut off, is cut from one other, or a network loses frames. */
const KILL = 0.5;
const CUT_NODE = 0.25;
const CUT_LINK = 0.15;
const DEGRADE_LOSS = 0.2;

/**
 * The scenario with `count` faults more, which the seed alone decides: each begins and ends in whole seconds and breaks one
 * node, the link of two that share a network, or one network. `durationUs`: of the run.
 */
export function withExtraFaults(scenario: Scenario, seed: number, count: number, durationUs: number): Scenario {
  const random = new RandomStream(seed, "extra-faults");
  const extra = Array.from({ length: count }, () => drawFault(scenario, random, durationUs));
  return { ...scenario, faults: [...scenario.faults, ...extra] };
}

function drawFault(scenario: Scenario, random: RandomStream, durationUs: number): Fault {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.unit() * from.length)] as T;
  const between = (lowUs: number, highUs: number): number =>
    Math.floor((lowUs + random.unit() * Math.max(0, highUs - lowUs)) / SECOND_US) * SECOND_US;
  const firstUs = Math.min(FIRST_US, durationUs / 4);
  const times = { at: between(firstUs, LAST_SHARE * durationUs), for: between(SHORTEST_US, LONGEST_US) };
  const lot = random.unit();
  const node = pick(scenario.nodes);
  const others = scenario.nodes.filter((n) => n !== node && n.networks.some((name) => node.networks.includes(name)));
  if (lot < KILL) return { ...times, kill: node.name };
  if (lot < KILL + CUT_NODE) return { ...times, cut: node.name };
  if (lot < KILL + CUT_NODE + CUT_LINK && others.length > 0)
    return { ...times, cut: `${node.name} - ${pick(others).name}` };
  return { ...times, degrade: pick(scenario.networks).name, loss: DEGRADE_LOSS };
}
