import {
  CIPHER_MESSAGE_OCTETS,
  SESSION_KEY_OCTETS,
  SESSION_KEYS_OCTETS,
  type SessionPrimitives,
  TEXT_NONCE_OCTETS,
  WHOLE_TAG_OCTETS,
} from "./session-cipher.ts";
import { type SodiumModule, sodiumModule } from "./sodium-module.ts";

/**
 * By libsodium in WebAssembly, whose compiled functions are called on memory set aside once, as in `sodium-cipher.ts`:
 *
 *   message [CIPHER_MESSAGE_OCTETS] | nonce [12] + 4 | tag [16] | spare tag [16]
 *
 * The build of the library has no bare ChaCha20. Its AEAD encrypts with the same key stream from block 1 on; the tag that
 * comes with it is left alone.
 */
export class SodiumSession implements SessionPrimitives {
  readonly #module: SodiumModule;
  readonly messageAt: number;
  readonly nonceAt: number;
  readonly tagAt: number;
  readonly #spareTag: number;
  /** Where the keys of a session are. */
  readonly #sessions: number[] = [];

  /** `await sodium.ready` comes first. */
  constructor() {
    this.#module = sodiumModule();
    this.messageAt = this.#module._malloc(CIPHER_MESSAGE_OCTETS + TEXT_NONCE_OCTETS + 4 + 2 * WHOLE_TAG_OCTETS);
    this.nonceAt = this.messageAt + CIPHER_MESSAGE_OCTETS;
    this.tagAt = this.nonceAt + TEXT_NONCE_OCTETS + 4;
    this.#spareTag = this.tagAt + WHOLE_TAG_OCTETS;
  }

  get octets(): Uint8Array {
    return this.#module.HEAPU8;
  }

  setKeys(session: number, keys: Uint8Array): void {
    this.#sessions[session] ??= this.#module._malloc(SESSION_KEYS_OCTETS);
    this.#module.HEAPU8.set(keys, this.#sessions[session]);
  }

  authenticate(session: number, keyAt: number, end: number): void {
    const key = (this.#sessions[session] as number) + keyAt;
    const { messageAt } = this;
    this.#module._crypto_generichash(
      this.tagAt,
      WHOLE_TAG_OCTETS,
      messageAt,
      end - messageAt,
      0,
      key,
      SESSION_KEY_OCTETS,
    );
  }

  crypt(session: number, keyAt: number, textAt: number, length: number): void {
    const key = (this.#sessions[session] as number) + keyAt;
    this.#module._crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      textAt,
      this.#spareTag,
      null,
      textAt,
      length,
      0,
      this.messageAt,
      0,
      0,
      0,
      this.nonceAt,
      key,
    );
  }
}
