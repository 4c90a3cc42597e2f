/**
 * An IP packet as a datagram frame carries it: one rule octet, what the rule does not imply, and what lies
 * behind the UDP header. A stateless profile in the words of RFC 8724: every field has a target value, is
 * either not sent or sent as it is, and what can be computed is computed.
 *
 *   rule octet        7   6   5   4   3   2   1   0
 *   no rule         | 0   0   0   0   0   0   0   0 |  the whole packet follows
 *   within a context| 0   1  ...                    |  see `flow-context.ts`
 *   IP and UDP      | 1 | F | class | H | S | D | P |
 *
 *     F      0 IPv6, 1 IPv4
 *     class  0: traffic class 0; 1: EF (0xb8); 2: its octet follows; 3 is not used
 *     H      0: hop limit 64; 1: its octet follows
 *     S, D   0: source, destination is the implicit address of the mesh node that the frame names; 1: it follows
 *     P      0: both ports follow; 1: both are the same, and it follows once
 *
 *   +--------+---------+-------+------------------+-----------------------+-------+-----------+
 *   | rule 1 | [class] | [hop] | [source 16 or 4] | [destination 16 or 4] | ports | payload   |
 *   +--------+---------+-------+------------------+-----------------------+-------+-----------+
 *
 * Voice between two nodes: IPv6 and UDP take 48 octets, here 5 (3 with equal ports).
 *
 * Computed at the other end: lengths, and the checksums of UDP and IPv4, for frames are authenticated hop by
 * hop. A packet whose checksum is wrong or missing goes whole: the receiver must see that it is. So do IPv4
 * packets with options and those that may be fragmented; the identification of the others means nothing
 * (RFC 6864 4) and becomes 0. The flow label becomes 0 too: 2.5 octets that only tell apart what the mesh
 * does not.
 */
import { copyOctets as copy, readU16, writeU16 } from "../wire/octets.ts";
import {
  createIpHeader,
  decodeIpHeader,
  foldChecksum,
  IPV4_HEADER_OCTETS,
  IPV6_HEADER_OCTETS,
  IpProtocol,
  sumOctets,
  transportChecksum,
  UDP_HEADER_OCTETS,
} from "./ip-header.ts";
import type { IpFamily } from "./ip-prefix.ts";
import { meshAddressOf, writeMeshIp } from "./mesh-ip.ts";

const WHOLE = 0;
const RULE_UDP = 0x80;
const FAMILY_IPV4 = 0x40;
const CLASS_SHIFT = 4;
const CLASS_ZERO = 0;
const CLASS_EF = 1;
const CLASS_SENT = 2;
const HOP_SENT = 0x08;
const SOURCE_SENT = 0x04;
const DESTINATION_SENT = 0x02;
const PORTS_EQUAL = 0x01;

const EF_OCTET = 46 << 2;
const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x4000;

/** A packet may grow by this: the rule octet of one that goes whole. */
export const IP_RULE_OCTETS = 1;

const header = createIpHeader();

/**
 * Writes the packet in octets[from, from + length) for a frame from mesh node `source` to `destination` (0: a
 * group) and returns the octets written, at most length + IP_RULE_OCTETS.
 */
export function compressIp(
  octets: Uint8Array,
  from: number,
  length: number,
  source: number,
  destination: number,
  out: Uint8Array,
  offset: number,
): number {
  if (!decodeIpHeader(octets, from, length, header) || !isCompressible(octets)) {
    out[offset] = WHOLE;
    copy(octets, from, from + length, out, offset + 1);
    return length + 1;
  }
  let at = writeFields(octets, source, destination, out, offset);
  const udp = header.transportOffset;
  writeU16(out, at, header.sourcePort);
  at += 2;
  if (header.destinationPort === header.sourcePort) {
    out[offset] = (out[offset] as number) | PORTS_EQUAL;
  } else {
    writeU16(out, at, header.destinationPort);
    at += 2;
  }
  const end = header.offset + header.lengthOctets;
  copy(octets, udp + UDP_HEADER_OCTETS, end, out, at);
  return at + end - udp - UDP_HEADER_OCTETS - offset;
}

