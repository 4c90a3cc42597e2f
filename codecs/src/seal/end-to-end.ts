/**
 * Protection of a unicast packet from its source to its destination: relays carry what they can neither read nor alter.
 * Eight octets behind the text.
 *
 *   payload of a protected packet
 *   +--------------+--------------------+-------+
 *   | ciphertext n | counter, low 16  2 | tag 6 |
 *   +--------------+--------------------+-------+
 *
 *   associated data, 12 octets, known at both ends and never sent
 *   +-----------+----------+---------------+---------------+-----------+
 *   | purpose 1 | source 2 | destination 2 | kind octet 1  | counter 6 |
 *   +-----------+----------+---------------+---------------+-----------+
 *
 * The kind octet is that of the plain header (kind, class, precedence). Not covered is what hops write: potential, next
 * hop, repair; and the routing sequence, of which narrow hops carry the low bits only. It tells copies of a packet from
 * one another; whether a packet is new to its destination is for the counter, which is that of the pair of nodes.
 *
 * Construction: a synthetic IV (after RFC 5297, with keyed BLAKE2b and ChaCha20), under one pair of subkeys for each
 * direction of a session:
 *
 *   tag        = BLAKE2b(mac key, associated data | text), first octets
 *   ciphertext = text xor ChaCha20(text key, nonce: tag | last octets of the associated data, 12 in all)
 *
 * A counter that came twice (a cloned node) would show that two equal texts are equal, and nothing else.
 *
 * A packet whose way is a single point-to-point hop needs no second seal: its frame is sealed under the keys of the two
 * ends instead of the mission's, by the same construction (`layout.ts`, E), and adds nothing but that frame's tag.
 *
 *   associated data of such a frame, 17 octets
 *   +-----------+----------------+--------------+----------+-----------+
 *   | purpose 1 | frame header 4 | boot epoch 4 | stream 2 | counter 6 |   the last three as in the frame's nonce
 *   +-----------+----------------+--------------+----------+-----------+
 *
 * Two nodes agree on a session with key packets, which are unicast of class command and precedence immediate and the
 * only ones that hops alone protect, apart from what everybody knows anyway (`isProtected`).
 *
 *   key packet, 41 octets; 6 more with a tag, 4 more with a counter
 *   +---------+-----------+--------------+---------------+----------------------+---------+
 *   | flags 1 | node id 4 | boot epoch 4 | public key 32 | [counter / 2^15   4] | [tag 6] |
 *   +---------+-----------+--------------+---------------+----------------------+---------+
 *
 *   flags   bit 0: please answer with yours   bit 1: the tag is there   bit 2: the counter is there   bit 3: see below
 *   counter that of the next protected packet, where it is 32,768 or more
 *   a short question, 1 octet: flags with bit 3 alone. Who asks has no advertisement of the destination: whoever has it, on
 *   the way or there, answers with that, as link state. The asker's own key follows in a packet that does not ask.
 *
 *   tag     as above with no text, under the keys of the session: it proves the private key, and both boot epochs;
 *           associated data, 50 octets:
 *           | purpose 1 | source 2 | destination 2 | flags 1 | node id 4 | boot epoch 4 | public key 32 | counter / 2^15 4 |
 */

import { FrameKind } from "../mesh/frame-kind.ts";
import { copyOctets, readU16, readU32, writeU16, writeU32, writeU48 } from "../wire/octets.ts";
import { DIRECT_HEADER_OCTETS, NONCE_OCTETS } from "./layout.ts";

export const END_TO_END_TAG_OCTETS = 6;
/** What protection adds to a packet. */
export const END_TO_END_OCTETS = 8;
export const END_TO_END_COUNTER_BITS = 16;
/** Half of what the bits in a packet span: from there on they tell the counter. */
export const COUNTER_UNIT = 2 ** 15;
export const PACKET_ASSOCIATED_OCTETS = 12;
export const PUBLIC_KEY_OCTETS = 32;
/** Without counter and tag. */
export const KEY_PACKET_OCTETS = 41;
const KEY_COUNTER_OCTETS = 4;
export const KEY_PACKET_MAX_OCTETS = KEY_PACKET_OCTETS + KEY_COUNTER_OCTETS + END_TO_END_TAG_OCTETS;
export const KEY_ASSOCIATED_OCTETS = 50;
export const FRAME_ASSOCIATED_OCTETS = 1 + DIRECT_HEADER_OCTETS + NONCE_OCTETS;

const PURPOSE_PACKET = 1;
const PURPOSE_KEY = 2;
const PURPOSE_FRAME = 3;
const KEY_FLAG_ASK = 1;
const KEY_FLAG_TAG = 2;
const KEY_FLAG_COUNTER = 4;
const SHORT_QUESTION = 8;
const COMMAND = 1;
const ROUTINE = 0;
const IMMEDIATE = 2;
/** Class and precedence of key packets. */
export const KEY_CLASS = COMMAND;
export const KEY_PRECEDENCE = IMMEDIATE;

/** True of a key packet's kind, class and precedence. */
export function isKeyPacket(kind: number, trafficClass: number, precedence: number): boolean {
  return kind === FrameKind.unicast && trafficClass === COMMAND && precedence === IMMEDIATE;
}

/**
 * True of unicast that is sealed from end to end: all but key packets and routine commands, which repeat to a newcomer
 * what the whole mesh was told (policies).
 */
