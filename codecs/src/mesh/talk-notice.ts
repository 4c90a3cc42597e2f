/**
 * What a member of a narrow channel puts in front of what it sends beside a talker: who does not hear the talker learns that
 * there is one, when it is silent, and what was missed.
 *
 *   +--------+----------+------------+-----------------------+------------------------
 *   | 0xE6 1 | talker 1 | sequence 1 | bundles - 1 (2 bits)  | plaintext of the frame ...
 *   |        |          |            | phase (6 bits)        |
 *   +--------+----------+------------+-----------------------+------------------------
 *
 * First octet: kind `talkNotice`, class command, precedence immediate. Talker: local id of who transmits the voice. Sequence:
 * low 8 bits of the number of its last voice packet that was heard. Bundles: in each of its packets. Phase: when the frame with the
 * notice begins, in 64ths of the distance of two packets, since one of them was, or would have been, at its end. Not in front of
 * voice, flash, unicast and fragments.
 */
import { classOf, FrameKind, isUnicastKind, kindOctet, kindOf, precedenceOf } from "./frame-kind.ts";

const VOICE = 0;
const COMMAND = 1;
const IMMEDIATE = 2;
/** An SOS has no octet to spare. */
const FLASH = 3;
const NOTICE_OCTET = kindOctet(FrameKind.talkNotice, COMMAND, IMMEDIATE);

export const TALK_NOTICE_OCTETS = 4;
/** Phases in a step. */
export const TALK_PHASES = 64;

export interface TalkNotice {
  talker: number;
  sequenceLow: number;
  /** 1..4. */
  bundles: number;
  /** 0..63. */
  phase: number;
}

export function createTalkNotice(): TalkNotice {
  return { talker: 0, sequenceLow: 0, bundles: 1, phase: 0 };
}

/** True if plaintext that begins with this octet may follow a notice. */
export function mayFollowTalkNotice(octet: number): boolean {
  const kind = kindOf(octet);
  if (isUnicastKind(kind) || kind === FrameKind.fragment || kind === FrameKind.talkNotice) return false;
  return classOf(octet) !== VOICE && precedenceOf(octet) !== FLASH;
}

/** Moves the plaintext out[from, end) behind a notice, and returns its new end. */
export function insertTalkNotice(notice: TalkNotice, out: Uint8Array, from: number, end: number): number {
  out.copyWithin(from + TALK_NOTICE_OCTETS, from, end);
  out[from] = NOTICE_OCTET;
  out[from + 1] = notice.talker;
  out[from + 2] = notice.sequenceLow;
  out[from + 3] = ((notice.bundles - 1) << 6) | notice.phase;
  return end + TALK_NOTICE_OCTETS;
}

/** True if plaintext begins with a notice. */
export function hasTalkNotice(octet: number): boolean {
  return octet === NOTICE_OCTET;
}

/**
 * Fills `into` and takes the notice out of the plaintext octets[from, end), with what stands behind that up to `frameEnd`. Returns
 * the new end, 0 if what follows may not.
 */
export function takeTalkNotice(
  octets: Uint8Array,
  from: number,
  end: number,
  frameEnd: number,
  into: TalkNotice,
): number {
  if (end - from <= TALK_NOTICE_OCTETS || !mayFollowTalkNotice(octets[from + TALK_NOTICE_OCTETS] as number)) return 0;
  into.talker = octets[from + 1] as number;
  into.sequenceLow = octets[from + 2] as number;
  into.bundles = ((octets[from + 3] as number) >>> 6) + 1;
  into.phase = (octets[from + 3] as number) & 0x3f;
  octets.copyWithin(from, from + TALK_NOTICE_OCTETS, frameEnd);
  return end - TALK_NOTICE_OCTETS;
}
