import {
  createDataHeader,
  decodeWideDataHeader,
  FrameKind,
  isGroupKind,
  isUnicastKind,
  kindOf,
  SealFormat,
  sealedStart,
  sealFormat,
} from "@skein/codecs";
import { remainingOf } from "../checkers/remaining.ts";

/**
 * What the benches read from frames on the air. They can because the crypto of the simulator leaves the text
 * readable. The layout of sealed frames is known here and nowhere else in this folder.
 */

/** Kind, class and precedence of a frame; -1 for a flow frame, which has no such octet and carries data by nature. */
export function kindOctetOf(octets: Uint8Array): number {
  return sealFormat(octets) === SealFormat.flow ? -1 : (octets[sealedStart(octets)] as number);
}

/** True if there is a unicast packet in the frame: parity of several may look like one by accident. */
export function carriesPacket(octets: Uint8Array): boolean {
  const octet = kindOctetOf(octets);
  return octet < 0 || isUnicastKind(kindOf(octet));
}

/** True if the frame carries what somebody had to say, false if the mesh talks to itself. */
export function isUserFrame(octets: Uint8Array): boolean {
  if (carriesPacket(octets)) return true;
  const kind = kindOf(kindOctetOf(octets));
  return kind === FrameKind.fragment || isGroupKind(kind);
}

/** Local id of the neighbour that a unicast frame on a shared medium is for; 0: everyone. */
export function nextHopOf(octets: Uint8Array): number {
  return octets[sealedStart(octets) + 1] as number;
}

const header = createDataHeader();

/** How far the wide unicast packet in a frame still is from the end of its way (see `remainingOf`). */
export function remainingIn(octets: Uint8Array, length: number): number {
  const shared = sealFormat(octets) === SealFormat.shared;
  const from = sealedStart(octets);
  const body = from + decodeWideDataHeader(octets, from, length, shared, header);
  return remainingOf(header, octets, body, length);
}

/** Where `marker` begins, searched from the end, since the payload is the last thing before the tag; -1 if nowhere. */
export function findMarker(octets: Uint8Array, length: number, marker: Uint8Array): number {
  for (let at = length - marker.length; at >= 0; at--) {
    let same = 0;
    while (same < marker.length && octets[at + same] === marker[same]) same++;
    if (same === marker.length) return at;
  }
  return -1;
}
