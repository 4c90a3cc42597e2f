import { addressOf } from "@skein/radio-hal";
import { type Evp, loadEvp } from "./openssl-evp.ts";
import {
  CIPHER_MESSAGE_OCTETS,
  DIRECTION_KEY_OCTETS,
  SESSION_KEY_OCTETS,
  SESSION_KEYS_OCTETS,
  SessionCipher,
  type SessionPrimitives,
  WHOLE_TAG_OCTETS,
} from "./session-cipher.ts";

/** The first block of key stream belongs to a tag that is not used here (RFC 8439 2.8). */
const FIRST_BLOCK = 1;
const BLOCK_NUMBER_OCTETS = 4;
const ENCRYPT = 1;
/** openssl/core.h: an `OSSL_PARAM`, and its kind. */
const PARAMETER_OCTETS = 40;
const UNSIGNED_INTEGER = 2;

/**
 * By the OpenSSL inside Node, as in `openssl-cipher.ts`. Memory set aside once:
 *
 *   message [CIPHER_MESSAGE_OCTETS] | block number [4] | nonce [12] | tag [16] | length [8]
 */
class OpensslSession implements SessionPrimitives {
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly messageAt = 0;
  readonly nonceAt = CIPHER_MESSAGE_OCTETS + BLOCK_NUMBER_OCTETS;
  readonly tagAt = CIPHER_MESSAGE_OCTETS + 16;
  readonly #lengthAt = CIPHER_MESSAGE_OCTETS + 16 + WHOLE_TAG_OCTETS;
  readonly #evp: Evp;
  readonly #cipher: number;
  readonly #mac: number;
  /** Address of `octets`. */
  readonly #at: number;
  readonly #keys: Uint8Array<ArrayBuffer>[] = [];
  readonly #addresses: number[] = [];

  /** @throws where this process has no OpenSSL, or none that can do it */
  constructor() {
    const evp = loadEvp();
    this.#evp = evp;
    this.octets = new Uint8Array(new ArrayBuffer(this.#lengthAt + 8));
    this.octets[CIPHER_MESSAGE_OCTETS] = FIRST_BLOCK;
    this.#at = addressOf(this.octets.buffer);
    this.#cipher = evp.newContext();
    const mac = evp.fetchMac(0, "BLAKE2BMAC", 0);
    this.#mac = mac === 0 ? 0 : evp.newMacContext(mac);
    if (this.#cipher === 0 || this.#mac === 0 || evp.init(this.#cipher, evp.chacha20(), 0, 0, 0, ENCRYPT) !== 1)
      throw new Error("OpenSSL has no BLAKE2b or no ChaCha20");
    this.#setTagLength();
  }

  /** The MAC is to make tags of WHOLE_TAG_OCTETS, from now on: a parameter of that name, and the end of the list. */
  #setTagLength(): void {
    // In the memory that messages will have, which is not moved or freed meanwhile.
    const list = new DataView(this.octets.buffer);
    const value = 2 * PARAMETER_OCTETS;
    const name = value + 8;
    const key = name + 8;
    list.setBigUint64(value, BigInt(WHOLE_TAG_OCTETS), true);
    new TextEncoder().encodeInto("size", this.octets.subarray(name));
    list.setBigUint64(0, BigInt(this.#at + name), true);
    list.setUint32(8, UNSIGNED_INTEGER, true);
    list.setBigUint64(16, BigInt(this.#at + value), true);
    list.setBigUint64(24, 8n, true);
    if (this.#evp.initMac(this.#mac, this.#at + key, SESSION_KEY_OCTETS, this.#at) !== 1)
      throw new Error("OpenSSL makes no tags of that length");
  }

  setKeys(session: number, keys: Uint8Array): void {
    const own = this.#keys[session] ?? new Uint8Array(new ArrayBuffer(SESSION_KEYS_OCTETS));
    own.set(keys);
    this.#keys[session] = own;
    this.#addresses[session] = addressOf(own.buffer);
  }

  authenticate(session: number, keyAt: number, end: number): void {
    const evp = this.#evp;
    evp.initMac(this.#mac, (this.#addresses[session] as number) + keyAt, SESSION_KEY_OCTETS, 0);
    evp.updateMac(this.#mac, this.#at, end);
    const made = evp.finalMac(this.#mac, this.#at + this.tagAt, this.#at + this.#lengthAt, WHOLE_TAG_OCTETS);
    if (made !== 1) throw new Error("OpenSSL did not authenticate");
  }

  crypt(session: number, keyAt: number, textAt: number, length: number): void {
    const evp = this.#evp;
    const key = (this.#addresses[session] as number) + keyAt;
    const text = this.#at + textAt;
    evp.init(this.#cipher, 0, 0, key, this.#at + CIPHER_MESSAGE_OCTETS, ENCRYPT);
    if (evp.update(this.#cipher, text, this.#at + this.#lengthAt, text, length) !== 1)
      throw new Error("OpenSSL did not encrypt");
  }
}

/** Undefined where it cannot be had, or does not seal as `other` does. */
export function opensslSession(other: SessionPrimitives): SessionPrimitives | undefined {
  try {
    const library = new OpensslSession();
    return sealsAs(library, other) ? library : undefined;
  } catch {
    return undefined;
  }
}

/** Compares the two by a packet of a session whose two directions have the same keys; `other` has no session yet. */
function sealsAs(library: SessionPrimitives, other: SessionPrimitives): boolean {
  const keys = Uint8Array.from({ length: SESSION_KEYS_OCTETS }, (_, i) => 3 * (i % DIRECTION_KEY_OCTETS));
  const associated = keys.subarray(0, 17);
  const packets = [library, other].map((one) => {
    const cipher = new SessionCipher(one);
    cipher.setKeys(0, keys);
    const packet = Uint8Array.from({ length: 100 + WHOLE_TAG_OCTETS }, (_, i) => i);
    cipher.seal(0, associated, packet, 9, 100, 100, 8);
    return packet;
  }) as [Uint8Array, Uint8Array];
  const same = packets[0].every((octet, i) => octet === packets[1][i]);
  return same && new SessionCipher(library).open(0, associated, packets[1], 9, 100, 100, 8);
}
