import { advertisementOctets, decodeAdvertisement, encodeAdvertisement } from "@skein/codecs";
import type { CoreState } from "./state.ts";

/**
 * What others have told of their links, for a later start of this node: one advertisement after the other, as on wide
 * bearers.
 */
export function writeLinkState({ db, local }: CoreState): Uint8Array {
  const others = [...db.locals()].flatMap((id) => (id === local ? [] : (db.node(id)?.advertisement ?? [])));
  const octets = new Uint8Array(others.reduce((sum, advertisement) => sum + advertisementOctets(advertisement), 0));
  let at = 0;
  for (const advertisement of others) at += encodeAdvertisement(advertisement, octets, at);
  return octets;
}

/** Takes up what an earlier start has written; what is malformed, and all behind it, is left out and counted. */
export function readLinkState({ db, counters }: CoreState, octets: Uint8Array, nowUs: number): void {
  for (let at = 0; at < octets.length; ) {
    const advertisement = decodeAdvertisement(octets, at, octets.length);
    if (advertisement === undefined) return counters.drop("malformed-body");
    at += advertisementOctets(advertisement);
    db.restore(advertisement, nowUs);
  }
}
