import { copyOctets } from "@skein/codecs";
import { addressOf } from "@skein/radio-hal";
import { CIPHER_FRAME_OCTETS, type FrameCipher, KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS } from "./frame-cipher.ts";
import { type Evp, loadEvp } from "./openssl-evp.ts";

/** openssl/evp.h */
const GET_TAG = 0x10;
const SET_TAG = 0x11;
const ENCRYPT = 1;
const DECRYPT = 0;

/**
 * The cipher of the OpenSSL that Node itself uses, called without `node:crypto`, which makes two or three objects for
 * each frame. It works in memory set aside once:
 *
 *   frame [2048] | nonce [12] + 4 | length [4] + 12 | keys [number x 32]
 */
class OpensslCipher implements FrameCipher {
  readonly #evp: Evp;
  readonly #sealing: number;
  readonly #opening: number;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #frameAt: number;
  readonly #nonce = CIPHER_FRAME_OCTETS;
  readonly #length = CIPHER_FRAME_OCTETS + NONCE_OCTETS + 4;
  readonly #keys = CIPHER_FRAME_OCTETS + NONCE_OCTETS + 4 + 16;

  /** @throws where this process has no OpenSSL, or none that can do it */
  constructor(keys: number) {
    this.#evp = loadEvp();
    this.#memory = new Uint8Array(new ArrayBuffer(this.#keys + keys * KEY_OCTETS));
    this.#frameAt = addressOf(this.#memory.buffer);
    this.#sealing = this.#context(ENCRYPT);
    this.#opening = this.#context(DECRYPT);
  }

  setKey(handle: number, key: Uint8Array): void {
    this.#memory.set(key, this.#keys + handle * KEY_OCTETS);
  }

  seal(handle: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void {
    const evp = this.#evp;
    const context = this.#sealing;
    const at = this.#frameAt;
    this.#load(nonce, octets, to);
    evp.init(context, 0, 0, at + this.#keys + handle * KEY_OCTETS, at + this.#nonce, ENCRYPT);
    if (from > 0) evp.update(context, 0, at + this.#length, at, from);
    evp.update(context, at + from, at + this.#length, at + from, to - from);
    evp.final(context, at + to, at + this.#length);
    if (evp.control(context, GET_TAG, tagLength, at + to) !== 1) throw new Error("OpenSSL did not seal");
    copyOctets(this.#memory, from, to + tagLength, octets, from);
  }

  open(handle: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean {
    const evp = this.#evp;
    const context = this.#opening;
    const at = this.#frameAt;
    this.#load(nonce, octets, to + tagLength);
    evp.init(context, 0, 0, at + this.#keys + handle * KEY_OCTETS, at + this.#nonce, DECRYPT);
    evp.control(context, SET_TAG, tagLength, at + to);
    if (from > 0) evp.update(context, 0, at + this.#length, at, from);
    evp.update(context, at + from, at + this.#length, at + from, to - from);
    // Compares the tag in constant time; the caller's buffer is still as it was.
    if (evp.final(context, at + to, at + this.#length) !== 1) return false;
    copyOctets(this.#memory, from, to, octets, from);
    return true;
  }

  #context(direction: number): number {
    const context = this.#evp.newContext();
    if (context === 0 || this.#evp.init(context, this.#evp.chacha20Poly1305(), 0, 0, 0, direction) !== 1)
      throw new Error("OpenSSL has no ChaCha20-Poly1305");
    return context;
  }

  #load(nonce: Uint8Array, octets: Uint8Array, length: number): void {
    copyOctets(octets, 0, length, this.#memory, 0);
    for (let i = 0; i < NONCE_OCTETS; i++) this.#memory[this.#nonce + i] = nonce[i] as number;
  }
}

/** Undefined where it cannot be had, or does not seal as `other` does. */
export function opensslCipher(keys: number, other: FrameCipher): FrameCipher | undefined {
  try {
    const cipher = new OpensslCipher(keys);
    return sealsAs(cipher, other) ? cipher : undefined;
  } catch {
    return undefined;
  }
}

function sealsAs(cipher: FrameCipher, other: FrameCipher): boolean {
  const key = Uint8Array.from({ length: KEY_OCTETS }, (_, i) => 3 * i);
  const nonce = key.subarray(0, NONCE_OCTETS);
  const frames = [cipher, other].map((one) => {
    one.setKey(0, key);
    const frame = Uint8Array.from({ length: 100 + TAG_OCTETS }, (_, i) => i);
    one.seal(0, nonce, frame, 9, 100, TAG_OCTETS);
    return frame;
  }) as [Uint8Array, Uint8Array];
  const same = frames[0].every((octet, i) => octet === frames[1][i]);
  return same && cipher.open(0, nonce, frames[1], 9, 100, TAG_OCTETS);
}
