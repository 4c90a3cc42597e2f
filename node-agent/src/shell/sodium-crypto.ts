import assert from "node:assert/strict";
import sodium from "libsodium-wrappers";
import type { CryptoPort } from "../core/api.ts";

/**
 * The core's crypto port on libsodium: ChaCha20-Poly1305-IETF (RFC 8439) under one subkey per sender.
 *
 *   subkey = BLAKE2b-256(key: mission key, message: "skein hop 1" | key phase (1) | node id (4, big endian))
 *
 * The compiled library's own functions are called on memory set aside once: the wrapper around them would allocate
 * and copy four arrays for each frame. Layout of that memory:
 *
 *   frame [FRAME_OCTETS] | scratch [FRAME_OCTETS] | nonce [12] + 4 | tag [16] | subkeys [SUBKEYS_MAX x 32]
 *
 * Tags are truncated, and libsodium opens whole tags only. ChaCha20 is its own inverse, so a frame is opened by
 * encrypting twice: the first pass turns the ciphertext into plaintext, the second computes the tag that this
 * plaintext must have had. Nothing is written to the caller's buffer before the tag has been compared.
 */

/** The part of libsodium's compiled module that is used here; lengths of 64 bits are passed as low and high word. */
interface SodiumModule {
  HEAPU8: Uint8Array;
  _malloc(lengthOctets: number): number;
  _crypto_aead_chacha20poly1305_ietf_encrypt_detached(
    ciphertext: number,
    tag: number,
    tagLengthOut: null,
    message: number,
    messageLength: number,
    messageLengthHigh: 0,
    associated: number,
    associatedLength: number,
    associatedLengthHigh: 0,
    secretNonce: 0,
    nonce: number,
    key: number,
  ): number;
}

const FRAME_OCTETS = 2048;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const KEY_OCTETS = 32;
/** Subkeys held at once: a full area (254 nodes) in several key phases, and room for claimed ids that prove false. */
export const SUBKEYS_MAX = 2048;

const KDF_CONTEXT = new TextEncoder().encode("skein hop 1");

export class SodiumCrypto implements CryptoPort {
  readonly #module: SodiumModule;
  readonly #missionKey: Uint8Array;
  readonly #frame: number;
  readonly #scratch: number;
  readonly #nonce: number;
  readonly #tag: number;
  readonly #keys: number;
  readonly #handles = new Map<number, number>();
  /** What each handle stands for: key phase x 2^32 + node id; -1 while free. */
  readonly #owners = new Float64Array(SUBKEYS_MAX).fill(-1);
  /** 1 once a frame was sealed or opened under the handle: such a subkey is never given up for a claimed id. */
  readonly #proved = new Uint8Array(SUBKEYS_MAX);
  #nextHandle = 0;

  /** Use `createSodiumCrypto`, which waits for the library. */
  constructor(module: SodiumModule, missionKey: Uint8Array) {
    assert.equal(missionKey.length, KEY_OCTETS, "a mission key has 32 octets");
    this.#module = module;
    this.#missionKey = missionKey.slice();
    const base = module._malloc(2 * FRAME_OCTETS + NONCE_OCTETS + 4 + TAG_OCTETS + SUBKEYS_MAX * KEY_OCTETS);
    this.#frame = base;
    this.#scratch = base + FRAME_OCTETS;
    this.#nonce = base + 2 * FRAME_OCTETS;
    this.#tag = this.#nonce + NONCE_OCTETS + 4;
    this.#keys = this.#tag + TAG_OCTETS;
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
    this.#module.HEAPU8.set(subkey, this.#keys + handle * KEY_OCTETS);
    this.#owners[handle] = -1;
    this.#proved[handle] = 0;
    return handle;
  }

  seal(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void {
    assert(to <= FRAME_OCTETS && from <= to && tagLength <= TAG_OCTETS);
    const heap = this.#module.HEAPU8;
    this.#load(heap, nonce, octets, to);
    this.#encrypt(key, this.#frame, from, to);
    const frame = this.#frame;
    for (let i = from; i < to; i++) octets[i] = heap[frame + i] as number;
    for (let i = 0; i < tagLength; i++) octets[to + i] = heap[this.#tag + i] as number;
    this.#proved[key] = 1;
  }

  open(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean {
    if (to > FRAME_OCTETS || from > to || to + tagLength > octets.length) return false;
    assert(tagLength >= 1 && tagLength <= TAG_OCTETS);
    const heap = this.#module.HEAPU8;
    this.#load(heap, nonce, octets, to);
    // First pass in place (its tag means nothing), second pass to a scratch area: the plaintext stays in `frame`.
    this.#encrypt(key, this.#frame, from, to);
    this.#encrypt(key, this.#scratch, from, to);
    // Every octet is looked at whatever the first one says: the time taken tells a forger nothing.
    let difference = 0;
    for (let i = 0; i < tagLength; i++) difference |= (heap[this.#tag + i] as number) ^ (octets[to + i] as number);
    if (difference !== 0) return false;
    const frame = this.#frame;
    for (let i = from; i < to; i++) octets[i] = heap[frame + i] as number;
    this.#proved[key] = 1;
    return true;
  }

  /** Whole frame and nonce into the library's memory. */
  #load(heap: Uint8Array, nonce: Uint8Array, octets: Uint8Array, length: number): void {
    // One block copy of the caller's whole buffer is quicker than a loop; a larger one is copied octet by octet.
    if (octets.length <= FRAME_OCTETS) heap.set(octets, this.#frame);
    else for (let i = 0; i < length; i++) heap[this.#frame + i] = octets[i] as number;
    for (let i = 0; i < NONCE_OCTETS; i++) heap[this.#nonce + i] = nonce[i] as number;
  }

  /** Encrypts `frame[from, to)` to the same place in `target`, with `frame[0, from)` as associated data. */
  #encrypt(key: number, target: number, from: number, to: number): void {
    this.#module._crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      target + from,
      this.#tag,
      null,
      this.#frame + from,
      to - from,
      0,
      this.#frame,
      from,
      0,
      0,
      this.#nonce,
      this.#keys + key * KEY_OCTETS,
    );
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

/** Loads libsodium and makes the port. `missionKey`: 32 octets, copied. */
export async function createSodiumCrypto(missionKey: Uint8Array): Promise<SodiumCrypto> {
  await sodium.ready;
  const module = (sodium as unknown as { libsodium: SodiumModule }).libsodium;
  return new SodiumCrypto(module, missionKey);
}
