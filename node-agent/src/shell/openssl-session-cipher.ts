import { copyOctets } from "@skein/codecs";
import { addressOf } from "@skein/radio-hal";
import koffi from "koffi";
import {
  CIPHER_MESSAGE_OCTETS,
  DIRECTION_KEY_OCTETS,
  SESSION_KEY_OCTETS,
  type SessionCipher,
  TEXT_NONCE_OCTETS,
  WHOLE_TAG_OCTETS,
} from "./session-cipher.ts";

const KEY_OCTETS = 32;
/** The first block of key stream belongs to a tag that is not used here (RFC 8439 2.8). */
const FIRST_BLOCK = 1;
const ENCRYPT = 1;
/** openssl/core.h */
const UNSIGNED_INTEGER = 2;

/** Pointers are addresses: what they point to lies in buffers that do not move. */
interface Evp {
  newContext(): number;
  chacha20(): number;
  init(context: number, cipher: number, engine: 0, key: number, nonce: number, direction: number): number;
  update(context: number, out: number, outLength: number, octets: number, length: number): number;
  fetchMac(library: 0, name: string, properties: 0): number;
  newMacContext(mac: number): number;
  initMac(context: number, key: number, keyLength: number, parameters: number): number;
  updateMac(context: number, octets: number, length: number): number;
  finalMac(context: number, out: number, outLength: number, outSize: number): number;
}

function loadEvp(): Evp {
  const library = koffi.load(null);
  return {
    newContext: library.func("size_t EVP_CIPHER_CTX_new()"),
    chacha20: library.func("size_t EVP_chacha20()"),
    init: library.func("int EVP_CipherInit_ex(size_t, size_t, size_t, size_t, size_t, int)"),
    update: library.func("int EVP_CipherUpdate(size_t, size_t, size_t, size_t, int)"),
    fetchMac: library.func("size_t EVP_MAC_fetch(size_t, const char *, size_t)"),
    newMacContext: library.func("size_t EVP_MAC_CTX_new(size_t)"),
    initMac: library.func("int EVP_MAC_init(size_t, size_t, size_t, size_t)"),
    updateMac: library.func("int EVP_MAC_update(size_t, size_t, size_t)"),
    finalMac: library.func("int EVP_MAC_final(size_t, size_t, size_t, size_t)"),
  };
}

/**
 * By the OpenSSL inside Node, as in `openssl-cipher.ts`. Memory set aside once:
 *
 *   associated data, then text [CIPHER_MESSAGE_OCTETS] | block number and nonce [16] | tag [16] | length [8]
 */
class OpensslSessionCipher implements SessionCipher {
  readonly #evp: Evp;
  readonly #text: number;
  readonly #mac: number;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #at: number;
  readonly #block = CIPHER_MESSAGE_OCTETS;
  readonly #tag = CIPHER_MESSAGE_OCTETS + 16;
  readonly #length = CIPHER_MESSAGE_OCTETS + 16 + WHOLE_TAG_OCTETS;
  readonly #sessions: Uint8Array<ArrayBuffer>[] = [];
  readonly #addresses: number[] = [];

