/**
 * Reception report: acknowledges and reports gaps in one frame. Bit i of the bitmap is set if counter
 * `highest - 1 - i` of the stream has come.
 *
 *   +--------+----------+------------+------------------+----------+----------+-------------+
 *   | kind 1 | target 1 | slot 1     | highest, low 16  | bitmap 4 | [area 1] | [arrival 2] |
 *   +--------+----------+------------+------------------+----------+----------+-------------+
 *
 * Target: local id of the transmitter reported on. Slot: its stream on this bearer (0: shared frames; 255: the same of
 * one in another area, which then follows the bitmap). Arrival, on wide bearers: when `highest` came, by the reporter's
 * clock in units of 256 us, modulo 2^16 (16.8 s). The transmitter knows when it was sent: the difference is the delay of
 * the way there, up to a constant that is the same on all bearers of the reporter.
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";

const REPORT_OCTETS = 8;
const ARRIVAL_OCTETS = 2;
/** Unit of arrival times, microseconds. */
export const ARRIVAL_UNIT_US = 256;
const OTHER_AREA_SLOT = 255;

export interface Report {
  target: number;
  /** Area of the target, -1 if that is the reporter's. */
  area: number;
  slot: number;
  highestLow: number;
  bitmap: number;
  /** -1: not said. */
  arrival: number;
}

/** Writes everything after the kind octet. */
export function encodeReport(report: Report, out: Uint8Array, offset: number): number {
  out[offset] = report.target;
  const across = report.area >= 0;
  out[offset + 1] = across ? OTHER_AREA_SLOT : report.slot;
  writeU16(out, offset + 2, report.highestLow);
  writeU32(out, offset + 4, report.bitmap);
  let at = offset + REPORT_OCTETS;
  if (across) out[at++] = report.area;
  if (report.arrival >= 0) {
    writeU16(out, at, report.arrival);
    at += ARRIVAL_OCTETS;
  }
  return at - offset;
}

/** Fills `into`; false unless there are exactly as many octets as a report has. */
export function decodeReport(octets: Uint8Array, offset: number, end: number, into: Report): boolean {
  if (end - offset < REPORT_OCTETS) return false;
  const across = octets[offset + 1] === OTHER_AREA_SLOT;
  const rest = end - offset - REPORT_OCTETS - (across ? 1 : 0);
  if (rest !== 0 && rest !== ARRIVAL_OCTETS) return false;
  into.target = octets[offset] as number;
  into.area = across ? (octets[offset + REPORT_OCTETS] as number) : -1;
  into.slot = across ? 0 : (octets[offset + 1] as number);
  into.highestLow = readU16(octets, offset + 2);
  into.bitmap = readU32(octets, offset + 4);
  into.arrival = rest === 0 ? -1 : readU16(octets, end - ARRIVAL_OCTETS);
  return true;
}
