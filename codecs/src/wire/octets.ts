/** Big-endian integers in octet strings. Plain indexed access: no view objects on the hot path. */

export function readU16(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 8) | (octets[at + 1] as number);
}

export function readU32(octets: Uint8Array, at: number): number {
  return ((readU16(octets, at) << 16) | readU16(octets, at + 2)) >>> 0;
}

/** 40 bits: exact in a number. */
export function readU40(octets: Uint8Array, at: number): number {
  return (octets[at] as number) * 0x1_0000_0000 + readU32(octets, at + 1);
}

export function writeU16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 8;
  octets[at + 1] = value;
}

export function writeU32(octets: Uint8Array, at: number, value: number): void {
  writeU16(octets, at, value >>> 16);
  writeU16(octets, at + 2, value & 0xffff);
}

export function writeU40(octets: Uint8Array, at: number, value: number): void {
  octets[at] = Math.floor(value / 0x1_0000_0000);
  writeU32(octets, at + 1, value % 0x1_0000_0000);
}

/** 48 bits: exact in a number. */
export function writeU48(octets: Uint8Array, at: number, value: number): void {
  writeU16(octets, at, Math.floor(value / 0x1_0000_0000));
  writeU32(octets, at + 2, value % 0x1_0000_0000);
}

/** Finaliser of MurmurHash3 (public domain): spreads 32 bits. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Copies from[start, end) to `at`. */
export type CopyOctets = (from: Uint8Array, start: number, end: number, to: Uint8Array, at: number) => void;

/** Up to so many octets a loop is as fast as any call. */
const LOOP_COPY_OCTETS = 64;

function copyByLoop(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  for (let i = start; i < end; i++) to[at + i - start] = from[i] as number;
}

let copyLong: CopyOctets = copyByLoop;

/**
 * Sets what copies more than a few octets in this process: the language has nothing that copies a part of one buffer to
 * another without making an object for the part, hosts mostly have.
 */
export function setLongCopy(copy: CopyOctets): void {
  copyLong = copy;
}

export function copyOctets(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > LOOP_COPY_OCTETS) copyLong(from, start, end, to, at);
  else copyByLoop(from, start, end, to, at);
}
