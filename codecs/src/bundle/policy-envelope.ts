/**
 * A policy as it goes through the mesh: who published it and when, and the controller's signature.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+-------------------------------+---------------+
 *   |    scheme     |           publisher           |   published   |
 *   +---------------+-------------------------------+---------------+
 *   |               published (rest)                |   document    |
 *   +-----------------------------------------------+               |
 *   |                 document, see policy.ts ...                   |
 *   +---------------------------------------------------------------+
 *   |              signature, 64 octets, scheme 1 only              |
 *   +---------------------------------------------------------------+
 *
 *   scheme     0 nobody's signature, 1 Ed25519 (RFC 8032)
 *   publisher  address of the agent beside the controller: it hears who has got the policy
 *   published  seconds since 1970, by the controller's clock; for people, nothing depends on it
 *
 * The version stands before it in the packet. Signed are 14 octets "skein policy 1", the version (4), and the envelope up
 * to the signature.
 */
import { assert } from "../assert.ts";
import { encodeUtf8 } from "../text/utf8.ts";
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";
import { decodePolicy, encodePolicy, type PolicyDocument } from "./policy.ts";

export interface PolicyEnvelope {
  publisher: number;
  publishedS: number;
  document: PolicyDocument;
  /** The last 64 octets are a signature. */
  signed: boolean;
}

/** Largest envelope: it is flooded over narrow channels, too. */
export const MAX_POLICY_OCTETS = 1024;
export const POLICY_SIGNATURE_OCTETS = 64;
const HEADER_OCTETS = 7;
const UNSIGNED = 0;
const ED25519 = 1;
const CONTEXT = encodeUtf8("skein policy 1");

/** Writes an envelope, with room for the signature where it is to have one; returns its length. It may be over the limit. */
export function encodePolicyEnvelope(envelope: PolicyEnvelope, out: Uint8Array): number {
  const { publisher, publishedS, document, signed } = envelope;
  assert(publisher > 0 && publisher <= 0xffff, "a publisher is an address");
  out[0] = signed ? ED25519 : UNSIGNED;
  writeU16(out, 1, publisher);
  writeU32(out, 3, publishedS);
  const end = HEADER_OCTETS + encodePolicy(document, out, HEADER_OCTETS);
  if (!signed) return end;
  assert(end + POLICY_SIGNATURE_OCTETS <= out.length, "policy does not fit");
  out.fill(0, end, end + POLICY_SIGNATURE_OCTETS);
  return end + POLICY_SIGNATURE_OCTETS;
}

/** Reads an envelope; undefined if it is none. The signature is not looked at. */
export function decodePolicyEnvelope(version: number, octets: Uint8Array): PolicyEnvelope | undefined {
  const scheme = octets[0];
  const end = octets.length - (scheme === ED25519 ? POLICY_SIGNATURE_OCTETS : 0);
  if (octets.length > MAX_POLICY_OCTETS || end <= HEADER_OCTETS) return undefined;
  if (scheme !== UNSIGNED && scheme !== ED25519) return undefined;
  const document = decodePolicy(version, octets, HEADER_OCTETS, end - HEADER_OCTETS);
  const publisher = readU16(octets, 1);
  if (document === undefined || publisher === 0) return undefined;
  return { publisher, publishedS: readU32(octets, 3), document, signed: scheme === ED25519 };
}

/** True if an envelope says that it is signed. */
export function isSignedPolicy(octets: Uint8Array): boolean {
  return octets[0] === ED25519 && octets.length > HEADER_OCTETS + POLICY_SIGNATURE_OCTETS;
}

/** What is signed of an envelope that has room for its signature. */
export function signedPolicyPart(version: number, octets: Uint8Array): Uint8Array {
  const end = octets.length - POLICY_SIGNATURE_OCTETS;
  const part = new Uint8Array(CONTEXT.length + 4 + end);
  part.set(CONTEXT);
  writeU32(part, CONTEXT.length, version);
  part.set(octets.subarray(0, end), CONTEXT.length + 4);
  return part;
}
