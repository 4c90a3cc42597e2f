/**
 * Named counter-based random streams: value n of a stream depends on the seed, the stream's name and n alone,
 * so that one more node, or one more draw elsewhere, does not disturb the others.
 *
 * The mixer is two rounds of the 32-bit finaliser of MurmurHash3 (public domain) over key and counter.
 */

/** Key of the stream `name` under `seed`: 32 bits, FNV-1a over the name, then mixed with the seed. */
export function streamKey(seed: number, name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return mix(hash ^ mix(seed >>> 0));
}

/** The n-th value of a stream, 0..2^32-1. */
export function drawUint32(key: number, n: number): number {
  return mix(mix((n + 0x9e3779b9) | 0) ^ key);
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A stream with its own counter. */
export class RandomStream {
  #key: number;
  #next = 0;
  constructor(seed: number, name: string) {
    this.#key = streamKey(seed, name);
  }
  /** 0..2^32-1 */
  uint32(): number {
    return drawUint32(this.#key, this.#next++);
  }
  /** [0, 1) in steps of 2^-32. */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }
}
