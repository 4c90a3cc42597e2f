import type { CryptoPort } from "../api.ts";

/**
 * No encryption, but a checksum in place of the tag that depends on key, nonce, header and content: what
 * is altered, replayed under another nonce or sent with another key does not open. For tests and benches.
 */
export function createNullCrypto(missionKey = 0): CryptoPort {
  function tag(key: number, nonce: Uint8Array, octets: Uint8Array, to: number): number {
    let h = Math.imul(key ^ missionKey, 0x9e3779b1);
    for (let i = 0; i < nonce.length; i++) h = Math.imul(h ^ (nonce[i] as number), 0x01000193);
    for (let i = 0; i < to; i++) h = Math.imul(h ^ (octets[i] as number), 0x01000193);
    return h >>> 0;
  }
  return {
    senderKey: (nodeId) => nodeId,
    seal(key, nonce, octets, _from, to, tagLength) {
      const value = tag(key, nonce, octets, to);
      for (let i = 0; i < tagLength; i++) octets[to + i] = i < 4 ? value >>> (8 * i) : 0;
    },
    open(key, nonce, octets, _from, to, tagLength) {
      const value = tag(key, nonce, octets, to);
      for (let i = 0; i < tagLength; i++) if (octets[to + i] !== (i < 4 ? (value >>> (8 * i)) & 0xff : 0)) return false;
      return true;
    },
  };
}
