import {
  createHello,
  decodeHello,
  FrameKind,
  type Hello,
  kindOf,
  SealFormat,
  sealedStart,
  sealFormat,
  WIDE_TAG_OCTETS,
} from "@skein/codecs";

/** A hello on a wide bearer, sealed by the null crypto. */
export function readHello(octets: Uint8Array): Hello | undefined {
  const at = sealedStart(octets);
  const end = octets.length - WIDE_TAG_OCTETS;
  if (end <= at || kindOf(octets[at] as number) !== FrameKind.hello) return undefined;
  const hello = createHello();
  const isFull = sealFormat(octets) === SealFormat.full;
  return decodeHello(octets, at + 1, end, isFull, hello) ? hello : undefined;
}
