/**
 * Link-state update: deltas first, then full advertisements to the end of the frame.
 *
 *   +--------+---------------+--------------+-------------------------+
 *   | kind 1 | delta count 1 | deltas 6 each| full advertisements ... |
 *   +--------+---------------+--------------+-------------------------+
 *
 *   delta, 6 octets: the link to `neighbour` over `channel` is now `vector` (VECTOR_GONE: no more)
 *   +--------------+------------+--------------+-----------+----------+
 *   | originator 1 | sequence 1 | neighbour 1  | channel 1 | vector 2 |
 *   +--------------+------------+--------------+-----------+----------+
 *   It applies only to the advertisement with the sequence just before; anything else is left to the
 *   digest and a pull. Ids are local to the area.
 *
 *   full advertisement
 *   +--------------+-----------+------------+--------+---------------+--------+--------------+--------+
 *   | originator 2 | node id 4 | boot epoch 4| seq 2 | role 4|caps 4 | name n | link count 1 | links  |
 *   +--------------+-----------+------------+--------+---------------+--------+--------------+--------+
 *     +----------------+----------+
 *     | prefix count 1 | prefixes |   IP networks behind the node, apart from its implicit addresses
 *     +----------------+----------+
 *     +-------------+
 *     | area routes |                  `area-route.ts`; there if capability bit 3 is set
 *     +-------------+
 *     +---------------+
 *     | public key 32 |                X25519, what others seal for this node with; there if capability bit 2 is set
 *     +---------------+
 *     name: length 1, UTF-8 (at most 12)       link, 4 octets: neighbour 1 | channel 1 | vector 2
 *     prefix: family and length 1 | the octets that the length covers, unused bits zero
 *       family and length: 0..128 IPv6 with so many bits, 0xc0 + 0..32 IPv4; 10.9.0.0/16 is d0 0a 09
 *
 * On narrow bearers the link count and the links are a link set (`link-set.ts`).
 *
 * (boot epoch, sequence) orders the advertisements of one originator; sequences do not wrap within a
 * boot (65,535 changes: a node that gets there starts a new epoch's worth by staying silent).
 */
import type { IpFamily, IpPrefix } from "../ip/ip-prefix.ts";
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";
import { type AreaRoute, areaRoutesOctets, decodeAreaRoutes, encodeAreaRoutes } from "./area-route.ts";
import { decodeLinkSet, encodeLinkSet, linkSetOctets } from "./link-set.ts";

export const DELTA_OCTETS = 6;
export const MAX_NAME_OCTETS = 12;
export const MAX_LINKS_PER_NODE = 100;
export const MAX_PREFIXES_PER_NODE = 8;
/** Added to the length of an IPv4 prefix. */
const IPV4_PREFIX = 0xc0;

/** Capability bits. */
export const CAPABILITY_NARROW_VOICE = 1;
/** On the wire only: a public key, area routes follow. */
const CAPABILITY_KEY = 4;
const CAPABILITY_BORDER = 8;
const KEY_OCTETS = 32;

export interface LinkStateLink {
  /** Local id of the other end. */
  neighbour: number;
  /** Kind of bearer: 0 udp, 1 serial, 2 satellite, 3 cellular, 4 mock. */
  channel: number;
  vector: number;
}

export interface Advertisement {
  originator: number;
  nodeId: number;
  bootEpoch: number;
  sequence: number;
  role: number;
  capabilities: number;
  name: Uint8Array;
  links: LinkStateLink[];
  /** At most MAX_PREFIXES_PER_NODE. */
  prefixes: IpPrefix[];
  /** Ways to other areas over this node's own neighbours. */
  areas: AreaRoute[];
  /** 32 octets. */
  publicKey?: Uint8Array | undefined;
}

export interface Delta {
  originator: number;
  /** Low 8 bits. */
  sequence: number;
  neighbour: number;
  channel: number;
  vector: number;
}

export function encodeDelta(delta: Delta, out: Uint8Array, offset: number): number {
  out[offset] = delta.originator;
  out[offset + 1] = delta.sequence;
  out[offset + 2] = delta.neighbour;
  out[offset + 3] = delta.channel;
  writeU16(out, offset + 4, delta.vector);
  return DELTA_OCTETS;
}

export function decodeDelta(octets: Uint8Array, offset: number, end: number): Delta | undefined {
  if (end - offset < DELTA_OCTETS) return undefined;
  return {
    originator: octets[offset] as number,
    sequence: octets[offset + 1] as number,
    neighbour: octets[offset + 2] as number,
    channel: octets[offset + 3] as number,
    vector: readU16(octets, offset + 4),
  };
}

export function advertisementOctets(advertisement: Advertisement, narrow = false): number {
  const links = narrow ? linkSetOctets(advertisement.links) : 1 + 4 * advertisement.links.length;
  let octets = 15 + advertisement.name.length + links;
  for (const prefix of advertisement.prefixes) octets += 1 + prefix.octets.length;
  if (advertisement.publicKey !== undefined) octets += KEY_OCTETS;
  return advertisement.areas.length > 0 ? octets + areaRoutesOctets(advertisement.areas) : octets;
}

