import type { BearerSecond, PathEvent, PathReport, PathSecond } from "../api/types.ts";
import { type BearerStatus, type NodeEvent, VoiceCodec } from "../core/api.ts";

/** What is kept: seconds, events, and talkers whose speech is timed. The oldest gives way. */
const MAX_SECONDS = 300;
const MAX_PATH_EVENTS = 512;
const MAX_TALKERS = 64;
/** A longer pause is the end of a burst, not a gap in it. */
const BURST_PAUSE_MS = 3_000;
const OCTETS_PER_MEGABYTE = 1e6;

type Voice = Extract<NodeEvent, { type: "voice" }>;
type Told = Extract<NodeEvent, { type: "path" | "neighbour" }>;

/** What each bearer carried second by second, when paths fell silent and came back, and how speech fared meanwhile. */
export class PathHistory {
  readonly #bearers: readonly string[];
  readonly #cents: number[];
  readonly #seconds: PathSecond[] = [];
  readonly #events: PathEvent[] = [];
  #sequence = 0;
  /** Counters at the last second, by bearer. */
  #before: readonly BearerStatus[] = [];
  readonly #speech = new Map<number, { burst: number; atUs: number }>();
  #voiceGapMs = 0;

  constructor(bearers: readonly string[]) {
    this.#bearers = bearers;
    this.#cents = bearers.map(() => 0);
  }

  onEvent(event: Told, atMs: number): void {
    const { bearerId, address, reason } = event;
    const change = event.type === "path" ? event.change : event.up ? "up" : "down";
    const silentMs = event.type === "path" ? Math.round(event.silentMs) : 0;
    this.#events.push({ sequence: ++this.#sequence, atMs, bearerId, address, change, reason, silentMs });
    if (this.#events.length > MAX_PATH_EVENTS) this.#events.shift();
  }

  /** A frame of speech that was not here before. Narrow-band speech comes in bundles and is not timed. */
  onVoice({ talker, group, burst, codec }: Voice, nowUs: number): void {
    if (codec !== VoiceCodec.opus) return;
    const key = talker * 256 + group;
    const last = this.#speech.get(key);
    // Anew at the end: the first of the map is who has been silent for longest.
    this.#speech.delete(key);
    this.#speech.set(key, { burst, atUs: nowUs });
    if (this.#speech.size > MAX_TALKERS) this.#speech.delete(this.#speech.keys().next().value as number);
    const gapMs = last?.burst === burst ? (nowUs - last.atUs) / 1000 : 0;
    if (gapMs < BURST_PAUSE_MS) this.#voiceGapMs = Math.max(this.#voiceGapMs, Math.round(gapMs));
  }

  /** Closes a second. `atMs`: wall clock. */
  sample(bearers: readonly BearerStatus[], atMs: number): void {
    const before = this.#before;
    this.#before = bearers;
    const voiceGapMs = this.#voiceGapMs;
    this.#voiceGapMs = 0;
    if (before.length === 0) return;
    const carried = bearers.map((bearer, i) => carriedSince(before[i] as BearerStatus, bearer));
    for (const [i, { cents }] of carried.entries()) this.#cents[i] = (this.#cents[i] ?? 0) + cents;
    this.#seconds.push({ atMs, voiceGapMs, bearers: carried });
    if (this.#seconds.length > MAX_SECONDS) this.#seconds.shift();
  }

  /** What came after a second and an event: those that were told last; 0 for everything that is kept. */
  since(atMs: number, sequence: number): PathReport {
    return {
      bearers: [...this.#bearers],
      cents: [...this.#cents],
      seconds: this.#seconds.filter((second) => second.atMs > atMs),
      events: this.#events.filter((event) => event.sequence > sequence),
    };
  }
}

function carriedSince(before: BearerStatus, now: BearerStatus): BearerSecond {
  const octets = now.octetsSent + now.octetsReceived - before.octetsSent - before.octetsReceived;
  const classes = now.classes.map((after, c): BearerSecond["classes"][number] => {
    const then = before.classes[c] as typeof after;
    return [
      after.framesSent - then.framesSent,
      after.octetsSent - then.octetsSent,
      // The rest is a difference, which may fall a little.
      Math.max(0, after.framesReceived - then.framesReceived),
      Math.max(0, after.octetsReceived - then.octetsReceived),
      after.framesFirst - then.framesFirst,
    ];
  });
  return { cents: (octets / OCTETS_PER_MEGABYTE) * (now.costCentsPerMegabyte ?? 0), classes };
}
