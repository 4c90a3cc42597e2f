import sodium from "libsodium-wrappers";

/** The part of libsodium's compiled module that is used here; lengths of 64 bits are passed as low and high word. */
export interface SodiumModule {
  HEAPU8: Uint8Array;
  _malloc(lengthOctets: number): number;
  _crypto_generichash(
    hash: number,
    hashLength: number,
    message: number,
    messageLength: number,
    messageLengthHigh: 0,
    key: number,
    keyLength: number,
  ): number;
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

/** The compiled module behind the wrapper; `await sodium.ready` comes first. */
export function sodiumModule(): SodiumModule {
  return (sodium as unknown as { libsodium: SodiumModule }).libsodium;
}
