/**
 * Parity of video that goes to one neighbour over several bearers: body of a frame of kind `path` and class video, behind
 * the next hop where there is one.
 *
 *   +----------+---------+-----------+-------------+-------+----------+
 *   | source 2 | first 2 | members 8 | potential 3 | row 1 | parity n |
 *   +----------+---------+-----------+-------------+-------+----------+
 *
 * A block is video packets of one source. Bit i of `members` (bit 0: the last bit of the eighth octet) says that the packet
 * with sequence number first + i belongs to it; it has place i in the code (`erasure/cauchy-code.ts`). `row` is 0..15. `potential` is the least that one of them carries
 * (`data-header.ts`): it may change when a packet is sent again another way, so that it is no part of what is summed up.
 *
 * A packet's symbol, filled up with zeros to the longest of its block, which is as long as the parity:
 *
 *   +----------+----------------+---------+
 *   | length 2 | data header h  | payload |
 *   +----------+----------------+---------+
 *
 * Length: of what follows. The header is that of a wide point-to-point bearer with potential 0, without addresses if the
 * packet is the transmitter's own for the receiver itself, whatever bearer the packet took. Packets with a repair
 * extension are in no block.
 */
import { MAX_ERASURE_PLACES, MAX_ERASURE_ROWS } from "../erasure/cauchy-code.ts";
import { copyOctets, readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";
import { DATA_FLAG_ENDS, type DataHeader, encodeWideDataHeader, WIDE_DATA_HEADER_OCTETS } from "./data-header.ts";

export const PARITY_HEADER_OCTETS = 16;
/** Most that stands before the payload in a symbol. */
export const MAX_SYMBOL_HEADER_OCTETS = 2 + WIDE_DATA_HEADER_OCTETS;

export interface ParityHeader {
  source: number;
  first: number;
  /** Places 0 to 31 and 32 to 63. */
  membersLow: number;
  membersHigh: number;
  /** 24 bits, see `DataHeader`. */
  potential: number;
  row: number;
}

export function createParityHeader(): ParityHeader {
  return { source: 0, first: 0, membersLow: 0, membersHigh: 0, potential: 0, row: 0 };
}

/** True if the bit of a place is set in `low` (0 to 31) and `high` (32 to 63). */
export function hasPlace(low: number, high: number, place: number): boolean {
  return place < MAX_ERASURE_PLACES && (((place < 32 ? low : high) >>> (place & 31)) & 1) === 1;
}

/** Writes what stands before the parity. */
export function encodeParityHeader(header: ParityHeader, out: Uint8Array, offset: number): number {
  writeU16(out, offset, header.source);
  writeU16(out, offset + 2, header.first);
  writeU32(out, offset + 4, header.membersHigh);
  writeU32(out, offset + 8, header.membersLow);
  out[offset + 12] = header.potential >>> 16;
  writeU16(out, offset + 13, header.potential & 0xffff);
  out[offset + 15] = header.row;
  return PARITY_HEADER_OCTETS;
}

/** Fills `into`; false unless there is a row of parity of at least one packet. Members are signed 32-bit numbers. */
export function decodeParityHeader(octets: Uint8Array, offset: number, end: number, into: ParityHeader): boolean {
  if (end - offset <= PARITY_HEADER_OCTETS + 2) return false;
  into.source = readU16(octets, offset);
  into.first = readU16(octets, offset + 2);
  into.membersHigh = readU32(octets, offset + 4) | 0;
  into.membersLow = readU32(octets, offset + 8) | 0;
  into.potential = ((octets[offset + 12] as number) << 16) | readU16(octets, offset + 13);
  into.row = octets[offset + 15] as number;
  return into.row < MAX_ERASURE_ROWS && (into.membersLow !== 0 || into.membersHigh !== 0) && into.source !== 0;
}

/** Writes the symbol of a packet with payload octets[from, end); returns its length. `ends`: see above. */
export function encodeSymbol(
  header: DataHeader,
  ends: boolean,
  octets: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  offset: number,
): number {
  const { flags, potential } = header;
  header.flags = ends ? DATA_FLAG_ENDS : 0;
  header.potential = 0;
  const at = offset + 2 + encodeWideDataHeader(header, false, out, offset + 2);
  header.flags = flags;
  header.potential = potential;
  copyOctets(octets, from, end, out, at);
  const length = at + end - from - offset;
  writeU16(out, offset, length - 2);
  return length;
}
