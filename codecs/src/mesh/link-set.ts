/**
 * The links of one node where octets are scarce: members of one channel hear each other with hardly a difference, so
 * that a link costs a bit, and only those that are unlike the others cost octets.
 *
 *   +---------------+--------+
 *   | block count 1 | blocks |   one block for each channel, in ascending order
 *   +---------------+--------+
 *
 *   block: all whose bit is set have `vector`, but for the exceptions, whose bit is set too
 *   +-----------+----------+---------+--------------+-------+-------------------+------------------------+
 *   | channel 1 | vector 2 | first 1 | map octets 1 | map n | exception count 1 | local id 1, vector 2 ..|
 *   +-----------+----------+---------+--------------+-------+-------------------+------------------------+
 *
 *   map     bit i of octet k stands for local id 8 (first + k) + i
 *   30 members of one channel: 1 + 10 octets instead of 4 x 29; 100 members: 1 + 19 instead of 396
 */
import { readU16, writeU16 } from "../wire/octets.ts";
import type { LinkStateLink } from "./link-state.ts";

const BLOCK_HEADER_OCTETS = 6;
const MAP_OCTETS = 32;
const MAX_LOCAL = 255;

/** Vectors of one channel's links by local id; -1: no link. */
type Row = Int32Array;

function rowsOf(links: readonly LinkStateLink[]): Map<number, Row> {
  const rows = new Map<number, Row>();
  for (const { neighbour, channel, vector } of [...links].sort((a, b) => a.channel - b.channel)) {
    const row = rows.get(channel) ?? new Int32Array(MAX_LOCAL + 1).fill(-1);
    rows.set(channel, row);
    row[neighbour] = vector;
  }
  return rows;
}

/** The vector that most links of a channel have. */
function commonVector(row: Row): number {
  const counts = new Map<number, number>();
  let best = 0;
  let most = 0;
  // By index: most are -1, and an iterator is an object for each of them.
  for (let i = 0; i < row.length; i++) {
    const vector = row[i] as number;
    if (vector < 0) continue;
    const count = (counts.get(vector) ?? 0) + 1;
    counts.set(vector, count);
    if (count > most) {
      most = count;
      best = vector;
    }
  }
  return best;
}

function mapRange(row: Row): { first: number; octets: number } {
  const first = row.findIndex((v) => v >= 0) >>> 3;
  const last = row.findLastIndex((v) => v >= 0) >>> 3;
  return { first, octets: last - first + 1 };
}

function encodeBlock(channel: number, row: Row, out: Uint8Array, offset: number): number {
  const common = commonVector(row);
  const { first, octets } = mapRange(row);
  out[offset] = channel;
  writeU16(out, offset + 1, common);
  out[offset + 3] = first;
  out[offset + 4] = octets;
  let at = offset + 5;
  out.fill(0, at, at + octets);
  const countAt = at + octets;
  out[countAt] = 0;
  at = countAt + 1;
  for (let local = 8 * first; local < 8 * (first + octets); local++) {
    const vector = row[local] as number;
    if (vector < 0) continue;
    const map = offset + 5 + (local >>> 3) - first;
    out[map] = (out[map] as number) | (1 << (local & 7));
    if (vector === common) continue;
    out[at] = local;
    writeU16(out, at + 1, vector);
    at += 3;
    out[countAt] = (out[countAt] as number) + 1;
  }
  return at - offset;
}

export function linkSetOctets(links: readonly LinkStateLink[]): number {
  let octets = 1;
  for (const row of rowsOf(links).values()) {
    const common = commonVector(row);
    octets += BLOCK_HEADER_OCTETS + mapRange(row).octets + 3 * row.filter((v) => v >= 0 && v !== common).length;
  }
  return octets;
}

/** Links of one channel to the same neighbour count once, the last of them. */
export function encodeLinkSet(links: readonly LinkStateLink[], out: Uint8Array, offset: number): number {
  const rows = rowsOf(links);
  out[offset] = rows.size;
  let at = offset + 1;
  for (const [channel, row] of rows) at += encodeBlock(channel, row, out, at);
  return at - offset;
}

/** Appends at most `maxLinks` links by channel and local id; returns the octets read, 0 on anything malformed. */
export function decodeLinkSet(
  octets: Uint8Array,
  offset: number,
  end: number,
  maxLinks: number,
  into: LinkStateLink[],
): number {
  if (offset >= end) return 0;
  let at = offset + 1;
  let before = -1;
  for (let blocks = octets[offset] as number; blocks > 0; blocks--) {
    if (end - at < BLOCK_HEADER_OCTETS) return 0;
    const channel = octets[at] as number;
    const common = readU16(octets, at + 1);
    const first = octets[at + 3] as number;
    const mapOctets = octets[at + 4] as number;
    at += 5;
    if (channel <= before || first + mapOctets > MAP_OCTETS || end - at < mapOctets + 1) return 0;
    before = channel;
    const begin = into.length;
    for (let i = 0; i < 8 * mapOctets; i++) {
      if ((((octets[at + (i >>> 3)] as number) >>> (i & 7)) & 1) === 0) continue;
      into.push({ neighbour: 8 * first + i, channel, vector: common });
    }
    at += mapOctets;
    const exceptions = octets[at++] as number;
    if (into.length > maxLinks || end - at < 3 * exceptions) return 0;
    for (let i = 0, from = begin; i < exceptions; i++, at += 3) {
      const index = into.findIndex((link, k) => k >= from && link.neighbour === octets[at]);
      if (index < 0) return 0;
      (into[index] as LinkStateLink).vector = readU16(octets, at + 1);
      from = index + 1;
    }
  }
  return at - offset;
}
