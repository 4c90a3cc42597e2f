import { CODEC2_BUNDLE_FRAMES, CODEC2_BUNDLE_OCTETS } from "@skein/codecs";

/**
 * A Codec2 bundle ends in four bits that no frame uses. The last three say, frame by frame, that a border node
 * made the frame up because the real one never reached it: it is heard, but never counted as played.
 *
 *   octet 19   | third frame, last 4 bits | 0 | f1 | f2 | f3 |
 */
const LAST_OCTET = CODEC2_BUNDLE_OCTETS - 1;

export function markMadeUp(bundle: Uint8Array, frame: number): void {
  bundle[LAST_OCTET] = (bundle[LAST_OCTET] as number) | (1 << (CODEC2_BUNDLE_FRAMES - 1 - frame));
}

export function isMadeUp(bundle: Uint8Array, frame: number): boolean {
  return ((bundle[LAST_OCTET] as number) & (1 << (CODEC2_BUNDLE_FRAMES - 1 - frame))) !== 0;
}
