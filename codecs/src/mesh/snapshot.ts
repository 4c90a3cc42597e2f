/**
 * Distance snapshot on a narrow bearer: whom its transmitter reaches, and how far they are. Two partitions that meet swap
 * it before anything else: 30 nodes are 37 octets, their advertisements 1,000.
 *
 *   +--------+----------+---------+--------------+-------+------------+
 *   | kind 1 | target 1 | first 1 | map octets 1 | map n | distance 1 | ...
 *   +--------+----------+---------+--------------+-------+------------+
 *
 *   target    local id of whom the transmitter has just heard for the first time, 0: everybody
 *   map       bit i of octet k stands for local id 8 (first + k) + i; a distance for each that is set
 *   distance  16 steps an octave, rounded up: what is promised here is not exceeded on the way
 */
export const SNAPSHOT_HEADER_OCTETS = 3;
const MAP_OCTETS = 32;
const MAX_CODE = 255;

export interface Snapshot {
  target: number;
  /** By local id: distance, or -1 where none is told. */
  readonly distances: Int32Array;
}

export function createSnapshot(): Snapshot {
  return { target: 0, distances: new Int32Array(256).fill(-1) };
}

/** Writes everything after the kind octet, as many nodes as fit into `roomOctets`; 0 if there is none to tell of. */
export function encodeSnapshot(snapshot: Snapshot, out: Uint8Array, offset: number, roomOctets: number): number {
  const { distances } = snapshot;
  const first = distances.findIndex((distance) => distance >= 0) >>> 3;
  if (first >= MAP_OCTETS) return 0;
  let last = first;
  let octets = SNAPSHOT_HEADER_OCTETS;
  let end = 8 * first;
  for (let local = 8 * first; local < distances.length; local++) {
    if ((distances[local] as number) < 0) continue;
    const more = 1 + (local >>> 3) - last + (end === 8 * first ? 1 : 0);
    if (octets + more > roomOctets) break;
    octets += more;
    last = local >>> 3;
    end = local + 1;
  }
  if (end === 8 * first) return 0;
  const mapOctets = last - first + 1;
  out[offset] = snapshot.target;
  out[offset + 1] = first;
  out[offset + 2] = mapOctets;
  const map = offset + SNAPSHOT_HEADER_OCTETS;
  out.fill(0, map, map + mapOctets);
  let at = map + mapOctets;
  for (let local = 8 * first; local < end; local++) {
    const distance = distances[local] as number;
    if (distance < 0) continue;
    const octet = map + (local >>> 3) - first;
    out[octet] = (out[octet] as number) | (1 << (local & 7));
    out[at++] = Math.min(MAX_CODE, Math.ceil(16 * Math.log2(1 + distance)));
  }
  return at - offset;
}

/** Fills `into` from everything after the kind octet; false on anything malformed. */
export function decodeSnapshot(octets: Uint8Array, offset: number, end: number, into: Snapshot): boolean {
  if (end - offset < SNAPSHOT_HEADER_OCTETS) return false;
  into.target = octets[offset] as number;
  const first = octets[offset + 1] as number;
  const mapOctets = octets[offset + 2] as number;
  const map = offset + SNAPSHOT_HEADER_OCTETS;
  let at = map + mapOctets;
  if (first + mapOctets > MAP_OCTETS || end < at) return false;
  into.distances.fill(-1);
  for (let i = 0; i < 8 * mapOctets; i++) {
    if ((((octets[map + (i >>> 3)] as number) >>> (i & 7)) & 1) === 0) continue;
    if (at >= end) return false;
    into.distances[8 * first + i] = Math.ceil(2 ** ((octets[at++] as number) / 16)) - 1;
  }
  return at === end;
}
