import type { PathReport } from "@skein/node-agent/api";
import { MAX_PATH_EVENTS, MAX_PATH_SECONDS } from "./limits.ts";

export const NO_PATHS: PathReport = { bearers: [], cents: [], seconds: [], events: [] };

/**
 * What is known of the paths, with what the agent has told now. It may tell again what is known, after a new connection,
 * and counts its events anew after a restart.
 */
export function extendPaths(known: PathReport, news: PathReport): PathReport {
  const lastMs = known.seconds.at(-1)?.atMs ?? 0;
  const told = new Set(known.events.map(({ atMs, sequence }) => `${atMs}:${sequence}`));
  const events = news.events.filter(({ atMs, sequence }) => !told.has(`${atMs}:${sequence}`));
  return {
    bearers: news.bearers,
    cents: news.cents,
    seconds: [...known.seconds, ...news.seconds.filter(({ atMs }) => atMs > lastMs)].slice(-MAX_PATH_SECONDS),
    events: [...known.events, ...events].slice(-MAX_PATH_EVENTS),
  };
}
