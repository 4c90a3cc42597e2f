/**
 * "Destination unreachable", as a router says it: ICMPv6 type 1 code 0, no route (RFC 4443 3.1), and ICMP
 * type 3 code 1, host unreachable (RFC 792, RFC 1812 5.2.7.1).
 *
 *   +------+------+----------+-----------+----------------------------------------+
 *   | type | code | checksum | unused 4  | as much of the packet as fits (IPv4: 28)|
 *   +------+------+----------+-----------+----------------------------------------+
 */
import { writeU16 } from "../wire/octets.ts";
import {
  foldChecksum,
  IPV4_HEADER_OCTETS,
  IPV6_HEADER_OCTETS,
  type IpHeader,
  IpProtocol,
  isMulticast,
  sumOctets,
} from "./ip-header.ts";
import { MESH_ROUTER, writeMeshIp } from "./mesh-ip.ts";

const ICMP_OCTETS = 8;
/** RFC 4443 2.4 (c): an error is never larger than IPv6's least MTU. */
const IPV6_MTU_OCTETS = 1280;
const HOP_LIMIT = 64;
/** Least room for an answer, octets. */
export const UNREACHABLE_MAX_OCTETS = IPV6_MTU_OCTETS;

/**
 * Writes the mesh's answer to a packet that it cannot pass on and returns its length; 0 where none may be given (RFC 4443 2.4 (e), RFC 1122 3.2.2): to errors, groups, later fragments and sources that are nobody.
 */
export function encodeUnreachable(octets: Uint8Array, header: IpHeader, out: Uint8Array): number {
  if (isMulticast(octets, header) || header.transportOffset === -1 || !isOneNode(octets, header)) return 0;
  const type = octets[header.transportOffset] as number;
  if (header.family === 6) {
    if (header.protocol === IpProtocol.icmpv6 && type < 128) return 0;
    return encodeIpv6(octets, header, out);
  }
  // Only the question of a ping may be answered by an error.
  if (header.protocol === IpProtocol.icmp && type !== 8) return 0;
  return encodeIpv4(octets, header, out);
}

function isOneNode(octets: Uint8Array, header: IpHeader): boolean {
  const at = header.sourceOffset;
  const first = octets[at] as number;
  if (header.family === 4) return first !== 0 && first !== 127 && first < 224;
  if (first === 0xff) return false;
  for (let i = 0; i < 16; i++) if (octets[at + i] !== 0) return true;
  return false;
}

function encodeIpv6(octets: Uint8Array, header: IpHeader, out: Uint8Array): number {
  const quoted = Math.min(header.lengthOctets, IPV6_MTU_OCTETS - IPV6_HEADER_OCTETS - ICMP_OCTETS);
  const body = ICMP_OCTETS + quoted;
  out.fill(0, 0, IPV6_HEADER_OCTETS + ICMP_OCTETS);
  out[0] = 0x60;
  writeU16(out, 4, body);
  out[6] = IpProtocol.icmpv6;
  out[7] = HOP_LIMIT;
  writeMeshIp(MESH_ROUTER, 6, out, 8);
  copy(octets, header.sourceOffset, 16, out, 24);
  out[IPV6_HEADER_OCTETS] = 1;
  copy(octets, header.offset, quoted, out, IPV6_HEADER_OCTETS + ICMP_OCTETS);
  const pseudo = sumOctets(out, 8, IPV6_HEADER_OCTETS, IpProtocol.icmpv6 + body);
  const end = IPV6_HEADER_OCTETS + body;
  writeU16(out, IPV6_HEADER_OCTETS + 2, foldChecksum(sumOctets(out, IPV6_HEADER_OCTETS, end, pseudo)));
  return end;
}

function encodeIpv4(octets: Uint8Array, header: IpHeader, out: Uint8Array): number {
  const quoted = Math.min(header.lengthOctets, header.transportOffset - header.offset + 8);
  const total = IPV4_HEADER_OCTETS + ICMP_OCTETS + quoted;
  out.fill(0, 0, IPV4_HEADER_OCTETS + ICMP_OCTETS);
  out[0] = 0x45;
  writeU16(out, 2, total);
  out[8] = HOP_LIMIT;
  out[9] = IpProtocol.icmp;
  writeMeshIp(MESH_ROUTER, 4, out, 12);
  copy(octets, header.sourceOffset, 4, out, 16);
  writeU16(out, 10, foldChecksum(sumOctets(out, 0, IPV4_HEADER_OCTETS, 0)));
  out[IPV4_HEADER_OCTETS] = 3;
  out[IPV4_HEADER_OCTETS + 1] = 1;
  copy(octets, header.offset, quoted, out, IPV4_HEADER_OCTETS + ICMP_OCTETS);
  writeU16(out, IPV4_HEADER_OCTETS + 2, foldChecksum(sumOctets(out, IPV4_HEADER_OCTETS, total, 0)));
  return total;
}

function copy(octets: Uint8Array, from: number, length: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < length; i++) out[to + i] = octets[from + i] as number;
}
