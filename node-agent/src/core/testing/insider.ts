import { FrameKind, kindOctet, SHARED_HEADER_OCTETS } from "@skein/codecs";
import { type CoreOptions, MAX_FRAME_OCTETS, Precedence, TrafficClass } from "../api.ts";
import type { Port } from "../port.ts";
import { createState } from "../state.ts";

/** Counters of an insider's own frames begin here, above those that the node it has taken over has used. */
const FIRST_COUNTER = 1_000;

/**
 * Somebody with the keys of a member who says what it likes: seals any body, of link state if not told otherwise, as that
 * member on a shared bearer. The member itself must not transmit any more.
 */
export function sealAsInsider(
  options: CoreOptions,
  bearerId: number,
  nth: number,
  encodeBody: (out: Uint8Array, offset: number) => number,
  kind: number = FrameKind.linkState,
  precedence: number = Precedence.immediate,
): Uint8Array {
  const state = createState(options);
  const port = state.ports[bearerId] as Port;
  port.counter = FIRST_COUNTER + nth;
  const frame = new Uint8Array(MAX_FRAME_OCTETS);
  frame[SHARED_HEADER_OCTETS] = kindOctet(kind, TrafficClass.command, precedence);
  const from = SHARED_HEADER_OCTETS + 1;
  const end = from + encodeBody(frame, from);
  return frame.slice(0, state.secure.sealShared(port, state.local, frame, end));
}
