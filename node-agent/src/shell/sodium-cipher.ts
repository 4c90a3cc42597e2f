import { copyOctets } from "@skein/codecs";
import { CIPHER_FRAME_OCTETS, type FrameCipher, KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS } from "./frame-cipher.ts";
import { type SodiumModule, sodiumModule } from "./sodium-module.ts";

/**
 * The cipher of libsodium in WebAssembly. The compiled library's own functions are called on memory set aside once: the
 * wrapper around them would allocate and copy four arrays for each frame. Layout of that memory:
 *
 *   frame [2048] | scratch [2048] | nonce [12] + 4 | tag [16] | keys [number x 32]
 *
 * Tags are truncated, and libsodium opens whole tags only. ChaCha20 is its own inverse, so a frame is opened by
 * encrypting twice: the first pass turns the ciphertext into plaintext, the second computes the tag that this
 * plaintext must have had. Nothing is written to the caller's buffer before the tag has been compared.
 */
export class SodiumCipher implements FrameCipher {
  readonly #module: SodiumModule;
  readonly #frame: number;
  readonly #scratch: number;
  readonly #nonce: number;
  readonly #tag: number;
  readonly #keys: number;

  /** `await sodium.ready` comes first. */
  constructor(keys: number) {
    const module = sodiumModule();
    this.#module = module;
    const base = module._malloc(2 * CIPHER_FRAME_OCTETS + NONCE_OCTETS + 4 + TAG_OCTETS + keys * KEY_OCTETS);
    this.#frame = base;
    this.#scratch = base + CIPHER_FRAME_OCTETS;
    this.#nonce = base + 2 * CIPHER_FRAME_OCTETS;
    this.#tag = this.#nonce + NONCE_OCTETS + 4;
    this.#keys = this.#tag + TAG_OCTETS;
  }

  setKey(handle: number, key: Uint8Array): void {
    this.#module.HEAPU8.set(key, this.#keys + handle * KEY_OCTETS);
  }

  seal(handle: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void {
    const heap = this.#module.HEAPU8;
    this.#load(heap, nonce, octets, to);
    this.#encrypt(handle, this.#frame, from, to);
    copyOctets(heap, this.#frame + from, this.#frame + to, octets, from);
    for (let i = 0; i < tagLength; i++) octets[to + i] = heap[this.#tag + i] as number;
  }

  open(handle: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean {
    const heap = this.#module.HEAPU8;
    this.#load(heap, nonce, octets, to);
    // First pass in place (its tag means nothing), second pass to a scratch area: the plaintext stays in `frame`.
    this.#encrypt(handle, this.#frame, from, to);
    this.#encrypt(handle, this.#scratch, from, to);
    // Every octet is looked at whatever the first one says: the time taken tells a forger nothing.
    let difference = 0;
    for (let i = 0; i < tagLength; i++) difference |= (heap[this.#tag + i] as number) ^ (octets[to + i] as number);
    if (difference !== 0) return false;
    copyOctets(heap, this.#frame + from, this.#frame + to, octets, from);
    return true;
  }

  /** Whole frame and nonce into the library's memory. */
  #load(heap: Uint8Array, nonce: Uint8Array, octets: Uint8Array, length: number): void {
    copyOctets(octets, 0, length, heap, this.#frame);
    for (let i = 0; i < NONCE_OCTETS; i++) heap[this.#nonce + i] = nonce[i] as number;
  }

  /** Encrypts `frame[from, to)` to the same place in `target`, with `frame[0, from)` as associated data. */
  #encrypt(handle: number, target: number, from: number, to: number): void {
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
      this.#keys + handle * KEY_OCTETS,
    );
  }
}
