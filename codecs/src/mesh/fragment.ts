/**
 * Fragment of a frame that is larger than the bearer's mtu. Fragmentation is per hop: each fragment is
 * acknowledged and repeated by itself, and the next hop puts the frame together before it routes it.
 *
 *   +--------+------------+------+-----------------------+---------------------------+
 *   | kind 1 | next hop 1 | id 1 | index 4 | count - 1, 4| part of the inner plaintext|
 *   +--------+------------+------+-----------------------+---------------------------+
 *
 * Next hop as in the data header, present also on point-to-point bearers.
 */
export const FRAGMENT_HEADER_OCTETS = 4;
export const MAX_FRAGMENTS = 16;

export interface FragmentHeader {
  nextHop: number;
  id: number;
  index: number;
  count: number;
}

/** Writes everything after the kind octet: 3 octets. */
export function encodeFragmentHeader(header: FragmentHeader, out: Uint8Array, offset: number): number {
  out[offset] = header.nextHop;
  out[offset + 1] = header.id;
  out[offset + 2] = (header.index << 4) | (header.count - 1);
  return FRAGMENT_HEADER_OCTETS - 1;
}

/** Fills `into` from everything after the kind octet; false without any part, or on an index beyond the count. */
export function decodeFragmentHeader(octets: Uint8Array, offset: number, end: number, into: FragmentHeader): boolean {
  if (end - offset < FRAGMENT_HEADER_OCTETS) return false;
  into.nextHop = octets[offset] as number;
  into.id = octets[offset + 1] as number;
  into.index = (octets[offset + 2] as number) >>> 4;
  into.count = ((octets[offset + 2] as number) & 15) + 1;
  return into.index < into.count;
}
