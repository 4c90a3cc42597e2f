/** Octets of a frame and its tag that a cipher has room for. */
export const CIPHER_FRAME_OCTETS = 2048;
export const NONCE_OCTETS = 12;
export const TAG_OCTETS = 16;
export const KEY_OCTETS = 32;

/**
 * ChaCha20-Poly1305-IETF (RFC 8439) under keys that it holds, tags truncated; see `CryptoPort` for the rest. Lengths have
 * been checked by the caller.
 */
export interface FrameCipher {
  /** Takes a copy of the key that `handle` stands for from now on. */
  setKey(handle: number, key: Uint8Array): void;
  seal(handle: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void;
  /** Leaves `octets` as it was if the tag is wrong. */
  open(handle: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean;
}
