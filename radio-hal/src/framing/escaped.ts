import { assert } from "@skein/codecs";
import { CRC16_OCTETS, CRC16_RESIDUE, crc16 } from "./crc16.ts";
import type { Deframer, DeframerSink } from "./deframer.ts";
import { deliverChecked } from "./deframer.ts";

/*
 * The three formats that mark frames with a flag octet and escape it inside.
 *
 *   SLIP (RFC 1055)                   C0 frame C0           C0 -> DB DC   DB -> DB DD
 *   KISS (Chepponis and Karn, 1987)   C0 type frame C0      as SLIP; type: port (high), command (low, 0 = data)
 *   HDLC (RFC 1662 4, asynchronous)   7E frame FCS FCS 7E   x  -> 7D x^20; 7D 7E on the line gives a frame up
 */
export interface EscapedFormat {
  readonly flag: number;
  readonly escape: number;
  /** On the line after `escape`: stands for the flag, for the escape; undefined where the octet is XORed with 20. */
  readonly escapedFlag: number | undefined;
  readonly escapedEscape: number | undefined;
  /** Octets of frame check at the end of the frame: 0 or 2 (CRC-16/X-25). */
  readonly checkOctets: 0 | 2;
}

const HDLC_XOR = 0x20;

/** Also for KISS: the type octet is the first of the frame there. */
export const SLIP: EscapedFormat = {
  flag: 0xc0,
  escape: 0xdb,
  escapedFlag: 0xdc,
  escapedEscape: 0xdd,
  checkOctets: 0,
};
export const HDLC: EscapedFormat = {
  flag: 0x7e,
  escape: 0x7d,
  escapedFlag: undefined,
  escapedEscape: undefined,
  checkOctets: CRC16_OCTETS,
};

/** Octets on the line for a frame of `frameOctets` at most: every octet escaped, two flags. */
export function escapedMaxOctets(format: EscapedFormat, frameOctets: number): number {
  return 2 * (frameOctets + format.checkOctets) + 2;
}

/** Writes a frame with its flags and check to `out` at `at`; returns the end. */
export function encodeEscaped(
  format: EscapedFormat,
  frame: Uint8Array,
  length: number,
  out: Uint8Array,
  at: number,
): number {
  assert(out.length - at >= escapedMaxOctets(format, length), "no room for the escaped frame");
  const check = format.checkOctets === 0 ? 0 : crc16(frame, 0, length);
  let end = at;
  out[end++] = format.flag;
  for (let i = 0; i < length + format.checkOctets; i++) {
    const octet = i < length ? frame[i]! : (check >>> (8 * (i - length))) & 0xff;
    if (octet === format.flag || octet === format.escape) {
      out[end++] = format.escape;
      out[end++] = escaped(format, octet);
    } else out[end++] = octet;
  }
  out[end++] = format.flag;
  return end;
}

function escaped(format: EscapedFormat, octet: number): number {
  return (octet === format.flag ? format.escapedFlag : format.escapedEscape) ?? octet ^ HDLC_XOR;
}

/** The octet that `escape octet` stands for, or -1 where there is none. */
function unescaped(format: EscapedFormat, octet: number): number {
  if (format.escapedFlag === undefined) return octet ^ HDLC_XOR;
  if (octet === format.escapedFlag) return format.flag;
  return octet === format.escapedEscape ? format.escape : -1;
}

/** Push parser for SLIP, KISS and HDLC. */
export class EscapedDeframer implements Deframer {
  readonly #format: EscapedFormat;
  readonly #sink: DeframerSink;
  readonly #frame: Uint8Array;
  #length = 0;
  #received = 0;
  #escaping = false;
  #broken = false;
  #atFrameEnd = false;

  /** @param frameOctetsMax longest frame that is passed on, check not counted. */
  constructor(format: EscapedFormat, frameOctetsMax: number, sink: DeframerSink) {
    this.#format = format;
    this.#sink = sink;
    this.#frame = new Uint8Array(frameOctetsMax + format.checkOctets);
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
    this.#received = 0;
    this.#escaping = false;
    this.#broken = false;
    this.#atFrameEnd = false;
  }

  #take(octet: number): void {
    if (octet === this.#format.flag) {
      this.#end();
      return;
    }
    this.#received++;
    if (this.#escaping) {
      this.#escaping = false;
      const plain = unescaped(this.#format, octet);
      if (plain < 0) this.#broken = true;
      else this.#append(plain);
    } else if (octet === this.#format.escape) this.#escaping = true;
    else this.#append(octet);
  }

  #append(octet: number): void {
    if (this.#length < this.#frame.length) this.#frame[this.#length] = octet;
    this.#length++;
  }

  #end(): void {
    const length = this.#length;
    const received = this.#received;
    const broken = this.#broken || this.#escaping;
    this.reset();
    this.#atFrameEnd = received > 0;
    if (received === 0) return;
    if (length > this.#frame.length) this.#sink.drop("too-long", received);
    else if (broken) this.#sink.drop("framing", received);
    else {
      const check = this.#format.checkOctets;
      const good = check === 0 || crc16(this.#frame, 0, length) === CRC16_RESIDUE;
      deliverChecked(this.#sink, this.#frame, length, check, good);
    }
  }
}