export function encodeAdvertisement(
  advertisement: Advertisement,
  out: Uint8Array,
  offset: number,
  narrow = false,
): number {
  let at = offset;
  writeU16(out, at, advertisement.originator);
  writeU32(out, at + 2, advertisement.nodeId);
  writeU32(out, at + 6, advertisement.bootEpoch);
  writeU16(out, at + 10, advertisement.sequence);
  const border = advertisement.areas.length > 0;
  const { publicKey } = advertisement;
  const follows = (border ? CAPABILITY_BORDER : 0) | (publicKey === undefined ? 0 : CAPABILITY_KEY);
  out[at + 12] = (advertisement.role << 4) | advertisement.capabilities | follows;
  out[at + 13] = advertisement.name.length;
  out.set(advertisement.name, at + 14);
  at += 14 + advertisement.name.length;
  at += narrow ? encodeLinkSet(advertisement.links, out, at) : encodeLinks(advertisement.links, out, at);
  out[at++] = advertisement.prefixes.length;
  for (const { family, lengthBits, octets } of advertisement.prefixes) {
    out[at++] = family === 4 ? IPV4_PREFIX + lengthBits : lengthBits;
    out.set(octets, at);
    at += octets.length;
  }
  if (border) at += encodeAreaRoutes(advertisement.areas, out, at);
  if (publicKey === undefined) return at - offset;
  out.set(publicKey, at);
  return at + KEY_OCTETS - offset;
}

function encodeLinks(links: readonly LinkStateLink[], out: Uint8Array, offset: number): number {
  out[offset] = links.length;
  let at = offset + 1;
  for (const link of links) {
    out[at] = link.neighbour;
    out[at + 1] = link.channel;
    writeU16(out, at + 2, link.vector);
    at += 4;
  }
  return at - offset;
}

/** Reads links to `into`; returns the octets read, 0 if they are malformed. */
function decodeLinks(octets: Uint8Array, offset: number, end: number, into: LinkStateLink[]): number {
  const count = octets[offset] as number;
  if (offset >= end || count > MAX_LINKS_PER_NODE || end - offset - 1 < 4 * count) return 0;
  for (let at = offset + 1; into.length < count; at += 4)
    into.push({ neighbour: octets[at] as number, channel: octets[at + 1] as number, vector: readU16(octets, at + 2) });
  return 1 + 4 * count;
}

/** Reads prefixes to `into`; returns the octets read, 0 if they are malformed. */
function decodePrefixes(octets: Uint8Array, offset: number, end: number, into: IpPrefix[]): number {
  if (offset >= end) return 0;
  const count = octets[offset] as number;
  if (count > MAX_PREFIXES_PER_NODE) return 0;
  let at = offset + 1;
  for (let i = 0; i < count; i++) {
    if (at >= end) return 0;
    const first = octets[at++] as number;
    const family: IpFamily = first >= IPV4_PREFIX ? 4 : 6;
    const lengthBits = family === 4 ? first - IPV4_PREFIX : first;
    const length = (lengthBits + 7) >>> 3;
    if (lengthBits > (family === 4 ? 32 : 128) || end - at < length) return 0;
    // Two ways to write one prefix would be two prefixes to whoever compares them.
    if ((lengthBits & 7) !== 0 && ((octets[at + length - 1] as number) & (0xff >>> (lengthBits & 7))) !== 0) return 0;
    into.push({ family, lengthBits, octets: octets.slice(at, at + length) });
    at += length;
  }
  return at - offset;
}

export function decodeAdvertisement(
  octets: Uint8Array,
  offset: number,
  end: number,
  narrow = false,
): Advertisement | undefined {
  if (end - offset < 16) return undefined;
  const nameLength = octets[offset + 13] as number;
  let at = offset + 14 + nameLength;
  if (nameLength > MAX_NAME_OCTETS || at >= end) return undefined;
  const roleOctet = octets[offset + 12] as number;
  const advertisement: Advertisement = {
    originator: readU16(octets, offset),
    nodeId: readU32(octets, offset + 2),
    bootEpoch: readU32(octets, offset + 6),
    sequence: readU16(octets, offset + 10),
    role: roleOctet >>> 4,
    capabilities: roleOctet & 3,
    name: octets.slice(offset + 14, offset + 14 + nameLength),
    links: [],
    prefixes: [],
    areas: [],
  };
  const local = advertisement.originator & 0xff;
  if (local === 0 || local === 255 || advertisement.nodeId === 0) return undefined;
  const read = narrow
    ? decodeLinkSet(octets, at, end, MAX_LINKS_PER_NODE, advertisement.links)
    : decodeLinks(octets, at, end, advertisement.links);
  at += read;
  const prefixes = read === 0 ? 0 : decodePrefixes(octets, at, end, advertisement.prefixes);
  if (prefixes === 0) return undefined;
  at += prefixes;
  if ((roleOctet & CAPABILITY_BORDER) !== 0) {
    const routes = decodeAreaRoutes(octets, at, end, advertisement.areas);
    if (routes === 0) return undefined;
    at += routes;
  }
  if ((roleOctet & CAPABILITY_KEY) === 0) return advertisement;
  if (end - at < KEY_OCTETS) return undefined;
  advertisement.publicKey = octets.slice(at, at + KEY_OCTETS);
  return advertisement;
}
