/**
 * Reception report: acknowledges and reports gaps in one frame. Bit i of the bitmap is set if counter
 * `highest - 1 - i` of the stream has come.
 *
 *   +--------+----------+------------+------------------+----------+
 *   | kind 1 | target 1 | slot 1     | highest, low 16  | bitmap 4 |
 *   +--------+----------+------------+------------------+----------+
 *
 * Target: local id of the transmitter reported on. Slot: its stream on this bearer (0: shared frames; 255: the same of
 * one in another area, which then follows the bitmap, 1 octet).
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";

export const REPORT_OCTETS = 8;
const OTHER_AREA_SLOT = 255;

export interface Report {
  target: number;
  /** Area of the target, -1 if that is the reporter's. */
  area: number;
  slot: number;
  highestLow: number;
  bitmap: number;
}

/** Writes everything after the kind octet. */
export function encodeReport(report: Report, out: Uint8Array, offset: number): number {
  out[offset] = report.target;
  const across = report.area >= 0;
  out[offset + 1] = across ? OTHER_AREA_SLOT : report.slot;
  writeU16(out, offset + 2, report.highestLow);
  writeU32(out, offset + 4, report.bitmap);
  if (across) out[offset + REPORT_OCTETS] = report.area;
  return REPORT_OCTETS + (across ? 1 : 0);
}

/** Fills `into`; false unless there are exactly as many octets as a report has. */
export function decodeReport(octets: Uint8Array, offset: number, end: number, into: Report): boolean {
  if (end - offset < REPORT_OCTETS) return false;
  const across = octets[offset + 1] === OTHER_AREA_SLOT;
  if (end - offset !== REPORT_OCTETS + (across ? 1 : 0)) return false;
  into.target = octets[offset] as number;
  into.area = across ? (octets[offset + REPORT_OCTETS] as number) : -1;
  into.slot = across ? 0 : (octets[offset + 1] as number);
  into.highestLow = readU16(octets, offset + 2);
  into.bitmap = readU32(octets, offset + 4);
  return true;
}
