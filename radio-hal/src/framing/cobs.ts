import { assert } from "@skein/codecs";
import { CRC16_OCTETS, CRC16_RESIDUE, crc16 } from "./crc16.ts";
import type { Deframer, DeframerSink } from "./deframer.ts";
import { deliverChecked } from "./deframer.ts";

/*
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999).
 *
 *   +------+---------------+------+---------------+ ... +------+
 *   | code | code-1 octets | code | code-1 octets |     |  00  |
 *   +------+---------------+------+---------------+ ... +------+
 *
 * Each block stands for its octets and one 00 after them; a block of code ff (254 octets) has no 00 after it, nor has
 * the last one. The stuffed octets are the frame and its CRC-16, least significant octet first. Cost: 1 octet in 254
 * at worst and 1 for the delimiter, whatever the octets are; SLIP costs 1 in 128 for sealed (random) octets and doubles
 * a hostile frame.
 */

export const COBS_DELIMITER = 0;
const BLOCK_MAX = 0xff;

/** Octets on the line for a frame of `frameOctets` at most: frame, check, codes and one delimiter. */
export function cobsMaxOctets(frameOctets: number): number {
  const stuffed = frameOctets + CRC16_OCTETS;
  return stuffed + Math.floor(stuffed / (BLOCK_MAX - 1)) + 2;
}

/** Writes frame + CRC-16 with COBS and a closing delimiter to `out` at `at`; returns the end. */
export function encodeCobs(frame: Uint8Array, length: number, out: Uint8Array, at: number): number {
  assert(out.length - at >= cobsMaxOctets(length), "no room for the stuffed frame");
  const check = crc16(frame, 0, length);
  let codeAt = at;
  let end = at + 1;
  for (let i = 0; i < length + CRC16_OCTETS; i++) {
    const octet = i < length ? frame[i]! : (check >>> (8 * (i - length))) & 0xff;
    if (octet !== 0) out[end++] = octet;
    if (octet === 0 || end - codeAt === BLOCK_MAX) {
      out[codeAt] = end - codeAt;
      codeAt = end++;
    }
  }
  out[codeAt] = end - codeAt;
  out[end++] = COBS_DELIMITER;
  return end;
}

/** Push parser for frames written by `encodeCobs`. */
export class CobsDeframer implements Deframer {
  readonly #sink: DeframerSink;
  readonly #frame: Uint8Array;
  /** Octets unstuffed so far. */
  #length = 0;
  /** Octets of the present block still to come; 0: the next octet is a code. */
  #left = 0;
  /** A 00 belongs before the next block. */
  #zeroDue = false;
  /** Octets on the line since the last delimiter. */
  #received = 0;
  #atFrameEnd = false;

  /** @param frameOctetsMax longest frame that is passed on, check not counted. */
  constructor(frameOctetsMax: number, sink: DeframerSink) {
    this.#sink = sink;
    this.#frame = new Uint8Array(frameOctetsMax + CRC16_OCTETS);
  }

  get inFrame(): boolean {
    return this.#received > 0;
  }

  get atFrameEnd(): boolean {
    return this.#atFrameEnd;
  }

  push(octets: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.#take(octets[i]!);
  }

  reset(): void {
    this.#length = 0;
    this.#left = 0;
    this.#zeroDue = false;
    this.#received = 0;
    this.#atFrameEnd = false;
  }

  #take(octet: number): void {
    if (octet === COBS_DELIMITER) {
      this.#end();
      return;
    }
    this.#received++;
    if (this.#left > 0) {
      this.#left--;
      this.#append(octet);
      return;
    }
    if (this.#zeroDue) this.#append(0);
    this.#left = octet - 1;
    this.#zeroDue = octet !== BLOCK_MAX;
  }

  /** Octets beyond the buffer are counted only: `#length` says that the frame was too long. */
  #append(octet: number): void {
    if (this.#length < this.#frame.length) this.#frame[this.#length] = octet;
    this.#length++;
  }

  #end(): void {
    const length = this.#length;
    const received = this.#received;
    const cutShort = this.#left > 0;
    this.reset();
    this.#atFrameEnd = received > 0;
    if (received === 0) return;
    if (length > this.#frame.length) this.#sink.drop("too-long", received);
    else if (cutShort) this.#sink.drop("framing", received);
    else {
      const good = crc16(this.#frame, 0, length) === CRC16_RESIDUE;
      deliverChecked(this.#sink, this.#frame, length, CRC16_OCTETS, good);
    }
  }
}
