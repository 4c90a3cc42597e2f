import assert from "node:assert/strict";
import sodium from "libsodium-wrappers";
import type { CryptoPort } from "../core/api.ts";
import { CIPHER_FRAME_OCTETS, type FrameCipher, KEY_OCTETS, TAG_OCTETS } from "./frame-cipher.ts";
import { opensslCipher } from "./openssl-cipher.ts";
import { SodiumCipher } from "./sodium-cipher.ts";

/** Subkeys held at once: a full area (254 nodes) in several key phases, and room for claimed ids that prove false. */
export const SUBKEYS_MAX = 2048;

const KDF_CONTEXT = new TextEncoder().encode("skein hop 1");

/**
 * The core's crypto port: ChaCha20-Poly1305-IETF (RFC 8439) under one subkey per sender.
 *
 *   subkey = BLAKE2b-256(key: mission key, message: "skein hop 1" | key phase (1) | node id (4, big endian))
 */
export class SodiumCrypto implements CryptoPort {
  readonly #cipher: FrameCipher;
  readonly #missionKey: Uint8Array;
  readonly #handles = new Map<number, number>();
  /** What each handle stands for: key phase x 2^32 + node id; -1 while free. */
  readonly #owners = new Float64Array(SUBKEYS_MAX).fill(-1);
  /** 1 once a frame was sealed or opened under the handle: such a subkey is never given up for a claimed id. */
  readonly #proved = new Uint8Array(SUBKEYS_MAX);
  #nextHandle = 0;

  /** Use `createSodiumCrypto`, which waits for the library. */
  constructor(cipher: FrameCipher, missionKey: Uint8Array) {
    assert.equal(missionKey.length, KEY_OCTETS, "a mission key has 32 octets");
    this.#cipher = cipher;
    this.#missionKey = missionKey.slice();
  }

  senderKey(nodeId: number, keyPhase: number): number {
    const owner = keyPhase * 0x1_0000_0000 + nodeId;
    const known = this.#handles.get(owner);
    if (known !== undefined) return known;
    const message = new Uint8Array(KDF_CONTEXT.length + 5);
    message.set(KDF_CONTEXT);
    new DataView(message.buffer).setUint8(KDF_CONTEXT.length, keyPhase);
    new DataView(message.buffer).setUint32(KDF_CONTEXT.length + 1, nodeId);
    const subkey = sodium.crypto_generichash(KEY_OCTETS, message, this.#missionKey);
    const handle = this.addKey(subkey);
    subkey.fill(0);
    this.#owners[handle] = owner;
    this.#handles.set(owner, handle);
    return handle;
  }

  /** Takes a ready-made key of 32 octets (published test vectors) and returns its handle. */
  addKey(subkey: Uint8Array): number {
    assert.equal(subkey.length, KEY_OCTETS);
    const handle = this.#freeHandle();
    this.#cipher.setKey(handle, subkey);
    this.#owners[handle] = -1;
    this.#proved[handle] = 0;
    return handle;
  }

  seal(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void {
    assert(from <= to && tagLength <= TAG_OCTETS && to + tagLength <= CIPHER_FRAME_OCTETS);
    this.#cipher.seal(key, nonce, octets, from, to, tagLength);
    this.#proved[key] = 1;
  }

  open(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean {
    const end = to + tagLength;
    if (end > CIPHER_FRAME_OCTETS || from > to || end > octets.length) return false;
    assert(tagLength >= 1 && tagLength <= TAG_OCTETS);
    if (!this.#cipher.open(key, nonce, octets, from, to, tagLength)) return false;
    this.#proved[key] = 1;
    return true;
  }

  /** The next handle in turn whose subkey was never of use: claimed node ids cost a stranger's turn, no member's. */
  #freeHandle(): number {
    for (let tries = 0; tries < SUBKEYS_MAX; tries++) {
      const handle = this.#nextHandle;
      this.#nextHandle = (handle + 1) % SUBKEYS_MAX;
      if (this.#proved[handle] === 1) continue;
      const owner = this.#owners[handle] as number;
      if (owner >= 0) this.#handles.delete(owner);
      return handle;
    }
    throw new assert.AssertionError({ message: `more than ${SUBKEYS_MAX} proved subkeys` });
  }
}

/**
 * Loads libsodium and makes the port. `missionKey`: 32 octets, copied. `native`: by OpenSSL's code where it can be
 * called; the frames are the same.
 */
export async function createSodiumCrypto(missionKey: Uint8Array, native = true): Promise<SodiumCrypto> {
  await sodium.ready;
  const portable = new SodiumCipher(SUBKEYS_MAX);
  const cipher = native ? opensslCipher(SUBKEYS_MAX, portable) : undefined;
  return new SodiumCrypto(cipher ?? portable, missionKey);
}
