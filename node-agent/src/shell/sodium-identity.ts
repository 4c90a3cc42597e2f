import assert from "node:assert/strict";
import sodium from "libsodium-wrappers";
import type { IdentityPort, SessionEnd } from "../core/api.ts";
import { opensslSession } from "./openssl-session.ts";
import {
  CIPHER_MESSAGE_OCTETS,
  DIRECTION_KEY_OCTETS,
  SESSION_KEYS_OCTETS,
  SessionCipher,
  TEXT_NONCE_OCTETS,
} from "./session-cipher.ts";
import { SodiumSession } from "./sodium-session.ts";

const KEY_OCTETS = 32;
const END_OCTETS = KEY_OCTETS + 8;
const KDF_CONTEXT = new TextEncoder().encode("skein end to end 1");

/**
 * The core's identity port on libsodium: X25519 (RFC 7748), keyed BLAKE2b (RFC 7693) and a `SessionCipher`.
 *
 *   subkeys of one direction = BLAKE2b-512(key: X25519(own private key, peer's public key), message:
 *     "skein end to end 1" | source's public key (32) | node id (4) | boot epoch (4) | the destination's likewise)
 *   the first half for the tag, the second for the text.
 */
export class SodiumIdentity implements IdentityPort {
  readonly publicKey: Uint8Array;
  readonly #cipher: SessionCipher;
  readonly #privateKey: Uint8Array;
  #sessions = 0;

  /** Use `createSodiumIdentity`, which waits for the library. */
  constructor(cipher: SessionCipher, privateKey: Uint8Array) {
    assert.equal(privateKey.length, KEY_OCTETS, "a private key has 32 octets");
    this.#cipher = cipher;
    this.#privateKey = privateKey.slice();
    this.publicKey = sodium.crypto_scalarmult_base(privateKey);
  }

  agree(reuse: number, own: SessionEnd, peer: SessionEnd): number {
    let shared: Uint8Array;
    try {
      shared = sodium.crypto_scalarmult(this.#privateKey, peer.publicKey);
    } catch {
      // One of the few points that would make the secret the same for everybody.
      return -1;
    }
    const handle = reuse < 0 ? this.#sessions++ : reuse;
    const keys = new Uint8Array(SESSION_KEYS_OCTETS);
    keys.set(direction(shared, own, peer));
    keys.set(direction(shared, peer, own), DIRECTION_KEY_OCTETS);
    this.#cipher.setKeys(handle, keys);
    keys.fill(0);
    shared.fill(0);
    return handle;
  }

  seal(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
  ): void {
    assert(isPossible(associated, octets, from, to, tagAt, tagLength));
    this.#cipher.seal(session, associated, octets, from, to, tagAt, tagLength);
  }

  open(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
    sealedHere = false,
  ): boolean {
    assert(isPossible(associated, octets, from, to, tagAt, tagLength));
    return this.#cipher.open(session, associated, octets, from, to, tagAt, tagLength, sealedHere);
  }
}

/** What would make a cipher write beside its memory. */
function isPossible(
  associated: Uint8Array,
  octets: Uint8Array,
  from: number,
  to: number,
  tagAt: number,
  tagLength: number,
): boolean {
  if (!(from >= 0 && from <= to && to <= octets.length && associated.length + to - from <= CIPHER_MESSAGE_OCTETS))
    return false;
  if (!(tagLength >= 1 && tagLength <= TEXT_NONCE_OCTETS && associated.length >= TEXT_NONCE_OCTETS - tagLength))
    return false;
  return tagAt >= 0 && tagAt + tagLength <= octets.length;
}

/** Subkeys of packets from one end to the other. */
function direction(shared: Uint8Array, source: SessionEnd, destination: SessionEnd): Uint8Array {
  const message = new Uint8Array(KDF_CONTEXT.length + 2 * END_OCTETS);
  const view = new DataView(message.buffer);
  message.set(KDF_CONTEXT);
  let at = KDF_CONTEXT.length;
  for (const { publicKey, nodeId, bootEpoch } of [source, destination]) {
    message.set(publicKey, at);
    view.setUint32(at + KEY_OCTETS, nodeId);
    view.setUint32(at + KEY_OCTETS + 4, bootEpoch);
    at += END_OCTETS;
  }
  return sodium.crypto_generichash(DIRECTION_KEY_OCTETS, message, shared);
}

/** Loads libsodium and makes the port. `privateKey`: 32 octets from the system's generator, copied. */
export async function createSodiumIdentity(privateKey: Uint8Array): Promise<SodiumIdentity> {
  await sodium.ready;
  const plain = new SodiumSession();
  return new SodiumIdentity(new SessionCipher(opensslSession(plain) ?? plain), privateKey);
}
