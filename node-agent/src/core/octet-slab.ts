import { copyOctets } from "@skein/codecs";

/** Memory taken at once. */
const SLAB_OCTETS = 65_536;

/**
 * Copies of octets for events, one behind the other in the same memory: an array of its own for each would cost more
 * than the copy. A slab lives as long as anything in it is in use, or is used again when its owner says so.
 */
export class OctetSlab {
  #slab = new Uint8Array(0);
  #used = 0;

  /** A copy of octets[from, end), the receiver's to keep and to change. */
  copyOf(octets: Uint8Array, from: number, end: number): Uint8Array {
    const length = end - from;
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(SLAB_OCTETS, length));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    copyOctets(octets, from, end, this.#slab, at);
    return this.#slab.subarray(at, at + length);
  }

  /** None of the copies is needed any more. */
  reuse(): void {
    this.#used = 0;
  }
}
