/** Sets of local ids: 256 bits in eight words. */
export const ID_WORDS = 8;

export function createIdSet(): Uint32Array {
  return new Uint32Array(ID_WORDS);
}

export function addId(set: Uint32Array, local: number): void {
  set[local >>> 5] = (set[local >>> 5] as number) | (1 << (local & 31));
}

export function removeId(set: Uint32Array, local: number): void {
  set[local >>> 5] = (set[local >>> 5] as number) & ~(1 << (local & 31));
}

export function hasId(set: Uint32Array, local: number): boolean {
  return (((set[local >>> 5] as number) >>> (local & 31)) & 1) === 1;
}

export function addIds(set: Uint32Array, others: Uint32Array): void {
  for (let w = 0; w < ID_WORDS; w++) set[w] = (set[w] as number) | (others[w] as number);
}

export function removeIds(set: Uint32Array, others: Uint32Array): void {
  for (let w = 0; w < ID_WORDS; w++) set[w] = (set[w] as number) & ~(others[w] as number);
}

/** True if all of `set` are in `others`. */
export function isSubset(set: Uint32Array, others: Uint32Array): boolean {
  for (let w = 0; w < ID_WORDS; w++) if (((set[w] as number) & ~(others[w] as number)) !== 0) return false;
  return true;
}

export function countIds(set: Uint32Array): number {
  let count = 0;
  for (let w = 0; w < ID_WORDS; w++) count += countBits(set[w] as number);
  return count;
}

export function countCommonIds(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (let w = 0; w < ID_WORDS; w++) count += countBits((a[w] as number) & (b[w] as number));
  return count;
}

export function countBits(word: number): number {
  if (word === 0) return 0;
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
