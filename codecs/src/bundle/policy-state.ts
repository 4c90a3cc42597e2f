/**
 * Which policy a node has, told to the one that published it, or to one that has a later one, and the question:
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+-----------------------------------------------+
 *   |  service (4)  |                    version                    |
 *   +---------------+-------------+-+-------------------------------+
 *   | version (rest)|      0      |A|
 *   +---------------+-------------+-+
 *
 *   version  of the policy that the sender has, 0 for none
 *   A        the receiver is asked for its own
 */
import { readU32, writeU32 } from "../wire/octets.ts";

/** Versions that marks tell apart. */
const MARKS = 255;

export interface PolicyState {
  version: number;
  ask: boolean;
}

export const POLICY_STATE_SERVICE = 4;
export const POLICY_STATE_OCTETS = 6;

export function encodePolicyState({ version, ask }: PolicyState, out: Uint8Array, offset: number): number {
  out[offset] = POLICY_STATE_SERVICE;
  writeU32(out, offset + 1, version);
  out[offset + 5] = ask ? 1 : 0;
  return POLICY_STATE_OCTETS;
}

/** Reads what stands in `length` octets; undefined if that is something else. */
export function decodePolicyState(octets: Uint8Array, offset: number, length: number): PolicyState | undefined {
  if (length !== POLICY_STATE_OCTETS || octets[offset] !== POLICY_STATE_SERVICE) return undefined;
  const flags = octets[offset + 5] as number;
  return flags > 1 ? undefined : { version: readU32(octets, offset + 1), ask: flags === 1 };
}

/** A version in one octet: 0 for none, otherwise 1 + (version - 1) mod 255. */
export function policyMark(version: number): number {
  return version === 0 ? 0 : 1 + ((version - 1) % MARKS);
}

/** True if the mark is of a later version than `than`, as long as fewer than 128 versions lie between. */
export function isLaterPolicy(mark: number, than: number): boolean {
  if (mark === 0 || than === 0) return mark !== 0 && than === 0;
  const ahead = (mark - than + MARKS) % MARKS;
  return ahead > 0 && ahead <= MARKS >>> 1;
}
