/**
 * Replay window (RFC 4303 3.4.3, bitmap ring as in RFC 6479): which of the last 4096 counters of a
 * stream have come. Frames over several bearers arrive out of order by nature; a repeat is a statistic.
 *
 * State is one Uint32Array of REPLAY_WORDS words, bit (counter mod 4096), beside the highest counter.
 */
export const REPLAY_BITS = 4096;
export const REPLAY_WORDS = REPLAY_BITS / 32;

export interface ReplayWindow {
  /** Highest counter accepted, -1 before the first. */
  highest: number;
  readonly words: Uint32Array;
}

export function createReplayWindow(): ReplayWindow {
  return { highest: -1, words: new Uint32Array(REPLAY_WORDS) };
}

/** True if the counter is new (neither seen nor older than the window). Changes nothing. */
export function replayIsNew(window: ReplayWindow, counter: number): boolean {
  if (counter > window.highest) return true;
  if (counter <= window.highest - REPLAY_BITS) return false;
  const bit = counter % REPLAY_BITS;
  return (((window.words[bit >>> 5] as number) >>> (bit & 31)) & 1) === 0;
}

/** Marks an authenticated counter as seen. */
export function replayAccept(window: ReplayWindow, counter: number): void {
  replayAdvance(window, counter);
  const bit = counter % REPLAY_BITS;
  window.words[bit >>> 5] = (window.words[bit >>> 5] as number) | (1 << (bit & 31));
}

/** Moves the window on: `counter` is the highest that can have come; what it passes over is new should it come late. */
export function replayAdvance(window: ReplayWindow, counter: number): void {
  if (counter <= window.highest) return;
  clearBetween(window, window.highest + 1, counter);
  window.highest = counter;
}

/** Forgets what the ring still holds for counters from..to (both new). */
function clearBetween(window: ReplayWindow, from: number, to: number): void {
  if (to - from >= REPLAY_BITS) {
    window.words.fill(0);
    return;
  }
  for (let counter = from; counter <= to; counter++) {
    const bit = counter % REPLAY_BITS;
    window.words[bit >>> 5] = (window.words[bit >>> 5] as number) & ~(1 << (bit & 31));
  }
}

/** Highest counter that has come, which is below `highest` after `replayAdvance`; -1 if none has. */
export function replayHighestCame(window: ReplayWindow): number {
  const oldest = Math.max(0, window.highest - REPLAY_BITS + 1);
  for (let counter = window.highest; counter >= oldest; counter--) if (!replayIsNew(window, counter)) return counter;
  return -1;
}

/** Forgets everything: a new stream begins. */
export function replayReset(window: ReplayWindow): void {
  window.highest = -1;
  window.words.fill(0);
}

/** Bitmap of the 32 counters below `counter`: bit i set if counter - 1 - i has come. */
export function replayBitmap(window: ReplayWindow, counter: number): number {
  let bitmap = 0;
  for (let i = 0; i < 32; i++) {
    const c = counter - 1 - i;
    if (c < 0) break;
    if (!replayIsNew(window, c)) bitmap |= 1 << i;
  }
  return bitmap >>> 0;
}