  /** @throws where this process has no OpenSSL, or none that can do it */
  constructor() {
    if (!["x64", "arm64"].includes(process.arch)) throw new Error("addresses of 64 bits are needed");
    const evp = loadEvp();
    this.#evp = evp;
    this.#memory = new Uint8Array(new ArrayBuffer(this.#length + 8));
    this.#at = addressOf(this.#memory.buffer);
    this.#memory[this.#block] = FIRST_BLOCK;
    this.#text = evp.newContext();
    const mac = evp.fetchMac(0, "BLAKE2BMAC", 0);
    this.#mac = mac === 0 ? 0 : evp.newMacContext(mac);
    if (this.#text === 0 || this.#mac === 0 || evp.init(this.#text, evp.chacha20(), 0, 0, 0, ENCRYPT) !== 1)
      throw new Error("OpenSSL has no BLAKE2b or no ChaCha20");
    this.#setTagLength();
  }

  /** The MAC is to make tags of WHOLE_TAG_OCTETS, from now on: an `OSSL_PARAM` of that name, and the end of the list. */
  #setTagLength(): void {
    const list = new DataView(new ArrayBuffer(2 * 40 + 8 + 8));
    const at = addressOf(list.buffer);
    const value = 2 * 40;
    list.setBigUint64(value, BigInt(WHOLE_TAG_OCTETS), true);
    new TextEncoder().encodeInto("size", new Uint8Array(list.buffer, value + 8));
    list.setBigUint64(0, BigInt(at + value + 8), true);
    list.setUint32(8, UNSIGNED_INTEGER, true);
    list.setBigUint64(16, BigInt(at + value), true);
    list.setBigUint64(24, 8n, true);
    const key = new Uint8Array(new ArrayBuffer(KEY_OCTETS));
    if (this.#evp.initMac(this.#mac, addressOf(key.buffer), KEY_OCTETS, at) !== 1)
      throw new Error("OpenSSL makes no tags of that length");
  }

  setKeys(session: number, keys: Uint8Array): void {
    const own = this.#sessions[session] ?? new Uint8Array(new ArrayBuffer(SESSION_KEY_OCTETS));
    own.set(keys);
    this.#sessions[session] = own;
    this.#addresses[session] = addressOf(own.buffer);
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
    const keys = this.#addresses[session] as number;
    const text = this.#load(associated, octets, from, to);
    this.#authenticate(keys, text + to - from);
    for (let i = 0; i < tagLength; i++) octets[tagAt + i] = this.#memory[this.#tag + i] as number;
    this.#crypt(keys, associated, octets, text, to - from, tagAt, tagLength);
    copyOctets(this.#memory, text, text + to - from, octets, from);
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
    const keys = (this.#addresses[session] as number) + DIRECTION_KEY_OCTETS;
    const text = this.#load(associated, octets, from, to);
    this.#crypt(keys, associated, octets, text, to - from, tagAt, tagLength);
    this.#authenticate(keys, text + to - from);
    // Every octet is looked at whatever the first one says: the time taken tells a forger nothing.
    let difference = 0;
    for (let i = 0; i < tagLength; i++)
      difference |= (this.#memory[this.#tag + i] as number) ^ (octets[tagAt + i] as number);
    if (difference !== 0) return false;
    copyOctets(this.#memory, text, text + to - from, octets, from);
    return true;
  }

  /** Associated data and text to the front of the memory; returns where the text begins. */
  #load(associated: Uint8Array, octets: Uint8Array, from: number, to: number): number {
    this.#memory.set(associated);
    copyOctets(octets, from, to, this.#memory, associated.length);
    return associated.length;
  }

  #authenticate(keys: number, end: number): void {
    const evp = this.#evp;
    evp.initMac(this.#mac, keys, KEY_OCTETS, 0);
    evp.updateMac(this.#mac, this.#at, end);
    const made = evp.finalMac(this.#mac, this.#at + this.#tag, this.#at + this.#length, WHOLE_TAG_OCTETS);
    if (made !== 1) throw new Error("OpenSSL did not authenticate");
  }

  #crypt(
    keys: number,
    associated: Uint8Array,
    octets: Uint8Array,
    text: number,
    length: number,
    tagAt: number,
    tagLength: number,
  ): void {
    const nonce = this.#block + 4;
    const rest = TEXT_NONCE_OCTETS - tagLength;
    for (let i = 0; i < tagLength; i++) this.#memory[nonce + i] = octets[tagAt + i] as number;
    for (let i = 0; i < rest; i++)
      this.#memory[nonce + tagLength + i] = associated[associated.length - rest + i] as number;
    const { init, update } = this.#evp;
    init(this.#text, 0, 0, keys + KEY_OCTETS, this.#at + this.#block, ENCRYPT);
    if (update(this.#text, this.#at + text, this.#at + this.#length, this.#at + text, length) !== 1)
      throw new Error("OpenSSL did not encrypt");
  }
}

/** Undefined where it cannot be had, or does not seal as `other` does. */
export function opensslSessionCipher(other: SessionCipher): SessionCipher | undefined {
  try {
    const cipher = new OpensslSessionCipher();
    return sealsAs(cipher, other) ? cipher : undefined;
  } catch {
    return undefined;
  }
}

/** Compares the two by a packet of a session whose two directions have the same keys; `other` has no session yet. */
function sealsAs(cipher: SessionCipher, other: SessionCipher): boolean {
  const keys = Uint8Array.from({ length: SESSION_KEY_OCTETS }, (_, i) => 3 * (i % DIRECTION_KEY_OCTETS));
  const associated = keys.subarray(0, 17);
  const packets = [cipher, other].map((one) => {
    one.setKeys(0, keys);
    const packet = Uint8Array.from({ length: 100 + WHOLE_TAG_OCTETS }, (_, i) => i);
    one.seal(0, associated, packet, 9, 100, 100, 8);
    return packet;
  }) as [Uint8Array, Uint8Array];
  const same = packets[0].every((octet, i) => octet === packets[1][i]);
  return same && cipher.open(0, associated, packets[1], 9, 100, 100, 8);
}
