/** When a node reports its position; the simulation's nodes do as the agents. */

/** First reports of nodes that start together are spread over this time, ms. */
export const FIRST_SPREAD_MS = 500;
/** Share of the interval that reports come earlier or later: two nodes in step would collide each time (RFC 5148 3). */
const JITTER = 0.05;
/** Somebody may come and go all the time. */
const NEWCOMERS_PAUSE_MAX_S = 30;

/** Time from one report to the next, ms; `random` is 0..1. */
export function reportPauseMs(intervalS: number, random: number): number {
  return intervalS * 1000 * (1 + JITTER * (2 * random - 1));
}

/** Least time between two reports for newcomers, s: no closer together than reports are anyway, or than half a minute. */
export function newcomersPauseS(intervalS: number): number {
  return Math.min(intervalS, NEWCOMERS_PAUSE_MAX_S);
}
