import type { Counters } from "./counters.ts";
import { MAX_QUEUED_PER_BEARER, WINDOW_NEIGHBOUR_FRAMES, WINDOW_SHARED_FRAMES } from "./limits.ts";
import type { PacketPool } from "./packet-pool.ts";
import type { SentRing } from "./sent-ring.ts";

/** Flash of any class first; then class before precedence: voice, command, video, bulk. */
const LEVELS = 4 + 16;
/** Levels below this are flash, of any class. */
export const FLASH_LEVELS = 4;
/** Levels below this are flash or voice. */
export const URGENT_LEVELS = 8;
/** Levels from this on are video and bulk. */
export const HEAVY_LEVEL = 12;

function levelOf(trafficClass: number, precedence: number): number {
  return precedence === 3 ? trafficClass : 4 + trafficClass * 4 + (3 - precedence);
}

/**
 * Data packets of one bearer in order of urgency; bounded in number, and in time by each packet's
 * deadline. When it is full, the oldest of the least urgent gives way.
 */
export class BearerQueue {
  readonly #pool: PacketPool;
  readonly #counters: Counters;
  readonly #head = new Int16Array(LEVELS).fill(-1);
  readonly #tail = new Int16Array(LEVELS).fill(-1);
  #count = 0;

  constructor(pool: PacketPool, counters: Counters) {
    this.#pool = pool;
    this.#counters = counters;
  }

  get count(): number {
    return this.#count;
  }

  /** Queues a packet that has its neighbour and deadline set; may drop another one, or this one. */
  push(slot: number): void {
    const level = levelOf(this.#pool.trafficClass[slot] as number, this.#pool.precedence[slot] as number);
    if (this.#count >= MAX_QUEUED_PER_BEARER && !this.#makeRoom(level)) {
      this.#counters.drop("queue-full");
      this.#pool.release(slot);
      return;
    }
    this.#pool.next[slot] = -1;
    const tail = this.#tail[level] as number;
    if (tail === -1) this.#head[level] = slot;
    else this.#pool.next[tail] = slot;
    this.#tail[level] = slot;
    this.#count++;
  }

  /**
   * Most urgent packet that is still in time and may be sent now, taken out; -1 if there is none. `window`: video and
   * bulk wait while too much of what was sent there is unacknowledged, in all or by their next hop.
   */
  pop(nowUs: number, window: SentRing | undefined): number {
    if (this.#count === 0) return -1;
    for (let level = 0; level < LEVELS; level++) {
      for (let slot = this.#takeReady(level, window); slot !== -1; slot = this.#takeReady(level, window)) {
        if (nowUs <= (this.#pool.deadlineUs[slot] as number)) return slot;
        this.#counters.drop("expired");
        this.#pool.release(slot);
      }
    }
    return -1;
  }

  /** True if `pop` would find something. */
  isReady(window: SentRing | undefined): boolean {
    if (this.#count === 0) return false;
    for (let level = 0; level < LEVELS; level++) {
      for (let s = this.#head[level] as number; s !== -1; s = this.#pool.next[s] as number)
        if (this.#mayGo(s, level, window)) return true;
    }
    return false;
  }

  #mayGo(slot: number, level: number, window: SentRing | undefined): boolean {
    if (window === undefined || level < HEAVY_LEVEL) return true;
    if (window.unacknowledged >= WINDOW_SHARED_FRAMES) return false;
    const neighbour = this.#pool.neighbour[slot] as number;
    return neighbour < 0 || (window.unacknowledgedBy[neighbour] as number) < WINDOW_NEIGHBOUR_FRAMES;
  }

  #takeReady(level: number, window: SentRing | undefined): number {
    let previous = -1;
    for (let s = this.#head[level] as number; s !== -1; previous = s, s = this.#pool.next[s] as number)
      if (this.#mayGo(s, level, window)) return this.#unlink(level, previous, s);
    return -1;
  }

  #unlink(level: number, previous: number, slot: number): number {
    const next = this.#pool.next[slot] as number;
    if (previous === -1) this.#head[level] = next;
    else this.#pool.next[previous] = next;
    if (this.#tail[level] === slot) this.#tail[level] = previous;
    this.#count--;
    return slot;
  }

  /** Level of the most urgent packet, or -1. */
  urgency(): number {
    if (this.#count === 0) return -1;
    for (let level = 0; level < LEVELS; level++) if (this.#head[level] !== -1) return level;
    return -1;
  }

  /** Sum of the payload octets waiting. */
  octets(): number {
    let sum = 0;
    for (let level = 0; level < LEVELS; level++) {
      for (let s = this.#head[level] as number; s !== -1; s = this.#pool.next[s] as number)
        sum += this.#pool.length[s] as number;
    }
    return sum;
  }

  /** Takes out, one by one, what is queued for a neighbour; -1 when there is no more. */
  takeFor(neighbour: number): number {
    for (let level = 0; level < LEVELS; level++) {
      let previous = -1;
      for (let s = this.#head[level] as number; s !== -1; previous = s, s = this.#pool.next[s] as number) {
        if (this.#pool.neighbour[s] === neighbour) return this.#unlink(level, previous, s);
      }
    }
    return -1;
  }

  #makeRoom(level: number): boolean {
    for (let victim = LEVELS - 1; victim >= level; victim--) {
      const slot = this.#head[victim] as number;
      if (slot === -1) continue;
      this.#unlink(victim, -1, slot);
      this.#counters.drop("queue-full");
      this.#pool.release(slot);
      return true;
    }
    return false;
  }
}
