import type { Bearer, BearerCounters, BearerEvents, BearerInfo } from "../../bearer.ts";
import { Counters } from "../counters.ts";
import type { Scheduler } from "./clock.ts";

/** Frames held back at a time; more are lost. */
const HELD_FRAMES_MAX = 1024;

/** What goes wrong with received frames: shares 0..1, each drawn for itself. */
export interface FaultOptions {
  readonly seed: number;
  readonly clock: Scheduler;
  readonly loss?: number;
  readonly duplicate?: number;
  /** Share of frames that are held back by `reorderMs`, so that later ones pass them. */
  readonly reorder?: number;
  readonly reorderMs?: number;
  /** Share of frames with one to three bits changed. */
  readonly corrupt?: number;
  /** Delay of all frames, and what is added to it by chance at most. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
}

export interface FaultyBearer extends Bearer {
  /** The device fails (with a reason for people) or, without a reason, works again. */
  fail(reason: string | undefined): void;
}

/** Shares of a 32-bit xorshift (Marsaglia, Journal of Statistical Software 8(14), 2003). */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = Math.imul(seed | 0, 0x9e3779b1) | 1;
  }
  /** 0 <= share < 1 */
  share(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 0x1_0000_0000;
  }
  below(limit: number): number {
    return Math.floor(this.share() * limit);
  }
}

/** What the inner bearer counted, without the frames that a fault took away. */
class FaultCounters implements BearerCounters {
  readonly own = new Counters();
  readonly #inner: BearerCounters;
  constructor(inner: BearerCounters) {
    this.#inner = inner;
  }
  get framesSent(): number {
    return this.#inner.framesSent;
  }
  get octetsSent(): number {
    return this.#inner.octetsSent;
  }
  get framesReceived(): number {
    return this.own.framesReceived;
  }
  get octetsReceived(): number {
    return this.own.octetsReceived;
  }
  get dropsSent(): Record<string, number> {
    return sum(this.#inner.dropsSent, this.own.dropsSent);
  }
  get dropsReceived(): Record<string, number> {
    return sum(this.#inner.dropsReceived, this.own.dropsReceived);
  }
}

function sum(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const total = { ...a };
  for (const [reason, count] of Object.entries(b)) total[reason] = (total[reason] ?? 0) + count;
  return total;
}

class Faulty implements FaultyBearer {
  readonly info: BearerInfo;
  readonly counters: FaultCounters;
  readonly #inner: Bearer;
  readonly #options: FaultOptions;
  readonly #dice: Dice;
  #events: BearerEvents | undefined;
  #innerUp = false;
  #failed = false;
  #held = 0;

  constructor(inner: Bearer, options: FaultOptions) {
    this.#inner = inner;
    this.info = inner.info;
    this.counters = new FaultCounters(inner.counters);
    this.#options = options;
    this.#dice = new Dice(options.seed);
  }

  open(events: BearerEvents): Promise<void> {
    this.#events ??= events;
    return this.#inner.open({
      frame: (endpoint, octets, length) => this.#receive(endpoint, octets, length),
      up: () => this.#innerIs(true, ""),
      down: (reason) => this.#innerIs(false, reason),
      carrier: (busy) => this.#events?.carrier(busy),
      drained: () => this.#events?.drained(),
    });
  }

  send(endpoint: number, octets: Uint8Array, length: number): boolean {
    if (this.#failed) return this.counters.own.refuse("down");
    return this.#inner.send(endpoint, octets, length);
  }

  fail(reason: string | undefined): void {
    const failed = reason !== undefined;
    if (failed === this.#failed) return;
    this.#failed = failed;
    if (!this.#innerUp) return;
    if (failed) this.#events?.down(reason);
    else this.#events?.up();
  }

  close(): Promise<void> {
    this.#events = undefined;
    return this.#inner.close();
  }

  #innerIs(up: boolean, reason: string): void {
    this.#innerUp = up;
    if (this.#failed) return;
    if (up) this.#events?.up();
    else this.#events?.down(reason);
  }

  #receive(endpoint: number, octets: Uint8Array, length: number): void {
    const { loss = 0, duplicate = 0 } = this.#options;
    if (this.#failed) this.counters.own.drop("fault-down");
    else if (this.#dice.share() < loss) this.counters.own.drop("fault-loss");
    else {
      this.#pass(endpoint, octets, length);
      if (this.#dice.share() < duplicate) this.#pass(endpoint, octets, length);
    }
  }

  #pass(endpoint: number, octets: Uint8Array, length: number): void {
    const { corrupt = 0, reorder = 0, reorderMs = 0, delayMs = 0, jitterMs = 0, clock } = this.#options;
    const copy = octets.slice(0, length);
    if (this.#dice.share() < corrupt) {
      for (let left = 1 + this.#dice.below(3); left > 0; left--) {
        copy[this.#dice.below(length)]! ^= 1 << this.#dice.below(8);
      }
    }
    const held = this.#dice.share() < reorder ? reorderMs : 0;
    const waitMs = delayMs + held + this.#dice.share() * jitterMs;
    if (waitMs === 0) {
      this.#deliver(endpoint, copy);
      return;
    }
    if (this.#held === HELD_FRAMES_MAX) {
      this.counters.own.drop("fault-full");
      return;
    }
    this.#held++;
    clock.after(waitMs, () => {
      this.#held--;
      this.#deliver(endpoint, copy);
    });
  }

  #deliver(endpoint: number, octets: Uint8Array): void {
    if (this.#events === undefined) return;
    this.counters.own.received(octets.length);
    this.#events.frame(endpoint, octets, octets.length);
  }
}

/** Wraps any bearer so that received frames suffer; the same seed and frames give the same faults. */
export function withFaults(inner: Bearer, options: FaultOptions): FaultyBearer {
  return new Faulty(inner, options);
}
