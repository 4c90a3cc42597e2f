import koffi from "koffi";

let memmove: ((to: Uint8Array, from: Uint8Array, octets: number) => number | bigint) | undefined;

/** Where the first octet of a buffer lies; it does not move as long as the buffer lives. */
export function addressOf(memory: ArrayBuffer): number {
  // A move of nothing gives back where its first argument lies.
  memmove ??= koffi.load(null).func("size_t memmove(uint8_t *, const uint8_t *, size_t)");
  const octets = new Uint8Array(memory);
  return Number(memmove(octets, octets, 0));
}
