/**
 * Positions of several nodes in one frame on a narrow bearer, where key-up, seal and header cost more than a report.
 *
 *   +-----------+----------+----------+------------+-----------+---
 *   | 0x64    1 | digest 2 | source 1 | sequence 1 | report 11 | ...
 *   +-----------+----------+----------+------------+-----------+---
 *
 * First octet: kind `positions`, class command, precedence routine. Digest: low 16 bits, of the transmitter's link-state
 * database. Source, sequence and report (`position-report.ts`) are there once for each position, and once at least; a
 * position is what a frame of kind groupAll to all nodes would carry.
 */
import { POSITION_REPORT_OCTETS } from "../position/position-report.ts";
import { copyOctets, readU16, writeU16 } from "../wire/octets.ts";
import type { DataHeader } from "./data-header.ts";
import { FrameKind, kindOctet } from "./frame-kind.ts";

const COMMAND = 1;
const ROUTINE = 0;
const POSITIONS_OCTET = kindOctet(FrameKind.positions, COMMAND, ROUTINE);

export const POSITIONS_HEADER_OCTETS = 3;
/** Source and sequence, before a report. */
const ENTRY_HEADER_OCTETS = 2;
export const POSITION_ENTRY_OCTETS = ENTRY_HEADER_OCTETS + POSITION_REPORT_OCTETS;

/** Begins a frame, and returns the octets written. */
export function encodePositionsHeader(digest: number, out: Uint8Array, offset: number): number {
  out[offset] = POSITIONS_OCTET;
  writeU16(out, offset + 1, digest & 0xffff);
  return POSITIONS_HEADER_OCTETS;
}

/** Adds the report octets[from, from + 11) of a node, given by its local id, and returns the octets written. */
export function encodePositionEntry(
  source: number,
  sequence: number,
  octets: Uint8Array,
  from: number,
  out: Uint8Array,
  offset: number,
): number {
  out[offset] = source;
  out[offset + 1] = sequence;
  copyOctets(octets, from, from + POSITION_REPORT_OCTETS, out, offset + ENTRY_HEADER_OCTETS);
  return POSITION_ENTRY_OCTETS;
}

/** True of a packet that may travel so: all routine commands to all nodes are positions. */
export function isPositionPacket({ kind, trafficClass, precedence, destination }: DataHeader, length: number): boolean {
  if (kind !== FrameKind.groupAll || trafficClass !== COMMAND || precedence !== ROUTINE) return false;
  return destination === 0 && length === POSITION_REPORT_OCTETS;
}

/** How many positions octets[offset, end) hold; 0 if they are no such frame. */
export function countPositions(octets: Uint8Array, offset: number, end: number): number {
  const count = (end - offset - POSITIONS_HEADER_OCTETS) / POSITION_ENTRY_OCTETS;
  return octets[offset] === POSITIONS_OCTET && Number.isInteger(count) && count > 0 ? count : 0;
}

/** Low 16 bits of the transmitter's digest. */
export function positionsDigest(octets: Uint8Array, offset: number): number {
  return readU16(octets, offset + 1);
}

/**
 * Fills `into` with the header that position `index` would have in a frame of its own, without a digest; `area` completes
 * the address. Returns where the report begins.
 */
export function decodePositionEntry(
  octets: Uint8Array,
  offset: number,
  index: number,
  area: number,
  into: DataHeader,
): number {
  const at = offset + POSITIONS_HEADER_OCTETS + index * POSITION_ENTRY_OCTETS;
  into.kind = FrameKind.groupAll;
  into.trafficClass = COMMAND;
  into.precedence = ROUTINE;
  into.nextHop = 0;
  into.nextHopArea = -1;
  into.flags = 0;
  into.source = (area << 8) | (octets[at] as number);
  into.destination = 0;
  into.potential = 0;
  into.sequence = octets[at + 1] as number;
  into.digest = -1;
  return at + ENTRY_HEADER_OCTETS;
}
