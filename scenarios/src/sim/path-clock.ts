/** For how much of the time since something was sent there was a path for it. */
export class PathClock {
  withPathUs = 0;
  #hasPath = false;
  #lookedUs: number;

  constructor(nowUs: number) {
    this.#lookedUs = nowUs;
  }

  /** Told at the start, when links or nodes have changed, and before it is read. */
  look(nowUs: number, hasPath: boolean): void {
    if (this.#hasPath) this.withPathUs += nowUs - this.#lookedUs;
    this.#hasPath = hasPath;
    this.#lookedUs = nowUs;
  }
}
