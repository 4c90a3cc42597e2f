/**
 * Hello on a narrow bearer: who I am, what I know (digest, policy), and how long I may be silent. Whom I hear is said in
 * link state, where it costs a bit each; every other frame also counts as a sign of life.
 *
 *   +--------+---------+-------------+-----------+----------+----------+-----------+
 *   | kind 1 | flags 1 | [address 2] | silence 1 | digest 2 | policy 1 | [asked 1] |
 *   +--------+---------+-------------+-----------+----------+----------+-----------+
 *
 *   flags     bit 0: please answer with a full hello, everybody (I am new here)
 *             bit 3: please answer with a full hello, you who are asked (I cannot open your frames); `asked` is there
 *   address   in a full frame only: others name their transmitter
 *   silence   the next frame, of whatever kind, comes within so many seconds
 *   policy    which one I have, as `policyMark` puts it
 */
import { readU16, writeU16 } from "../wire/octets.ts";
import { HELLO_FLAG_REPLY } from "./hello.ts";

const FLAG_ASKED = 8;

export interface NarrowHello {
  /** Everybody is asked for a full hello. */
  reply: boolean;
  /** 0 where the frame does not carry it. */
  address: number;
  silenceS: number;
  /** Low 16 bits. */
  digest: number;
  /** See `policyMark`. */
  policy: number;
  /** Local id of the one that is asked for a full hello, 0: nobody in particular. */
  asked: number;
}

export function createNarrowHello(): NarrowHello {
  return { reply: false, address: 0, silenceS: 0, digest: 0, policy: 0, asked: 0 };
}

/** Writes everything after the kind octet. */
export function encodeNarrowHello(hello: NarrowHello, withAddress: boolean, out: Uint8Array, offset: number): number {
  let at = offset;
  out[at++] = (hello.reply ? HELLO_FLAG_REPLY : 0) | (hello.asked !== 0 ? FLAG_ASKED : 0);
  if (withAddress) {
    writeU16(out, at, hello.address);
    at += 2;
  }
  out[at++] = hello.silenceS;
  writeU16(out, at, hello.digest & 0xffff);
  at += 2;
  out[at++] = hello.policy;
  if (hello.asked !== 0) out[at++] = hello.asked;
  return at - offset;
}

/** Fills `into` from everything after the kind octet; false on anything malformed. */
export function decodeNarrowHello(
  octets: Uint8Array,
  offset: number,
  end: number,
  withAddress: boolean,
  into: NarrowHello,
): boolean {
  if (end <= offset) return false;
  let at = offset;
  const flags = octets[at++] as number;
  const asks = (flags & FLAG_ASKED) !== 0;
  if ((flags & ~(HELLO_FLAG_REPLY | FLAG_ASKED)) !== 0) return false;
  if (end - at !== 4 + (withAddress ? 2 : 0) + (asks ? 1 : 0)) return false;
  into.reply = (flags & HELLO_FLAG_REPLY) !== 0;
  into.address = 0;
  if (withAddress) {
    into.address = readU16(octets, at);
    at += 2;
  }
  into.silenceS = octets[at++] as number;
  into.digest = readU16(octets, at);
  at += 2;
  into.policy = octets[at++] as number;
  into.asked = asks ? (octets[at] as number) : 0;
  return !asks || into.asked !== 0;
}
