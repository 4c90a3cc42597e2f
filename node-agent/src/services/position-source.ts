import type { GnssFix } from "@skein/codecs";

/** A GPS receiver, a recording of one, or a fixed place. Calls back with each fix until `stop`. */
export interface PositionSource {
  start(onFix: (fix: GnssFix) => void): void;
  stop(): void;
  /** Input that was not understood, by reason; never an exception. */
  readonly counters: Readonly<Record<string, number>>;
}

const REPEAT_MS = 1000;

/** A node that does not move. */
export class FixedSource implements PositionSource {
  readonly counters = {};
  readonly #fix: GnssFix;
  #timer: NodeJS.Timeout | undefined;

  constructor(latitudeDeg: number, longitudeDeg: number, altitudeM: number) {
    this.#fix = { timeMs: Number.NaN, latitudeDeg, longitudeDeg, altitudeM, speedKmh: 0, courseDeg: Number.NaN };
  }

  start(onFix: (fix: GnssFix) => void): void {
    onFix(this.#fix);
    // A fix grows old like any other; this one is always true.
    this.#timer = setInterval(() => onFix(this.#fix), REPEAT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
