/**
 * Text and its receipt. The first octet tells them apart; message ids are the sender's own.
 *
 *   +-----------+-----------------------------------+--------------------------+
 *   | 1 text    | message id (4, big endian)        | body, UTF-8, 0..1024     |
 *   +-----------+-----------------------------------+--------------------------+
 *   | 2 receipt | message id (4, big endian)        | state (1): 1 delivered, 2 read
 *   +-----------+-----------------------------------+----------
 */
import { assert } from "../assert.ts";
import { isUtf8 } from "./utf8.ts";

export interface TextMessage {
  service: "text";
  /** 0..2^32-1, unique for its sender. */
  messageId: number;
  /** UTF-8, at most MAX_TEXT_BODY_OCTETS. */
  body: Uint8Array;
}
export interface TextReceipt {
  service: "receipt";
  /** Message id that the sender of the text gave. */
  messageId: number;
  state: "delivered" | "read";
}

export const TEXT_SERVICE = 1;
export const RECEIPT_SERVICE = 2;
export const MAX_TEXT_BODY_OCTETS = 1024;
/** Octets before the body. */
export const TEXT_HEADER_OCTETS = 5;
export const RECEIPT_OCTETS = 6;

function encodeHeader(service: number, messageId: number, out: Uint8Array, offset: number): void {
  assert(messageId >= 0 && messageId <= 0xffffffff && Number.isInteger(messageId), "message id is not 32 bits");
  out[offset] = service;
  out[offset + 1] = messageId >>> 24;
  out[offset + 2] = messageId >>> 16;
  out[offset + 3] = messageId >>> 8;
  out[offset + 4] = messageId;
}

/** Writes the text at `offset` and returns the octets written: 5 and the body. */
export function encodeText(text: Omit<TextMessage, "service">, out: Uint8Array, offset: number): number {
  const { body } = text;
  assert(body.length <= MAX_TEXT_BODY_OCTETS, "text body over 1024 octets");
  assert(offset >= 0 && offset + TEXT_HEADER_OCTETS + body.length <= out.length, "text does not fit");
  assert(isUtf8(body, 0, body.length), "text body is not UTF-8");
  encodeHeader(TEXT_SERVICE, text.messageId, out, offset);
  out.set(body, offset + TEXT_HEADER_OCTETS);
  return TEXT_HEADER_OCTETS + body.length;
}

/** Writes the receipt at `offset` and returns the octets written, always 6. */
export function encodeReceipt(receipt: Omit<TextReceipt, "service">, out: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + RECEIPT_OCTETS <= out.length, "receipt does not fit");
  encodeHeader(RECEIPT_SERVICE, receipt.messageId, out, offset);
  out[offset + 5] = receipt.state === "delivered" ? 1 : 2;
  return RECEIPT_OCTETS;
}

/**
 * Reads a text or a receipt; the body is a copy. Undefined for anything else: unknown service, wrong length,
 * a body that is too long or not UTF-8, an unknown state.
 */
export function decodeTextPayload(
  octets: Uint8Array,
  offset: number,
  length: number,
): TextMessage | TextReceipt | undefined {
  if (length < TEXT_HEADER_OCTETS || offset < 0 || offset + length > octets.length) return undefined;
  const service = octets[offset] as number;
  const messageId =
    (((octets[offset + 1] as number) << 24) |
      ((octets[offset + 2] as number) << 16) |
      ((octets[offset + 3] as number) << 8) |
      (octets[offset + 4] as number)) >>>
    0;
  const from = offset + TEXT_HEADER_OCTETS;
  if (service === TEXT_SERVICE) {
    const bodyLength = length - TEXT_HEADER_OCTETS;
    if (bodyLength > MAX_TEXT_BODY_OCTETS || !isUtf8(octets, from, bodyLength)) return undefined;
    return { service: "text", messageId, body: octets.slice(from, from + bodyLength) };
  }
  if (service !== RECEIPT_SERVICE || length !== RECEIPT_OCTETS) return undefined;
  const state = octets[from];
  if (state !== 1 && state !== 2) return undefined;
  return { service: "receipt", messageId, state: state === 1 ? "delivered" : "read" };
}