export function isProtected(kind: number, trafficClass: number, precedence: number): boolean {
  if (kind === FrameKind.datagram) return true;
  return trafficClass !== COMMAND || (precedence !== ROUTINE && precedence !== IMMEDIATE);
}

/** Fills the associated data of a packet. */
export function writePacketAssociated(
  out: Uint8Array,
  source: number,
  destination: number,
  kindOctet: number,
  counter: number,
): void {
  out[0] = PURPOSE_PACKET;
  writeU16(out, 1, source);
  writeU16(out, 3, destination);
  out[5] = kindOctet;
  writeU48(out, 6, counter);
}

/** Fills the associated data of a frame that is sealed under the keys of its ends: its header, and its nonce. */
export function writeFrameAssociated(out: Uint8Array, frame: Uint8Array, nonce: Uint8Array): void {
  out[0] = PURPOSE_FRAME;
  copyOctets(frame, 0, DIRECT_HEADER_OCTETS, out, 1);
  copyOctets(nonce, 0, NONCE_OCTETS, out, 1 + DIRECT_HEADER_OCTETS);
}

export interface KeyPacket {
  asks: boolean;
  tagged: boolean;
  nodeId: number;
  bootEpoch: number;
  /** Of the next protected packet, in units of COUNTER_UNIT. */
  counterHigh: number;
  /** PUBLIC_KEY_OCTETS. */
  readonly publicKey: Uint8Array;
}

export function createKeyPacket(): KeyPacket {
  return {
    asks: false,
    tagged: false,
    nodeId: 0,
    bootEpoch: 0,
    counterHigh: 0,
    publicKey: new Uint8Array(PUBLIC_KEY_OCTETS),
  };
}

/** Writes all but the tag; returns the octets written. */
export function encodeKeyPacket(packet: KeyPacket, out: Uint8Array, offset: number): number {
  out[offset] = flagsOf(packet);
  writeU32(out, offset + 1, packet.nodeId);
  writeU32(out, offset + 5, packet.bootEpoch);
  out.set(packet.publicKey, offset + 9);
  if (packet.counterHigh === 0) return KEY_PACKET_OCTETS;
  writeU32(out, offset + KEY_PACKET_OCTETS, packet.counterHigh);
  return KEY_PACKET_OCTETS + KEY_COUNTER_OCTETS;
}

/** Fills `into`; false on anything malformed. The tag is what is last. */
export function decodeKeyPacket(octets: Uint8Array, offset: number, end: number, into: KeyPacket): boolean {
  if (end - offset < KEY_PACKET_OCTETS) return false;
  const flags = octets[offset] as number;
  const counted = (flags & KEY_FLAG_COUNTER) !== 0;
  into.asks = (flags & KEY_FLAG_ASK) !== 0;
  into.tagged = (flags & KEY_FLAG_TAG) !== 0;
  const more = (counted ? KEY_COUNTER_OCTETS : 0) + (into.tagged ? END_TO_END_TAG_OCTETS : 0);
  if (flags >= 8 || end - offset !== KEY_PACKET_OCTETS + more) return false;
  into.nodeId = readU32(octets, offset + 1);
  into.bootEpoch = readU32(octets, offset + 5);
  for (let i = 0; i < PUBLIC_KEY_OCTETS; i++) into.publicKey[i] = octets[offset + 9 + i] as number;
  into.counterHigh = counted ? readU32(octets, offset + KEY_PACKET_OCTETS) : 0;
  // Epoch 0 is no boot, and a counter that is left out is 0.
  return into.nodeId !== 0 && into.bootEpoch !== 0 && counted === into.counterHigh > 0;
}

/** Writes a short question; returns the octets written. */
export function encodeShortKeyQuestion(out: Uint8Array, offset: number): number {
  out[offset] = SHORT_QUESTION;
  return 1;
}

export function isShortKeyQuestion(octets: Uint8Array, offset: number, end: number): boolean {
  return end - offset === 1 && octets[offset] === SHORT_QUESTION;
}

/** True of a question, short or not: its sender waits for an answer. */
export function asksForKey(octets: Uint8Array, offset: number, end: number): boolean {
  return end > offset && ((octets[offset] as number) & (SHORT_QUESTION | KEY_FLAG_ASK)) !== 0;
}

/** Fills the associated data of a key packet. */
export function writeKeyAssociated(out: Uint8Array, source: number, destination: number, packet: KeyPacket): void {
  out[0] = PURPOSE_KEY;
  writeU16(out, 1, source);
  writeU16(out, 3, destination);
  out[5] = flagsOf(packet);
  writeU32(out, 6, packet.nodeId);
  writeU32(out, 10, packet.bootEpoch);
  out.set(packet.publicKey, 14);
  writeU32(out, 46, packet.counterHigh);
}

function flagsOf(packet: KeyPacket): number {
  const counted = packet.counterHigh > 0 ? KEY_FLAG_COUNTER : 0;
  return (packet.asks ? KEY_FLAG_ASK : 0) | (packet.tagged ? KEY_FLAG_TAG : 0) | counted;
}

/** Counter bits that a protected packet carries; its tag is at `end` - END_TO_END_TAG_OCTETS. */
export function readPacketCounter(octets: Uint8Array, end: number): number {
  return readU16(octets, end - END_TO_END_OCTETS);
}

export function writePacketCounter(octets: Uint8Array, at: number, counter: number): void {
  writeU16(octets, at, counter % 0x1_0000);
}
