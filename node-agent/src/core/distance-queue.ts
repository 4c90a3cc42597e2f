const DISTANCES = 0x10000;
const WORDS = DISTANCES / 32;
const NONE = -1;

/**
 * The queue of a search for shortest paths: ids by distances of 16 bits that never fall below the last one taken
 * (a monotone bucket queue; Dial 1969, with the occupied buckets in a bitmap of two levels instead of a scan).
 * Adding and taking cost the same whatever is in it. Ids of the same distance come in no particular order.
 */
export class DistanceQueue {
  /** Distance of the id that `take` returned. */
  distance = 0;
  readonly #first = new Int32Array(DISTANCES).fill(NONE);
  /** Bit set of distances that something waits at, and of the words of that set that are not empty. */
  readonly #words = new Uint32Array(WORDS);
  readonly #summary = new Uint32Array(WORDS / 32);
  #ids = new Uint8Array(1024);
  #next = new Int32Array(1024);
  #entries = 0;
  #waiting = 0;

  /** Empty, and ready for distances from 0. */
  clear(): void {
    while (this.take() !== NONE);
    this.#entries = 0;
    this.distance = 0;
  }

  /** `distance` is at least that of the last id taken. */
  add(distance: number, id: number): void {
    const entry = this.#entries++;
    if (entry === this.#ids.length) this.#grow();
    const before = this.#first[distance] as number;
    this.#ids[entry] = id;
    this.#next[entry] = before;
    this.#first[distance] = entry;
    this.#waiting++;
    if (before !== NONE) return;
    const word = distance >>> 5;
    this.#words[word] = (this.#words[word] as number) | (1 << (distance & 31));
    this.#summary[word >>> 5] = (this.#summary[word >>> 5] as number) | (1 << (word & 31));
  }

  /** Takes an id of the smallest distance, which is in `distance` then; -1 if there is none. */
  take(): number {
    if (this.#waiting === 0) return NONE;
    this.#waiting--;
    let word = this.distance >>> 5;
    if (this.#words[word] === 0) {
      let group = word >>> 5;
      while (this.#summary[group] === 0) group++;
      word = group * 32 + lowestBit(this.#summary[group] as number);
    }
    const bits = this.#words[word] as number;
    const distance = word * 32 + lowestBit(bits);
    const entry = this.#first[distance] as number;
    const next = this.#next[entry] as number;
    this.#first[distance] = next;
    this.distance = distance;
    if (next === NONE) {
      const left = bits & (bits - 1);
      this.#words[word] = left;
      if (left === 0) this.#summary[word >>> 5] = (this.#summary[word >>> 5] as number) & ~(1 << (word & 31));
    }
    return this.#ids[entry] as number;
  }

  #grow(): void {
    const ids = new Uint8Array(2 * this.#ids.length);
    const next = new Int32Array(2 * this.#ids.length);
    ids.set(this.#ids);
    next.set(this.#next);
    this.#ids = ids;
    this.#next = next;
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
