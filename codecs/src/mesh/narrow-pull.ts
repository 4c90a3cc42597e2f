/**
 * Pull on a narrow bearer: as on wide ones the summary of a database whose digest differed, but of a range of local ids,
 * and an id costs a bit. Of ids in the range whose bit is not set the sender knows nothing.
 *
 *   +--------+----------+---------+--------------+-------+--------------------------------------+
 *   | kind 1 | target 1 | first 1 | map octets 1 | map n | boot epoch, low 4 | sequence, low 12 | ...
 *   +--------+----------+---------+--------------+-------+--------------------------------------+
 *
 *   map     bit i of octet k stands for local id 8 (first + k) + i; a summary of 2 octets for each that is set
 *   100 nodes: 3 + 13 + 200 octets, one frame
 */
import { readU16, writeU16 } from "../wire/octets.ts";

export const NARROW_PULL_HEADER_OCTETS = 3;
const LAST = 0x80;
const MAP_OCTETS = 32;

export interface NarrowPull {
  target: number;
  /** Range of local ids, in eights. */
  first: number;
  mapOctets: number;
  last: boolean;
  /** By local id: the summary, -1 where nothing is known. */
  readonly summaries: Int32Array;
}

export function createNarrowPull(): NarrowPull {
  return { target: 0, first: 0, mapOctets: 0, last: false, summaries: new Int32Array(256).fill(-1) };
}

/** What a pull says of an advertisement. */
export function pullSummary(bootEpoch: number, sequence: number): number {
  return ((bootEpoch & 15) << 12) | (sequence & 0xfff);
}

/**
 * Above 0 if the first of two summaries is the newer one. Two that are half of all numbers apart are newer than each other: if
 * neither was, nobody would say anything.
 */
export function compareSummaries(a: number, b: number): number {
  const epoch = (((a >>> 12) - (b >>> 12)) << 28) >> 28;
  if (epoch !== 0) return epoch === -8 ? 8 : epoch;
  const sequence = ((a - b) << 20) >> 20;
  return sequence === -2048 ? 2048 : sequence;
}

/** Writes everything after the kind octet. */
export function encodeNarrowPull(pull: NarrowPull, out: Uint8Array, offset: number): number {
  out[offset] = pull.target;
  out[offset + 1] = (pull.last ? LAST : 0) | pull.first;
  out[offset + 2] = pull.mapOctets;
  const map = offset + NARROW_PULL_HEADER_OCTETS;
  let at = map + pull.mapOctets;
  out.fill(0, map, at);
  for (let i = 0; i < 8 * pull.mapOctets; i++) {
    const summary = pull.summaries[8 * pull.first + i] as number;
    if (summary < 0) continue;
    out[map + (i >>> 3)] = (out[map + (i >>> 3)] as number) | (1 << (i & 7));
    writeU16(out, at, summary);
    at += 2;
  }
  return at - offset;
}

/** Fills `into` from everything after the kind octet; false on anything malformed. */
export function decodeNarrowPull(octets: Uint8Array, offset: number, end: number, into: NarrowPull): boolean {
  if (end - offset < NARROW_PULL_HEADER_OCTETS) return false;
  into.target = octets[offset] as number;
  into.first = (octets[offset + 1] as number) & (LAST - 1);
  into.last = (octets[offset + 1] as number) >= LAST;
  into.mapOctets = octets[offset + 2] as number;
  const map = offset + NARROW_PULL_HEADER_OCTETS;
  let at = map + into.mapOctets;
  if (into.first + into.mapOctets > MAP_OCTETS || end < at) return false;
  into.summaries.fill(-1);
  for (let i = 0; i < 8 * into.mapOctets; i++) {
    if ((((octets[map + (i >>> 3)] as number) >>> (i & 7)) & 1) === 0) continue;
    if (end - at < 2) return false;
    into.summaries[8 * into.first + i] = readU16(octets, at);
    at += 2;
  }
  return at === end;
}
