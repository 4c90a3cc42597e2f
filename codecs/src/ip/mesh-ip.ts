/**
 * The IP addresses that every node has by its mesh address alone, never advertised:
 *
 *   IPv6  fd73:6b65:696e::AALL   (RFC 4193 local prefix; its digits read "skein")
 *   IPv4  10.115.AREA.LOCAL      (115 is "s")
 */
import type { IpFamily } from "./ip-prefix.ts";

/** Networks that hold the implicit addresses of all nodes. */
export const MESH_IPV6_PREFIX = "fd73:6b65:696e::/48";
export const MESH_IPV4_PREFIX = "10.115.0.0/16";

/**
 * The mesh itself, as a router that speaks of it: 10.115.255.254. No node has area 255. A kernel takes no packet from
 * outside whose source is its own address.
 */
export const MESH_ROUTER = 0xfffe;

const IPV6_HEAD = [0xfd, 0x73, 0x6b, 0x65, 0x69, 0x6e, 0, 0, 0, 0, 0, 0, 0, 0];
const IPV4_HEAD = [10, 115];

function headOf(family: IpFamily): readonly number[] {
  return family === 6 ? IPV6_HEAD : IPV4_HEAD;
}

/** Writes the implicit address of a node: 16 or 4 octets. */
export function writeMeshIp(address: number, family: IpFamily, out: Uint8Array, offset: number): void {
  const head = headOf(family);
  let at = offset;
  for (let i = 0; i < head.length; i++) out[at++] = head[i] as number;
  out[at++] = address >>> 8;
  out[at] = address;
}

/** Mesh address whose implicit address this is, 0 if it is nobody's. */
export function meshAddressOf(octets: Uint8Array, offset: number, family: IpFamily): number {
  const head = headOf(family);
  for (let i = 0; i < head.length; i++) if (octets[offset + i] !== head[i]) return 0;
  const area = octets[offset + head.length] as number;
  const local = octets[offset + head.length + 1] as number;
  return area === 255 || local === 0 || local === 255 ? 0 : (area << 8) | local;
}

export function meshIpv6Text(address: number): string {
  return `fd73:6b65:696e::${address.toString(16)}`;
}
export function meshIpv4Text(address: number): string {
  return `10.115.${address >>> 8}.${address & 0xff}`;
}
