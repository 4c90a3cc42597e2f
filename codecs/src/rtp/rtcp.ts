/**
 * What a receiver of video tells its sender, in RTCP (RFC 4585). It shares the stream with the RTP packets and is told
 * apart by the second octet (RFC 5761 4). On the mesh a stream is known by its sender: both SSRC of the head are 0.
 *
 * Picture loss indication (RFC 4585 6.3.1), 12 octets: the decoder needs a key frame.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---+-+---------+---------------+-------------------------------+
 *   | 2 |0| FMT = 1 |   PT = 206    |          length = 2           |
 *   +---+-+---------+---------------+-------------------------------+
 *   |                            0    0                             |
 *   +---------------------------------------------------------------+
 *
 * Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 2.2), 24 octets: no more than that gets through,
 * mantissa * 2^exponent bits per second.
 *
 *   +---+-+---------+---------------+-------------------------------+
 *   | 2 |0| FMT = 15|   PT = 206    |          length = 5           |
 *   +---+-+---------+---------------+-------------------------------+
 *   |                            0    0                             |
 *   +---------------------------------------------------------------+
 *   |                     "R"   "E"   "M"   "B"                     |
 *   +---------------+-----------+-----------------------------------+
 *   |  streams = 1  | exponent  |             mantissa              |
 *   +---------------+-----------+-----------------------------------+
 *   |                      SSRC of the stream                       |
 *   +---------------------------------------------------------------+
 */
import { assert } from "../assert.ts";
import { readU32, writeU32 } from "../wire/octets.ts";

const KEY_FRAME_REQUEST_OCTETS = 12;
const BITRATE_REQUEST_OCTETS = 24;

const KEY_FRAME_HEAD = 0x81ce0002;
const BITRATE_HEAD = 0x8fce0005;
const REMB = 0x52454d42;
const MANTISSA_BITS = 18;

export interface BitrateRequest {
  /** Bits per second, 0..2^32-1; what 18 bits do not hold is rounded down. */
  bitrateBps: number;
  ssrc: number;
}

/** A picture loss indication. */
export function encodeKeyFrameRequest(): Uint8Array {
  const out = new Uint8Array(KEY_FRAME_REQUEST_OCTETS);
  writeU32(out, 0, KEY_FRAME_HEAD);
  return out;
}

export function isKeyFrameRequest(octets: Uint8Array): boolean {
  return octets.length === KEY_FRAME_REQUEST_OCTETS && readU32(octets, 0) === KEY_FRAME_HEAD;
}

/** A receiver's estimate of the most that gets through. */
export function encodeBitrateRequest({ bitrateBps, ssrc }: BitrateRequest): Uint8Array {
  assert(Number.isInteger(bitrateBps) && bitrateBps >= 0 && bitrateBps < 2 ** 32, "bit rate outside 0..2^32-1");
  const out = new Uint8Array(BITRATE_REQUEST_OCTETS);
  const exponent = Math.max(0, 32 - Math.clz32(bitrateBps) - MANTISSA_BITS);
  writeU32(out, 0, BITRATE_HEAD);
  writeU32(out, 12, REMB);
  writeU32(out, 16, (1 << 24) | (exponent << MANTISSA_BITS) | (bitrateBps >>> exponent));
  writeU32(out, 20, ssrc);
  return out;
}

/** Undefined unless it is one for one stream, of less than 2^32 bits per second. */
export function decodeBitrateRequest(octets: Uint8Array): BitrateRequest | undefined {
  if (octets.length !== BITRATE_REQUEST_OCTETS) return undefined;
  const isRequest = readU32(octets, 0) === BITRATE_HEAD && readU32(octets, 12) === REMB && octets[16] === 1;
  if (!isRequest) return undefined;
  const word = readU32(octets, 16) & 0xffffff;
  const bitrateBps = (word & (2 ** MANTISSA_BITS - 1)) * 2 ** (word >>> MANTISSA_BITS);
  return bitrateBps < 2 ** 32 ? { bitrateBps, ssrc: readU32(octets, 20) } : undefined;
}
