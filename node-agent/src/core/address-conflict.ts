import { type Advertisement, advertisementOctets, encodeAdvertisement, VECTOR_GONE } from "@skein/codecs";
import {
  CLAIM_AGAIN_US,
  CLAIM_FORGOTTEN_US,
  CLAIM_GAP_US,
  CLAIM_LOOKS,
  CLAIM_SURE_US,
  CONFLICT_TOLD_US,
  DISPUTE_US,
  MAX_CONFLICTS,
} from "./limits.ts";
import type { Port } from "./port.ts";
import { type CoreState, emit } from "./state.ts";

/**
 * `address` is `nodeId`'s as far as this node is concerned, and somebody else claims it: counted each time, told to the
 * owner now and then. Whoever came first keeps the address here; nothing is taken away from a node that has links.
 */
export function noteConflict(s: CoreState, nowUs: number, address: number, nodeId: number, other: number): void {
  s.counters.drop("address-conflict");
  const { conflicts } = s;
  conflicts.disputedUntilUs = nowUs + DISPUTE_US;
  const key = address * 0x1_0000_0000 + other;
  const toldUs = conflicts.toldUs.get(key);
  if (toldUs !== undefined && nowUs - toldUs < CONFLICT_TOLD_US) return;
  if (toldUs === undefined && conflicts.toldUs.size >= MAX_CONFLICTS) conflicts.toldUs.clear();
  conflicts.toldUs.set(key, nowUs);
  emit(s, { type: "address-conflict", address, nodeId, other });
}

/** Node `other` has been heard of under this node's address: who hears that for long enough, and has the higher id, yields. */
export function hearRival(s: CoreState, nowUs: number, other: number): void {
  const { conflicts, options } = s;
  noteConflict(s, nowUs, options.address, options.nodeId, other);
  if (other > options.nodeId) return;
  if (other !== conflicts.rival || nowUs - conflicts.rivalUs > CLAIM_FORGOTTEN_US) {
    conflicts.rival = other;
    conflicts.rivalSinceUs = nowUs;
  }
  conflicts.rivalUs = nowUs;
  if (nowUs - conflicts.rivalSinceUs >= CLAIM_SURE_US) yieldTo(s, nowUs, other);
}

function yieldTo(s: CoreState, nowUs: number, other: number): void {
  const { conflicts, options } = s;
  if (nowUs - conflicts.yieldedUs < CLAIM_FORGOTTEN_US) return;
  conflicts.yieldedUs = nowUs;
  emit(s, { type: "address-lost", address: options.address, other });
}

/**
 * Claims to addresses that link state brings. Of two nodes with one address the one with the higher id yields; for it to
 * know, a claim that is believed nowhere here goes on to it, and it looks whether others hear the one that claims.
 */
export class AddressClaims {
  readonly #s: CoreState;
  /** By local id: the last claim that was told of, and when. */
  readonly #refused = new Map<number, { advertisement: Advertisement; atUs: number }>();
  #toldUs = Number.NEGATIVE_INFINITY;
  /** The claim to this node's own address, how often it is still to be looked at, and when. */
  #own: Advertisement | undefined;
  #looksLeft = 0;
  dueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState) {
    this.#s = state;
  }

  /** Somebody else's advertisement under this node's own address; true if it is to be answered with the own one. */
  own(nowUs: number, claim: Advertisement): boolean {
    hearRival(this.#s, nowUs, claim.nodeId);
    if (claim.nodeId > this.#s.options.nodeId) return this.#isToBeTold(nowUs, claim);
    if (this.dueUs === Number.POSITIVE_INFINITY) {
      this.#looksLeft = CLAIM_LOOKS;
      this.dueUs = nowUs + CLAIM_SURE_US;
    }
    this.#own = claim;
    return false;
  }

  /** An advertisement that the database has refused for that of node `holder`; true if who has to yield is to be told. */
  refused(nowUs: number, holder: number, claim: Advertisement): boolean {
    noteConflict(this.#s, nowUs, claim.originator, holder, claim.nodeId);
    return this.#isToBeTold(nowUs, claim);
  }

  /** Whoever claims what, and how often: it is told of in bounded number. */
  #isToBeTold(nowUs: number, claim: Advertisement): boolean {
    if (nowUs - this.#toldUs < CLAIM_GAP_US) return false;
    const local = claim.originator & 0xff;
    const last = this.#refused.get(local);
    if (last?.advertisement.nodeId === claim.nodeId && nowUs - last.atUs < CLAIM_AGAIN_US) return false;
    this.#toldUs = nowUs;
    this.#refused.set(local, { advertisement: claim, atUs: nowUs });
    return true;
  }

  /** The holder of an address has left: the advertisement that was refused for its sake. */
  successor(local: number): Advertisement | undefined {
    const refused = this.#refused.get(local)?.advertisement;
    this.#refused.delete(local);
    for (const port of this.#s.ports) port.claims.delete(local);
    return refused;
  }

  handleTimeout(nowUs: number): void {
    const claim = this.#own;
    this.dueUs = Number.POSITIVE_INFINITY;
    if (claim === undefined) return;
    if (this.#isHeard(claim)) return yieldTo(this.#s, nowUs, claim.nodeId);
    if (--this.#looksLeft > 0) this.dueUs = nowUs + CLAIM_SURE_US;
  }

  /**
   * Some node has a link to the claimant. One that this node hears itself does not count: that link may be to this node, and
   * the claim all that is left of a device that it replaces.
   */
  #isHeard({ links }: Advertisement): boolean {
    const { db, local, ports } = this.#s;
    return links.some(
      ({ neighbour, channel }) =>
        db.vector(neighbour, local, channel) !== VECTOR_GONE && !ports.some((port) => port.byLocal[neighbour]?.twoWay),
    );
  }

  /** Writes the claims to be passed on over a bearer, as many as fit into `roomOctets`; returns how many octets that are. */
  encode(port: Port, out: Uint8Array, offset: number, roomOctets: number): number {
    let at = offset;
    for (const local of port.claims) {
      const { advertisement } = this.#refused.get(local) as { advertisement: Advertisement };
      const needed = advertisementOctets(advertisement, port.narrow);
      if (at > offset && at - offset + needed > roomOctets) break;
      port.claims.delete(local);
      if (needed <= roomOctets) at += encodeAdvertisement(advertisement, out, at, port.narrow);
    }
    return at - offset;
  }
}
