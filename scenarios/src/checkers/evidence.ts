import type { Service } from "../scenario/check-syntax.ts";

/** What the silence at one fault was. */
export interface FaultGap {
  what: string;
  atUs: number;
  /** Longest silence at any listener that had a path; undefined if nobody spoke. */
  voiceGapUs: number | undefined;
}

/** What a run leaves behind for the checkers. */
export interface Evidence {
  delivery: Record<Service, { expected: number; delivered: number }>;
  /** Items handed up twice, by service. */
  duplicates: Record<string, number>;
  /** Share of time for which a network's channel was held, by name. */
  airtime: Record<string, number>;
  faults: FaultGap[];
  /** `withPathUs`: for how much of the time until then there was a path to somebody who answers. */
  sos: { by: string; raisedUs: number; withPathUs: number; acknowledgedUs: number | undefined }[];
  /** Longest time that anything queued would have waited, microseconds. */
  longestQueueUs: number;
  loops: string[];
  /** Unicast packets that the loop watcher saw; with none it has checked nothing. */
  packetsWatched: number;
  unpoweredTransmissions: string[];
}

export interface Finding {
  pass: boolean;
  /** What was found, for people. */
  found: string;
  /** Nothing in the run put it to the test, which is no success, and of many runs no failure either. */
  untested?: boolean;
}

export interface Verdict extends Finding {
  check: string;
}
