import {
  createHello,
  DIRECT_HEADER_OCTETS,
  decodeHello,
  FrameKind,
  FULL_HEADER_OCTETS,
  type Hello,
  kindOf,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
  WIDE_TAG_OCTETS,
} from "@skein/codecs";

/** A hello on a wide bearer, sealed by the null crypto. */
export function readHello(octets: Uint8Array): Hello | undefined {
  const format = sealFormat(octets);
  const full = format === SealFormat.full;
  const other = format === SealFormat.direct ? DIRECT_HEADER_OCTETS : SHARED_HEADER_OCTETS;
  const at = full ? FULL_HEADER_OCTETS : other;
  const end = octets.length - WIDE_TAG_OCTETS;
  if (end <= at || kindOf(octets[at] as number) !== FrameKind.hello) return undefined;
  const hello = createHello();
  return decodeHello(octets, at + 1, end, full, hello) ? hello : undefined;
}
