/**
 * What a receiver says when one of several paths from the same node has fallen silent while others bring later packets.
 * It travels over these others.
 *
 *   +--------+----------+----------+------------------+
 *   | kind 1 | target 1 | bearer 1 | highest, low 16  |
 *   +--------+----------+----------+------------------+
 *
 * Target: local id of the node that is told. Bearer: its own number of the bearer that is silent. Highest: counter of its last frame to this
 * receiver that came there; one that has sent nothing since knows better.
 */
import { readU16, writeU16 } from "../wire/octets.ts";

const SUSPICION_OCTETS = 4;

export interface PathSuspicion {
  target: number;
  bearerId: number;
  highestLow: number;
}

/** Writes everything after the kind octet. */
export function encodeSuspicion(suspicion: PathSuspicion, out: Uint8Array, offset: number): number {
  out[offset] = suspicion.target;
  out[offset + 1] = suspicion.bearerId;
  writeU16(out, offset + 2, suspicion.highestLow);
  return SUSPICION_OCTETS;
}

/** Fills `into`; false unless there are exactly as many octets as it has. */
export function decodeSuspicion(octets: Uint8Array, offset: number, end: number, into: PathSuspicion): boolean {
  if (end - offset !== SUSPICION_OCTETS) return false;
  into.target = octets[offset] as number;
  into.bearerId = octets[offset + 1] as number;
  into.highestLow = readU16(octets, offset + 2);
  return true;
}
