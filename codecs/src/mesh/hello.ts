/**
 * Hello on a wide bearer (`narrow-hello.ts` has the other one): who I am, what I know (digest), whom I hear. Every
 * other frame also counts as a sign of life; a hello is what closes counter gaps and carries the return half of two-way
 * link detection.
 *
 *   address only in a full frame: others name or imply their transmitter
 *   +--------+---------+-------------+--------------+----------+---------+-----------+
 *   | kind 1 | flags 1 | [address 2] | interval 1   | digest 4 | count 1 | entries   |
 *   +--------+---------+-------------+--------------+----------+---------+-----------+
 *     entry, shared medium:   local id 1 | quality 1
 *     entry, point-to-point:  local id 1 | quality 1 | receiver index 1 | slot 1 | counter 4
 *
 *   on a bearer with neighbours of other areas behind that (flag bit 3)
 *   +---------+-----------------------+--------+---------------+-------------+
 *   | count 1 | area 1, entry  ...    | part 1 | members 1 + n | area routes |   what lies behind this node, as in
 *   +---------+-----------------------+--------+---------------+-------------+   `area-route.ts`
 *
 *   part      lowest local id that the transmitter reaches in its own area
 *   members   all that it reaches there; no octets unless there is, or may be, another part
 *
 *   flags     bit 0: please answer with a full hello (I do not know you well enough to open your frames)
 *             bit 1: point-to-point entries
 *             bit 2: whom I hear has not changed; no entries
 *             bit 3: neighbours of other areas, and area routes
 *   interval  until the next hello, in units of 0.1 s
 *   quality   share of your frames that I receive, x 255
 *   receiver index, slot, counter: what the other end needs to send and to open direct frames:
 *             the index to put in front, the sender's slot (low octet of the stream), its next counter
 */

import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";
import {
  type AreaRoute,
  decodeAreaMembers,
  decodeAreaRoutes,
  encodeAreaMembers,
  encodeAreaRoutes,
  NO_MEMBERS,
} from "./area-route.ts";

export const HELLO_FLAG_REPLY = 1;
export const HELLO_FLAG_DIRECT = 2;
export const HELLO_FLAG_SAME = 4;
export const HELLO_FLAG_AREAS = 8;
/** Of both kinds together. */
export const MAX_HELLO_ENTRIES = 100;
const SHARED_ENTRY_OCTETS = 2;
const DIRECT_ENTRY_OCTETS = 8;
const NO_ROUTES: readonly AreaRoute[] = [];

export interface HelloEntry {
  /** -1 for the transmitter's own. Those of other areas come last. */
  area: number;
  local: number;
  /** 0..255 */
  quality: number;
  receiverIndex: number;
  slot: number;
  counter: number;
}

export interface Hello {
  flags: number;
  /** 0 where the frame does not carry it. */
  address: number;
  interval100ms: number;
  digest: number;
  entryCount: number;
  /** Reused from call to call; the first `entryCount` are valid. */
  entries: HelloEntry[];
  /** These three where the flags say so; 0 and none otherwise. */
  part: number;
  members: Uint8Array;
  routes: readonly AreaRoute[];
}

export function createHello(): Hello {
  const counts = { flags: 0, address: 0, interval100ms: 0, digest: 0, entryCount: 0 };
  return { ...counts, entries: [], part: 0, members: NO_MEMBERS, routes: [] };
}

/** The i-th entry, made on first use. */
export function helloEntry(hello: Hello, index: number): HelloEntry {
  let entry = hello.entries[index];
  if (entry === undefined) {
    entry = { area: -1, local: 0, quality: 0, receiverIndex: 0, slot: 0, counter: 0 };
    hello.entries[index] = entry;
  }
  return entry;
}

