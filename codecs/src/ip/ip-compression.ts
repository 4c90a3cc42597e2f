/**
 * An IP packet as a datagram frame carries it: one rule octet, what the rule does not imply, and what lies
 * behind the UDP header, or behind the IP header of what is not UDP. A stateless profile in the words of RFC 8724:
 * every field has a target value, is either not sent or sent as it is, and what can be computed is computed.
 *
 *   rule octet        7   6   5   4   3   2   1   0
 *   no rule         | 0   0   0   0   0   0   0   0 |  the whole packet follows
 *   within a context| 0   1  ...                    |  see `flow-context.ts`
 *   IP and UDP      | 1 | F | class | H | S | D | P |
 *   IP alone        | 1 | F | 1   1 | H | S | D | C |
 *
 *     F      0 IPv6, 1 IPv4
 *     class  0: traffic class 0; 1: EF (0xb8); 2: its octet follows
 *     C      0: traffic class 0; 1: its octet follows
 *     H      0: hop limit 64; 1: its octet follows
 *     S, D   0: source, destination is the implicit address of the mesh node that the frame names; 1: it follows
 *     P      0: both ports follow; 1: both are the same, and it follows once
 *
 *   +--------+---------+-------+------------------+-----------------------+---------------+---------+
 *   | rule 1 | [class] | [hop] | [source 16 or 4] | [destination 16 or 4] | ports 4 or 2  | payload |   IP and UDP
 *   | rule 1 | [class] | [hop] | [source 16 or 4] | [destination 16 or 4] | next header 1 | payload |   IP alone
 *   +--------+---------+-------+------------------+-----------------------+---------------+---------+
 *
 * Voice between two nodes: IPv6 and UDP take 48 octets, here 5 (3 with equal ports). TCP, ICMP and others between two
 * nodes: IPv6 takes 40 octets, here 2.
 *
 * Computed at the other end: lengths, and the checksums of UDP and IPv4, for frames are authenticated hop by
 * hop. UDP whose checksum is wrong or missing goes under the rule for IP alone: the receiver must see that it is. IPv4
 * packets with options, with a wrong checksum, or that may be fragmented go whole; the identification of the others means
 * nothing (RFC 6864 4) and becomes 0. The flow label becomes 0 too: 2.5 octets that only tell apart what the mesh
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
const RULE_IP = 0x80;
const FAMILY_IPV4 = 0x40;
const CLASS_SHIFT = 4;
const CLASS_EF = 1;
const CLASS_SENT = 2;
const IP_ALONE = 3;
const HOP_SENT = 0x08;
const SOURCE_SENT = 0x04;
const DESTINATION_SENT = 0x02;
const PORTS_EQUAL = 0x01;
const ALONE_CLASS_SENT = 0x01;

const EF_OCTET = 46 << 2;
const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x4000;
/** Version, and a header without options. */
const IPV4_PLAIN = 0x45;
/** Of TCP: the ports. */
const TCP_PORTS_OCTETS = 4;

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
  if (!decodeIpHeader(octets, from, length, header) || !isPlainIp(octets)) {
    out[offset] = WHOLE;
    copy(octets, from, from + length, out, offset + 1);
    return length + 1;
  }
  const isAlone = !isPlainUdp(octets);
  let at = writeFields(octets, isAlone, source, destination, out, offset);
  if (isAlone) return writeAlone(octets, out, at) - offset;
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

/** Next header and what lies behind the IP header; returns the end. */
function writeAlone(octets: Uint8Array, out: Uint8Array, offset: number): number {
  const { family, offset: ip, lengthOctets } = header;
  out[offset] = octets[ip + nextHeaderAt(family)] as number;
  const from = ip + ipHeaderOctets(family);
  copy(octets, from, ip + lengthOctets, out, offset + 1);
  return offset + 1 + ip + lengthOctets - from;
}

