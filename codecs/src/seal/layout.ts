/**
 * The four layouts of a sealed frame. Every octet before the ciphertext is associated data of the AEAD.
 *
 *   first octet:   7 6 | 5         | 4 3 2 1 0
 *                  format key phase  by format
 *
 *   full     (self-contained: hellos, first contact; 15 octets + tag)
 *   +----------+-----------+------------+----------+------------+------------+-----+
 *   | 00 P 0000| node id 4 | boot epoch 4 | bearer 1 | counter 5  | ciphertext | tag |
 *   +----------+-----------+------------+----------+------------+------------+-----+
 *
 *   direct   (point-to-point IP bearer, established; 4 octets + 8 of tag = 12)
 *   +------------+------------------+------------------+------------+-------+
 *   | 01 P E 0000| receiver index 1 | counter, low 16  | ciphertext | tag 8 |
 *   +------------+------------------+------------------+------------+-------+
 *   E   1: under the keys of its two ends (`end-to-end.ts`); 0: under the sender's subkey of the mission's
 *
 *   shared   (shared medium, transmitter known; 3 octets + tag of 8 on wide, 6 on narrow bearers)
 *   +------------------+-----------------+---------------+------------+-----+
 *   | 10 P counter12-8 | counter 7-0     | transmitter 1 | ciphertext | tag |
 *   +------------------+-----------------+---------------+------------+-----+
 *
 *   flow     (narrow band, established flow; 9 octets in all)
 *   +------------------+---------+-----------------------------+------------+-------+
 *   | 11 P counter 4-0 | label 1 | potential 6 | sequence 1-0  | ciphertext | tag 6 |
 *   +------------------+---------+-----------------------------+------------+-------+
 *
 * Nonce of the AEAD, 12 octets: boot epoch 4 | stream 2 | counter 6. A stream is the sender's bearer
 * (high octet) and its neighbour slot (low octet, 0 for full, shared and flow frames, which share one
 * counter; REPORT_SLOT for reports in shared frames on narrow bearers). Epoch, stream and the high part of the counter are never sent again once both ends know them.
 */
import { readU16, readU32, readU40, writeU16, writeU32, writeU40, writeU48 } from "../wire/octets.ts";

export const SealFormat = { full: 0, direct: 1, shared: 2, flow: 3 } as const;

export const FULL_HEADER_OCTETS = 15;
export const DIRECT_HEADER_OCTETS = 4;
export const SHARED_HEADER_OCTETS = 3;
export const FLOW_HEADER_OCTETS = 3;
export const WIDE_TAG_OCTETS = 8;
export const NARROW_TAG_OCTETS = 6;
export const NONCE_OCTETS = 12;
/**
 * Neighbour slot in the nonce of reports on a narrow bearer. Which stream a shared frame belongs to is not said in it: what
 * does not open as one of the first may be a report.
 */
export const REPORT_SLOT = 0xff;
/** Shortest frame that can be authentic: a shared header, one octet of plaintext, the short tag. */
export const SEAL_MIN_OCTETS = SHARED_HEADER_OCTETS + 1 + NARROW_TAG_OCTETS;
/** Counters fit 40 bits: at 100,000 frames/s that is 127 days per boot, and a boot changes the epoch. */
export const MAX_COUNTER = 2 ** 40 - 1;

const DIRECT_FOR_ENDS = 0x10;

/** Number of low counter bits that travel, by format. */
export const DIRECT_COUNTER_BITS = 16;
export const SHARED_COUNTER_BITS = 13;
export const FLOW_COUNTER_BITS = 5;

/** Format of a frame; 0..3. The frame has at least one octet. */
export function sealFormat(octets: Uint8Array): number {
  return (octets[0] as number) >>> 6;
}

/** Where the sealed octets of a frame begin. */
export function sealedStart(octets: Uint8Array): number {
  const format = sealFormat(octets);
  if (format === SealFormat.full) return FULL_HEADER_OCTETS;
  if (format === SealFormat.direct) return DIRECT_HEADER_OCTETS;
  return format === SealFormat.flow ? FLOW_HEADER_OCTETS : SHARED_HEADER_OCTETS;
}

