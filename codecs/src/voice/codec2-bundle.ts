/**
 * Three Codec2 1300 frames in 20 octets. libcodec2 gives each frame of 52 bits in 7 octets, most significant bit
 * first, the last 4 bits zero; on the air they stand back to back and share one 4-bit rest.
 *
 *   bit 0                 52                    104                   156  160
 *   +---------------------+---------------------+---------------------+----+
 *   |   first (52)        |   second (52)       |   third (52)        |0000|
 *   +---------------------+---------------------+---------------------+----+
 *   octet 0             6.5                    13                  19.5   20
 */
import { assert } from "../assert.ts";

export const CODEC2_FRAME_BITS = 52;
/** One frame as libcodec2 gives and takes it. */
export const CODEC2_FRAME_OCTETS = 7;
export const CODEC2_BUNDLE_FRAMES = 3;
export const CODEC2_BUNDLE_OCTETS = 20;

/** How many bundles a payload of so many octets holds, one that is cut short among them. */
export function codec2Bundles(octets: number): number {
  return Math.ceil(octets / CODEC2_BUNDLE_OCTETS);
}

/** Packs 21 octets (three frames of 7) at `framesOffset` into 20 at `offset`; returns the octets written. */
export function packCodec2Bundle(frames: Uint8Array, framesOffset: number, out: Uint8Array, offset: number): number {
  assert(
    framesOffset >= 0 && framesOffset + 3 * CODEC2_FRAME_OCTETS <= frames.length,
    "three frames of 7 octets needed",
  );
  assert(offset >= 0 && offset + CODEC2_BUNDLE_OCTETS <= out.length, "Codec2 bundle does not fit");
  const first = framesOffset;
  const second = first + CODEC2_FRAME_OCTETS;
  const third = second + CODEC2_FRAME_OCTETS;
  for (let index = 0; index < 6; index++) {
    out[offset + index] = frames[first + index] as number;
    out[offset + 13 + index] = frames[third + index] as number;
  }
  out[offset + 6] = ((frames[first + 6] as number) & 0xf0) | ((frames[second] as number) >> 4);
  for (let index = 0; index < 6; index++) {
    out[offset + 7 + index] = ((frames[second + index] as number) << 4) | ((frames[second + index + 1] as number) >> 4);
  }
  out[offset + 19] = (frames[third + 6] as number) & 0xf0;
  return CODEC2_BUNDLE_OCTETS;
}

/** Unpacks 20 octets at `offset` into three frames of 7 at `framesOffset`; false if `length` is not 20. */
export function unpackCodec2Bundle(
  octets: Uint8Array,
  offset: number,
  length: number,
  frames: Uint8Array,
  framesOffset: number,
): boolean {
  if (length !== CODEC2_BUNDLE_OCTETS || offset < 0 || offset + length > octets.length) return false;
  assert(framesOffset >= 0 && framesOffset + 3 * CODEC2_FRAME_OCTETS <= frames.length, "room for 21 octets needed");
  const second = framesOffset + CODEC2_FRAME_OCTETS;
  const third = second + CODEC2_FRAME_OCTETS;
  for (let index = 0; index < 6; index++) {
    frames[framesOffset + index] = octets[offset + index] as number;
    frames[second + index] =
      ((octets[offset + 6 + index] as number) << 4) | ((octets[offset + 7 + index] as number) >> 4);
    frames[third + index] = octets[offset + 13 + index] as number;
  }
  frames[framesOffset + 6] = (octets[offset + 6] as number) & 0xf0;
  frames[second + 6] = (octets[offset + 12] as number) << 4;
  frames[third + 6] = (octets[offset + 19] as number) & 0xf0;
  return true;
}
