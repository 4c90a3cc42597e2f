import type { IdentityPort } from "../api.ts";

const KEY_OCTETS = 32;

/**
 * No key agreement and no encryption, but checksums that depend on what both ends put in, on associated data and text:
 * what is altered, or meant for somebody else, does not open. Nodes with different `secret` have different keys. For
 * tests and benches.
 */
export function createNullIdentity(secret: number): IdentityPort {
  const publicKey = new Uint8Array(KEY_OCTETS);
  for (let i = 0; i < KEY_OCTETS; i++) publicKey[i] = Math.imul(secret + 1, 0x9e3779b1 + 2 * i) >>> 24;
  /** Out and in, by handle. */
  const keys: number[] = [];
  function tag(key: number, associated: Uint8Array, octets: Uint8Array, from: number, to: number): number {
    let h = key;
    for (let i = 0; i < associated.length; i++) h = Math.imul(h ^ (associated[i] as number), 0x01000193);
    for (let i = from; i < to; i++) h = Math.imul(h ^ (octets[i] as number), 0x01000193);
    return h >>> 0;
  }
  return {
    publicKey,
    agree(reuse, own, peer) {
      const handle = reuse < 0 ? keys.length / 2 : reuse;
      keys[2 * handle] = mix(mix(0, own), peer);
      keys[2 * handle + 1] = mix(mix(0, peer), own);
      return handle;
    },
    seal(session, associated, octets, from, to, tagAt, tagLength) {
      const value = tag(keys[2 * session] as number, associated, octets, from, to);
      for (let i = 0; i < tagLength; i++) octets[tagAt + i] = i < 4 ? value >>> (8 * i) : 0;
    },
    open(session, associated, octets, from, to, tagAt, tagLength, sealedHere = false) {
      const key = keys[2 * session + (sealedHere ? 0 : 1)] as number;
      const value = tag(key, associated, octets, from, to);
      for (let i = 0; i < tagLength; i++)
        if (octets[tagAt + i] !== (i < 4 ? (value >>> (8 * i)) & 0xff : 0)) return false;
      return true;
    },
  };
}

function mix(before: number, end: { nodeId: number; bootEpoch: number; publicKey: Uint8Array }): number {
  let h = Math.imul(before ^ end.nodeId, 0x9e3779b1) ^ Math.imul(end.bootEpoch, 0x85ebca6b);
  for (let i = 0; i < KEY_OCTETS; i++) h = Math.imul(h ^ (end.publicKey[i] as number), 0x01000193);
  return h;
}
