/**
 * Reception report: acknowledges and reports gaps in one frame. Bit i of the bitmap is set if counter
 * `highest - 1 - i` of the stream has come.
 *
 *   +--------+----------+------------+------------------+----------+
 *   | kind 1 | target 1 | slot 1     | highest, low 16  | bitmap 4 |
 *   +--------+----------+------------+------------------+----------+
 *
 * Target: local id of the transmitter reported on. Slot: its stream on this bearer (0: shared frames).
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";

export const REPORT_OCTETS = 8;

export interface Report {
  target: number;
  slot: number;
  highestLow: number;
  bitmap: number;
}

/** Writes everything after the kind octet. */
export function encodeReport(report: Report, out: Uint8Array, offset: number): number {
  out[offset] = report.target;
  out[offset + 1] = report.slot;
  writeU16(out, offset + 2, report.highestLow);
  writeU32(out, offset + 4, report.bitmap);
  return REPORT_OCTETS;
}

/** Fills `into`; false unless there are exactly as many octets as a report has. */
export function decodeReport(octets: Uint8Array, offset: number, end: number, into: Report): boolean {
  if (end - offset !== REPORT_OCTETS) return false;
  into.target = octets[offset] as number;
  into.slot = octets[offset + 1] as number;
  into.highestLow = readU16(octets, offset + 2);
  into.bitmap = readU32(octets, offset + 4);
  return true;
}
