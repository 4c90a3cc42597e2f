import { copyOctets } from "@skein/codecs";

/** Octets of associated data and text together that there is room for. */
export const CIPHER_MESSAGE_OCTETS = 2048;
export const SESSION_KEY_OCTETS = 32;
/** Tag key, then text key. */
export const DIRECTION_KEY_OCTETS = 2 * SESSION_KEY_OCTETS;
/** Of packets out, then of packets in. */
export const SESSION_KEYS_OCTETS = 2 * DIRECTION_KEY_OCTETS;
export const TEXT_NONCE_OCTETS = 12;
/** Tags are truncated from so many octets. */
export const WHOLE_TAG_OCTETS = 16;

/**
 * What a library does for a `SessionCipher`, on memory set aside once. Offsets are within `octets`; the message, associated
 * data and then text, begins at `messageAt`.
 */
export interface SessionPrimitives {
  /** The memory; another array when it has grown. */
  readonly octets: Uint8Array;
  readonly messageAt: number;
  readonly nonceAt: number;
  readonly tagAt: number;
  /** Takes a copy of `keys`, SESSION_KEYS_OCTETS, which `session` stands for from now on: handles are counted from 0. */
  setKeys(session: number, keys: Uint8Array): void;
  /** Tag of the message up to `end`, BLAKE2b-128 (RFC 7693) under a key that begins `keyAt` octets into the session's. */
  authenticate(session: number, keyAt: number, end: number): void;
  /** Encrypts or decrypts the message from `textAt` on in place, ChaCha20 (RFC 8439) from block 1 on. */
  crypt(session: number, keyAt: number, textAt: number, length: number): void;
}

/**
 * How packets are sealed from end to end under the keys of a session (see `seal/end-to-end.ts` of the codecs):
 *
 *   tag = BLAKE2b-128(key: tag key, message: associated data | text), truncated
 *   text ^= ChaCha20(key: text key, nonce: tag | the last 12 - tagLength octets of the associated data)
 *
 * Lengths have been checked by the caller.
 */
export class SessionCipher {
  readonly #library: SessionPrimitives;

  constructor(library: SessionPrimitives) {
    this.#library = library;
  }

  setKeys(session: number, keys: Uint8Array): void {
    this.#library.setKeys(session, keys);
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
    const library = this.#library;
    const text = this.#load(associated, octets, from, to);
    const end = text + to - from;
    library.authenticate(session, 0, end);
    copyOctets(library.octets, library.tagAt, library.tagAt + tagLength, octets, tagAt);
    this.#loadNonce(associated, octets, tagAt, tagLength);
    library.crypt(session, SESSION_KEY_OCTETS, text, to - from);
    copyOctets(library.octets, text, end, octets, from);
  }

  /** Leaves `octets` as it was if the tag is wrong. `sealedHere`: it is a packet out, not one in. */
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
    const keysAt = sealedHere ? 0 : DIRECTION_KEY_OCTETS;
    const library = this.#library;
    const text = this.#load(associated, octets, from, to);
    const end = text + to - from;
    this.#loadNonce(associated, octets, tagAt, tagLength);
    library.crypt(session, keysAt + SESSION_KEY_OCTETS, text, to - from);
    library.authenticate(session, keysAt, end);
    // Every octet is looked at whatever the first one says: the time taken tells a forger nothing.
    let difference = 0;
    for (let i = 0; i < tagLength; i++)
      difference |= (library.octets[library.tagAt + i] as number) ^ (octets[tagAt + i] as number);
    if (difference !== 0) return false;
    copyOctets(library.octets, text, end, octets, from);
    return true;
  }

  /** Associated data and text into the library's memory; returns where the text begins. */
  #load(associated: Uint8Array, octets: Uint8Array, from: number, to: number): number {
    const { octets: memory, messageAt } = this.#library;
    memory.set(associated, messageAt);
    copyOctets(octets, from, to, memory, messageAt + associated.length);
    return messageAt + associated.length;
  }

  /** The nonce that follows from the tag in `octets`. */
  #loadNonce(associated: Uint8Array, octets: Uint8Array, tagAt: number, tagLength: number): void {
    const { octets: memory, nonceAt } = this.#library;
    const rest = TEXT_NONCE_OCTETS - tagLength;
    copyOctets(octets, tagAt, tagAt + tagLength, memory, nonceAt);
    copyOctets(associated, associated.length - rest, associated.length, memory, nonceAt + tagLength);
  }
}
