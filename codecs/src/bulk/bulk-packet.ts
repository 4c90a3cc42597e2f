/**
 * Packets of bulk transfer between two nodes that carry byte streams over several paths at once. Each is one payload of
 * the mesh (frame kinds `path` and `unicast`), which seals it.
 *
 *   numbered packets, counted and timed on each path by itself:
 *   +-----------------+--------+-----------+------------+--------+-----------------------------------------------+
 *   | kind 4, flags 4 | path 1 | session 1 | sequence 3 | sent 3 | body                                          |
 *   +-----------------+--------+-----------+------------+--------+-----------------------------------------------+
 *     1 data    stream 2, offset 4, octets; flags bit 0: the stream ends behind them
 *     2 window  stream 2, offset 4: the receiver has room up to there
 *     3 reset   stream 2, code 1
 *     4 probe   nothing
 *
 *   acknowledgements, not numbered:
 *   +-----------------+-----------+--------------------------------------------------------------------------------+
 *   | kind 4, flags 4 | session 1 | paths, each: path 1, highest 3, received 3, ranges 1, run 2, [gap 2, run 2] ... |
 *   +-----------------+-----------+--------------------------------------------------------------------------------+
 *
 * Path: the number that the sender of the numbered packets has for a bearer, or BULK_PATH_DISJOINT or _ROUTED: over other
 * nodes, the former acknowledged on a disjoint way as well. Session: tells one run of a node's program from the next.
 * Stream: bit 15 set if the node with the higher address has opened it. Sequence and highest: low 24 bits. Sent,
 * received: the sender's clock, microseconds, low 24 bits; of the packet with the highest sequence. Offset: low 32 bits.
 * A range is a run of packets that came, and the gap of those that did not before it; ranges go down from the highest.
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";

export const BulkKind = { data: 1, window: 2, reset: 3, probe: 4, acknowledgement: 5 } as const;
export type BulkKind = (typeof BulkKind)[keyof typeof BulkKind];

/** By a way that shares no node with the one that the mesh leads. */
export const BULK_PATH_DISJOINT = 254;
/** However the mesh leads. */
export const BULK_PATH_ROUTED = 255;
export const BULK_FLAG_END = 1;
/** In front of the octets of a data packet. */
export const BULK_DATA_HEADER_OCTETS = 15;
/** Ranges told of one path in an acknowledgement. */
export const MAX_BULK_RANGES = 24;
/** Paths in one acknowledgement. */
export const MAX_BULK_PATHS_TOLD = 4;
const HEADER_OCTETS = 9;
const ACKNOWLEDGEMENT_HEADER_OCTETS = 2;
const PATH_OCTETS = 8;
const RUN_OCTETS = 2;
const RANGE_OCTETS = 4;
/** Longest acknowledgement. */
export const MAX_BULK_ACKNOWLEDGEMENT_OCTETS =
  ACKNOWLEDGEMENT_HEADER_OCTETS +
  MAX_BULK_PATHS_TOLD * (PATH_OCTETS + RUN_OCTETS + (MAX_BULK_RANGES - 1) * RANGE_OCTETS);

/** A numbered packet. Fields that its kind has no use for are 0. */
export interface BulkPacket {
  kind: number;
  flags: number;
  path: number;
  session: number;
  /** 24 bits. */
  sequence: number;
  /** Microseconds, 24 bits. */
  sentUs: number;
  stream: number;
  /** 32 bits: of the first octet carried, or the window's edge. */
  offset: number;
  /** Why a stream was reset. */
  code: number;
  /** Where the octets of a data packet begin, and how many they are. */
  from: number;
  length: number;
}

/** What came on one path. */
export interface BulkReceipt {
  path: number;
  /** 24 bits each. */
  highest: number;
  receivedUs: number;
  /** Run, gap, run, gap, ... down from the highest, 16 bits each. */
  readonly runs: Uint16Array;
  /** How many numbers of `runs` count: odd. */
  count: number;
}

export interface BulkAcknowledgement {
  session: number;
  readonly receipts: readonly BulkReceipt[];
  count: number;
}

export function createBulkPacket(): BulkPacket {
  return {
    kind: 0,
    flags: 0,
    path: 0,
    session: 0,
    sequence: 0,
    sentUs: 0,
    stream: 0,
    offset: 0,
    code: 0,
    from: 0,
    length: 0,
  };
}

export function createBulkAcknowledgement(): BulkAcknowledgement {
  const receipts = Array.from({ length: MAX_BULK_PATHS_TOLD }, () => ({
    path: 0,
    highest: 0,
    receivedUs: 0,
    runs: new Uint16Array(2 * MAX_BULK_RANGES - 1),
    count: 1,
  }));
  return { session: 0, receipts, count: 0 };
}

