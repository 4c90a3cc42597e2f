/**
 * Absolute position report, 11 octets, big endian. Every report stands alone: it may be the only one heard.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-----------------------------------------------+
 *   |                 latitude (24)                 |
 *   +-----------------------------------------------+-+-------------+
 *   |                  longitude (25)                 | battery (7) |
 *   +---------------------------+-----------------+---+-----------+-+
 *   |       altitude (14)       |    speed (9)    |   course (8)  |F|
 *   +---------------------------+-----------------+---------------+-+
 *
 *   latitude   180 / (2^24 - 2) degrees a step from -90: 1.19 m, so at most 0.60 m wrong
 *   longitude  360 / (2^25 - 1) degrees a step from -180: 1.19 m at the equator, less elsewhere
 *   altitude   1 m a step from -500 m, up to 15,882 m above mean sea level; beyond that it saturates
 *   speed      1 km/h a step, up to 510; beyond that it saturates
 *   course     360 / 255 degrees a step, clockwise from true north
 *   battery    per cent, 0..100
 *   F          format, 0; a receiver drops 1, which is left for a later layout
 *
 * All ones in a field means unknown; in a value it is NaN.
 */
import { assert } from "../assert.ts";

/** Where somebody is. Degrees, metres, km/h; NaN where unknown. */
export interface PositionReport {
  latitudeDeg: number;
  longitudeDeg: number;
  altitudeM: number;
  speedKmh: number;
  courseDeg: number;
  /** 0..100, NaN if unknown. */
  batteryPercent: number;
}

export const POSITION_REPORT_OCTETS = 11;

const LATITUDE_UNKNOWN = 0xffffff;
const LATITUDE_STEPS_PER_DEG = (2 ** 24 - 2) / 180;
const LONGITUDE_UNKNOWN = 0x1ffffff;
const LONGITUDE_STEPS = 2 ** 25 - 1;
const LONGITUDE_STEPS_PER_DEG = LONGITUDE_STEPS / 360;
const ALTITUDE_UNKNOWN = 0x3fff;
const ALTITUDE_BASE_M = -500;
const SPEED_UNKNOWN = 0x1ff;
const COURSE_UNKNOWN = 0xff;
const COURSE_STEPS = 255;
const BATTERY_UNKNOWN = 0x7f;

/** A report with every field unknown; a target for `decodePositionReportInto`. */
export function createPositionReport(): PositionReport {
  const unknown = Number.NaN;
  return {
    latitudeDeg: unknown,
    longitudeDeg: unknown,
    altitudeM: unknown,
    speedKmh: unknown,
    courseDeg: unknown,
    batteryPercent: unknown,
  };
}

/** Nearest step in 0..maximum, saturating; `unknown` for NaN. */
function quantise(steps: number, maximum: number, unknown: number): number {
  if (Number.isNaN(steps)) return unknown;
  return Math.round(Math.min(Math.max(steps, 0), maximum));
}

/** An angle on a circle of `steps`; `unknown` for NaN. */
function quantiseCircle(value: number, steps: number, unknown: number): number {
  if (Number.isNaN(value)) return unknown;
  const step = Math.round(value) % steps;
  return step < 0 ? step + steps : step;
}

/**
 * Writes the report at `offset` and returns the octets written, always 11. Latitude outside -90..90 or an
 * infinite angle is a programmer error; altitude, speed and battery saturate.
 */
export function encodePositionReport(report: PositionReport, out: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + POSITION_REPORT_OCTETS <= out.length, "position report does not fit");
  assert(!(Math.abs(report.latitudeDeg) > 90), "latitude outside -90..90");
  assert(!(Math.abs(report.longitudeDeg) > 360 || Math.abs(report.courseDeg) > 3600), "angle out of range");
  const latitude = quantise((report.latitudeDeg + 90) * LATITUDE_STEPS_PER_DEG, 0xfffffe, LATITUDE_UNKNOWN);
  const longitude = quantiseCircle(
    (report.longitudeDeg + 180) * LONGITUDE_STEPS_PER_DEG,
    LONGITUDE_STEPS,
    LONGITUDE_UNKNOWN,
  );
  const battery = quantise(report.batteryPercent, 100, BATTERY_UNKNOWN);
  const altitude = quantise(report.altitudeM - ALTITUDE_BASE_M, ALTITUDE_UNKNOWN - 1, ALTITUDE_UNKNOWN);
  const speed = quantise(report.speedKmh, SPEED_UNKNOWN - 1, SPEED_UNKNOWN);
  const course = quantiseCircle((report.courseDeg * COURSE_STEPS) / 360, COURSE_STEPS, COURSE_UNKNOWN);
  const place = (longitude << 7) | battery;
  const motion = (altitude << 18) | (speed << 9) | (course << 1);
  out[offset] = latitude >> 16;
  out[offset + 1] = latitude >> 8;
  out[offset + 2] = latitude;
  out[offset + 3] = place >> 24;
  out[offset + 4] = place >> 16;
  out[offset + 5] = place >> 8;
  out[offset + 6] = place;
  out[offset + 7] = motion >> 24;
  out[offset + 8] = motion >> 16;
  out[offset + 9] = motion >> 8;
  out[offset + 10] = motion;
  return POSITION_REPORT_OCTETS;
}

/** As `decodePositionReport`, into an object that the caller keeps; false leaves `report` as it was. */
export function decodePositionReportInto(
  octets: Uint8Array,
  offset: number,
  length: number,
  report: PositionReport,
): boolean {
  if (length !== POSITION_REPORT_OCTETS || offset < 0 || offset + length > octets.length) return false;
  const latitude =
    ((octets[offset] as number) << 16) | ((octets[offset + 1] as number) << 8) | (octets[offset + 2] as number);
  const place = word32(octets, offset + 3);
  const motion = word32(octets, offset + 7);
  const longitude = place >>> 7;
  const battery = place & 0x7f;
  const altitude = motion >>> 18;
  const speed = (motion >>> 9) & 0x1ff;
  const course = (motion >>> 1) & 0xff;
  if ((motion & 1) !== 0 || (battery > 100 && battery !== BATTERY_UNKNOWN)) return false;
  report.latitudeDeg = latitude === LATITUDE_UNKNOWN ? Number.NaN : latitude / LATITUDE_STEPS_PER_DEG - 90;
  report.longitudeDeg = longitude === LONGITUDE_UNKNOWN ? Number.NaN : longitude / LONGITUDE_STEPS_PER_DEG - 180;
  report.altitudeM = altitude === ALTITUDE_UNKNOWN ? Number.NaN : altitude + ALTITUDE_BASE_M;
  report.speedKmh = speed === SPEED_UNKNOWN ? Number.NaN : speed;
  report.courseDeg = course === COURSE_UNKNOWN ? Number.NaN : (course * 360) / COURSE_STEPS;
  report.batteryPercent = battery === BATTERY_UNKNOWN ? Number.NaN : battery;
  return true;
}

/** Reads one report of exactly 11 octets; undefined if it is anything else. */
export function decodePositionReport(octets: Uint8Array, offset: number, length: number): PositionReport | undefined {
  const report = createPositionReport();
  return decodePositionReportInto(octets, offset, length, report) ? report : undefined;
}

function word32(octets: Uint8Array, at: number): number {
  return (
    ((octets[at] as number) << 24) |
    ((octets[at + 1] as number) << 16) |
    ((octets[at + 2] as number) << 8) |
    (octets[at + 3] as number)
  );
}
