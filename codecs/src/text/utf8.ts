/**
 * UTF-8 (RFC 3629) by hand: this package has neither TextEncoder nor Buffer.
 *
 *   0xxxxxxx                             U+0000..U+007F
 *   110xxxxx 10xxxxxx                    U+0080..U+07FF
 *   1110xxxx 10xxxxxx 10xxxxxx           U+0800..U+FFFF, surrogates excluded
 *   11110xxx 10xxxxxx 10xxxxxx 10xxxxxx  U+10000..U+10FFFF
 */
import { assert } from "../assert.ts";

const REPLACEMENT = 0xfffd;
/** Characters collected before one String.fromCharCode call; well under every engine's argument limit. */
const CHUNK = 2048;

/** Code point at `index`; a lone surrogate reads as U+FFFD, as in the WHATWG encoder. */
function scalarAt(text: string, index: number): number {
  const point = text.codePointAt(index) ?? REPLACEMENT;
  return point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point;
}

/** True if `text` has no lone surrogate, so that it survives UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Octets that `text` takes in UTF-8. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const point = scalarAt(text, index);
    if (point < 0x80) length += 1;
    else if (point < 0x800) length += 2;
    else if (point < 0x10000) length += 3;
    else {
      length += 4;
      index++;
    }
  }
  return length;
}

/** Writes `text` at `offset` and returns the octets written; asserts that it fits. */
export function encodeUtf8Into(text: string, out: Uint8Array, offset: number): number {
  let at = offset;
  for (let index = 0; index < text.length; index++) {
    const point = scalarAt(text, index);
    if (point < 0x80) out[at++] = point;
    else if (point < 0x800) {
      out[at++] = 0xc0 | (point >> 6);
      out[at++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      out[at++] = 0xe0 | (point >> 12);
      out[at++] = 0x80 | ((point >> 6) & 0x3f);
      out[at++] = 0x80 | (point & 0x3f);
    } else {
      out[at++] = 0xf0 | (point >> 18);
      out[at++] = 0x80 | ((point >> 12) & 0x3f);
      out[at++] = 0x80 | ((point >> 6) & 0x3f);
      out[at++] = 0x80 | (point & 0x3f);
      index++;
    }
  }
  assert(at <= out.length, "text does not fit");
  return at - offset;
}

/** `text` as UTF-8 in a buffer of its own. */
export function encodeUtf8(text: string): Uint8Array {
  const out = new Uint8Array(utf8Length(text));
  encodeUtf8Into(text, out, 0);
  return out;
}

/** Smallest code point that may take 2, 3, 4 octets: anything below is an overlong form. */
const MINIMUM = [0, 0, 0x80, 0x800, 0x10000] as const;

/** Octets of the sequence that `lead` opens; 0 if no sequence opens so. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/** Code point at `at`, or -1 if the sequence is cut, overlong, a surrogate or beyond U+10FFFF. */
function pointAt(octets: Uint8Array, at: number, end: number, length: number): number {
  if (length === 0 || at + length > end) return -1;
  let point = (octets[at] as number) & (0x7f >> length);
  for (let index = 1; index < length; index++) {
    const octet = octets[at + index] as number;
    if ((octet & 0xc0) !== 0x80) return -1;
    point = (point << 6) | (octet & 0x3f);
  }
  if (point < (MINIMUM[length] as number) || point > 0x10ffff) return -1;
  return point >= 0xd800 && point <= 0xdfff ? -1 : point;
}

/** True if the octets are well-formed UTF-8. */
export function isUtf8(octets: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  if (offset < 0 || length < 0 || end > octets.length) return false;
  let at = offset;
  while (at < end) {
    const lead = octets[at] as number;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const size = sequenceLength(lead);
    if (pointAt(octets, at, end, size) < 0) return false;
    at += size;
  }
  return true;
}

/** The text, or undefined if the octets are not well-formed UTF-8. A byte order mark is kept. */
export function decodeUtf8(octets: Uint8Array, offset: number, length: number): string | undefined {
  const end = offset + length;
  if (offset < 0 || length < 0 || end > octets.length) return undefined;
  let text = "";
  let units: number[] = [];
  let at = offset;
  while (at < end) {
    const lead = octets[at] as number;
    const size = lead < 0x80 ? 1 : sequenceLength(lead);
    const point = size === 1 ? lead : pointAt(octets, at, end, size);
    if (point < 0) return undefined;
    if (point < 0x10000) units.push(point);
    else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    at += size;
    if (units.length >= CHUNK) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}
