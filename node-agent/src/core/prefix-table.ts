import { type IpFamily, type IpPrefix, prefixCovers, sameOctets } from "@skein/codecs";

interface Entry {
  readonly local: number;
  readonly prefix: IpPrefix;
}

const NONE: readonly IpPrefix[] = [];

/**
 * IP networks of all nodes of an area, the longest first. Bounded by the number of nodes and
 * MAX_PREFIXES_PER_NODE; changes are rare, look-ups are not.
 */
export class PrefixTable {
  readonly #ofNode: (readonly IpPrefix[])[] = new Array<readonly IpPrefix[]>(256).fill(NONE);
  #entries: Entry[] = [];
  #foreign: readonly IpPrefix[] | undefined = NONE;

  set(local: number, prefixes: readonly IpPrefix[]): void {
    const before = this.#ofNode[local] as readonly IpPrefix[];
    if (before === prefixes || (before.length === 0 && prefixes.length === 0)) return;
    this.#ofNode[local] = prefixes;
    this.#entries = this.#entries.filter((entry) => entry.local !== local);
    for (const prefix of prefixes) this.#entries.push({ local, prefix });
    this.#entries.sort((a, b) => b.prefix.lengthBits - a.prefix.lengthBits || a.local - b.local);
    this.#foreign = undefined;
  }

  /** Local id of the node with the longest prefix that covers an address, of several the nearest; 0 if there is none. */
  longest(octets: Uint8Array, offset: number, family: IpFamily, distance: (local: number) => number): number {
    let best = 0;
    let lengthBits = -1;
    for (let i = 0; i < this.#entries.length; i++) {
      const { local, prefix } = this.#entries[i] as Entry;
      if (prefix.lengthBits < lengthBits) break;
      if (prefix.family !== family || !prefixCovers(prefix, octets, offset)) continue;
      if (best !== 0 && distance(local) >= distance(best)) continue;
      best = local;
      lengthBits = prefix.lengthBits;
    }
    return best;
  }

  /** Prefixes of all nodes but one, each once; the same array until something changes. */
  foreign(own: number): readonly IpPrefix[] {
    this.#foreign ??= this.#entries
      .filter((entry) => entry.local !== own)
      .map((entry) => entry.prefix)
      .filter((prefix, i, all) => all.findIndex((other) => isSamePrefix(prefix, other)) === i);
    return this.#foreign;
  }
}

export function isSamePrefix(a: IpPrefix, b: IpPrefix): boolean {
  return a.family === b.family && a.lengthBits === b.lengthBits && sameOctets(a.octets, b.octets);
}
