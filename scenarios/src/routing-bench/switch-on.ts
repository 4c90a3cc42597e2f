import type { RandomStream } from "../sim/random-streams.ts";
import type { Field } from "./field.ts";

const START_US = 200_000;
/** What has not happened by then is told as this. */
const LIMIT_US = 60_000_000;

/**
 * Switches all nodes on within 0.2 s. @returns seconds from the first until every node has a path to every other, looked at
 * each `sampleUs`
 */
export function coldStartS(field: Field, nodes: number, random: RandomStream, sampleUs: number): number {
  for (let node = 0; node < nodes; node++)
    field.at(field.nowUs + (node === 0 ? 0 : random.unit() * START_US), () => field.start(node));
  const complete = (): boolean =>
    field.cores.length === nodes &&
    field.cores.every((core) => field.addresses.every((address) => core.isReachable(address)));
  return Math.min(LIMIT_US, field.runUntil(complete, sampleUs, LIMIT_US)) / 1e6;
}
