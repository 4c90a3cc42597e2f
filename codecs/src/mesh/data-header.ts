/**
 * Routing header of a data frame (unicast and group kinds), plaintext inside the seal.
 *
 *   wide, 10 octets on a point-to-point bearer, 11 on a shared one (next hop added)
 *   +--------+------------+---------+-----------------+----------+---------------+---------+-------------+------------+
 *   | kind 1 | [next hop] | flags 1 | [next hop area] | source 2 | destination 2 | [stage] | potential 2 | sequence 2 |
 *   +--------+------------+---------+-----------------+----------+---------------+---------+-------------+------------+
 *
 *   narrow, 6 octets: ids are local to the area of the channel
 *   +--------+------------+----------+---------------+-------------+------------+------------+
 *   | kind 1 | next hop 1 | source 1 | destination 1 | potential 1 | sequence 1 | [digest 2] |
 *   +--------+------------+----------+---------------+-------------+------------+------------+
 *
 *   flags   bit 0: a repair extension (repair.ts) follows; narrow frames have kinds of their own for that
 *           bit 1: the potential has a third octet, the stage: the packet is on its way to another area
 *           bit 2: next hop area, 1 octet, follows: the next hop is of another area than the transmitter
 *           bit 3: from the transmitter itself to the receiver itself, on a point-to-point bearer: source, destination
 *           and potential are left out, which makes a header of 4 octets
 *   stage   64 (3 - detours) + areas still to enter; a detour is a change to a way through more areas
 *
 * Next hop 0 means everyone. The destination of a group kind is the group number, 0 for all nodes.
 * Digest: of the transmitter's link-state database, low 16 bits, in frames of kind groupAll below flash: what goes out
 * anyway spares a hello. Positions have a frame of their own on narrow bearers (`positions.ts`).
 * The potential is the forwarder's own distance to the destination; a node forwards only below it.
 */
import { readU16, writeU16 } from "../wire/octets.ts";
import { classOf, FrameKind, isGroupKind, kindOctet, kindOf, precedenceOf } from "./frame-kind.ts";

export const DATA_FLAG_REPAIR = 1;
const FLAG_STAGE = 2;
const FLAG_NEXT_HOP_AREA = 4;
/** The ends of the hop are the ends of the way; whoever decodes it knows them. Not together with a repair extension. */
export const DATA_FLAG_ENDS = 8;
/** Never on a bearer: the packet has yet to be sealed for its destination; the last octets of its payload are room for that. */
export const DATA_FLAG_UNSEALED = 0x80;

export interface DataHeader {
  kind: number;
  trafficClass: number;
  precedence: number;
  /** Local id of the addressed neighbour; 0 = everyone. Not sent on wide point-to-point bearers. */
  nextHop: number;
  /** Its area, -1 if that is the transmitter's. */
  nextHopArea: number;
  /** DATA_FLAG_REPAIR or DATA_FLAG_ENDS, DATA_FLAG_UNSEALED; the others follow from the fields. */
  flags: number;
  source: number;
  destination: number;
  /** 16 bits inside an area, 24 with the stage; narrow frames carry `narrowPotential` of it. */
  potential: number;
  /** 16 bits; narrow frames carry the low 8. */
  sequence: number;
  /** The transmitter's, low 16 bits; -1 where the frame does not carry it. */
  digest: number;
}

export const WIDE_DATA_HEADER_OCTETS = 10;
export const WIDE_SHARED_DATA_HEADER_OCTETS = 11;
export const NARROW_DATA_HEADER_OCTETS = 6;
/** Of a packet from one end of the hop to the other. */
export const ENDS_DATA_HEADER_OCTETS = 4;
const DIGEST_OCTETS = 2;
/** An SOS has no octet to spare. */
const FLASH = 3;

function hasDigest(kind: number, precedence: number): boolean {
  return kind === FrameKind.groupAll && precedence < FLASH;
}

export function createDataHeader(): DataHeader {
  return {
    kind: 0,
    trafficClass: 0,
    precedence: 0,
    nextHop: 0,
    nextHopArea: -1,
    flags: 0,
    source: 0,
    destination: 0,
    potential: 0,
    sequence: 0,
    digest: -1,
  };
}

export function encodeWideDataHeader(header: DataHeader, shared: boolean, out: Uint8Array, offset: number): number {
  let at = offset;
  out[at++] = kindOctet(header.kind, header.trafficClass, header.precedence);
  if (!shared && (header.flags & DATA_FLAG_ENDS) !== 0) {
    out[at] = DATA_FLAG_ENDS;
    writeU16(out, at + 1, header.sequence);
    return ENDS_DATA_HEADER_OCTETS;
  }
  if (shared) out[at++] = header.nextHop;
  const stage = header.potential >>> 16;
  const across = shared && header.nextHopArea >= 0;
  out[at++] = (header.flags & DATA_FLAG_REPAIR) | (stage > 0 ? FLAG_STAGE : 0) | (across ? FLAG_NEXT_HOP_AREA : 0);
  if (across) out[at++] = header.nextHopArea;
  writeU16(out, at, header.source);
  writeU16(out, at + 2, header.destination);
  at += 4;
  if (stage > 0) out[at++] = stage;
  writeU16(out, at, header.potential & 0xffff);
  writeU16(out, at + 2, header.sequence);
  return at + 4 - offset;
}

