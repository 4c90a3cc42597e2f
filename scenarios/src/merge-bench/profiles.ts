import type { CoreBearer } from "@skein/node-agent/core";
import type { PipeOptions } from "./lossy-pipe.ts";

/** A path between two nodes: what it is, and what the nodes are told of it. */
export interface PathOptions extends PipeOptions {
  readonly name: string;
  readonly bearer: Partial<CoreBearer>;
}

type PathName = "sat" | "lte" | "adhoc";

/** The three paths of the link-bonding lab. */
const PATHS: Record<PathName, PathOptions> = {
  sat: {
    name: "sat",
    rateBps: 2e6,
    delayUs: 300_000,
    queueOctets: 150_000,
    bearer: { kind: 2, bitrateBps: 2e6, latencyUs: 300_000, costCentsPerMegabyte: 5 },
  },
  lte: {
    name: "lte",
    rateBps: 20e6,
    delayUs: 30_000,
    queueOctets: 500_000,
    bearer: { kind: 3, bitrateBps: 20e6, latencyUs: 30_000, costCentsPerMegabyte: 1 },
  },
  adhoc: {
    name: "adhoc",
    rateBps: 5e6,
    delayUs: 5_000,
    queueOctets: 62_500,
    bearer: { kind: 0, bitrateBps: 5e6, latencyUs: 5_000 },
  },
};

function profile(changes: Partial<Record<PathName, Partial<PipeOptions>>>): PathOptions[] {
  return (["sat", "lte", "adhoc"] as const).map((name) => ({ ...PATHS[name], ...changes[name] }));
}

/** `profiles.json` of the lab. */
export const PROFILES = {
  default: profile({ lte: { loss: 0.01 }, adhoc: { loss: 0.05 } }),
  clean: profile({}),
  bursty: profile({
    sat: { gapEveryUs: 15_000_000, gapUs: 80_000 },
    lte: { jitterUs: 20_000, loss: 0.02, burst: 4 },
    adhoc: { jitterUs: 5_000, loss: 0.08, burst: 6 },
  }),
};
export type ProfileName = keyof typeof PROFILES;
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];
