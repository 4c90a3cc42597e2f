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

/** From more octets than this on, one copy of a whole buffer is faster than a loop over a part. */
const LOOP_COPY_OCTETS = 64;

/**
 * Copies the first `length` octets of `from` to `at`. What stands behind them in `to` is lost as well: nothing but a
 * whole buffer can be copied in one piece without making an object for the part.
 */
export function copyFront(from: Uint8Array, length: number, to: Uint8Array, at = 0): void {
  if (length > LOOP_COPY_OCTETS && from.length <= to.length - at) to.set(from, at);
  else for (let i = 0; i < length; i++) to[at + i] = from[i] as number;
}
