import {
  type Advertisement,
  type Delta,
  type IpFamily,
  type IpPrefix,
  type LinkStateLink,
  MAX_LINKS_PER_NODE,
  meshAddressOf,
  mix32,
  sameOctets,
  VECTOR_GONE,
} from "@skein/codecs";
import { SERIAL_KIND } from "./link-cost.ts";
import { isSamePrefix, PrefixTable } from "./prefix-table.ts";

const NOTHING = new Uint8Array(0);
const EVER = Number.POSITIVE_INFINITY;

/** One node's latest advertisement and when it was learned. */
export interface NodeRecord {
  readonly local: number;
  advertisement: Advertisement;
  learnedUs: number;
  /** Last sign of life: an advertisement or any frame of its own. */
  heardUs: number;
  /** The boot epoch that gave it, and the last one of the epoch before that. */
  heardEpoch: number;
  heardBeforeUs: number;
  /** Since when it has been heard in a later boot than the one that it has advertised; EVER: it has not. */
  rebornUs: number;
  /** Nobody has had a link to it any more since its advertisement: a new link to its address may be to another device. */
  isLost: boolean;
  /** Known from before this node's start, and nobody has said so since. */
  isRemembered: boolean;
}

/** A sign of life in a boot epoch. */
function noteLife(record: NodeRecord, nowUs: number, bootEpoch: number): void {
  // Of an epoch in between that has not been advertised nobody has been told.
  if (bootEpoch > record.heardEpoch && record.advertisement.bootEpoch === record.heardEpoch)
    record.heardBeforeUs = record.heardUs;
  if (bootEpoch > record.heardEpoch) record.rebornUs = nowUs;
  record.heardEpoch = Math.max(record.heardEpoch, bootEpoch);
  record.heardUs = nowUs;
}

/** It is as it was remembered. */
function confirm(record: NodeRecord): void {
  if (record.isRemembered) record.isLost = false;
  record.isRemembered = false;
}

/** "rival": it bears the numbers of what is known here, but says something else, which does not win. */
export type ApplyResult = "news" | "known" | "older" | "rival" | "gap" | "conflict" | "foreign";

/** Order of the advertisements of one originator by (boot epoch, sequence): above 0 if `a` is the newer one. */
function compareNumbers(a: Advertisement, b: Advertisement): number {
  return a.bootEpoch - b.bootEpoch || a.sequence - b.sequence;
}

/**
 * The same, and an order of those with the same numbers, which an honest node does not send: all must believe the same
 * one until the originator contradicts (compare RFC 2328 13.1). 0 if they say the same.
 */
export function compareAdvertisements(a: Advertisement, b: Advertisement): number {
  return compareNumbers(a, b) || compareContents(a, b);
}

function compareContents(a: Advertisement, b: Advertisement): number {
  // Nearly always: another copy of what is known.
  if (isCopy(a, b)) return 0;
  const x = contentOf(a);
  const y = contentOf(b);
  let at = 0;
  while (at < x.length && x[at] === y[at]) at++;
  return (x[at] ?? 0) - (y[at] ?? 0);
}

/** True if both say the same in the same order. */
function isCopy(a: Advertisement, b: Advertisement): boolean {
  if (a.role !== b.role || a.capabilities !== b.capabilities) return false;
  if (a.links.length !== b.links.length || a.prefixes.length !== b.prefixes.length) return false;
  for (let i = 0; i < a.links.length; i++) {
    const x = a.links[i] as LinkStateLink;
    const y = b.links[i] as LinkStateLink;
    if (x.neighbour !== y.neighbour || x.channel !== y.channel || x.vector !== y.vector) return false;
  }
  for (let i = 0; i < a.prefixes.length; i++)
    if (!isSamePrefix(a.prefixes[i] as IpPrefix, b.prefixes[i] as IpPrefix)) return false;
  return sameOctets(a.name, b.name) && sameOctets(a.publicKey ?? NOTHING, b.publicKey ?? NOTHING);
}

/** What an advertisement says, in whatever order it came. The lengths in front make it unambiguous. */
function contentOf({ links, name, prefixes, role, capabilities, publicKey }: Advertisement): number[] {
  const keys = links.map(({ neighbour, channel, vector }) => ((channel << 8) + neighbour) * 0x10000 + vector);
  keys.sort((a, b) => a - b);
  const networks = prefixes.flatMap(({ family, lengthBits, octets }) => [family, lengthBits, ...octets]);
  const key = publicKey ?? [];
  return [
    links.length,
    name.length,
    networks.length,
    key.length,
    role,
    capabilities,
    ...keys,
    ...name,
    ...networks,
    ...key,
  ];
}

function hashOf(a: Advertisement, later = 0): number {
  return mix32(bootHash(a.originator, a.bootEpoch) ^ (a.sequence + later));
}

function bootHash(originator: number, bootEpoch: number): number {
  return mix32(originator ^ Math.imul(bootEpoch, 0x9e3779b1));
}

