/** Octets of associated data and text together that a cipher has room for. */
export const CIPHER_MESSAGE_OCTETS = 2048;
/** Tag key, then text key. */
export const DIRECTION_KEY_OCTETS = 64;
/** Of packets out, then of packets in. */
export const SESSION_KEY_OCTETS = 2 * DIRECTION_KEY_OCTETS;
export const TEXT_NONCE_OCTETS = 12;
/** Tags are truncated from so many octets. */
export const WHOLE_TAG_OCTETS = 16;

/**
 * How packets are sealed from end to end under the keys that it holds (see `seal/end-to-end.ts` of the codecs):
 *
 *   tag = BLAKE2b-128(key: tag key, message: associated data | text), truncated
 *   text ^= ChaCha20(key: text key, nonce: tag | the last 12 - tagLength octets of the associated data), from block 1 on
 *
 * RFC 7693, RFC 8439. Lengths have been checked by the caller.
 */
export interface SessionCipher {
  /** Takes a copy of `keys`, SESSION_KEY_OCTETS, which `session` stands for from now on: handles are counted from 0. */
  setKeys(session: number, keys: Uint8Array): void;
  seal(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
  ): void;
  /** Leaves `octets` as it was if the tag is wrong. */
  open(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    from: number,
    to: number,
    tagAt: number,
    tagLength: number,
  ): boolean;
}
