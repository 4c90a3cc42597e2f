import { monotonicUs } from "@skein/node-agent/clock";
import { EventQueue } from "../sim/event-queue.ts";

/** Timers of the event loop count whole milliseconds: what is due within half of one is done now. */
const EARLY_US = 500;
/** Longest sleep, so that a suspended machine finds its way back. */
const SLEEP_MAX_MS = 1000;

/**
 * Things to do at instants of the monotonic clock, behind one timer. Instants are absolute, so that lateness of one
 * does not move the next. `run` gets what `add` was given, in order of time.
 */
export class Agenda {
  readonly #run: (kind: number, argument: number, dueUs: number) => void;
  readonly #queue = new EventQueue();
  #timer: NodeJS.Timeout | undefined;
  #timerUs = Number.POSITIVE_INFINITY;
  /** Instant of the earliest entry; kept here because a heap that can only be taken from cannot be asked. */
  #held: { dueUs: number; kind: number; argument: number } | undefined;
  #running = false;
  #closed = false;
  /** Worst lateness so far, microseconds: what the machine adds to every delay. */
  latestUs = 0;

  constructor(run: (kind: number, argument: number, dueUs: number) => void) {
    this.#run = run;
  }

  /** @param kind 0..255, its order among things due at the same instant */
  add(dueUs: number, kind: number, argument: number): void {
    if (this.#closed) return;
    this.#queue.add(dueUs, kind, 0, argument);
    const held = this.#held;
    if (held !== undefined && dueUs < held.dueUs) {
      this.#held = undefined;
      this.#queue.add(held.dueUs, held.kind, 0, held.argument);
    }
    if (!this.#running && dueUs < this.#timerUs) this.#arm(dueUs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(dueUs: number): void {
    clearTimeout(this.#timer);
    this.#timerUs = dueUs;
    const delayMs = Math.min(SLEEP_MAX_MS, Math.max(0, Math.round((dueUs - monotonicUs()) / 1000)));
    // setTimeout makes 1 ms of 0; an immediate does not wait.
    if (delayMs === 0) setImmediate(() => this.#wake());
    else this.#timer = setTimeout(() => this.#wake(), delayMs);
  }

  #wake(): void {
    if (this.#closed || this.#running) return;
    this.#running = true;
    this.#timerUs = Number.POSITIVE_INFINITY;
    for (let nowUs = monotonicUs(); this.#next() && (this.#held as { dueUs: number }).dueUs <= nowUs + EARLY_US; ) {
      const { dueUs, kind, argument } = this.#held as { dueUs: number; kind: number; argument: number };
      this.#held = undefined;
      if (nowUs - dueUs > this.latestUs) this.latestUs = nowUs - dueUs;
      this.#run(kind, argument, dueUs);
      nowUs = monotonicUs();
    }
    this.#running = false;
    if (this.#held !== undefined) this.#arm(this.#held.dueUs);
  }

  /** Makes sure that the earliest entry is held. False if there is none. */
  #next(): boolean {
    if (this.#held !== undefined) return true;
    if (!this.#queue.take()) return false;
    this.#held = { dueUs: this.#queue.timeUs, kind: this.#queue.kind, argument: this.#queue.argument };
    return true;
  }
}
