/**
 * Maximum segment size of TCP (RFC 9293 3.7.1): option 2 in the SYN of either side. Lowered where the path
 * through the mesh is narrower than the ends know, so that no segment has to be broken up.
 */
import { readU16, writeU16 } from "../wire/octets.ts";
import { IPV4_HEADER_OCTETS, IPV6_HEADER_OCTETS, type IpHeader, IpProtocol, updateChecksum } from "./ip-header.ts";

const TCP_HEADER_OCTETS = 20;
const SYN = 0x02;
const OPTION_END = 0;
const OPTION_NOTHING = 1;
const OPTION_MSS = 2;

/** Lowers the MSS of a SYN to what `mtuOctets` carries; true if it was changed. */
export function clampTcpMss(octets: Uint8Array, header: IpHeader, mtuOctets: number): boolean {
  const tcp = header.transportOffset;
  if (header.protocol !== IpProtocol.tcp || header.sourcePort === -1) return false;
  if (((octets[tcp + 13] as number) & SYN) === 0) return false;
  const ipOctets = header.family === 6 ? IPV6_HEADER_OCTETS : IPV4_HEADER_OCTETS;
  const most = mtuOctets - ipOctets - TCP_HEADER_OCTETS;
  const headerEnd = tcp + 4 * ((octets[tcp + 12] as number) >>> 4);
  const end = Math.min(headerEnd, header.offset + header.lengthOctets);
  const at = findMss(octets, tcp + TCP_HEADER_OCTETS, end);
  if (at === -1 || readU16(octets, at + 2) <= most) return false;
  // The option may begin at an odd octet: then its value lies across two words of the checksum.
  const isOdd = ((at + 2 - tcp) & 1) === 1;
  const before = readU16(octets, at + 2);
  writeU16(octets, at + 2, most);
  updateChecksum(octets, tcp + 16, isOdd ? swapped(before) : before, isOdd ? swapped(most) : most);
  return true;
}

function findMss(octets: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const kind = octets[at] as number;
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_NOTHING) {
      at++;
      continue;
    }
    const length = at + 1 < end ? (octets[at + 1] as number) : 0;
    if (length < 2 || at + length > end) return -1;
    if (kind === OPTION_MSS) return length === 4 ? at : -1;
    at += length;
  }
  return -1;
}

function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
