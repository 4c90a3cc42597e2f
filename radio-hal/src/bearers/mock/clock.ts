/** What simulated devices need of time. */
export interface Scheduler {
  nowMs(): number;
  after(delayMs: number, run: () => void): void;
}

/** The process's own clock. */
export const realScheduler: Scheduler = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    setTimeout(run, delayMs);
  },
};

/** A clock that stands still until it is told to advance; what is due runs in the order of its time. */
export class ManualClock implements Scheduler {
  #nowMs = 0;
  #sequence = 0;
  #due: { atMs: number; sequence: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#due.push({ atMs: this.#nowMs + delayMs, sequence: this.#sequence++, run });
    this.#due.sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence);
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#due[0]; next !== undefined && next.atMs <= endMs; next = this.#due[0]) {
      this.#due.shift();
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }
}
