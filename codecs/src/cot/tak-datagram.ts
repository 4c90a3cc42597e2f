/**
 * The framings that TAK clients use in UDP datagrams.
 *
 *   xml      <?xml ...><event ...>
 *   mesh     +------+------------------+------+---------+
 *            | 0xbf | version (varint) | 0xbf | payload |   version 0 XML, 1 protobuf
 *            +------+------------------+------+---------+
 *   stream   +------+------------------+---------+
 *            | 0xbf | length (varint)  | payload |          protobuf, meant for TCP; some clients send it on UDP
 *            +------+------------------+---------+
 *
 * A varint has 7 bits an octet, low ones first, the top bit on all but the last. Protobuf payloads are recognised,
 * not read.
 */

import type { CotEvent } from "./cot-event.ts";
import { decodeCotEvent } from "./cot-event.ts";

export type TakFraming = "xml" | "mesh" | "stream";
export type TakDatagram =
  | { kind: "event"; framing: TakFraming; event: CotEvent }
  /** A well-framed payload of a version that this decoder does not read; for the caller to count. */
  | { kind: "unsupported"; framing: TakFraming }
  | { kind: "malformed" };

export const TAK_MAGIC = 0xbf;
/** Four octets hold 2^28, more than any datagram. */
const MAX_VARINT_OCTETS = 4;
const LESS = 0x3c;
const MALFORMED: TakDatagram = { kind: "malformed" };

/** Reads one datagram, whatever its framing. */
export function decodeTakDatagram(octets: Uint8Array, offset: number, length: number): TakDatagram {
  if (offset < 0 || length < 1 || offset + length > octets.length) return MALFORMED;
  if (octets[offset] !== TAK_MAGIC) return readXml("xml", octets, offset, length);
  const end = offset + length;
  let value = 0;
  let at = offset + 1;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || at > offset + MAX_VARINT_OCTETS) return MALFORMED;
    const octet = octets[at++] as number;
    value |= (octet & 0x7f) << shift;
    if (octet < 0x80) break;
  }
  // No protobuf message begins with 0xbf: 7 is no wire type.
  if (at < end && octets[at] === TAK_MAGIC) return readMesh(value, octets, at + 1, end);
  if (end - at !== value || value === 0) return MALFORMED;
  return octets[at] === LESS ? readXml("stream", octets, at, value) : { kind: "unsupported", framing: "stream" };
}

function readMesh(version: number, octets: Uint8Array, from: number, end: number): TakDatagram {
  if (from >= end) return MALFORMED;
  // Some clients announce version 1 and send XML: what stands there decides.
  if (octets[from] === LESS) return readXml("mesh", octets, from, end - from);
  return version === 0 ? MALFORMED : { kind: "unsupported", framing: "mesh" };
}

function readXml(framing: TakFraming, octets: Uint8Array, offset: number, length: number): TakDatagram {
  const event = decodeCotEvent(octets, offset, length);
  return event === undefined ? MALFORMED : { kind: "event", framing, event };
}