/** Writes everything after the kind octet. */
export function encodeHello(hello: Hello, withAddress: boolean, out: Uint8Array, offset: number): number {
  let at = offset;
  out[at++] = hello.flags;
  if (withAddress) {
    writeU16(out, at, hello.address);
    at += 2;
  }
  out[at++] = hello.interval100ms;
  writeU32(out, at, hello.digest);
  at += 4;
  let own = 0;
  while (own < hello.entryCount && (hello.entries[own] as HelloEntry).area < 0) own++;
  out[at++] = own;
  for (let i = 0; i < own; i++) at = encodeEntry(hello, i, out, at);
  if ((hello.flags & HELLO_FLAG_AREAS) === 0) return at - offset;
  out[at++] = hello.entryCount - own;
  for (let i = own; i < hello.entryCount; i++) {
    out[at++] = (hello.entries[i] as HelloEntry).area;
    at = encodeEntry(hello, i, out, at);
  }
  out[at++] = hello.part;
  at += encodeAreaMembers(hello.members, out, at);
  return at + encodeAreaRoutes(hello.routes, out, at) - offset;
}

/** Returns where the entry ends. */
function encodeEntry(hello: Hello, index: number, out: Uint8Array, offset: number): number {
  const entry = hello.entries[index] as HelloEntry;
  out[offset] = entry.local;
  out[offset + 1] = entry.quality;
  if ((hello.flags & HELLO_FLAG_DIRECT) === 0) return offset + SHARED_ENTRY_OCTETS;
  out[offset + 2] = entry.receiverIndex;
  out[offset + 3] = entry.slot;
  writeU32(out, offset + 4, entry.counter);
  return offset + DIRECT_ENTRY_OCTETS;
}

/** Fills `into` from everything after the kind octet; false on anything malformed. */
export function decodeHello(
  octets: Uint8Array,
  offset: number,
  end: number,
  withAddress: boolean,
  into: Hello,
): boolean {
  let at = offset;
  if (end - at < 3 + (withAddress ? 2 : 0) + 4) return false;
  into.flags = octets[at++] as number;
  into.address = 0;
  if (withAddress) {
    into.address = readU16(octets, at);
    at += 2;
  }
  into.interval100ms = octets[at++] as number;
  into.digest = readU32(octets, at);
  at += 4;
  const own = octets[at++] as number;
  const entryOctets = into.flags & HELLO_FLAG_DIRECT ? DIRECT_ENTRY_OCTETS : SHARED_ENTRY_OCTETS;
  if (own > MAX_HELLO_ENTRIES || end - at < own * entryOctets) return false;
  for (let i = 0; i < own; i++, at += entryOctets) decodeEntry(octets, at, -1, helloEntry(into, i), entryOctets);
  into.entryCount = own;
  into.part = 0;
  into.members = NO_MEMBERS;
  into.routes = NO_ROUTES;
  if ((into.flags & HELLO_FLAG_AREAS) === 0) return at === end;
  return decodeAreas(octets, at, end, into, entryOctets);
}

function decodeAreas(octets: Uint8Array, offset: number, end: number, into: Hello, entryOctets: number): boolean {
  if (offset >= end) return false;
  const others = octets[offset] as number;
  let at = offset + 1;
  if (into.entryCount + others > MAX_HELLO_ENTRIES || end - at < others * (1 + entryOctets)) return false;
  for (let i = 0; i < others; i++, at += 1 + entryOctets)
    decodeEntry(octets, at + 1, octets[at] as number, helloEntry(into, into.entryCount++), entryOctets);
  const members = decodeAreaMembers(octets, at + 1, end);
  if (members === undefined) return false;
  into.part = octets[at] as number;
  into.members = members;
  at += 2 + members.length;
  const routes: AreaRoute[] = [];
  const read = decodeAreaRoutes(octets, at, end, routes);
  into.routes = routes;
  return read > 0 && at + read === end;
}

function decodeEntry(octets: Uint8Array, at: number, area: number, entry: HelloEntry, entryOctets: number): void {
  const direct = entryOctets === DIRECT_ENTRY_OCTETS;
  entry.area = area;
  entry.local = octets[at] as number;
  entry.quality = octets[at + 1] as number;
  entry.receiverIndex = direct ? (octets[at + 2] as number) : 0;
  entry.slot = direct ? (octets[at + 3] as number) : 0;
  entry.counter = direct ? readU32(octets, at + 4) : 0;
}
