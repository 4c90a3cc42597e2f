import type { EvaluatedNode, Observations, Paths } from "./evaluate.ts";
import type { JournalEvent } from "./journal.ts";
import { percentile } from "./percentile.ts";
import type { CutReport, VoiceReport } from "./report.ts";

const FRAME_US = 40_000;
/** What is looked at around a cut. */
const BEFORE_CUT_US = 1e6;
const AFTER_CUT_US = 5e6;
/** Bursts are numbered modulo 32: a frame that is played later than this is another one's. */
const SAME_BURST_US = 30e6;

/** One frame on its way to one listener. */
export interface Hearing {
  sentUs: number;
  /** Undefined if it was never played. */
  playedUs: number | undefined;
  /** The listener had a path when it was sent. */
  hadPath: boolean;
}
/** One press of the key as one listener heard it. */
export interface VoicePair {
  talker: EvaluatedNode;
  listener: EvaluatedNode;
  /** In order of time. */
  frames: Hearing[];
}

const frameKey = (talker: number, event: JournalEvent): string =>
  `${talker}/${event.group}/${event.burst}/${event.timestamp20ms}`;

/** Every burst of speech with everyone who should have heard it. */
export function voicePairs(events: readonly JournalEvent[], seen: Observations, paths: Paths): VoicePair[] {
  const played = indexPlayed(events);
  const pairs: VoicePair[] = [];
  for (const burst of bursts(events, seen)) {
    const talker = seen.nodes.find((node) => node.address === burst[0]?.node);
    const group = burst[0]?.group ?? 0;
    if (talker === undefined) continue;
    for (const listener of seen.nodes) {
      if (listener === talker || !listener.groups.includes(group)) continue;
      const frames = burst.map((sent) => {
        const times = played.get(`${listener.address}|${frameKey(talker.address, sent)}`);
        return {
          sentUs: sent.atUs,
          playedUs: times?.find((atUs) => atUs >= sent.atUs && atUs - sent.atUs < SAME_BURST_US),
          hadPath: paths.connected(talker.address, listener.address, sent.atUs),
        };
      });
      pairs.push({ talker, listener, frames });
    }
  }
  return pairs;
}

function indexPlayed(events: readonly JournalEvent[]): Map<string, number[]> {
  const played = new Map<string, number[]>();
  for (const event of events) {
    if (event.e !== "voice-played") continue;
    const key = `${event.node}|${frameKey(event.talker ?? 0, event)}`;
    const list = played.get(key);
    if (list) list.push(event.atUs);
    else played.set(key, [event.atUs]);
  }
  return played;
}

/** Frames of the measured time by press of the key. */
function bursts(events: readonly JournalEvent[], seen: Observations): JournalEvent[][] {
  const open = new Map<string, JournalEvent[]>();
  const all: JournalEvent[][] = [];
  for (const event of events) {
    if (event.e !== "voice-sent" || event.atUs < seen.fromUs || event.atUs >= seen.toUs) continue;
    const key = `${event.node}/${event.group}/${event.burst}`;
    const current = open.get(key);
    const last = current?.at(-1);
    if (current !== undefined && last !== undefined && event.atUs - last.atUs < SAME_BURST_US) {
      current.push(event);
      continue;
    }
    const next = [event];
    open.set(key, next);
    all.push(next);
  }
  return all;
}

export function measureVoice(pairs: readonly VoicePair[]): VoiceReport {
  const sent = new Set(
    pairs.flatMap(({ talker, frames }) => frames.map((frame) => `${talker.address}/${frame.sentUs}`)),
  );
  return {
    framesSent: sent.size,
    ...tally(pairs),
    wide: tally(pairs.filter((pair) => !pair.listener.narrow)),
    narrow: tally(pairs.filter((pair) => pair.listener.narrow)),
  };
}

function tally(pairs: readonly VoicePair[]): VoiceReport["wide"] {
  const expected = pairs.flatMap((pair) => pair.frames.filter((frame) => frame.hadPath));
  const delaysUs = expected.flatMap(({ sentUs, playedUs }) => (playedUs === undefined ? [] : [playedUs - sentUs]));
  const p95Us = percentile(delaysUs, 0.95);
  return {
    framesExpected: expected.length,
    framesPlayed: delaysUs.length,
    mouthToEarP95Ms: p95Us === null ? null : Math.round(p95Us / 1000),
  };
}

/** Percent of the frames expected that a listener heard, by talker's name. */
export function heardBy(listener: EvaluatedNode, pairs: readonly VoicePair[]): Record<string, number> {
  const own = pairs.filter((pair) => pair.listener === listener);
  const heard: Record<string, number> = {};
  for (const name of new Set(own.map((pair) => pair.talker.name))) {
    const { framesExpected, framesPlayed } = tally(own.filter((pair) => pair.talker.name === name));
    if (framesExpected > 0) heard[name] = Math.round((1000 * framesPlayed) / framesExpected) / 10;
  }
  return heard;
}

export function measureCuts(pairs: readonly VoicePair[], seen: Observations): CutReport[] {
  return seen.cuts
    .filter((cut) => cut.atUs >= seen.fromUs && cut.atUs < seen.toUs)
    .map(({ what, atUs }) => ({
      what,
      atS: Math.round((atUs - seen.fromUs) / 1e5) / 10,
      voiceGapMs: worstGapMs(
        pairs.filter((pair) => !pair.talker.narrow && !pair.listener.narrow),
        atUs,
      ),
      voiceGapSerialMs: worstGapMs(
        pairs.filter((pair) => pair.talker.narrow || pair.listener.narrow),
        atUs,
      ),
    }));
}

/** Null unless somebody spoke across the cut to somebody who kept a path. */
function worstGapMs(pairs: readonly VoicePair[], cutUs: number): number | null {
  let worstUs: number | null = null;
  for (const { frames } of pairs) {
    const near = frames.filter((f) => f.sentUs >= cutUs - BEFORE_CUT_US && f.sentUs < cutUs + AFTER_CUT_US);
    const isAcross = near.some((f) => f.sentUs < cutUs) && near.some((f) => f.sentUs >= cutUs);
    if (!isAcross || !near.every((f) => f.hadPath)) continue;
    worstUs = Math.max(worstUs ?? 0, longestSilenceUs(near, usualDelayUs(frames)));
  }
  return worstUs === null ? null : Math.round(worstUs / 1000);
}

/**
 * Longest time between two played frames, less the frame. A frame that should have opened or closed the time and was
 * not played is put where it would have been, so that voice that never comes back is a long silence and not none.
 */
function longestSilenceUs(frames: readonly Hearing[], delayUs: number): number {
  const playedUs = frames.flatMap((f) => (f.playedUs === undefined ? [] : [f.playedUs])).sort((a, b) => a - b);
  const first = (frames[0] as Hearing).sentUs + delayUs;
  const last = (frames.at(-1) as Hearing).sentUs + delayUs;
  const instants = [first, ...playedUs.filter((atUs) => atUs > first && atUs < last), last];
  let longestUs = 0;
  for (let i = 1; i < instants.length; i++)
    longestUs = Math.max(longestUs, (instants[i] as number) - (instants[i - 1] as number));
  return Math.max(0, longestUs - FRAME_US);
}

/** What lies between mouth and ear most of the time in this burst. */
function usualDelayUs(frames: readonly Hearing[]): number {
  return (
    percentile(
      frames.flatMap((f) => (f.playedUs === undefined ? [] : [f.playedUs - f.sentUs])),
      0.5,
    ) ?? 0
  );
}
