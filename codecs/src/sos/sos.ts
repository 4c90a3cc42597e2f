/**
 * SOS, 8 octets, and its acknowledgement, 3 or 5 octets. With the longest narrow-band header (15) an SOS is a frame
 * of 23 octets: 19 ms at 9.6 kbit/s. The first half octet tells the two apart.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------+-------+-----------------------------------------------+
 *   | kind  | sosId |                 latitude (24)                 |
 *   +-------+-------+-------------------------------+-+-------------+
 *   |                 longitude (24)                |0| battery (7) |
 *   +-----------------------------------------------+-+-------------+
 *
 *   kind       0..14, why help is needed; 15 is the acknowledgement below
 *   sosId      0..15, counts the alarms of one originator, so that repeats are known as such
 *   latitude   180 / (2^24 - 2) degrees a step from -90: 1.19 m
 *   longitude  360 / (2^24 - 1) degrees a step from -180: 2.39 m at the equator, so at most 1.19 m wrong
 *   battery    per cent; all ones in a field means unknown
 *
 *   +-------+-------+---------------+---------------+ - - - - - - - + - - - - - - - +
 *   |  15   | sosId |  originator   |      by       | its area      | its area      |
 *   +-------+-------+---------------+---------------+ - - - - - - - + - - - - - - - +
 *
 *   originator, by   area-local ids of who called and of who answers; their areas, in the same order, only if they differ
 *
 * A receiver ignores the zero bit and reads a battery above 100 as unknown: a call for help is not dropped for a
 * detail.
 */
import { assert } from "../assert.ts";

export interface Sos {
  kind: number;
  sosId: number;
  /** NaN if unknown. */
  latitudeDeg: number;
  /** NaN if unknown. */
  longitudeDeg: number;
  /** 0..100, NaN if unknown. */
  batteryPercent: number;
}
export interface SosAcknowledgement {
  sosId: number;
  /** Area-local id of the node that called. */
  originator: number;
  /** Area-local id of the node that answers for the headquarters. */
  by: number;
  /** Areas of the two, where they differ; otherwise it is that of whoever reads it. */
  areas?: { originator: number; by: number };
}

export const SOS_OCTETS = 8;
export const SOS_ACKNOWLEDGEMENT_OCTETS = 3;
export const SOS_ACKNOWLEDGEMENT_AREAS_OCTETS = 5;
/** SOS ids are counted modulo this. */
export const SOS_IDS = 16;
/** Why help is needed; the order is the wire value. */
export const SosKind = { general: 0, medical: 1, trapped: 2, fire: 3, flood: 4, manDown: 5 } as const;

const KIND_ACKNOWLEDGEMENT = 15;
const UNKNOWN = 0xffffff;
const LATITUDE_STEPS_PER_DEG = (2 ** 24 - 2) / 180;
const LONGITUDE_STEPS = 2 ** 24 - 1;
const BATTERY_UNKNOWN = 0x7f;

/** Writes the SOS at `offset` and returns the octets written, always 8. */
export function encodeSos(sos: Sos, out: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + SOS_OCTETS <= out.length, "SOS does not fit");
  assert(sos.kind >= 0 && sos.kind < KIND_ACKNOWLEDGEMENT, "SOS kind outside 0..14");
  assert(sos.sosId >= 0 && sos.sosId < SOS_IDS, "SOS id outside 0..15");
  assert(!(Math.abs(sos.latitudeDeg) > 90 || Math.abs(sos.longitudeDeg) > 360), "SOS position out of range");
  const latitude = Number.isNaN(sos.latitudeDeg)
    ? UNKNOWN
    : Math.round((sos.latitudeDeg + 90) * LATITUDE_STEPS_PER_DEG);
  const longitude = Number.isNaN(sos.longitudeDeg) ? UNKNOWN : longitudeSteps(sos.longitudeDeg);
  out[offset] = (sos.kind << 4) | sos.sosId;
  write24(latitude, out, offset + 1);
  write24(longitude, out, offset + 4);
  out[offset + 7] = Number.isNaN(sos.batteryPercent)
    ? BATTERY_UNKNOWN
    : Math.round(Math.min(Math.max(sos.batteryPercent, 0), 100));
  return SOS_OCTETS;
}