/** Rule, class, hop limit, addresses. */
function writeFields(octets: Uint8Array, source: number, destination: number, out: Uint8Array, offset: number): number {
  const { family, trafficClassOctet } = header;
  let rule = RULE_UDP | (family === 4 ? FAMILY_IPV4 : 0);
  let at = offset + 1;
  if (trafficClassOctet === EF_OCTET) rule |= CLASS_EF << CLASS_SHIFT;
  else if (trafficClassOctet !== 0) {
    rule |= CLASS_SENT << CLASS_SHIFT;
    out[at++] = trafficClassOctet;
  }
  if (header.hopLimit !== HOP_LIMIT) {
    rule |= HOP_SENT;
    out[at++] = header.hopLimit;
  }
  const width = family === 6 ? 16 : 4;
  if (meshAddressOf(octets, header.sourceOffset, family) !== source || source === 0) {
    rule |= SOURCE_SENT;
    copy(octets, header.sourceOffset, header.sourceOffset + width, out, at);
    at += width;
  }
  if (meshAddressOf(octets, header.destinationOffset, family) !== destination || destination === 0) {
    rule |= DESTINATION_SENT;
    copy(octets, header.destinationOffset, header.destinationOffset + width, out, at);
    at += width;
  }
  out[offset] = rule;
  return at;
}

/** True if the rule gives back the same packet. */
function isCompressible(octets: Uint8Array): boolean {
  const { family, offset, transportOffset: udp } = header;
  if (header.protocol !== IpProtocol.udp || header.sourcePort === -1 || header.isFragment) return false;
  if (udp - offset !== (family === 6 ? IPV6_HEADER_OCTETS : IPV4_HEADER_OCTETS)) return false;
  if (readU16(octets, udp + 4) !== offset + header.lengthOctets - udp) return false;
  if (family === 4) {
    if (readU16(octets, offset + 6) !== DONT_FRAGMENT) return false;
    if (foldChecksum(sumOctets(octets, offset, offset + IPV4_HEADER_OCTETS, 0)) !== 0) return false;
  }
  return readU16(octets, udp + 6) !== 0 && transportChecksum(octets, header) === 0;
}

/**
 * Writes the packet that octets[from, from + length) stand for and returns its length; 0 if they are malformed or
 * `out` is too short. `source` and `destination` as the frame names them.
 */
export function decompressIp(
  octets: Uint8Array,
  from: number,
  length: number,
  source: number,
  destination: number,
  out: Uint8Array,
  offset: number,
): number {
  if (length < 1 || from < 0 || from + length > octets.length) return 0;
  const rule = octets[from] as number;
  if (rule === WHOLE) {
    if (length - 1 > out.length - offset || !decodeIpHeader(octets, from + 1, length - 1, header)) return 0;
    copy(octets, from + 1, from + length, out, offset);
    return length - 1;
  }
  if ((rule & RULE_UDP) === 0 || ((rule >>> CLASS_SHIFT) & 3) > CLASS_SENT) return 0;
  return rebuild(octets, from, from + length, rule, source, destination, out, offset);
}

/** Octets of a packet under a rule for IP and UDP before its payload, the rule's included. */
function sentOctets(rule: number): number {
  const width = (rule & FAMILY_IPV4) === 0 ? 16 : 4;
  return (
    1 +
    (((rule >>> CLASS_SHIFT) & 3) === CLASS_SENT ? 1 : 0) +
    ((rule & HOP_SENT) === 0 ? 0 : 1) +
    ((rule & SOURCE_SENT) === 0 ? 0 : width) +
    ((rule & DESTINATION_SENT) === 0 ? 0 : width) +
    ((rule & PORTS_EQUAL) === 0 ? 4 : 2)
  );
}

