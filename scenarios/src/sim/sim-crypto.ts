import type { CryptoPort } from "@skein/node-agent/core";

/**
 * Authentication without secrecy, for virtual time: the tag is a keyed 64-bit checksum over nonce, associated
 * data and text, so that corruption, wrong keys and wrong nonces are found as a real AEAD finds them, at a small
 * part of its cost. The text itself stays readable, which is what lets checkers look into frames. Not for the air.
 */
export class SimCrypto implements CryptoPort {
  #mission: number;
  #handles = new Map<number, number>();
  #keys: number[] = [];
  readonly #views = new WeakMap<Uint8Array, DataView>();
  #high = 0;
  #low = 0;

  /** `mission`: 32 bits; nodes with different ones do not understand each other. */
  constructor(mission: number) {
    this.#mission = mission;
  }

  senderKey(nodeId: number, keyPhase: number): number {
    const name = nodeId * 2 + keyPhase;
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    const handle = this.#keys.length;
    this.#keys.push(Math.imul(nodeId ^ this.#mission, 0x9e3779b1) ^ keyPhase);
    this.#handles.set(name, handle);
    return handle;
  }

  seal(key: number, nonce: Uint8Array, octets: Uint8Array, _from: number, to: number, tagLength: number): void {
    this.#checksum(key, nonce, octets, to);
    for (let i = 0; i < tagLength; i++) octets[to + i] = this.#tagOctet(i);
  }

  open(key: number, nonce: Uint8Array, octets: Uint8Array, _from: number, to: number, tagLength: number): boolean {
    this.#checksum(key, nonce, octets, to);
    for (let i = 0; i < tagLength; i++) if (octets[to + i] !== this.#tagOctet(i)) return false;
    return true;
  }

  #tagOctet(i: number): number {
    return i < 4 ? (this.#high >>> (8 * i)) & 255 : (this.#low >>> (8 * (i - 4))) & 255;
  }

  /** Frames come in a few buffers, again and again. */
  #viewOf(octets: Uint8Array): DataView {
    let view = this.#views.get(octets);
    if (view === undefined) {
      view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
      this.#views.set(octets, view);
    }
    return view;
  }

  /** Two multiplicative lanes over four octets a step, then a finish that spreads every bit. */
  #checksum(key: number, nonce: Uint8Array, octets: Uint8Array, to: number): void {
    let high = (this.#keys[key] as number) ^ to;
    let low = ~high;
    for (let i = 0; i < 12; i++) high = Math.imul(high ^ (nonce[i] as number), 0x01000193);
    const view = this.#viewOf(octets);
    let i = 0;
    for (; i + 4 <= to; i += 4) {
      const word = view.getInt32(i, true);
      high = Math.imul(high ^ word, 0x85ebca6b);
      high ^= high >>> 15;
      low = Math.imul(low + word, 0xc2b2ae35) ^ high;
    }
    for (; i < to; i++) high = Math.imul(high ^ (octets[i] as number), 0x01000193);
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b);
    low = Math.imul(low ^ high ^ (low >>> 13), 0xc2b2ae35);
    this.#high = high ^ (high >>> 13);
    this.#low = low ^ (low >>> 16);
  }
}