/** How many changes of one node a difference of digests is searched for, */
const ODD_CHANGES = 4;
/** and how many of its own advertisement a node may have made before anybody has heard it. */
const FIRST_CHANGES = 32;

/** True if a digest (low bits, as `mask` says) may be of a node in this boot that knows of nobody but itself. */
export function knowsItselfAlone(originator: number, bootEpoch: number, digest: number, mask: number): boolean {
  const hash = bootHash(originator, bootEpoch);
  for (let sequence = 0; sequence < FIRST_CHANGES; sequence++)
    if ((mix32(hash ^ sequence) & mask) === digest) return true;
  return false;
}

/**
 * Link-state database of one area: what every node says of its own links. A link counts for routing only
 * when both ends report it. The digest is a sum of hashes, so that two databases compare in 4 octets.
 */
export class LinkStateDb {
  readonly area: number;
  readonly prefixes = new PrefixTable();
  readonly #nodes: (NodeRecord | undefined)[] = new Array<NodeRecord | undefined>(256).fill(undefined);
  #digest = 0;
  /** Changes whenever a link or a node does. */
  version = 0;

  constructor(area: number) {
    this.area = area;
  }

  get digest(): number {
    return this.#digest;
  }

  /**
   * If two databases differ by one advertisement, which: since a digest is a sum, the difference is that one's hash.
   * Local id if the owner of `digest` (low bits, as `mask` says) lacks it or has an earlier one, minus the local id if
   * it has a later one, 0 if they differ by more.
   */
  oddOne(digest: number, mask: number): number {
    const difference = (this.#digest - digest) & mask;
    // By index, for there are 256, most of them unknown.
    for (let local = 0; local < this.#nodes.length; local++) {
      const advertisement = this.#nodes[local]?.advertisement;
      if (advertisement === undefined) continue;
      const hash = hashOf(advertisement);
      if ((hash & mask) === difference) return local;
      for (let i = 1; i <= ODD_CHANGES; i++) {
        if (((hash - hashOf(advertisement, -i)) & mask) === difference) return local;
        if (((hash - hashOf(advertisement, i)) & mask) === difference) return -local;
      }
    }
    return 0;
  }

  node(local: number): NodeRecord | undefined {
    return this.#nodes[local];
  }

  /** Local ids known, ascending. */
  *locals(): Generator<number> {
    for (let local = 1; local < 255; local++) if (this.#nodes[local] !== undefined) yield local;
  }

  applyFull(advertisement: Advertisement, nowUs: number): ApplyResult {
    if (advertisement.originator >>> 8 !== this.area) return "foreign";
    const local = advertisement.originator & 0xff;
    const record = this.#nodes[local];
    if (record === undefined) {
      this.#nodes[local] = {
        local,
        advertisement,
        learnedUs: nowUs,
        heardUs: nowUs,
        heardEpoch: advertisement.bootEpoch,
        heardBeforeUs: nowUs,
        rebornUs: EVER,
        isLost: false,
        isRemembered: false,
      };
      this.#digest = (this.#digest + hashOf(advertisement)) >>> 0;
      this.prefixes.set(local, advertisement.prefixes);
      this.version++;
      return "news";
    }
    const another = record.advertisement.nodeId !== advertisement.nodeId;
    // Whoever has links keeps its address; one that is gone for good may be replaced by another device.
    if (another && this.#hasLinks(record)) return "conflict";
    const order = another ? 1 : compareAdvertisements(advertisement, record.advertisement);
    if (order === 0) {
      confirm(record);
      return "known";
    }
    if (order < 0) return compareNumbers(advertisement, record.advertisement) < 0 ? "older" : "rival";
    this.#digest = (this.#digest - hashOf(record.advertisement) + hashOf(advertisement)) >>> 0;
    const { links } = record.advertisement;
    noteLife(record, nowUs, advertisement.bootEpoch);
    if (another) record.heardEpoch = advertisement.bootEpoch;
    record.advertisement = advertisement;
    this.prefixes.set(local, advertisement.prefixes);
    record.learnedUs = nowUs;
    record.isLost = false;
    record.isRemembered = false;
    if (record.heardEpoch === advertisement.bootEpoch) record.rebornUs = EVER;
    this.version++;
    this.#noticeLost(local, links);
    return "news";
  }

  /** Takes up what was known before this node's start, as long as nobody says anything newer. */
  restore(advertisement: Advertisement, nowUs: number): void {
    const local = advertisement.originator & 0xff;
    if (this.#nodes[local] !== undefined || this.applyFull(advertisement, nowUs) !== "news") return;
    const record = this.node(local) as NodeRecord;
    record.isLost = true;
    record.isRemembered = true;
  }

  /** Another device says hello under the address of one that is lost: what that one said is of no use any more. */
  forgetLost(local: number, nodeId: number): void {
    const record = this.#nodes[local];
    if (record?.isLost === true && record.advertisement.nodeId !== nodeId) this.#forget(record);
  }

  /** Somebody does not know of it, or knows something else: true if it was only remembered, and is not known any more. */
  forgetRemembered(local: number): boolean {
    const record = this.#nodes[local];
    if (record?.isRemembered !== true) return false;
    this.#forget(record);
    return true;
  }

  #forget({ local, advertisement }: NodeRecord): void {
    this.#nodes[local] = undefined;
    this.#digest = (this.#digest - hashOf(advertisement)) >>> 0;
    this.prefixes.set(local, []);
    this.version++;
  }

  /** Applies a delta to the advertisement with the sequence just before; "gap" asks for a pull. */
  applyDelta(delta: Delta, nowUs: number): ApplyResult {
    const record = this.#nodes[delta.originator];
    if (record === undefined) return "gap";
    const current = record.advertisement;
    const ahead = (delta.sequence - current.sequence) & 0xff;
    if (ahead === 0) {
      const known = this.vector(delta.originator, delta.neighbour, delta.channel);
      return known === delta.vector ? "known" : "rival";
    }
    if (ahead >= 0x80) return "older";
    if (ahead !== 1 || current.sequence === 0xffff) return "gap";
    const links = withLink(current.links, delta.neighbour, delta.channel, delta.vector);
    return this.applyFull({ ...current, sequence: current.sequence + 1, links }, nowUs);
  }

  #hasLinks({ local, advertisement, isLost }: NodeRecord): boolean {
    if (isLost) return false;
    return advertisement.links.some((link) => this.vector(link.neighbour, local, link.channel) !== VECTOR_GONE);
  }

  /** Whom `local` had links to: one that nobody hears any more is lost until it says something itself. */
  #noticeLost(local: number, before: readonly LinkStateLink[]): void {
    for (const { neighbour, channel } of before) {
      if (this.vector(local, neighbour, channel) !== VECTOR_GONE) continue;
      const record = this.#nodes[neighbour];
      if (record !== undefined && !this.#hasLinks(record)) record.isLost = true;
    }
  }

  /** The record's node gave a sign of life, in this boot epoch if that is known. */
  heard(local: number, nowUs: number, bootEpoch?: number): void {
    const record = this.#nodes[local];
    if (record === undefined) return;
    const { rebornUs } = record;
    noteLife(record, nowUs, bootEpoch ?? record.heardEpoch);
    if (record.rebornUs !== rebornUs) this.version++;
    if (bootEpoch === record.advertisement.bootEpoch) confirm(record);
  }

  /** Vector of the link from -> to over `channel`, or VECTOR_GONE. */
  vector(from: number, to: number, channel: number): number {
    const record = this.#nodes[from];
    if (record === undefined) return VECTOR_GONE;
    for (const link of record.advertisement.links)
      if (link.neighbour === to && link.channel === channel) return link.vector;
    return VECTOR_GONE;
  }

  /**
   * Address of the node that owns an IP address: by its implicit one, else by the longest prefix, of several nodes
   * with the same the nearest by `distance`. 0 if nobody does.
   */
  resolveIp(
    octets: Uint8Array,
    offset: number,
    family: IpFamily,
    distance: (local: number) => number,
    reaches: (address: number) => boolean,
  ): number {
    const implicit = meshAddressOf(octets, offset, family);
    if (implicit >>> 8 === this.area && this.#nodes[implicit & 0xff] !== undefined) return implicit;
    if (implicit !== 0 && reaches(implicit)) return implicit;
    const local = this.prefixes.longest(octets, offset, family, distance);
    return local === 0 ? 0 : (this.area << 8) | local;
  }

  /**
   * True of a link of which nothing has been said since one end was heard in a new boot. Two that were off at once would
   * vouch for each other, be one of them still off: who comes back alone would seem to lead to whom the other one reached.
   * On slow radios it takes seconds to advertise anew, and nobody could reach it until then.
   */
  isPast(a: number, b: number, channel: number): boolean {
    const x = this.#nodes[a];
    const y = this.#nodes[b];
    if (x === undefined || y === undefined || channel === SERIAL_KIND) return false;
    return (y.rebornUs < EVER && x.learnedUs < y.rebornUs) || (x.rebornUs < EVER && y.learnedUs < x.rebornUs);
  }

  /** True if both ends report a link over `channel`. */
  isTwoWay(a: number, b: number, channel: number): boolean {
    return this.vector(a, b, channel) !== VECTOR_GONE && this.vector(b, a, channel) !== VECTOR_GONE;
  }
}

/** The link list with one link set, or removed by VECTOR_GONE. */
export function withLink(
  links: readonly LinkStateLink[],
  neighbour: number,
  channel: number,
  vector: number,
): LinkStateLink[] {
  const others = links.filter((l) => l.neighbour !== neighbour || l.channel !== channel);
  if (vector !== VECTOR_GONE && others.length < MAX_LINKS_PER_NODE) others.push({ neighbour, channel, vector });
  return others;
}

/** A difference of numbers of which the low octets travel, -128..127. */
export function signed8(value: number): number {
  return ((value & 0xff) << 24) >> 24;
}
