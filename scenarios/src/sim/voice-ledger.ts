/** Speech of one Opus frame; a Codec2 bundle is three. */
export const VOICE_FRAME_US = 40_000;
/** What a jitter buffer waits for the first frame of a burst. */
const JITTER_LEAD_US = 60_000;
/** Longest lag that a listener is asked to bear. */
const MAX_LAG_US = 2_000_000;

/** One press of a talk key and what came of it at each listener. */
interface Burst {
  readonly talker: number;
  readonly group: number;
  readonly startUs: number;
  readonly listeners: readonly number[];
  frames: number;
  /** By [frame][listener]. */
  expected: Uint8Array;
  playedUs: Float64Array;
  /** Bit set of those whose coding of the frame came (modulo 32): a second border node's copy is no duplicate. */
  readonly makers: Uint32Array;
  /** By listener: play-out time of frame 0. */
  readonly baseUs: Float64Array;
}

export interface VoiceTotals {
  framesSent: number;
  /** Frames times listeners that had a path when the frame was sent. */
  expected: number;
  played: number;
  late: number;
  duplicates: number;
  mouthToEarP95Ms: number;
}

/**
 * Follows every frame of speech from mouth to ear. A listener plays frame n at `base + n * 40 ms`; a late frame
 * moves the base back if nothing newer was played, as the agent's jitter buffer does; else it is lost.
 */
export class VoiceLedger {
  readonly bursts: Burst[] = [];
  /** By talker index and burst number modulo 32: index of the last burst of that name. */
  readonly #current = new Map<number, number>();
  #late = 0;
  #duplicates = 0;

  begin(
    talker: number,
    burst: number,
    group: number,
    startUs: number,
    listeners: readonly number[],
    frames: number,
  ): void {
    this.#current.set(talker * 32 + (burst % 32), this.bursts.length);
    this.bursts.push({
      talker,
      group,
      startUs,
      listeners,
      frames: 0,
      expected: new Uint8Array(frames * listeners.length),
      playedUs: new Float64Array(frames * listeners.length).fill(Number.NaN),
      makers: new Uint32Array(frames * listeners.length),
      baseUs: new Float64Array(listeners.length).fill(Number.NaN),
    });
  }

  /** One frame (40 ms) was handed to the talker's core; `connected(a, b)` tells who should hear it. */
  sent(talker: number, burst: number, frame: number, connected: (a: number, b: number) => boolean): void {
    const record = this.#find(talker, burst);
    if (!record || (frame + 1) * record.listeners.length > record.expected.length) return;
    record.frames = frame + 1;
    for (let i = 0; i < record.listeners.length; i++) {
      if (connected(talker, record.listeners[i] as number)) record.expected[frame * record.listeners.length + i] = 1;
    }
  }

  /** A listener's core handed one frame up; `maker` coded it: 0 the talker, else a border node. */
  arrived(nowUs: number, listener: number, talker: number, burst: number, frame: number, maker: number): void {
    const record = this.#find(talker, burst);
    const column = record?.listeners.indexOf(listener) ?? -1;
    if (!record || column < 0 || frame >= record.frames) return;
    const width = record.listeners.length;
    const cell = frame * width + column;
    const makers = record.makers[cell] as number;
    if ((makers >>> (maker & 31)) & 1) this.#duplicates++;
    record.makers[cell] = makers | (1 << (maker & 31));
    if (!Number.isNaN(record.playedUs[cell] as number)) return;
    const offsetUs = frame * VOICE_FRAME_US;
    const baseUs = record.baseUs[column] as number;
    if (Number.isNaN(baseUs)) record.baseUs[column] = nowUs + JITTER_LEAD_US - offsetUs;
    else if (nowUs > baseUs + offsetUs) {
      if (this.#newerPlayed(record, column, frame, nowUs) || nowUs - offsetUs - record.startUs > MAX_LAG_US) {
        this.#late++;
        return;
      }
      record.baseUs[column] = nowUs - offsetUs;
    }
    record.playedUs[cell] = (record.baseUs[column] as number) + offsetUs;
  }

