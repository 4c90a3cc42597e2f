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
 *   flags     bit 0: please answer with a full hello (I do not know you well enough to open your frames)
 *             bit 1: point-to-point entries
 *             bit 2: whom I hear has not changed; no entries
 *   interval  until the next hello, in units of 0.1 s
 *   quality   share of your frames that I receive, x 255
 *   receiver index, slot, counter: what the other end needs to send and to open direct frames:
 *             the index to put in front, the sender's slot (low octet of the stream), its next counter
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";

export const HELLO_FLAG_REPLY = 1;
export const HELLO_FLAG_DIRECT = 2;
export const HELLO_FLAG_SAME = 4;
export const MAX_HELLO_ENTRIES = 100;

export interface HelloEntry {
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
}

export function createHello(): Hello {
  return { flags: 0, address: 0, interval100ms: 0, digest: 0, entryCount: 0, entries: [] };
}

/** The i-th entry, made on first use. */
export function helloEntry(hello: Hello, index: number): HelloEntry {
  let entry = hello.entries[index];
  if (entry === undefined) {
    entry = { local: 0, quality: 0, receiverIndex: 0, slot: 0, counter: 0 };
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
  out[at++] = hello.entryCount;
  for (let i = 0; i < hello.entryCount; i++) {
    const entry = hello.entries[i] as HelloEntry;
    out[at++] = entry.local;
    out[at++] = entry.quality;
    if (hello.flags & HELLO_FLAG_DIRECT) {
      out[at++] = entry.receiverIndex;
      out[at++] = entry.slot;
      writeU32(out, at, entry.counter);
      at += 4;
    }
  }
  return at - offset;
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
  into.entryCount = octets[at++] as number;
  const direct = (into.flags & HELLO_FLAG_DIRECT) !== 0;
  if (into.entryCount > MAX_HELLO_ENTRIES || end - at !== into.entryCount * (direct ? 8 : 2)) return false;
  for (let i = 0; i < into.entryCount; i++) {
    const entry = helloEntry(into, i);
    entry.local = octets[at++] as number;
    entry.quality = octets[at++] as number;
    entry.receiverIndex = direct ? (octets[at++] as number) : 0;
    entry.slot = direct ? (octets[at++] as number) : 0;
    entry.counter = direct ? readU32(octets, at) : 0;
    if (direct) at += 4;
  }
  return true;
}