/** Rule, class, hop limit, addresses. */
function writeFields(
  octets: Uint8Array,
  isAlone: boolean,
  source: number,
  destination: number,
  out: Uint8Array,
  offset: number,
): number {
  const { family, trafficClassOctet } = header;
  let rule = RULE_IP | (family === 4 ? FAMILY_IPV4 : 0);
  let at = offset + 1;
  if (isAlone) {
    rule |= IP_ALONE << CLASS_SHIFT;
    if (trafficClassOctet !== 0) {
      rule |= ALONE_CLASS_SENT;
      out[at++] = trafficClassOctet;
    }
  } else if (trafficClassOctet === EF_OCTET) rule |= CLASS_EF << CLASS_SHIFT;
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

/** True if the rules give back the same IP header. */
function isPlainIp(octets: Uint8Array): boolean {
  const { family, offset } = header;
  if (family === 6) return true;
  if (octets[offset] !== IPV4_PLAIN || readU16(octets, offset + 6) !== DONT_FRAGMENT) return false;
  return foldChecksum(sumOctets(octets, offset, offset + IPV4_HEADER_OCTETS, 0)) === 0;
}

/** True if the rule for UDP gives back the same header behind that. */
function isPlainUdp(octets: Uint8Array): boolean {
  const { family, offset, transportOffset: udp } = header;
  if (header.protocol !== IpProtocol.udp || header.sourcePort === -1 || header.isFragment) return false;
  if (udp - offset !== ipHeaderOctets(family)) return false;
  if (readU16(octets, udp + 4) !== offset + header.lengthOctets - udp) return false;
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
  if ((rule & RULE_IP) === 0) return 0;
  return rebuild(octets, from, from + length, rule, source, destination, out, offset);
}

/** True of the first octet of what `compressIp` wrote of something other than UDP, and not whole. */
export function isIpAlone(rule: number): boolean {
  return (rule & RULE_IP) !== 0 && ((rule >>> CLASS_SHIFT) & 3) === IP_ALONE;
}

function isClassSent(rule: number): boolean {
  return isIpAlone(rule) ? (rule & ALONE_CLASS_SENT) !== 0 : ((rule >>> CLASS_SHIFT) & 3) === CLASS_SENT;
}

/** Octets of a packet under a rule before its payload, the rule's included. */
function sentOctets(rule: number): number {
  const width = (rule & FAMILY_IPV4) === 0 ? 16 : 4;
  return (
    1 +
    (isClassSent(rule) ? 1 : 0) +
    ((rule & HOP_SENT) === 0 ? 0 : 1) +
    ((rule & SOURCE_SENT) === 0 ? 0 : width) +
    ((rule & DESTINATION_SENT) === 0 ? 0 : width) +
    (isIpAlone(rule) ? 1 : (rule & PORTS_EQUAL) === 0 ? 4 : 2)
  );
}

/**
 * The same of what `compressIp` wrote, and the ports where it is TCP: what all packets of a flow have in common. 0 if it is
 * not under such a rule, or cut short.
 */
export function fieldOctetsOf(octets: Uint8Array, from: number, length: number): number {
  if (length < 1 || from + length > octets.length) return 0;
  const rule = octets[from] as number;
  if ((rule & RULE_IP) === 0) return 0;
  const sent = sentOctets(rule);
  if (sent > length) return 0;
  const isTcp = isIpAlone(rule) && octets[from + sent - 1] === IpProtocol.tcp;
  return isTcp && sent + TCP_PORTS_OCTETS <= length ? sent + TCP_PORTS_OCTETS : sent;
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
  const ipOctets = ipHeaderOctets(family);
  const alone = isIpAlone(rule);
  const payloadOctets = end - from - sentOctets(rule);
  const total = ipOctets + (alone ? 0 : UDP_HEADER_OCTETS) + payloadOctets;
  if (payloadOctets < 0 || total > out.length - offset || total > 0xffff) return 0;
  // An address that is not sent is that of a node; a group has none.
  if (((rule & SOURCE_SENT) === 0 && source === 0) || ((rule & DESTINATION_SENT) === 0 && destination === 0)) return 0;
  let at = from + 1;
  const implied = ((rule >>> CLASS_SHIFT) & 3) === CLASS_EF ? EF_OCTET : 0;
  const trafficClass = isClassSent(rule) ? (octets[at++] as number) : implied;
  const hopLimit = (rule & HOP_SENT) === 0 ? HOP_LIMIT : (octets[at++] as number);
  const sourceAt = offset + (family === 6 ? 8 : 12);
  if ((rule & SOURCE_SENT) === 0) writeMeshIp(source, family, out, sourceAt);
  else at = take(octets, at, width, out, sourceAt);
  if ((rule & DESTINATION_SENT) === 0) writeMeshIp(destination, family, out, sourceAt + width);
  else at = take(octets, at, width, out, sourceAt + width);
  if (alone) {
    const nextHeader = octets[at++] as number;
    copy(octets, at, end, out, offset + ipOctets);
    writeComputed(family, total, trafficClass, hopLimit, nextHeader, out, offset);
    return decodeIpHeader(out, offset, total, header) ? total : 0;
  }
  const udp = offset + ipOctets;
  at = take(octets, at, 2, out, udp);
  if ((rule & PORTS_EQUAL) === 0) at = take(octets, at, 2, out, udp + 2);
  else copy(out, udp, udp + 2, out, udp + 2);
  copy(octets, at, end, out, udp + UDP_HEADER_OCTETS);
  writeComputed(family, total, trafficClass, hopLimit, IpProtocol.udp, out, offset);
  writeComputedUdp(total, out, offset, udp);
  return total;
}

/** Everything in the IP header but addresses, which are there already. */
function writeComputed(
  family: IpFamily,
  total: number,
  trafficClass: number,
  hopLimit: number,
  nextHeader: number,
  out: Uint8Array,
  offset: number,
): void {
  const ipOctets = ipHeaderOctets(family);
  out[offset + nextHeaderAt(family)] = nextHeader;
  if (family === 6) {
    writeU16(out, offset, 0x6000 | (trafficClass << 4));
    writeU16(out, offset + 2, 0);
    writeU16(out, offset + 4, total - ipOctets);
    out[offset + 7] = hopLimit;
  } else {
    writeU16(out, offset, 0x4500 | trafficClass);
    writeU16(out, offset + 2, total);
    writeU16(out, offset + 4, 0);
    writeU16(out, offset + 6, DONT_FRAGMENT);
    out[offset + 8] = hopLimit;
    writeU16(out, offset + 10, 0);
    writeU16(out, offset + 10, foldChecksum(sumOctets(out, offset, offset + ipOctets, 0)));
  }
}

/** Length and checksum of UDP; all else is there. */
function writeComputedUdp(total: number, out: Uint8Array, offset: number, udp: number): void {
  writeU16(out, udp + 4, total - (udp - offset));
  writeU16(out, udp + 6, 0);
  decodeIpHeader(out, offset, total, header);
  const checksum = transportChecksum(out, header);
  // RFC 768: 0 on the wire means that there is none.
  writeU16(out, udp + 6, checksum === 0 ? 0xffff : checksum);
}

function ipHeaderOctets(family: IpFamily): number {
  return family === 6 ? IPV6_HEADER_OCTETS : IPV4_HEADER_OCTETS;
}

function nextHeaderAt(family: IpFamily): number {
  return family === 6 ? 6 : 9;
}

function take(octets: Uint8Array, from: number, length: number, out: Uint8Array, to: number): number {
  copy(octets, from, from + length, out, to);
  return from + length;
}
