import assert from "node:assert/strict";
import sodium from "libsodium-wrappers";
import type { IdentityPort, SessionEnd } from "../core/api.ts";
import { type SodiumModule, sodiumModule } from "./sodium-module.ts";

const MESSAGE_OCTETS = 2048;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const KEY_OCTETS = 32;
/** Tag key and text key, of packets out and of packets in. */
const SESSION_OCTETS = 4 * KEY_OCTETS;
const IN = 2 * KEY_OCTETS;
const END_OCTETS = KEY_OCTETS + 8;
const KDF_CONTEXT = new TextEncoder().encode("skein end to end 1");

/**
 * The core's identity port on libsodium: X25519 (RFC 7748), keyed BLAKE2b (RFC 7693) and ChaCha20 (RFC 8439).
 *
 *   subkeys of one direction = BLAKE2b-512(key: X25519(own private key, peer's public key), message:
 *     "skein end to end 1" | source's public key (32) | node id (4) | boot epoch (4) | the destination's likewise)
 *   the first half for the tag, the second for the text; how they are used stands in `seal/end-to-end.ts`.
 *
 * The compiled library's own functions are called on memory set aside once, as in `sodium-cipher.ts`:
 *
 *   associated data, then text [MESSAGE_OCTETS] | nonce [12] + 4 | tag [16] | spare tag [16]
 *
 * The build of the library has no bare ChaCha20. Its AEAD encrypts with the same key stream from block 1 on; the tag that
 * comes with it is left alone.
 */
export class SodiumIdentity implements IdentityPort {
  readonly publicKey: Uint8Array;
  readonly #module: SodiumModule;
  readonly #privateKey: Uint8Array;
  readonly #message: number;
  readonly #nonce: number;
  readonly #tag: number;
  readonly #spareTag: number;
  /** Where the subkeys of a session are, by handle. */
  readonly #sessions: number[] = [];

  /** Use `createSodiumIdentity`, which waits for the library. */
  constructor(module: SodiumModule, privateKey: Uint8Array) {
    assert.equal(privateKey.length, KEY_OCTETS, "a private key has 32 octets");
    this.#module = module;
    this.#privateKey = privateKey.slice();
    this.publicKey = sodium.crypto_scalarmult_base(privateKey);
    this.#message = module._malloc(MESSAGE_OCTETS + NONCE_OCTETS + 4 + 2 * TAG_OCTETS);
    this.#nonce = this.#message + MESSAGE_OCTETS;
    this.#tag = this.#nonce + NONCE_OCTETS + 4;
    this.#spareTag = this.#tag + TAG_OCTETS;
  }

  agree(reuse: number, own: SessionEnd, peer: SessionEnd): number {
    let shared: Uint8Array;
    try {
      shared = sodium.crypto_scalarmult(this.#privateKey, peer.publicKey);
    } catch {
      // One of the few points that would make the secret the same for everybody.
      return -1;
    }
    const handle = reuse < 0 ? this.#sessions.length : reuse;
    if (reuse < 0) this.#sessions.push(this.#module._malloc(SESSION_OCTETS));
    const at = this.#sessions[handle] as number;
    const out = direction(shared, own, peer);
    const back = direction(shared, peer, own);
    // The library's memory is another array once it has grown.
    this.#module.HEAPU8.set(out, at);
    this.#module.HEAPU8.set(back, at + IN);
    shared.fill(0);
    return handle;
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
    for (let i = from; i < to; i++) octets[i] = heap[text + i - from] as number;
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
    const keys = (this.#sessions[session] as number) + IN;
    const heap = this.#module.HEAPU8;
    const text = this.#load(associated, octets, from, to);
    this.#crypt(keys, associated, octets, text, to - from, tagAt, tagLength);
    this.#authenticate(keys, text + to - from);
    // Every octet is looked at whatever the first one says: the time taken tells a forger nothing.
    let difference = 0;
    for (let i = 0; i < tagLength; i++) difference |= (heap[this.#tag + i] as number) ^ (octets[tagAt + i] as number);
    if (difference !== 0) return false;
    for (let i = from; i < to; i++) octets[i] = heap[text + i - from] as number;
    return true;
  }

  /** Associated data and text into the library's memory; returns where the text begins. */
  #load(associated: Uint8Array, octets: Uint8Array, from: number, to: number): number {
    assert(from <= to && associated.length + to - from <= MESSAGE_OCTETS);
    const heap = this.#module.HEAPU8;
    heap.set(associated, this.#message);
    const text = this.#message + associated.length;
    for (let i = from; i < to; i++) heap[text + i - from] = octets[i] as number;
    return text;
  }

  /** Computes the tag of associated data and plain text. */
  #authenticate(keys: number, end: number): void {
    this.#module._crypto_generichash(this.#tag, TAG_OCTETS, this.#message, end - this.#message, 0, keys, KEY_OCTETS);
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
    const rest = NONCE_OCTETS - tagLength;
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

/** Subkeys of packets from one end to the other. */
function direction(shared: Uint8Array, source: SessionEnd, destination: SessionEnd): Uint8Array {
  const message = new Uint8Array(KDF_CONTEXT.length + 2 * END_OCTETS);
  const view = new DataView(message.buffer);
  message.set(KDF_CONTEXT);
  let at = KDF_CONTEXT.length;
  for (const { publicKey, nodeId, bootEpoch } of [source, destination]) {
    message.set(publicKey, at);
    view.setUint32(at + KEY_OCTETS, nodeId);
    view.setUint32(at + KEY_OCTETS + 4, bootEpoch);
    at += END_OCTETS;
  }
  return sodium.crypto_generichash(2 * KEY_OCTETS, message, shared);
}

/** Loads libsodium and makes the port. `privateKey`: 32 octets from the system's generator, copied. */
export async function createSodiumIdentity(privateKey: Uint8Array): Promise<SodiumIdentity> {
  await sodium.ready;
  return new SodiumIdentity(sodiumModule(), privateKey);
}