/** The same of what `compressIp` wrote; 0 if it is not under such a rule, or cut short. */
export function fieldOctetsOf(octets: Uint8Array, from: number, length: number): number {
  if (length < 1 || from + length > octets.length) return 0;
  const rule = octets[from] as number;
  if ((rule & RULE_UDP) === 0 || ((rule >>> CLASS_SHIFT) & 3) > CLASS_SENT) return 0;
  const sent = sentOctets(rule);
  return sent <= length ? sent : 0;
}

function rebuild(
  octets: Uint8Array,
  from: number,
  end: number,
  rule: number,
  source: number,
  destination: number,
  out: Uint8Array,
  offset: number,
): number {
  const family: IpFamily = (rule & FAMILY_IPV4) === 0 ? 6 : 4;
  const width = family === 6 ? 16 : 4;
  const ipOctets = family === 6 ? IPV6_HEADER_OCTETS : IPV4_HEADER_OCTETS;
  const classRule = (rule >>> CLASS_SHIFT) & 3;
  const payloadOctets = end - from - sentOctets(rule);
  const total = ipOctets + UDP_HEADER_OCTETS + payloadOctets;
  if (payloadOctets < 0 || total > out.length - offset || total > 0xffff) return 0;
  // An address that is not sent is that of a node; a group has none.
  if (((rule & SOURCE_SENT) === 0 && source === 0) || ((rule & DESTINATION_SENT) === 0 && destination === 0)) return 0;
  let at = from + 1;
  const trafficClass = classRule === CLASS_ZERO ? 0 : classRule === CLASS_EF ? EF_OCTET : (octets[at++] as number);
  const hopLimit = (rule & HOP_SENT) === 0 ? HOP_LIMIT : (octets[at++] as number);
  const sourceAt = offset + (family === 6 ? 8 : 12);
  if ((rule & SOURCE_SENT) === 0) writeMeshIp(source, family, out, sourceAt);
  else at = take(octets, at, width, out, sourceAt);
  if ((rule & DESTINATION_SENT) === 0) writeMeshIp(destination, family, out, sourceAt + width);
  else at = take(octets, at, width, out, sourceAt + width);
  const udp = offset + ipOctets;
  at = take(octets, at, 2, out, udp);
  if ((rule & PORTS_EQUAL) === 0) at = take(octets, at, 2, out, udp + 2);
  else copy(out, udp, udp + 2, out, udp + 2);
  copy(octets, at, end, out, udp + UDP_HEADER_OCTETS);
  writeComputed(family, total, trafficClass, hopLimit, out, offset);
  return total;
}

/** Everything but addresses, ports and payload, which are there already. */
function writeComputed(
  family: IpFamily,
  total: number,
  trafficClass: number,
  hopLimit: number,
  out: Uint8Array,
  offset: number,
): void {
  const ipOctets = family === 6 ? IPV6_HEADER_OCTETS : IPV4_HEADER_OCTETS;
  if (family === 6) {
    writeU16(out, offset, 0x6000 | (trafficClass << 4));
    writeU16(out, offset + 2, 0);
    writeU16(out, offset + 4, total - ipOctets);
    out[offset + 6] = IpProtocol.udp;
    out[offset + 7] = hopLimit;
  } else {
    writeU16(out, offset, 0x4500 | trafficClass);
    writeU16(out, offset + 2, total);
    writeU16(out, offset + 4, 0);
    writeU16(out, offset + 6, DONT_FRAGMENT);
    out[offset + 8] = hopLimit;
    out[offset + 9] = IpProtocol.udp;
    writeU16(out, offset + 10, 0);
    writeU16(out, offset + 10, foldChecksum(sumOctets(out, offset, offset + ipOctets, 0)));
  }
  const udp = offset + ipOctets;
  writeU16(out, udp + 4, total - ipOctets);
  writeU16(out, udp + 6, 0);
  decodeIpHeader(out, offset, total, header);
  const checksum = transportChecksum(out, header);
  // RFC 768: 0 on the wire means that there is none.
  writeU16(out, udp + 6, checksum === 0 ? 0xffff : checksum);
}

function take(octets: Uint8Array, from: number, length: number, out: Uint8Array, to: number): number {
  copy(octets, from, from + length, out, to);
  return from + length;
}
