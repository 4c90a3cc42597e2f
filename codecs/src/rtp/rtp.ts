/**
 * RTP header (RFC 3550 5.1), big endian.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---+-+-+-------+-+-------------+-------------------------------+
 *   |V=2|P|X|  CC   |M|     PT      |        sequence number        |
 *   +---+-+-+-------+-+-------------+-------------------------------+
 *   |                           timestamp                           |
 *   +---------------------------------------------------------------+
 *   |                             SSRC                              |
 *   +---------------------------------------------------------------+
 *   |      contributing sources (4 each), extension (if X)          |
 *   +---------------------------------------------------------------+
 *
 * Skein writes neither contributing sources nor extension nor padding; it reads over all three.
 */
import { assert } from "../assert.ts";
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";

export interface RtpHeader {
  marker: boolean;
  /** 0..127. */
  payloadType: number;
  /** 0..65535. */
  sequence: number;
  /** 0..2^32-1, in the clock of the payload type (90 kHz for video). */
  timestamp: number;
  ssrc: number;
  /** Where the payload lies; set by the decoder, ignored by the encoder. */
  payloadOffset: number;
  payloadOctets: number;
}

/** Header without contributing sources and extension. */
export const RTP_HEADER_OCTETS = 12;

export function createRtpHeader(): RtpHeader {
  return { marker: false, payloadType: 0, sequence: 0, timestamp: 0, ssrc: 0, payloadOffset: 0, payloadOctets: 0 };
}

/** Writes the 12-octet header at `offset` and returns the octets written. */
export function encodeRtpHeader(header: RtpHeader, out: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + RTP_HEADER_OCTETS <= out.length, "RTP header does not fit");
  assert(header.payloadType >= 0 && header.payloadType <= 127, "payload type outside 0..127");
  assert(header.sequence >= 0 && header.sequence <= 0xffff, "sequence outside 0..65535");
  out[offset] = 0x80;
  out[offset + 1] = (header.marker ? 0x80 : 0) | header.payloadType;
  writeU16(out, offset + 2, header.sequence);
  writeU32(out, offset + 4, header.timestamp);
  writeU32(out, offset + 8, header.ssrc);
  return RTP_HEADER_OCTETS;
}

/** As `decodeRtpHeader`, into an object that the caller keeps; false leaves it as it was. */
export function decodeRtpHeaderInto(octets: Uint8Array, offset: number, length: number, header: RtpHeader): boolean {
  if (length < RTP_HEADER_OCTETS || offset < 0 || offset + length > octets.length) return false;
  const first = octets[offset] as number;
  if (first >> 6 !== 2) return false;
  const end = offset + length;
  let at = offset + RTP_HEADER_OCTETS + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    if (at + 4 > end) return false;
    at += 4 + 4 * readU16(octets, at + 2);
  }
  if (at > end) return false;
  let padding = 0;
  if ((first & 0x20) !== 0) {
    // RFC 3550 5.1: the last octet counts the padding, itself included, so that 0 cannot be.
    padding = octets[end - 1] as number;
    if (padding === 0 || padding > end - at) return false;
  }
  const second = octets[offset + 1] as number;
  header.marker = second >= 0x80;
  header.payloadType = second & 0x7f;
  header.sequence = readU16(octets, offset + 2);
  header.timestamp = readU32(octets, offset + 4);
  header.ssrc = readU32(octets, offset + 8);
  header.payloadOffset = at;
  header.payloadOctets = end - at - padding;
  return true;
}

/** Reads the header of one packet of exactly `length` octets; undefined if it is cut or not version 2. */
export function decodeRtpHeader(octets: Uint8Array, offset: number, length: number): RtpHeader | undefined {
  const header = createRtpHeader();
  return decodeRtpHeaderInto(octets, offset, length, header) ? header : undefined;
}
