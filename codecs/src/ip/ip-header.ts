/**
 * What a gateway has to know of an IP packet (RFC 791 3.1, RFC 8200 3 and 4). Nothing is copied: offsets
 * point into the packet.
 *
 *   IPv4                                             IPv6
 *    0       1       2       3                        0       1       2       3
 *   +---+---+-------+---------------+                +---+-------+-------------------+
 *   | 4 |IHL| DSCP/E| total length  |                | 6 | class |    flow label     |
 *   +---+---+-------+---+-----------+                +---+-------+-----+------+------+
 *   | identification|flg| frag offs |                | payload length |next h|hop l.|
 *   +-------+-------+---+-----------+                +----------------+------+------+
 *   |  TTL  |protoc.| checksum      |                |        source, 16            |
 *   +-------+-------+---------------+                +------------------------------+
 *   | source 4, destination 4, opt. |                |        destination, 16       |
 *   +-------------------------------+                +------------------------------+
 */
import { readU16 } from "../wire/octets.ts";
import type { IpFamily } from "./ip-prefix.ts";

export const IpProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

export const IPV4_HEADER_OCTETS = 20;
export const IPV6_HEADER_OCTETS = 40;
export const UDP_HEADER_OCTETS = 8;
const TCP_HEADER_OCTETS = 20;

/** Extension headers that are walked over: hop-by-hop, routing, destination options, mobility. */
const EXTENSIONS = [0, 43, 60, 135];
const AUTHENTICATION = 51;
const FRAGMENT = 44;
/** More than this is nobody's honest packet. */
const MAX_EXTENSIONS = 8;

export interface IpHeader {
  family: IpFamily;
  /** Where the packet begins, and its length as its header says. */
  offset: number;
  lengthOctets: number;
  /** DSCP (upper 6 bits) and ECN. */
  trafficClassOctet: number;
  /** TTL in IPv4. */
  hopLimit: number;
  sourceOffset: number;
  destinationOffset: number;
  /** Last protocol that could be found: TCP, UDP, ICMP, ... */
  protocol: number;
  /** Where its header begins; -1 if it is not in this packet (a later fragment). */
  transportOffset: number;
  isFragment: boolean;
  /** -1 unless it is TCP or UDP whose ports are in this packet. */
  sourcePort: number;
  destinationPort: number;
}

export function createIpHeader(): IpHeader {
  return {
    family: 4,
    offset: 0,
    lengthOctets: 0,
    trafficClassOctet: 0,
    hopLimit: 0,
    sourceOffset: 0,
    destinationOffset: 0,
    protocol: 0,
    transportOffset: -1,
    isFragment: false,
    sourcePort: -1,
    destinationPort: -1,
  };
}

/** Reads the packet in octets[from, from + length); false if it is no whole IP packet. */
export function decodeIpHeader(octets: Uint8Array, from: number, length: number, into: IpHeader): boolean {
  if (length < IPV4_HEADER_OCTETS || from < 0 || from + length > octets.length) return false;
  const version = (octets[from] as number) >>> 4;
  into.offset = from;
  into.sourcePort = -1;
  into.destinationPort = -1;
  const ok = version === 4 ? decodeIpv4(octets, length, into) : version === 6 && decodeIpv6(octets, length, into);
  if (ok) decodePorts(octets, into);
  return ok;
}

function decodeIpv4(octets: Uint8Array, length: number, into: IpHeader): boolean {
  const from = into.offset;
  const headerOctets = 4 * ((octets[from] as number) & 15);
  const total = readU16(octets, from + 2);
  if (headerOctets < IPV4_HEADER_OCTETS || total < headerOctets || total > length) return false;
  const fragment = readU16(octets, from + 6);
  into.family = 4;
  into.lengthOctets = total;
  into.trafficClassOctet = octets[from + 1] as number;
  into.hopLimit = octets[from + 8] as number;
  into.protocol = octets[from + 9] as number;
  into.sourceOffset = from + 12;
  into.destinationOffset = from + 16;
  into.isFragment = (fragment & 0x3fff) !== 0;
  into.transportOffset = (fragment & 0x1fff) === 0 ? from + headerOctets : -1;
  return true;
}

function decodeIpv6(octets: Uint8Array, length: number, into: IpHeader): boolean {
  const from = into.offset;
  if (length < IPV6_HEADER_OCTETS) return false;
  const total = IPV6_HEADER_OCTETS + readU16(octets, from + 4);
  if (total > length) return false;
  into.family = 6;
  into.lengthOctets = total;
  into.trafficClassOctet = (readU16(octets, from) >>> 4) & 0xff;
  into.hopLimit = octets[from + 7] as number;
  into.sourceOffset = from + 8;
  into.destinationOffset = from + 24;
  into.isFragment = false;
  walkExtensions(octets, from + total, into);
  return true;
}

