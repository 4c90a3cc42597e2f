import type { Counters } from "./counters.ts";
import { MAX_SEQUENCE_WINDOWS } from "./limits.ts";
import { signed8 } from "./link-state-db.ts";

/**
 * Which (source, space, sequence) have come. A space is a run of sequence numbers of one source: one per
 * traffic class, and one for group frames that exist on narrow bearers only, whose 8-bit sequences could
 * not be rebuilt if wide traffic advanced them unseen.
 */
const WINDOW = 256;
const WORDS = WINDOW / 32;
/** A sequence far behind is taken as a fresh start when the source was silent this long. */
const RESTART_SILENCE_US = 1_000_000;
/** News of a restart is this much behind the first packets at most. */
const RESTART_NEWS_US = 10_000_000;

export const SEQUENCE_SPACES = 5;
export const NARROW_SPACE = 4;

interface SourceWindow {
  highest: number;
  lastUs: number;
  /** When its sequences last began somewhere else. */
  begunUs: number;
  /** Only low octets have been seen so far: the high octet of `highest` is a guess. */
  guessed: boolean;
  readonly seen: Uint32Array;
}

export class DuplicateFilter {
  readonly #counters: Counters;
  /** By source and space, in order of appearance. */
  readonly #windows = new Map<number, SourceWindow>();
  readonly #epochs = new Map<number, number>();

  /** Told of a source that has started anew. */
  onRestart: (nowUs: number, source: number) => void = () => undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** True the first time; marks it. */
  accept(source: number, space: number, sequence: number, nowUs: number, narrow = false): boolean {
    const key = source * SEQUENCE_SPACES + space;
    let w = this.#windows.get(key);
    if (w === undefined) {
      w = { highest: sequence, lastUs: nowUs, begunUs: nowUs, guessed: narrow, seen: new Uint32Array(WORDS) };
      if (this.#windows.size >= MAX_SEQUENCE_WINDOWS) this.#forgetOldest();
      this.#windows.set(key, w);
      mark(w, sequence);
      return true;
    }
    if (w.guessed && !narrow) {
      // The first whole sequence tells the high octet; the bitmap is by low octet and stays right.
      w.highest = (sequence + signed8(w.highest - sequence)) & 0xffff;
      w.guessed = false;
    }
    let ahead = (sequence - w.highest) & 0xffff;
    if (ahead >= 0x8000) ahead -= 0x10000;
    if (ahead <= -WINDOW) {
      if (nowUs - w.lastUs < RESTART_SILENCE_US) return false;
      ahead = WINDOW;
    }
    if (ahead >= WINDOW) w.begunUs = nowUs;
    if (ahead > 0) {
      if (ahead >= WINDOW) w.seen.fill(0);
      else for (let i = 1; i <= ahead; i++) clear(w, (w.highest + i) & 0xffff);
      w.highest = sequence;
    } else if (isMarked(w, sequence)) {
      return false;
    }
    w.lastUs = nowUs;
    mark(w, sequence);
    return true;
  }

  #forgetOldest(): void {
    const oldest = this.#windows.keys().next();
    if (oldest.done !== true) this.#windows.delete(oldest.value);
    this.#counters.drop("sources-forgotten");
  }

  /** Completes a sequence of which only the low 8 bits travelled. */
  rebuild(source: number, space: number, low8: number): number {
    const w = this.#windows.get(source * SEQUENCE_SPACES + space);
    if (w === undefined) return low8;
    let ahead = (low8 - w.highest) & 0xff;
    if (ahead >= 0xc0) ahead -= 0x100;
    return (w.highest + ahead) & 0xffff;
  }

  /** True if the high octets of a source's sequences are not known: nothing of it has come but on narrow bearers. */
  isGuessed(source: number, space: number): boolean {
    return this.#windows.get(source * SEQUENCE_SPACES + space)?.guessed === true;
  }

  /** True if it is known to have come. Changes nothing. */
  hasSeen(source: number, space: number, sequence: number): boolean {
    const w = this.#windows.get(source * SEQUENCE_SPACES + space);
    return w !== undefined && ((w.highest - sequence) & 0xffff) < WINDOW && isMarked(w, sequence);
  }

  /** True if it has come, or is too old to tell. Changes nothing. */
  has(source: number, space: number, sequence: number): boolean {
    const w = this.#windows.get(source * SEQUENCE_SPACES + space);
    if (w === undefined) return false;
    const behind = (w.highest - sequence) & 0xffff;
    return behind < 0x8000 && (behind >= WINDOW || isMarked(w, sequence));
  }

  /** True if one of the last `count` sequences has not come. */
  hasHole(source: number, space: number, count: number): boolean {
    const w = this.#windows.get(source * SEQUENCE_SPACES + space);
    if (w === undefined) return false;
    for (let back = 1; back < count; back++) if (!isMarked(w, (w.highest - back) & 0xffff)) return true;
    return false;
  }

  /**
   * The source started anew in this boot epoch: its sequences begin somewhere else. News of it comes more than once, and
   * may come after the first packets, which must not be taken for new again.
   */
  restarted(source: number, bootEpoch: number, nowUs: number): void {
    const known = this.#epochs.get(source) ?? 0;
    if (bootEpoch <= known) return;
    if (this.#epochs.size >= MAX_SEQUENCE_WINDOWS) this.#epochs.clear();
    this.#epochs.set(source, bootEpoch);
    // The first epoch that is learned is the one that what was heard so far belongs to.
    if (known === 0) return;
    for (let space = 0; space < SEQUENCE_SPACES; space++) {
      const key = source * SEQUENCE_SPACES + space;
      const begunUs = this.#windows.get(key)?.begunUs ?? nowUs;
      if (nowUs - begunUs > RESTART_NEWS_US) this.#windows.delete(key);
    }
    this.onRestart(nowUs, source);
  }
}

function mark(w: SourceWindow, sequence: number): void {
  const bit = sequence % WINDOW;
  w.seen[bit >>> 5] = (w.seen[bit >>> 5] as number) | (1 << (bit & 31));
}
function clear(w: SourceWindow, sequence: number): void {
  const bit = sequence % WINDOW;
  w.seen[bit >>> 5] = (w.seen[bit >>> 5] as number) & ~(1 << (bit & 31));
}
function isMarked(w: SourceWindow, sequence: number): boolean {
  const bit = sequence % WINDOW;
  return (((w.seen[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1;
}
