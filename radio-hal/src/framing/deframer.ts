/** Why a deframer threw octets away. */
export type DeframeDrop = "crc" | "framing" | "too-long" | "too-short";

/** Gets what a deframer finds; called from inside `push`. */
export interface DeframerSink {
  /** A whole frame, checked. `octets[0..length)` is valid only during the call. */
  frame(octets: Uint8Array, length: number): void;
  /** `lengthOctets` received octets were no frame. */
  drop(reason: DeframeDrop, lengthOctets: number): void;
}

/**
 * A push parser: octets in as they come, in pieces of any size; frames out. Its memory is one frame of the greatest
 * length, it allocates nothing after it was made, and any noise costs at most the frames that it touches: each format
 * has a delimiter that cannot occur inside a frame.
 */
export interface Deframer {
  push(octets: Uint8Array, length: number): void;
  /** True between the first octet of a frame and its delimiter. */
  readonly inFrame: boolean;
  /** True if the latest octet was the delimiter that ended a frame (whole or not), not a spare one. */
  readonly atFrameEnd: boolean;
  /** Forgets a frame that has begun. */
  reset(): void;
}

/** Ends a frame of `length` octets, check included: passes it on without the check, or drops it. */
export function deliverChecked(
  sink: DeframerSink,
  octets: Uint8Array,
  length: number,
  checkOctets: number,
  good: boolean,
): void {
  if (length <= checkOctets) sink.drop("too-short", length);
  else if (!good) sink.drop("crc", length);
  else sink.frame(octets, length - checkOctets);
}
