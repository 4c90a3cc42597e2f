/**
 * Header of one voice packet on the mesh, 4 octets instead of the 40 of IP, UDP and RTP. The group is the
 * destination in the routing header.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+-----+---------+-------------------------------+
 *   |    talker     |codec|  burst  |     timestamp (20 ms units)   |
 *   +---------------+-----+---------+-------------------------------+
 *
 *   talker     area-local id, 1..254
 *   codec      0 Opus, one 40 ms frame; 1 Codec2 1300, three 40 ms frames in 20 octets, or up to four such bundles in a row
 *   burst      number of the press of the talk key, modulo 32
 *   timestamp  start of the first frame since the burst began; wraps after 21.8 minutes
 */
import { assert } from "../assert.ts";

export interface VoiceHeader {
  talker: number;
  codec: number;
  burst: number;
  /** Start of the first frame in units of 20 ms since the burst began, 0..65535. */
  timestamp20ms: number;
}

export const VOICE_HEADER_OCTETS = 4;
/** Bursts are numbered modulo this. */
export const VOICE_BURSTS = 32;
/** Value of `codec` for one Opus frame of 40 ms. */
export const VOICE_CODEC_OPUS = 0;
/** Value of `codec` for a bundle of three Codec2 1300 frames, 120 ms. */
export const VOICE_CODEC_CODEC2_1300 = 1;

/** Writes the header at `offset` and returns the octets written, always 4. */
export function encodeVoiceHeader(header: VoiceHeader, out: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + VOICE_HEADER_OCTETS <= out.length, "voice header does not fit");
  assert(header.talker >= 1 && header.talker <= 254, "talker outside 1..254");
  assert(header.codec >= 0 && header.codec <= 7, "codec outside 0..7");
  assert(header.burst >= 0 && header.burst < VOICE_BURSTS, "burst outside 0..31");
  assert(header.timestamp20ms >= 0 && header.timestamp20ms <= 0xffff, "timestamp outside 0..65535");
  out[offset] = header.talker;
  out[offset + 1] = (header.codec << 5) | header.burst;
  out[offset + 2] = header.timestamp20ms >> 8;
  out[offset + 3] = header.timestamp20ms;
  return VOICE_HEADER_OCTETS;
}

/** As `decodeVoiceHeader`, into an object that the caller keeps; false leaves `header` as it was. */
export function decodeVoiceHeaderInto(
  octets: Uint8Array,
  offset: number,
  length: number,
  header: VoiceHeader,
): boolean {
  if (length < VOICE_HEADER_OCTETS || offset < 0 || offset + length > octets.length) return false;
  const talker = octets[offset] as number;
  const kind = octets[offset + 1] as number;
  if (talker === 0 || talker === 255 || kind >> 5 > VOICE_CODEC_CODEC2_1300) return false;
  header.talker = talker;
  header.codec = kind >> 5;
  header.burst = kind & 0x1f;
  header.timestamp20ms = ((octets[offset + 2] as number) << 8) | (octets[offset + 3] as number);
  return true;
}

/** Reads the header; the payload follows it. Undefined for a cut header, nobody's id or an unknown codec. */
export function decodeVoiceHeader(octets: Uint8Array, offset: number, length: number): VoiceHeader | undefined {
  const header: VoiceHeader = { talker: 0, codec: 0, burst: 0, timestamp20ms: 0 };
  return decodeVoiceHeaderInto(octets, offset, length, header) ? header : undefined;
}