function longitudeSteps(longitudeDeg: number): number {
  const step = Math.round(((longitudeDeg + 180) * LONGITUDE_STEPS) / 360) % LONGITUDE_STEPS;
  return step < 0 ? step + LONGITUDE_STEPS : step;
}

/** Reads one SOS of exactly 8 octets; undefined if it is anything else. */
export function decodeSos(octets: Uint8Array, offset: number, length: number): Sos | undefined {
  if (length !== SOS_OCTETS || offset < 0 || offset + length > octets.length) return undefined;
  const first = octets[offset] as number;
  if (first >> 4 === KIND_ACKNOWLEDGEMENT) return undefined;
  const latitude = read24(octets, offset + 1);
  const longitude = read24(octets, offset + 4);
  const battery = (octets[offset + 7] as number) & 0x7f;
  return {
    kind: first >> 4,
    sosId: first & 15,
    latitudeDeg: latitude === UNKNOWN ? Number.NaN : latitude / LATITUDE_STEPS_PER_DEG - 90,
    longitudeDeg: longitude === UNKNOWN ? Number.NaN : (longitude * 360) / LONGITUDE_STEPS - 180,
    batteryPercent: battery > 100 ? Number.NaN : battery,
  };
}

/** Writes the acknowledgement at `offset` and returns the octets written, 3 or 5. */
export function encodeSosAcknowledgement(acknowledgement: SosAcknowledgement, out: Uint8Array, offset: number): number {
  const { sosId, originator, by, areas } = acknowledgement;
  const length = areas === undefined ? SOS_ACKNOWLEDGEMENT_OCTETS : SOS_ACKNOWLEDGEMENT_AREAS_OCTETS;
  assert(offset >= 0 && offset + length <= out.length, "acknowledgement does not fit");
  assert(sosId >= 0 && sosId < SOS_IDS, "SOS id outside 0..15");
  assert(originator >= 1 && originator <= 254 && by >= 1 && by <= 254, "local id outside 1..254");
  out[offset] = (KIND_ACKNOWLEDGEMENT << 4) | sosId;
  out[offset + 1] = originator;
  out[offset + 2] = by;
  if (areas !== undefined) {
    out[offset + 3] = areas.originator;
    out[offset + 4] = areas.by;
  }
  return length;
}

/** Reads one acknowledgement of exactly 3 or 5 octets; undefined if it is anything else. */
export function decodeSosAcknowledgement(
  octets: Uint8Array,
  offset: number,
  length: number,
): SosAcknowledgement | undefined {
  const isShort = length === SOS_ACKNOWLEDGEMENT_OCTETS;
  if (!isShort && length !== SOS_ACKNOWLEDGEMENT_AREAS_OCTETS) return undefined;
  if (offset < 0 || offset + length > octets.length) return undefined;
  const first = octets[offset] as number;
  const originator = octets[offset + 1] as number;
  const by = octets[offset + 2] as number;
  if (first >> 4 !== KIND_ACKNOWLEDGEMENT) return undefined;
  if (originator === 0 || originator === 255 || by === 0 || by === 255) return undefined;
  const acknowledgement = { sosId: first & 15, originator, by };
  if (isShort) return acknowledgement;
  const areas = { originator: octets[offset + 3] as number, by: octets[offset + 4] as number };
  return { ...acknowledgement, areas };
}

function write24(value: number, out: Uint8Array, at: number): void {
  out[at] = value >> 16;
  out[at + 1] = value >> 8;
  out[at + 2] = value;
}

function read24(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 16) | ((octets[at + 1] as number) << 8) | (octets[at + 2] as number);
}
