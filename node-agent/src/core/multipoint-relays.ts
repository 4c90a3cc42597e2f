import { VECTOR_GONE } from "@skein/codecs";
import { addId, addIds, countCommonIds, countIds, createIdSet, hasId, removeId, removeIds } from "./id-set.ts";
import { isMember, type Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/**
 * Which neighbours of a transmitter on a shared channel relay its group frames, so that all who are two hops from it get
 * them: multipoint relays, chosen greedily (RFC 3626 8.3.1). Nobody is told: link state says who hears whom, and all
 * come to the same.
 */
export class MultipointRelays {
  readonly #s: CoreState;
  readonly #left = createIdSet();

  constructor(state: CoreState) {
    this.#s = state;
  }

  /**
   * Local ids in the order of their turns, which are not at one time: relays of one transmitter meet at those between
   * them. The source and whom it reaches have the frame already. Of those who add as many the one that reaches the most goes
   * first, for it has most likely sent it before; among equals a lot decides, for each frame another.
   */
  of(port: Port, transmitter: number, source: number, sequence: number): number[] {
    const left = this.#left.fill(0);
    const heard = this.reachOf(port, transmitter);
    for (let local = 1; local < 255; local++) {
      if (hasId(heard, local) && local !== source && local !== transmitter) addIds(left, this.reachOf(port, local));
    }
    removeIds(left, heard);
    removeIds(left, this.reachOf(port, source));
    removeId(left, transmitter);
    removeId(left, source);
    if (countIds(left) === 0) return [];
    const reaches = new Map<number, Uint32Array>();
    for (let local = 1; local < 255; local++) {
      if (hasId(heard, local) && local !== source && local !== transmitter)
        reaches.set(local, this.surelyReached(port, local));
    }
    const relays: number[] = [];
    for (let best = this.#best(reaches, sequence); best !== 0; best = this.#best(reaches, sequence)) {
      relays.push(best);
      removeIds(left, reaches.get(best) as Uint32Array);
    }
    return relays;
  }

  /** How many transmissions on its channel a group frame of this node takes, until all have it whom anybody reaches. */
  transmissions(port: Port): number {
    const source = this.#s.local;
    const senders = [source];
    for (const sender of senders)
      for (const relay of this.of(port, sender, source, 0)) if (!senders.includes(relay)) senders.push(relay);
    return senders.length;
  }

  /** Who reaches the most of those that are left; 0 if nobody does. */
  #best(reaches: ReadonlyMap<number, Uint32Array>, sequence: number): number {
    let best = 0;
    let most: readonly number[] = [1, 0, 0];
    for (const [local, reach] of reaches) {
      const rank = [countCommonIds(this.#left, reach), countIds(reach), -lotOf(local, sequence)];
      if (!comesBefore(rank, most)) continue;
      best = local;
      most = rank;
    }
    return best;
  }

  /** Whom a node reaches that say so as well: one that claims more than is true is not relied upon for it. */
  surelyReached(port: Port, local: number): Uint32Array {
    const claimed = this.reachOf(port, local);
    const reached = createIdSet();
    for (let other = 1; other < 255; other++) {
      if (hasId(claimed, other) && hasId(this.reachOf(port, other), local)) addId(reached, other);
    }
    return reached;
  }

  /** Whom a node on the channel hears by its own word, as far as is known. */
  reachOf(port: Port, local: number): Uint32Array {
    const n = port.byLocal[local];
    if (n?.alive) return n.reach;
    const reach = createIdSet();
    if (local === this.#s.local) {
      for (const n of port.neighbours) if (isMember(n) || hasHeardBefore(n, local)) addId(reach, n.local);
      return reach;
    }
    for (const { channel, neighbour, vector } of this.#s.db.node(local)?.advertisement.links ?? [])
      if (channel === port.config.kind && vector !== VECTOR_GONE) addId(reach, neighbour);
    return reach;
  }
}

/** True of a member that has just started anew: it has yet to say again that it hears node `local`. */
function hasHeardBefore(n: Neighbour, local: number): boolean {
  return n.alive && !n.foreign && hasId(n.reachBefore, local);
}

/** By the first number that differs: the larger one. */
function comesBefore(rank: readonly number[], other: readonly number[]): boolean {
  const at = rank.findIndex((value, i) => value !== other[i]);
  return at !== -1 && (rank[at] as number) > (other[at] as number);
}

/** Order among equals, another one for each frame: relaying costs battery. */
export function lotOf(local: number, sequence: number): number {
  return Math.imul((local ^ sequence) + 1, 0x9e3779b1) >>> 0;
}