  totals(fromUs: number, toUs: number): VoiceTotals {
    const delays: number[] = [];
    const totals = { framesSent: 0, expected: 0, played: 0, late: this.#late, duplicates: this.#duplicates };
    for (const burst of this.bursts) {
      for (let frame = 0; frame < burst.frames; frame++) {
        const spokenUs = burst.startUs + frame * VOICE_FRAME_US;
        if (spokenUs < fromUs || spokenUs >= toUs) continue;
        totals.framesSent++;
        for (let i = 0; i < burst.listeners.length; i++) {
          const cell = frame * burst.listeners.length + i;
          if (burst.expected[cell] === 0) continue;
          totals.expected++;
          const playedUs = burst.playedUs[cell] as number;
          if (Number.isNaN(playedUs)) continue;
          totals.played++;
          delays.push((playedUs - spokenUs) / 1000);
        }
      }
    }
    delays.sort((a, b) => a - b);
    return { ...totals, mouthToEarP95Ms: delays[Math.floor(delays.length * 0.95)] ?? 0 };
  }

  /** Frames owed and played, by listener, then by talker: where speech is lost shows in one look. */
  byListener(): Map<number, Map<number, { expected: number; played: number }>> {
    const rows = new Map<number, Map<number, { expected: number; played: number }>>();
    for (const burst of this.bursts) {
      for (const [column, listener] of burst.listeners.entries()) {
        const row = rows.get(listener) ?? new Map<number, { expected: number; played: number }>();
        const cell = row.get(burst.talker) ?? { expected: 0, played: 0 };
        for (let frame = 0; frame < burst.frames; frame++) {
          const at = frame * burst.listeners.length + column;
          if (burst.expected[at] === 0) continue;
          cell.expected++;
          if (!Number.isNaN(burst.playedUs[at] as number)) cell.played++;
        }
        rows.set(listener, row.set(burst.talker, cell));
      }
    }
    return rows;
  }

  /**
   * Longest silence, microseconds, that any listener with a path heard in speech that was going on at `atUs` or
   * within `spanUs` after. Undefined if nobody spoke or nobody had a path.
   */
  longestGapUs(atUs: number, spanUs: number): number | undefined {
    let longest: number | undefined;
    for (const burst of this.bursts) {
      const endUs = burst.startUs + burst.frames * VOICE_FRAME_US;
      if (burst.startUs >= atUs + spanUs || endUs <= atUs) continue;
      for (let i = 0; i < burst.listeners.length; i++) {
        const gapUs = longestGap(burst, i, atUs - VOICE_FRAME_US, atUs + spanUs);
        if (gapUs !== undefined && (longest === undefined || gapUs > longest)) longest = gapUs;
      }
    }
    return longest;
  }

  #find(talker: number, burst: number): Burst | undefined {
    return this.bursts[this.#current.get(talker * 32 + (burst % 32)) ?? -1];
  }

  #newerPlayed(burst: Burst, column: number, frame: number, nowUs: number): boolean {
    const width = burst.listeners.length;
    for (let f = frame + 1; f < burst.frames; f++) {
      if ((burst.baseUs[column] as number) + f * VOICE_FRAME_US > nowUs) return false;
      if (!Number.isNaN(burst.playedUs[f * width + column] as number)) return true;
    }
    return false;
  }
}

/** Longest silence between played frames, over expected frames spoken in [fromUs, toUs). */
function longestGap(burst: Burst, column: number, fromUs: number, toUs: number): number | undefined {
  const width = burst.listeners.length;
  let longest: number | undefined;
  let previousUs = Number.NaN;
  for (let frame = 0; frame < burst.frames; frame++) {
    const cell = frame * width + column;
    // Who has no path at this moment is owed nothing: the count starts anew when the path is back.
    if (burst.expected[cell] === 0) {
      previousUs = Number.NaN;
      continue;
    }
    const spokenUs = burst.startUs + frame * VOICE_FRAME_US;
    const playedUs = burst.playedUs[cell] as number;
    const lost = Number.isNaN(playedUs);
    if (spokenUs >= fromUs && spokenUs < toUs) {
      // A hole counts as it grows, so that speech which never comes back is seen as well.
      const reachedUs = lost ? burst.startUs + (frame + 1) * VOICE_FRAME_US : playedUs;
      const silenceUs = Number.isNaN(previousUs) ? 0 : Math.max(0, reachedUs - previousUs - VOICE_FRAME_US);
      longest = Math.max(longest ?? 0, silenceUs);
    }
    if (!lost) previousUs = playedUs;
  }
  return longest;
}