/** Sets protocol and transportOffset; a chain that is cut short or too long leaves no transport. */
function walkExtensions(octets: Uint8Array, end: number, into: IpHeader): void {
  let protocol = octets[into.offset + 6] as number;
  let at = into.offset + IPV6_HEADER_OCTETS;
  into.transportOffset = -1;
  for (let count = 0; count <= MAX_EXTENSIONS; count++) {
    into.protocol = protocol;
    const isFragment = protocol === FRAGMENT;
    if (!isFragment && protocol !== AUTHENTICATION && !EXTENSIONS.includes(protocol)) {
      if (at <= end) into.transportOffset = at;
      return;
    }
    if (end - at < 8) return;
    if (isFragment) {
      into.isFragment = true;
      if ((readU16(octets, at + 2) & 0xfff8) !== 0) {
        into.protocol = octets[at] as number;
        return;
      }
    }
    protocol = octets[at] as number;
    const units = octets[at + 1] as number;
    // RFC 4302 2.2: the length of an authentication header counts words of 4 octets.
    at += isFragment ? 8 : into.protocol === AUTHENTICATION ? 4 * (units + 2) : 8 * (units + 1);
  }
}

function decodePorts(octets: Uint8Array, into: IpHeader): void {
  const at = into.transportOffset;
  if (at === -1) return;
  const left = into.offset + into.lengthOctets - at;
  const needed =
    into.protocol === IpProtocol.udp ? UDP_HEADER_OCTETS : into.protocol === IpProtocol.tcp ? TCP_HEADER_OCTETS : -1;
  if (needed === -1 || left < needed) return;
  into.sourcePort = readU16(octets, at);
  into.destinationPort = readU16(octets, at + 2);
}

/** True if the packet goes to a group. */
export function isMulticast(octets: Uint8Array, header: IpHeader): boolean {
  const first = octets[header.destinationOffset] as number;
  return header.family === 6 ? first === 0xff : first >>> 4 === 14;
}

/** Takes one hop off; a last hop is left, for the receiver itself or its router's "time exceeded" (RFC 1624 for IPv4). */
export function decrementHopLimit(octets: Uint8Array, header: IpHeader): void {
  if (header.hopLimit <= 1) return;
  header.hopLimit--;
  if (header.family === 6) {
    octets[header.offset + 7] = header.hopLimit;
    return;
  }
  const at = header.offset + 8;
  const before = readU16(octets, at);
  octets[at] = header.hopLimit;
  updateChecksum(octets, header.offset + 10, before, readU16(octets, at));
}

/** Adjusts the checksum at `at` to a word that has changed: HC' = ~(~HC + ~m + m') (RFC 1624 3). */
export function updateChecksum(octets: Uint8Array, at: number, before: number, after: number): void {
  let sum = (~readU16(octets, at) & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  octets[at] = sum >>> 8;
  octets[at + 1] = sum;
}

/** One's complement sum of octets[from, to) on top of `start`, not folded to 16 bits yet. */
export function sumOctets(octets: Uint8Array, from: number, to: number, start: number): number {
  let sum = start;
  let at = from;
  if (to - from >= WORDS_OCTETS) {
    const view = viewOf(octets);
    let high = 0;
    let low = 0;
    for (; at + 7 < to; at += 8) {
      const first = view.getInt32(at);
      const second = view.getInt32(at + 4);
      high = (high + (first >>> 16) + (second >>> 16)) | 0;
      low = (low + (first & 0xffff) + (second & 0xffff)) | 0;
    }
    // No packet is long enough for either to overflow.
    sum += high + low;
  }
  for (; at + 1 < to; at += 2) sum += ((octets[at] as number) << 8) | (octets[at + 1] as number);
  return at < to ? sum + ((octets[at] as number) << 8) : sum;
}

/** From so many octets on words are worth looking for the view that reads them. */
const WORDS_OCTETS = 24;
/** Views of the few arrays that packets come in. */
const views = new WeakMap<Uint8Array, DataView>();
let lastOctets: Uint8Array | undefined;
let lastView: DataView | undefined;

function viewOf(octets: Uint8Array): DataView {
  if (octets === lastOctets) return lastView as DataView;
  let view = views.get(octets);
  if (view === undefined) {
    view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    views.set(octets, view);
  }
  lastOctets = octets;
  lastView = view;
  return view;
}

export function foldChecksum(sum: number): number {
  let folded = (sum & 0xffff) + Math.floor(sum / 0x10000);
  folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

/** Checksum over pseudo-header and transport (RFC 8200 8.1, RFC 768); 0 over a correct one. */
export function transportChecksum(octets: Uint8Array, header: IpHeader): number {
  const end = header.offset + header.lengthOctets;
  const addresses = header.family === 6 ? 32 : 8;
  const length = end - header.transportOffset;
  const start = sumOctets(octets, header.sourceOffset, header.sourceOffset + addresses, header.protocol + length);
  return foldChecksum(sumOctets(octets, header.transportOffset, end, start));
}