/** Kind of a packet, 0 for none. */
export function bulkKindOf(octets: Uint8Array, offset: number, end: number): number {
  return offset < end ? (octets[offset] as number) >>> 4 : 0;
}

/** Writes the header, and the body but the octets of a data packet; returns the length. */
export function encodeBulkPacket(packet: BulkPacket, out: Uint8Array, offset: number): number {
  out[offset] = (packet.kind << 4) | packet.flags;
  out[offset + 1] = packet.path;
  out[offset + 2] = packet.session;
  writeU24(out, offset + 3, packet.sequence);
  writeU24(out, offset + 6, packet.sentUs);
  if (packet.kind === BulkKind.probe) return HEADER_OCTETS;
  writeU16(out, offset + HEADER_OCTETS, packet.stream);
  if (packet.kind === BulkKind.reset) {
    out[offset + HEADER_OCTETS + 2] = packet.code;
    return HEADER_OCTETS + 3;
  }
  writeU32(out, offset + HEADER_OCTETS + 2, packet.offset);
  return BULK_DATA_HEADER_OCTETS;
}

/** Fills `into`; false if the octets cannot be a numbered packet. */
export function decodeBulkPacket(octets: Uint8Array, offset: number, end: number, into: BulkPacket): boolean {
  if (end - offset < HEADER_OCTETS) return false;
  const kind = (octets[offset] as number) >>> 4;
  into.kind = kind;
  into.flags = (octets[offset] as number) & 15;
  into.path = octets[offset + 1] as number;
  into.session = octets[offset + 2] as number;
  into.sequence = readU24(octets, offset + 3);
  into.sentUs = readU24(octets, offset + 6);
  into.stream = 0;
  into.offset = 0;
  into.code = 0;
  into.from = end;
  into.length = 0;
  if (kind === BulkKind.probe) return end - offset === HEADER_OCTETS;
  const body = offset + HEADER_OCTETS;
  if (kind === BulkKind.reset) {
    if (end - body !== 3) return false;
    into.code = octets[body + 2] as number;
  } else if (kind === BulkKind.data || kind === BulkKind.window) {
    if (kind === BulkKind.data ? end - body < 6 : end - body !== 6) return false;
    into.offset = readU32(octets, body + 2);
    into.from = offset + BULK_DATA_HEADER_OCTETS;
    into.length = end - into.from;
  } else return false;
  into.stream = readU16(octets, body);
  return true;
}

export function encodeBulkAcknowledgement(value: BulkAcknowledgement, out: Uint8Array, offset: number): number {
  out[offset] = BulkKind.acknowledgement << 4;
  out[offset + 1] = value.session;
  let at = offset + ACKNOWLEDGEMENT_HEADER_OCTETS;
  for (let i = 0; i < value.count; i++) {
    const { path, highest, receivedUs, runs, count } = value.receipts[i] as BulkReceipt;
    out[at] = path;
    writeU24(out, at + 1, highest);
    writeU24(out, at + 4, receivedUs);
    out[at + 7] = (count + 1) / 2;
    at += PATH_OCTETS;
    for (let r = 0; r < count; r++, at += 2) writeU16(out, at, runs[r] as number);
  }
  return at - offset;
}

/** Fills `into`; false if the octets cannot be an acknowledgement. */
export function decodeBulkAcknowledgement(
  octets: Uint8Array,
  offset: number,
  end: number,
  into: BulkAcknowledgement,
): boolean {
  if (bulkKindOf(octets, offset, end) !== BulkKind.acknowledgement) return false;
  let at = offset + ACKNOWLEDGEMENT_HEADER_OCTETS;
  if (at > end) return false;
  into.session = octets[offset + 1] as number;
  into.count = 0;
  while (at < end) {
    const receipt = into.receipts[into.count];
    if (receipt === undefined || end - at < PATH_OCTETS + RUN_OCTETS) return false;
    receipt.path = octets[at] as number;
    receipt.highest = readU24(octets, at + 1);
    receipt.receivedUs = readU24(octets, at + 4);
    const ranges = octets[at + 7] as number;
    at += PATH_OCTETS;
    receipt.count = 2 * ranges - 1;
    if (ranges === 0 || ranges > MAX_BULK_RANGES || end - at < 2 * receipt.count) return false;
    for (let r = 0; r < receipt.count; r++, at += 2) receipt.runs[r] = readU16(octets, at);
    into.count++;
  }
  return true;
}

function readU24(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 16) | readU16(octets, at + 1);
}

function writeU24(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 16;
  writeU16(octets, at + 1, value & 0xffff);
}
