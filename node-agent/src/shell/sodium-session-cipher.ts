import { copyOctets } from "@skein/codecs";
import {
  CIPHER_MESSAGE_OCTETS,
  DIRECTION_KEY_OCTETS,
  SESSION_KEY_OCTETS,
  type SessionCipher,
  TEXT_NONCE_OCTETS,
  WHOLE_TAG_OCTETS,
} from "./session-cipher.ts";
import { type SodiumModule, sodiumModule } from "./sodium-module.ts";

const KEY_OCTETS = 32;

/**
 * By libsodium in WebAssembly, whose compiled functions are called on memory set aside once, as in `sodium-cipher.ts`:
 *
 *   associated data, then text [CIPHER_MESSAGE_OCTETS] | nonce [12] + 4 | tag [16] | spare tag [16]
 *
 * The build of the library has no bare ChaCha20. Its AEAD encrypts with the same key stream from block 1 on; the tag that
 * comes with it is left alone.
 */
export class SodiumSessionCipher implements SessionCipher {
  readonly #module: SodiumModule;
  readonly #message: number;
  readonly #nonce: number;
  readonly #tag: number;
  readonly #spareTag: number;
  /** Where the keys of a session are. */
  readonly #sessions: number[] = [];

  /** `await sodium.ready` comes first. */
  constructor() {
    this.#module = sodiumModule();
    this.#message = this.#module._malloc(CIPHER_MESSAGE_OCTETS + TEXT_NONCE_OCTETS + 4 + 2 * WHOLE_TAG_OCTETS);
    this.#nonce = this.#message + CIPHER_MESSAGE_OCTETS;
    this.#tag = this.#nonce + TEXT_NONCE_OCTETS + 4;
    this.#spareTag = this.#tag + WHOLE_TAG_OCTETS;
  }

  setKeys(session: number, keys: Uint8Array): void {
    this.#sessions[session] ??= this.#module._malloc(SESSION_KEY_OCTETS);
    // The library's memory is another array once it has grown.
    this.#module.HEAPU8.set(keys, this.#sessions[session]);
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
    const keys = this.#sessions[session] as number;
    const heap = this.#module.HEAPU8;
    const text = this.#load(associated, octets, from, to);
    this.#authenticate(keys, text + to - from);
    for (let i = 0; i < tagLength; i++) octets[tagAt + i] = heap[this.#tag + i] as number;
    this.#crypt(keys, associated, octets, text, to - from, tagAt, tagLength);
    copyOctets(heap, text, text + to - from, octets, from);
  }

  open(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
  ): boolean {
    const keys = (this.#sessions[session] as number) + DIRECTION_KEY_OCTETS;
    const heap = this.#module.HEAPU8;
    const text = this.#load(associated, octets, from, to);
    this.#crypt(keys, associated, octets, text, to - from, tagAt, tagLength);
    this.#authenticate(keys, text + to - from);
    // Every octet is looked at whatever the first one says: the time taken tells a forger nothing.
    let difference = 0;
    for (let i = 0; i < tagLength; i++) difference |= (heap[this.#tag + i] as number) ^ (octets[tagAt + i] as number);
    if (difference !== 0) return false;
    copyOctets(heap, text, text + to - from, octets, from);
    return true;
  }

  /** Associated data and text into the library's memory; returns where the text begins. */
  #load(associated: Uint8Array, octets: Uint8Array, from: number, to: number): number {
    const heap = this.#module.HEAPU8;
    heap.set(associated, this.#message);
    const text = this.#message + associated.length;
    copyOctets(octets, from, to, heap, text);
    return text;
  }

  /** Computes the tag of associated data and plain text. */
  #authenticate(keys: number, end: number): void {
    this.#module._crypto_generichash(
      this.#tag,
      WHOLE_TAG_OCTETS,
      this.#message,
      end - this.#message,
      0,
      keys,
      KEY_OCTETS,
    );
  }

  /** Encrypts or decrypts the text in place under the tag that stands in `octets`. */
  #crypt(
    keys: number,
    associated: Uint8Array,
    octets: Uint8Array,
    text: number,
    length: number,
    tagAt: number,
    tagLength: number,
  ): void {
    const heap = this.#module.HEAPU8;
    const rest = TEXT_NONCE_OCTETS - tagLength;
    for (let i = 0; i < tagLength; i++) heap[this.#nonce + i] = octets[tagAt + i] as number;
    for (let i = 0; i < rest; i++)
      heap[this.#nonce + tagLength + i] = associated[associated.length - rest + i] as number;
    this.#module._crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      text,
      this.#spareTag,
      null,
      text,
      length,
      0,
      this.#message,
      0,
      0,
      0,
      this.#nonce,
      keys + KEY_OCTETS,
    );
  }
}
