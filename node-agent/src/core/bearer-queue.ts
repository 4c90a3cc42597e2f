import type { Counters } from "./counters.ts";
import { MAX_QUEUED_PER_BEARER } from "./limits.ts";
import type { PacketPool } from "./packet-pool.ts";

/** Flash of any class first; then class before precedence: voice, command, video, bulk. */
const LEVELS = 4 + 16;
/** Levels below this are flash, of any class. */
export const FLASH_LEVELS = 4;
/** Levels below this are flash or voice. */
export const URGENT_LEVELS = 8;
/** Levels from this on are video and bulk. */
export const HEAVY_LEVEL = 12;
export const ALL_LEVELS = LEVELS;

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

  /** Most urgent packet above `endLevel` that is still in time, taken out; -1 if there is none. */
  pop(nowUs: number, endLevel: number): number {
    if (this.#count === 0) return -1;
    for (let level = 0; level < endLevel; level++) {
      for (let slot = this.#take(level); slot !== -1; slot = this.#take(level)) {
        if (nowUs <= (this.#pool.deadlineUs[slot] as number)) return slot;
        this.#counters.drop("expired");
        this.#pool.release(slot);
      }
    }
    return -1;
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
        if (this.#pool.neighbour[s] !== neighbour) continue;
        const next = this.#pool.next[s] as number;
        if (previous === -1) this.#head[level] = next;
        else this.#pool.next[previous] = next;
        if (this.#tail[level] === s) this.#tail[level] = previous;
        this.#count--;
        return s;
      }
    }
    return -1;
  }

  #take(level: number): number {
    const slot = this.#head[level] as number;
    if (slot === -1) return -1;
    const next = this.#pool.next[slot] as number;
    this.#head[level] = next;
    if (next === -1) this.#tail[level] = -1;
    this.#count--;
    return slot;
  }

  #makeRoom(level: number): boolean {
    for (let victim = LEVELS - 1; victim >= level; victim--) {
      const slot = this.#take(victim);
      if (slot === -1) continue;
      this.#counters.drop("queue-full");
      this.#pool.release(slot);
      return true;
    }
    return false;
  }
}