export function sealKeyPhase(octets: Uint8Array): number {
  return ((octets[0] as number) >>> 5) & 1;
}

export interface FullHeader {
  nodeId: number;
  bootEpoch: number;
  bearerId: number;
  counter: number;
}

export function encodeFullHeader(header: FullHeader, keyPhase: number, out: Uint8Array): number {
  out[0] = (SealFormat.full << 6) | (keyPhase << 5);
  writeU32(out, 1, header.nodeId);
  writeU32(out, 5, header.bootEpoch);
  out[9] = header.bearerId;
  writeU40(out, 10, header.counter);
  return FULL_HEADER_OCTETS;
}

/** Fills `into`; false if the octets cannot be a full header. */
export function decodeFullHeader(octets: Uint8Array, length: number, into: FullHeader): boolean {
  if (length < FULL_HEADER_OCTETS || (octets[0] as number) & 0xdf) return false;
  into.nodeId = readU32(octets, 1);
  into.bootEpoch = readU32(octets, 5);
  into.bearerId = octets[9] as number;
  into.counter = readU40(octets, 10);
  return into.nodeId !== 0;
}

export function encodeDirectHeader(
  receiverIndex: number,
  counter: number,
  keyPhase: number,
  forEnds: boolean,
  out: Uint8Array,
): number {
  out[0] = (SealFormat.direct << 6) | (keyPhase << 5) | (forEnds ? DIRECT_FOR_ENDS : 0);
  out[1] = receiverIndex;
  writeU16(out, 2, counter % 0x10000);
  return DIRECT_HEADER_OCTETS;
}

/** True of a direct frame that is sealed under the keys of its two ends. */
export function isForEnds(octets: Uint8Array): boolean {
  return ((octets[0] as number) & DIRECT_FOR_ENDS) !== 0;
}

export function directCounterBits(octets: Uint8Array): number {
  return readU16(octets, 2);
}

export function encodeSharedHeader(transmitter: number, counter: number, keyPhase: number, out: Uint8Array): number {
  const low = counter % 0x2000;
  out[0] = (SealFormat.shared << 6) | (keyPhase << 5) | (low >>> 8);
  out[1] = low;
  out[2] = transmitter;
  return SHARED_HEADER_OCTETS;
}

export function sharedCounterBits(octets: Uint8Array): number {
  return (((octets[0] as number) & 0x1f) << 8) | (octets[1] as number);
}

export function encodeFlowHeader(
  label: number,
  potential6: number,
  sequence: number,
  counter: number,
  keyPhase: number,
  out: Uint8Array,
): number {
  out[0] = (SealFormat.flow << 6) | (keyPhase << 5) | (counter % 0x20);
  out[1] = label;
  out[2] = (potential6 << 2) | (sequence & 3);
  return FLOW_HEADER_OCTETS;
}

export function flowLabel(octets: Uint8Array): number {
  return octets[1] as number;
}

/** The potential's six bits. */
export function flowPotentialBits(octets: Uint8Array): number {
  return (octets[2] as number) >>> 2;
}

/** The sequence's two bits. */
export function flowSequenceBits(octets: Uint8Array): number {
  return (octets[2] as number) & 3;
}

export function flowCounterBits(octets: Uint8Array): number {
  return (octets[0] as number) & 0x1f;
}

/** Nonce of one frame: epoch | stream | counter. */
export function writeNonce(out: Uint8Array, bootEpoch: number, stream: number, counter: number): void {
  writeU32(out, 0, bootEpoch);
  writeU16(out, 4, stream);
  writeU48(out, 6, counter);
}

/**
 * Rebuilds a counter from its low bits: the value closest to `highest + 1` with those bits (as RFC 9000
 * A.3 does for packet numbers). `highest` is -1 before the first frame.
 */
export function rebuildCounter(lowBits: number, bits: number, highest: number): number {
  const span = bits < 31 ? 1 << bits : 2 ** bits;
  const expected = highest + 1;
  let counter = expected - (expected % span) + lowBits;
  if (counter + span / 2 <= expected) counter += span;
  else if (counter > expected + span / 2 && counter >= span) counter -= span;
  return counter;
}