/** Fills `into` and returns the header's length, 0 if the octets are too few or cannot be a data header. */
export function decodeWideDataHeader(
  octets: Uint8Array,
  offset: number,
  end: number,
  shared: boolean,
  into: DataHeader,
): number {
  const length = shared ? WIDE_SHARED_DATA_HEADER_OCTETS : WIDE_DATA_HEADER_OCTETS;
  if (!shared && end - offset >= ENDS_DATA_HEADER_OCTETS && octets[offset + 1] === DATA_FLAG_ENDS)
    return decodeEnds(octets, offset, into);
  if (end - offset < length) return 0;
  let at = offset;
  decodeKind(octets[at++] as number, into);
  into.nextHop = shared ? (octets[at++] as number) : 0;
  const flags = octets[at++] as number;
  const staged = (flags & FLAG_STAGE) !== 0;
  const across = (flags & FLAG_NEXT_HOP_AREA) !== 0;
  if (end - offset < length + (staged ? 1 : 0) + (across ? 1 : 0)) return 0;
  into.flags = flags & DATA_FLAG_REPAIR;
  into.nextHopArea = across ? (octets[at++] as number) : -1;
  into.source = readU16(octets, at);
  into.destination = readU16(octets, at + 2);
  at += 4;
  const stage = staged ? (octets[at++] as number) : 0;
  into.potential = (stage << 16) | readU16(octets, at);
  into.sequence = readU16(octets, at + 2);
  into.digest = -1;
  return at + 4 - offset;
}

/** Source, destination and potential are for the caller to fill in. */
function decodeEnds(octets: Uint8Array, offset: number, into: DataHeader): number {
  decodeKind(octets[offset] as number, into);
  into.nextHop = 0;
  into.nextHopArea = -1;
  into.flags = DATA_FLAG_ENDS;
  into.source = 0;
  into.destination = 0;
  into.potential = 0;
  into.sequence = readU16(octets, offset + 2);
  into.digest = -1;
  return ENDS_DATA_HEADER_OCTETS;
}

export function encodeNarrowDataHeader(header: DataHeader, out: Uint8Array, offset: number): number {
  out[offset] = kindOctet(narrowKind(header), header.trafficClass, header.precedence);
  out[offset + 1] = header.nextHop;
  out[offset + 2] = header.source;
  out[offset + 3] = header.destination;
  out[offset + 4] = narrowPotential(header.potential);
  out[offset + 5] = header.sequence;
  if (!hasDigest(header.kind, header.precedence)) return NARROW_DATA_HEADER_OCTETS;
  writeU16(out, offset + NARROW_DATA_HEADER_OCTETS, header.digest & 0xffff);
  return NARROW_DATA_HEADER_OCTETS + DIGEST_OCTETS;
}

/** As the wide one; `area` completes the addresses, `potential` is the 8-bit value and `sequence` the low 8 bits. */
export function decodeNarrowDataHeader(
  octets: Uint8Array,
  offset: number,
  end: number,
  area: number,
  into: DataHeader,
): number {
  if (end - offset < NARROW_DATA_HEADER_OCTETS) return 0;
  decodeKind(octets[offset] as number, into);
  into.nextHop = octets[offset + 1] as number;
  into.nextHopArea = -1;
  into.flags = 0;
  if (into.kind === FrameKind.repairedUnicast || into.kind === FrameKind.repairedDatagram) {
    into.kind = into.kind === FrameKind.repairedUnicast ? FrameKind.unicast : FrameKind.datagram;
    into.flags = DATA_FLAG_REPAIR;
  }
  into.source = (area << 8) | (octets[offset + 2] as number);
  const destination = octets[offset + 3] as number;
  into.destination = isGroupKind(into.kind) ? destination : (area << 8) | destination;
  into.potential = octets[offset + 4] as number;
  into.sequence = octets[offset + 5] as number;
  into.digest = -1;
  if (!hasDigest(into.kind, into.precedence)) return NARROW_DATA_HEADER_OCTETS;
  if (end - offset < NARROW_DATA_HEADER_OCTETS + DIGEST_OCTETS) return 0;
  into.digest = readU16(octets, offset + NARROW_DATA_HEADER_OCTETS);
  return NARROW_DATA_HEADER_OCTETS + DIGEST_OCTETS;
}

function narrowKind(header: DataHeader): number {
  if ((header.flags & DATA_FLAG_REPAIR) === 0) return header.kind;
  return header.kind === FrameKind.datagram ? FrameKind.repairedDatagram : FrameKind.repairedUnicast;
}

function decodeKind(octet: number, into: DataHeader): void {
  into.kind = kindOf(octet);
  into.trafficClass = classOf(octet);
  into.precedence = precedenceOf(octet);
}

/**
 * Eight-bit potential: 16 steps an octave, monotone, so that descent in 8 bits is descent in 16.
 * Two distances less than 4.4 % apart may share a value; such a hop is refused, never looped.
 */
export function narrowPotential(potential: number): number {
  return Math.min(255, Math.floor(16 * Math.log2(1 + potential)));
}

/** Six-bit potential of a flow frame: four steps an octave. */
export function flowPotential(potential: number): number {
  return Math.min(63, Math.floor(4 * Math.log2(1 + potential)));
}

/** Fills in the addresses of a packet between the two ends of a hop, which its header leaves out. */
export function takeEnds(header: DataHeader, source: number, destination: number): void {
  if ((header.flags & DATA_FLAG_ENDS) === 0) return;
  header.source = source;
  header.destination = destination;
}
