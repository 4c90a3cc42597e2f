import type { PathEvent, PathReport, PathSecond } from "@skein/node-agent/api";

/** `PathSecond.classes`: the columns of a class. */
const [FRAMES_SENT, OCTETS_SENT, FRAMES_RECEIVED, OCTETS_RECEIVED, FRAMES_FIRST] = [0, 1, 2, 3, 4] as const;
const VOICE = 0;
/** How long before a silence it is looked who carried speech, and how long after it begins, if it lasts as long. */
const BEFORE_MS = 5_000;
const AFTER_MS = 3_000;
/** A second is told of at its end. */
const SECOND_MS = 1_000;
/** What is missed here and comes again within so long was a mistake. */
const OPEN_MS = 4_000;

/** What a bearer did for speech: how much of it came over it, or left, and how much came over no other as soon. */
export interface Carrier {
  bearerId: number;
  share: number;
  firstShare: number;
}

/** One silence of a path, from the first sign to its end. */
export interface PathStory {
  bearerId: number;
  address: number;
  atMs: number;
  /** How long nothing had been heard there when it was noticed. */
  silentMs: number;
  reason: string;
  /** What this bearer did for speech before; null without speech. */
  before: Carrier | null;
  /** Bearers that carried speech afterwards, by share, largest first. */
  carriers: Carrier[];
  /** Longest pause in the speech heard meanwhile; 0 without any. */
  voiceGapMs: number;
  /** What all bearers cost meanwhile. */
  cents: number;
  /** `open`: not decided yet. `over`: it has answered, or nobody else took it for silent. */
  end: "open" | "over" | "down" | "back";
  endMs: number;
  /** When it was there again after it had been given up. */
  backMs: number;
}

/** The silences that the events tell of, newest first. */
export function pathStories(report: PathReport, nowMs: number): PathStory[] {
  const stories: PathStory[] = [];
  const current = new Map<string, PathStory>();
  for (const event of report.events) {
    const key = `${event.bearerId}/${event.address}`;
    const story = current.get(key);
    if (story?.end === "open" && story.reason === "missed" && isHeardAgain(story, report.seconds))
      close(story, "over", story.atMs + OPEN_MS);
    const isOpen = story?.end === "open";
    if (event.change === "missed" || event.change === "suspected") {
      if (story !== undefined && isOpen) continue;
      const begun = begin(event);
      current.set(key, begun);
      stories.push(begun);
    } else if (event.change === "trusted" && story !== undefined && isOpen) close(story, "over", event.atMs);
    else if (event.change === "down") {
      const ended = story?.end === "open" ? story : begin(event);
      if (ended !== story) stories.push(ended);
      current.set(key, ended);
      close(ended, "down", event.atMs);
    } else if (event.change === "up" && story?.end === "down") {
      story.end = "back";
      story.backMs = event.atMs;
    }
  }
  for (const story of stories) {
    if (story.end === "open" && story.reason === "missed" && isHeardAgain(story, report.seconds))
      close(story, "over", story.atMs + OPEN_MS);
    addFigures(story, report.seconds, nowMs);
  }
  return stories.reverse();
}

function begin({ bearerId, address, atMs, silentMs, change, reason }: PathEvent): PathStory {
  const figures = { before: null, carriers: [], voiceGapMs: 0, cents: 0 };
  const why = change === "missed" ? "missed" : reason;
  return { bearerId, address, atMs, silentMs, reason: why, ...figures, end: "open", endMs: 0, backMs: 0 };
}

/** What is only missed here has no end of its own: speech that comes there again is one. */
function isHeardAgain({ bearerId, atMs }: PathStory, seconds: readonly PathSecond[]): boolean {
  return seconds.some((second) => {
    const frames = second.bearers[bearerId]?.classes[VOICE]?.[FRAMES_RECEIVED] ?? 0;
    return second.atMs > atMs + 2 * SECOND_MS && second.atMs <= atMs + OPEN_MS + 2 * SECOND_MS && frames > 0;
  });
}

function close(story: PathStory, end: "over" | "down", endMs: number): void {
  story.end = end;
  story.endMs = endMs;
}

function addFigures(story: PathStory, seconds: readonly PathSecond[], nowMs: number): void {
  const { atMs, bearerId } = story;
  const untilMs = story.end === "open" ? nowMs : Math.max(story.endMs, atMs + AFTER_MS);
  const within = (fromMs: number, toMs: number): PathSecond[] =>
    seconds.filter((second) => second.atMs > fromMs && second.atMs <= toMs);
  const before = carriersOf(within(atMs - BEFORE_MS, atMs));
  const none = { bearerId, share: 0, firstShare: 0 };
  story.before = before.length === 0 ? null : (before.find((one) => one.bearerId === bearerId) ?? none);
  // The second in which it fell silent holds what came before, too.
  const meanwhile = within(atMs + SECOND_MS, untilMs + SECOND_MS);
  story.carriers = carriersOf(meanwhile);
  const affected = within(atMs, untilMs + SECOND_MS);
  story.voiceGapMs = affected.reduce((most, second) => Math.max(most, second.voiceGapMs), 0);
  story.cents = affected.reduce((sum, { bearers }) => bearers.reduce((all, { cents }) => all + cents, sum), 0);
}

/** Who brought speech; where none came, over what the own speech left. */
function carriersOf(seconds: readonly PathSecond[]): Carrier[] {
  const sums = (column: number): number[] => {
    const frames: number[] = [];
    for (const { bearers } of seconds) {
      for (const [id, { classes }] of bearers.entries())
        frames[id] = (frames[id] ?? 0) + (classes[VOICE]?.[column] ?? 0);
    }
    return frames;
  };
  const first = sums(FRAMES_FIRST);
  const came = first.reduce((sum, frames) => sum + frames, 0);
  const sent = sums(FRAMES_SENT);
  const all = came > 0 ? came : Math.max(...sent, 0);
  return (came > 0 ? sums(FRAMES_RECEIVED) : sent)
    .map((frames, bearerId) => ({
      bearerId,
      share: all === 0 ? 0 : Math.min(1, frames / all),
      firstShare: came > 0 ? (first[bearerId] ?? 0) / came : 0,
    }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
}

/** Octets of both directions that a bearer carried of a class in a second. */
export function octetsOf(second: PathSecond, bearerId: number, trafficClass: number): number {
  const figures = second.bearers[bearerId]?.classes[trafficClass];
  return figures === undefined ? 0 : figures[OCTETS_SENT] + figures[OCTETS_RECEIVED];
}

/** What a path was from one moment to another. */
export interface PathSpan {
  address: number;
  state: "up" | "suspect" | "down";
  fromMs: number;
  toMs: number;
}

/** States of the paths of a bearer in a window; a path that no event tells of is not there. */
export function pathSpans(events: readonly PathEvent[], bearerId: number, fromMs: number, toMs: number): PathSpan[] {
  const spans: PathSpan[] = [];
  const own = events.filter((event) => event.bearerId === bearerId && event.change !== "missed");
  for (const address of new Set(own.map((event) => event.address))) {
    const told = own.filter((event) => event.address === address);
    for (const [i, { change, atMs }] of told.entries()) {
      const state = change === "suspected" ? "suspect" : change === "down" ? "down" : "up";
      const endMs = told[i + 1]?.atMs ?? toMs;
      if (endMs <= fromMs || atMs >= toMs) continue;
      spans.push({ address, state, fromMs: Math.max(fromMs, atMs), toMs: Math.min(toMs, endMs) });
    }
  }
  return spans;
}
