import type { IdentityPort, SessionEnd } from "@skein/node-agent/core";

const KEY_OCTETS = 32;

/**
 * A node's key pair for virtual time: what `SimCrypto` is between neighbours, this is between the ends of a way. The
 * "public key" follows from the node's id, sessions from what both ends put in; tags are 64-bit checksums over
 * associated data and text, which stays readable. Not for the air.
 */
export class SimIdentity implements IdentityPort {
  readonly publicKey = new Uint8Array(KEY_OCTETS);
  /** Of packets to and from the other end, by handle. */
  readonly #out: number[] = [];
  readonly #in: number[] = [];
  #high = 0;
  #low = 0;

  constructor(nodeId: number) {
    for (let i = 0; i < KEY_OCTETS; i++) this.publicKey[i] = Math.imul(nodeId + i, 0x9e3779b1) >>> 24;
  }

  agree(reuse: number, own: SessionEnd, peer: SessionEnd): number {
    const handle = reuse < 0 ? this.#out.length : reuse;
    this.#out[handle] = mixEnd(mixEnd(0, own), peer);
    this.#in[handle] = mixEnd(mixEnd(0, peer), own);
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
    this.#checksum(this.#out[session] as number, associated, octets, from, to);
    for (let i = 0; i < tagLength; i++) octets[tagAt + i] = this.#tagOctet(i);
  }

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
    const keys = sealedHere ? this.#out : this.#in;
    this.#checksum(keys[session] as number, associated, octets, from, to);
    for (let i = 0; i < tagLength; i++) if (octets[tagAt + i] !== this.#tagOctet(i)) return false;
    return true;
  }

  #tagOctet(i: number): number {
    return i < 4 ? (this.#high >>> (8 * i)) & 255 : (this.#low >>> (8 * (i - 4))) & 255;
  }

  #checksum(key: number, associated: Uint8Array, octets: Uint8Array, from: number, to: number): void {
    let high = key;
    let low = ~key ^ (to - from);
    for (let i = 0; i < associated.length; i++) {
      high = Math.imul(high ^ (associated[i] as number), 0x01000193);
      low = Math.imul(low + (associated[i] as number), 0xc2b2ae35) ^ high;
    }
    for (let i = from; i < to; i++) {
      high = Math.imul(high ^ (octets[i] as number), 0x01000193);
      low = Math.imul(low + (octets[i] as number), 0xc2b2ae35) ^ high;
    }
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b);
    low = Math.imul(low ^ high ^ (low >>> 13), 0xc2b2ae35);
    this.#high = high ^ (high >>> 13);
    this.#low = low ^ (low >>> 16);
  }
}

function mixEnd(before: number, end: SessionEnd): number {
  let h = Math.imul(before ^ end.nodeId, 0x9e3779b1) ^ Math.imul(end.bootEpoch, 0x85ebca6b);
  for (let i = 0; i < KEY_OCTETS; i++) h = Math.imul(h ^ (end.publicKey[i] as number), 0x01000193);
  return h;
}
