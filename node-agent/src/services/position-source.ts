/** Where this node is, as a receiver says it. NaN where it does not say. */
export interface Fix {
  latitudeDeg: number;
  longitudeDeg: number;
  altitudeM: number;
  speedKmh: number;
  courseDeg: number;
}

/** A GPS receiver, a recording of one, or a fixed place. Calls back with each fix until `stop`. */
export interface PositionSource {
  start(onFix: (fix: Fix) => void): void;
  stop(): void;
  /** Input that was not understood, by reason; never an exception. */
  readonly counters: Record<string, number>;
}

/** A node that does not move. */
export class FixedSource implements PositionSource {
  readonly counters: Record<string, number> = {};
  readonly #fix: Fix;
  #timer: NodeJS.Timeout | undefined;

  constructor(latitudeDeg: number, longitudeDeg: number, altitudeM: number) {
    this.#fix = { latitudeDeg, longitudeDeg, altitudeM, speedKmh: 0, courseDeg: Number.NaN };
  }

  start(onFix: (fix: Fix) => void): void {
    onFix(this.#fix);
    // A fix grows old like any other; this one is always true.
    this.#timer = setInterval(() => onFix(this.#fix), 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
