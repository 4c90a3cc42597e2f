import {
  type Advertisement,
  type AreaRoute,
  advertisementOctets,
  CAPABILITY_NARROW_VOICE,
  DELTA_OCTETS,
  type Delta,
  decodeAdvertisement,
  decodeDelta,
  encodeAdvertisement,
  encodeDelta,
  type LinkStateLink,
  VECTOR_GONE,
} from "@skein/codecs";
import { AddressClaims } from "./address-conflict.ts";
import { hasId } from "./id-set.ts";
import {
  BAD_NEWS_SECOND_US,
  BAD_NEWS_US,
  MAX_PENDING_ADVERTISEMENTS,
  MAX_PENDING_UPDATES,
  SAID_AGAIN_STRETCH,
  SPREAD_PER_MEMBER_US,
} from "./limits.ts";
import { endsDisagree } from "./link-cost.ts";
import { type ApplyResult, compareAdvertisements, type NodeRecord, signed8, withLink } from "./link-state-db.ts";
import type { Neighbour } from "./neighbour.ts";
import { type Port, quietNarrowUs } from "./port.ts";
import { type CoreState, emit } from "./state.ts";
import { isSettling, SETTLING_US } from "./turn-taking.ts";

const UPDATE_DELAY_WIDE_US = 1_500;
const UPDATE_DELAY_NARROW_US = 250_000;
const UPDATE_GAP_NARROW_US = 1_000_000;
/** What has just been learned of others may change again at once: on a narrow bearer it is passed on when it has held this long. */
const SETTLE_NARROW_US = 700_000;
const MAX_DELTAS_NARROW = 4;
const HELLO_ROUND_NARROW_US = 500_000;
/** A forger must not make this node talk more often than so. */
const CONTRADICT_GAP_US = 1_000_000;
const MAX_EPOCH = 0xffff_ffff;
const MAX_SEQUENCE = 0xffff;

/**
 * Spreads link state: own changes as 6-octet deltas, others' news onward, databases that differ (as
 * hellos tell) by a pull. Nothing is acknowledged; the digest is what makes it reliable.
 */
export class LinkStateFlooding {
  readonly #s: CoreState;
  #contradictedUs = Number.NEGATIVE_INFINITY;
  /** The newest that is to be contradicted, and when it may be. */
  #claimed: Advertisement | undefined;
  #contradictDueUs = Number.POSITIVE_INFINITY;
  readonly #claims: AddressClaims;
  /** By local id. */
  readonly #rivalAnsweredUs = new Float64Array(256).fill(Number.NEGATIVE_INFINITY);
  /** Told of a neighbour that has what this node lacks. */
  onBehind: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;
  /** Told of every advertisement that is heard on a bearer. */
  onHeard: (nowUs: number, port: Port, local: number) => void = () => undefined;
  /** Told when this node's advertisement is about to go out on a narrow bearer. */
  onOwn: (nowUs: number, port: Port) => void = () => undefined;
  /** Told when the database has changed. */
  onRoutes: (nowUs: number) => void = () => undefined;
  /** Told of every advertisement that replaced another one; `hearsay`: not by its originator. */
  onAdvertisement: (nowUs: number, before: Advertisement | undefined, after: Advertisement, hearsay: boolean) => void =
    () => undefined;

  constructor(state: CoreState, nowUs: number) {
    this.#s = state;
    this.#claims = new AddressClaims(state);
    const own: Advertisement = {
      originator: state.options.address,
      nodeId: state.options.nodeId,
      bootEpoch: state.options.bootEpoch,
      sequence: 0,
      role: state.options.role,
      capabilities: state.options.narrowVoice ? CAPABILITY_NARROW_VOICE : 0,
      name: state.options.nameUtf8,
      links: [],
      prefixes: [...state.options.prefixes],
      areas: [],
      publicKey: state.options.identity.publicKey,
    };
    state.db.applyFull(own, nowUs);
  }

  /** Some own links have become what `changes` say. */
  originate(nowUs: number, changes: readonly LinkStateLink[]): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    const next = numberAfter(own);
    let { links } = own;
    for (const { neighbour, channel, vector } of changes) links = withLink(links, neighbour, channel, vector);
    this.#s.db.applyFull({ ...own, ...next, links }, nowUs);
    const [change] = changes as [LinkStateLink];
    const delta: Delta = { ...change, originator: this.#s.local, sequence: next.sequence & 0xff };
    for (const port of this.#s.ports) {
      // Nobody has what a delta could apply to when the numbers begin anew, or where it has not been said yet.
      const isUnsaid = port.narrow && port.saidUs[this.#s.local] === Number.NEGATIVE_INFINITY;
      if (changes.length > 1 || next.sequence === 0 || isUnsaid) this.queueFull(nowUs, port, this.#s.local, false);
      else this.#queueDelta(nowUs, port, delta);
    }
    this.#routesChanged(nowUs);
  }

  /** This node is about to be gone: nobody need wait until its links are missed. */
  withdraw(nowUs: number): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    this.#s.db.applyFull({ ...own, ...numberAfter(own), links: [], prefixes: [], areas: [] }, nowUs);
    for (const port of this.#s.ports) this.queueFull(nowUs, port, this.#s.local, true);
  }

  /** The ways to other areas over own neighbours have become these. */
  originateAreas(nowUs: number, areas: AreaRoute[]): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    this.#s.db.applyFull({ ...own, ...numberAfter(own), areas }, nowUs);
    for (const port of this.#s.ports) this.queueFull(nowUs, port, this.#s.local, false);
    this.#routesChanged(nowUs);
  }

  handleUpdate(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
    if (end - offset < 1) return false;
    const deltaCount = octets[offset] as number;
    let at = offset + 1;
    if (end - at < deltaCount * DELTA_OCTETS) return false;
    let changed = false;
    for (let i = 0; i < deltaCount; i++, at += DELTA_OCTETS) {
      const delta = decodeDelta(octets, at, end) as Delta;
      if (delta.originator === this.#s.local) {
        this.#contradictDelta(nowUs, delta);
        continue;
      }
      const before = this.#s.db.node(delta.originator)?.advertisement;
      const result = this.#s.db.applyDelta(delta, nowUs);
      if (result === "news") this.#tell(nowUs, before, delta.originator, n);
      if (result === "news")
        for (const to of this.#s.ports) this.#passOn(nowUs, to, port, n, () => this.#queueDelta(nowUs, to, delta));
      else if (result === "known" && (port.narrow || allHear(port, n))) forgetDelta(port, delta);
      else if (result === "rival") this.#answerRival(nowUs, port, delta.originator);
      else if (result === "gap" && !port.narrow) this.onBehind(nowUs, port, n);
      changed ||= result === "news";
    }
    while (at < end) {
      const advertisement = decodeAdvertisement(octets, at, end, port.narrow);
      if (advertisement === undefined) return false;
      at += advertisementOctets(advertisement, port.narrow);
      changed = this.#applyFull(nowUs, port, n, advertisement) === "news" || changed;
    }
    if (changed) {
      port.lastNewsUs = nowUs;
      this.#routesChanged(nowUs);
    }
    return true;
  }

  #applyFull(nowUs: number, port: Port, n: Neighbour, advertisement: Advertisement): ApplyResult {
    const local = advertisement.originator & 0xff;
    if (advertisement.originator === this.#s.options.address) {
      if (advertisement.nodeId === this.#s.options.nodeId) this.#contradict(nowUs, advertisement);
      else if (this.#claims.own(nowUs, advertisement)) this.queueFull(nowUs, port, local, true);
      return "known";
    }
    const before = this.#s.db.node(local)?.advertisement;
    if (before === undefined && this.#isAnother(advertisement)) {
      this.#s.counters.drop("address-conflict");
      return "older";
    }
    const result = this.#s.db.applyFull(advertisement, nowUs);
    if (result === "conflict" && before !== undefined && this.#claims.refused(nowUs, before.nodeId, advertisement)) {
      // Who has to yield is the holder, or where this comes from.
      if (advertisement.nodeId < before.nodeId) this.#passClaimOn(nowUs, port, n, local);
      else this.queueFull(nowUs, port, local, true);
    }
    if (result === "foreign") this.#s.counters.drop("foreign-area");
    if (result === "known" && (port.narrow || allHear(port, n))) port.updateFull.delete(local);
    if (result === "rival") this.#answerRival(nowUs, port, local);
    port.saidUs[local] = nowUs;
    this.onHeard(nowUs, port, local);
    if (result === "news") {
      this.#tell(nowUs, before, local, n);
      this.#s.duplicates.restarted(advertisement.originator, advertisement.bootEpoch, nowUs);
      for (const to of this.#s.ports) this.#passOn(nowUs, to, port, n, () => this.queueFull(nowUs, to, local, false));
    }
    const successor = result === "news" && advertisement.links.length === 0 ? this.#claims.successor(local) : undefined;
    if (successor !== undefined) this.#applyFull(nowUs, port, n, successor);
    return result;
  }

  /**
   * Under its address this node hears another one itself, whose own advertisement has yet to come: it may be all that is left of
   * the device before that one.
   */
  #isAnother({ originator, nodeId }: Advertisement): boolean {
    if (originator >>> 8 !== this.#s.area) return false;
    const heard = this.#s.ports.map((port) => port.byLocal[originator & 0xff]).filter((n) => n?.alive);
    return heard.length > 0 && heard.every((n) => n?.nodeId !== nodeId);
  }

  /** Two partitions are told so of each other's nodes with the same address. */
  #passClaimOn(nowUs: number, from: Port, n: Neighbour, local: number): void {
    for (const to of this.#s.ports)
      this.#passOn(nowUs, to, from, n, () => {
        if (!isListenedTo(nowUs, to)) return;
        to.claims.add(local);
        this.#schedule(nowUs, to, false);
      });
  }

  /**
   * Somebody spreads an advertisement of this node that is not older than its own: one of before a restart, or a forged
   * one. It says what is true under a number above that (as OSPF does, RFC 2328 13.4), not more often than once a
   * second, and then against the newest.
   */
  #contradict(nowUs: number, claimed: Advertisement): void {
    if (!this.#isToRefute(claimed)) return;
    if (this.#claimed === undefined || compareAdvertisements(claimed, this.#claimed) > 0) this.#claimed = claimed;
    this.#contradictDueUs = Math.max(nowUs, this.#contradictedUs + CONTRADICT_GAP_US);
    if (this.#contradictDueUs <= nowUs) this.#refute(nowUs);
  }

  /** What has the own numbers and says something else is refuted whichever of the two others would believe. */
  #isToRefute(claimed: Advertisement): boolean {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    const { bootEpoch, sequence } = claimed;
    if (own === undefined || (bootEpoch === MAX_EPOCH && sequence === MAX_SEQUENCE)) return false;
    const order = compareAdvertisements(claimed, own);
    return order > 0 || (order < 0 && bootEpoch === own.bootEpoch && sequence === own.sequence);
  }

  get dueUs(): number {
    return Math.min(this.#contradictDueUs, this.#claims.dueUs);
  }

  handleTimeout(nowUs: number): void {
    if (this.#contradictDueUs <= nowUs) this.#refute(nowUs);
    if (this.#claims.dueUs <= nowUs) this.#claims.handleTimeout(nowUs);
  }

  #refute(nowUs: number): void {
    const claimed = this.#claimed;
    this.#contradictDueUs = Number.POSITIVE_INFINITY;
    this.#claimed = undefined;
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined || claimed === undefined || !this.#isToRefute(claimed)) return;
    this.#contradictedUs = nowUs;
    this.#s.counters.count("contradicted");
    this.#s.db.applyFull({ ...own, ...numberAfter(claimed) }, nowUs);
    for (const port of this.#s.ports) this.queueFull(nowUs, port, this.#s.local, true);
  }

  #contradictDelta(nowUs: number, delta: Delta): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    const ahead = signed8(delta.sequence - own.sequence);
    const links = withLink(own.links, delta.neighbour, delta.channel, delta.vector);
    if (ahead >= 0) this.#contradict(nowUs, { ...own, sequence: own.sequence + ahead, links });
  }

  /**
   * Somebody has been told something else under the same numbers. Whoever it is that holds what is believed less, hears
   * now what is believed here; and it comes round to the originator, which knows.
   */
  #answerRival(nowUs: number, port: Port, local: number): void {
    this.#s.counters.count("rivals");
    if (nowUs - (this.#rivalAnsweredUs[local] as number) < CONTRADICT_GAP_US) return;
    this.#rivalAnsweredUs[local] = nowUs;
    this.queueFull(nowUs, port, local, true);
  }

  /** News that came over `from` goes out over `to`, unless all neighbours there have heard it just now. */
  #passOn(nowUs: number, to: Port, from: Port, n: Neighbour, queue: () => void): void {
    if (to !== from) {
      queue();
      return;
    }
    if (!isSettling(to, nowUs) && !allHear(to, n)) queue();
  }

  #queueDelta(nowUs: number, port: Port, delta: Delta): void {
    if (!isListenedTo(nowUs, port)) return;
    if (port.narrow && delta.vector === VECTOR_GONE) {
      this.#queueBadNews(nowUs, port, delta);
      return;
    }
    if (port.updateDeltas.length >= MAX_PENDING_UPDATES) return;
    port.updateDeltas.push(delta);
    this.#schedule(nowUs, port, false);
  }

  /** A delta applies to what went before: if that is still to be said, all is said at once. */
  #queueBadNews(nowUs: number, port: Port, delta: Delta): void {
    if (port.badNews.length >= MAX_PENDING_UPDATES) return;
    const { originator } = delta;
    for (let i = port.updateDeltas.length - 1; i >= 0; i--) {
      const earlier = port.updateDeltas[i] as Delta;
      if (earlier.originator !== originator) continue;
      port.updateDeltas.splice(i, 1);
      port.badNews.unshift(earlier);
    }
    port.badNews.push(delta);
    // The two ends of a dead link do not hear each other: what they say at once collides at all others.
    const second = delta.originator === this.#s.local && this.#s.local > delta.neighbour;
    const waitUs = this.#s.random.below(BAD_NEWS_US) + (second ? BAD_NEWS_SECOND_US : 0);
    port.badNewsDueUs = Math.min(port.badNewsDueUs, nowUs + waitUs);
  }

  /** What somebody else has been asked for is said if that one does not say it: it may lack it, too. */
  offer(nowUs: number, port: Port, local: number): void {
    if (this.#forgets(nowUs, local)) return;
    port.updateFull.add(local);
    const waitUs = quietNarrowUs(port) / 2;
    port.updateDueUs = Math.min(port.updateDueUs, nowUs + waitUs + this.#s.random.below(waitUs));
  }

  /** Says all of a node; `tries`: how often that was in vain of late. */
  queueFull(nowUs: number, port: Port, local: number, asked: boolean, tries = 0): void {
    if (!isListenedTo(nowUs, port) || this.#forgets(nowUs, local)) return;
    if (port.updateFull.size >= MAX_PENDING_ADVERTISEMENTS) return;
    port.updateFull.add(local);
    this.#schedule(nowUs, port, asked, tries);
  }

  /** What is remembered of before this start and wanted is not told but forgotten: whoever is still there tells it. */
  #forgets(nowUs: number, local: number): boolean {
    if (!this.#s.db.forgetRemembered(local)) return false;
    this.#routesChanged(nowUs);
    return true;
  }

  #schedule(nowUs: number, port: Port, asked: boolean, tries = 0): void {
    const delay = port.narrow
      ? UPDATE_DELAY_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US
      : UPDATE_DELAY_WIDE_US;
    const wait = asked ? delay / 4 : delay / 2;
    // Two who do not hear each other would answer the same frame over each other again.
    const soon = nowUs + wait + this.#s.random.below(wait * SAID_AGAIN_STRETCH ** tries);
    // On a narrow bearer news travels in company.
    const paced = port.narrow && !asked ? Math.max(soon, port.lastUpdateUs + UPDATE_GAP_NARROW_US) : soon;
    // Those who have just come cannot open it before they have everybody's full hello. All know when they came.
    const roundUs = port.turnSettledUs - SETTLING_US + HELLO_ROUND_NARROW_US;
    const heard = port.narrow && roundUs > paced ? roundUs + this.#s.random.below(delay) : paced;
    port.updateDueUs = Math.min(port.updateDueUs, heard);
  }

  /** Body of an update (after the kind octet) with what cannot wait, on a narrow bearer. */
  encodeBadNews(port: Port, out: Uint8Array, offset: number, roomOctets: number): number {
    const deltas = port.badNews.splice(0, Math.floor((roomOctets - 1) / DELTA_OCTETS));
    if (port.badNews.length === 0) port.badNewsDueUs = Number.POSITIVE_INFINITY;
    let at = offset;
    out[at++] = deltas.length;
    for (const delta of deltas) at += encodeDelta(delta, out, at);
    return at - offset;
  }

  /** Body of an update (after the kind octet) with as much as fits into `roomOctets`; 0 if nothing waits. */
  encodeUpdate(nowUs: number, port: Port, out: Uint8Array, offset: number, roomOctets: number): number {
    port.lastUpdateUs = nowUs;
    // Nobody whom this node hears is to find itself left out of what it says of itself.
    if (port.narrow && port.updateFull.has(this.#s.local)) this.onOwn(nowUs, port);
    port.updateDueUs = Number.POSITIVE_INFINITY;
    if (port.narrow) this.#settle(nowUs, port);
    if (port.updateDeltas.length === 0 && port.updateFull.size === 0 && port.claims.size === 0) return 0;
    const deltas = port.updateDeltas.splice(0, Math.min(255, Math.floor((roomOctets - 1) / DELTA_OCTETS)));
    let at = offset;
    out[at++] = deltas.length;
    for (const delta of deltas) at += encodeDelta(delta, out, at);
    for (const local of port.updateFull) {
      const record = this.#s.db.node(local);
      if (port.narrow && isJustLearned(nowUs, record, this.#s.local)) continue;
      const advertisement = record?.advertisement;
      const needed = advertisement === undefined ? 0 : advertisementOctets(advertisement, port.narrow);
      if (advertisement === undefined || needed > roomOctets - 1) {
        port.updateFull.delete(local);
        continue;
      }
      if (at - offset + needed > roomOctets) break;
      at += encodeAdvertisement(advertisement, out, at, port.narrow);
      port.saidUs[local] = nowUs;
      port.updateFull.delete(local);
    }
    at += this.#claims.encode(port, out, at, offset + roomOctets - at);
    if (port.updateDeltas.length + port.updateFull.size + port.claims.size > 0) this.#schedule(nowUs, port, true);
    return at - offset > 1 ? at - offset : 0;
  }

  /** Many small changes of one node are said in one advertisement. */
  #settle(nowUs: number, port: Port): void {
    const pending = new Map<number, number>();
    for (const { originator } of port.updateDeltas) pending.set(originator, (pending.get(originator) ?? 0) + 1);
    for (const [originator, count] of pending) {
      if (count <= MAX_DELTAS_NARROW && !port.updateFull.has(originator)) continue;
      this.queueFull(nowUs, port, originator, true);
      for (let i = port.updateDeltas.length - 1; i >= 0; i--) {
        if (port.updateDeltas[i]?.originator === originator) port.updateDeltas.splice(i, 1);
      }
    }
  }

  #tell(nowUs: number, before: Advertisement | undefined, local: number, from: Neighbour): void {
    const after = this.#s.db.node(local)?.advertisement;
    if (after === undefined) return;
    this.#countDisagreements(before, after);
    this.onAdvertisement(nowUs, before, after, from.local !== local);
  }

  /** Routing believes the worse end; people want to know that one of them is faulty, or lies. */
  #countDisagreements(before: Advertisement | undefined, after: Advertisement): void {
    const { db, counters } = this.#s;
    const local = after.originator & 0xff;
    for (const { neighbour, channel, vector } of after.links) {
      const old = before?.links.find((link) => link.neighbour === neighbour && link.channel === channel);
      if (old?.vector === vector) continue;
      const other = db.vector(neighbour, local, channel);
      if (other !== VECTOR_GONE && endsDisagree(vector, other)) counters.count("ends-disagree");
    }
  }

  #routesChanged(nowUs: number): void {
    this.onRoutes(nowUs);
    emit(this.#s, { type: "routes", version: this.#s.db.version });
  }
}

/** Somebody is there, or about to come: a bearer that has just begun is told what is known already. */
function isListenedTo(nowUs: number, port: Port): boolean {
  return nowUs < port.turnSettledUs || port.neighbours.some((n) => n.alive && !n.foreign);
}

/** True of somebody else's that may change again at once. */
function isJustLearned(nowUs: number, record: NodeRecord | undefined, own: number): boolean {
  return record !== undefined && record.local !== own && nowUs - record.learnedUs < SETTLE_NARROW_US;
}

/** Epoch and sequence of an originator's next advertisement. The epoch here only orders advertisements. */
function numberAfter(a: Advertisement): { bootEpoch: number; sequence: number } {
  if (a.sequence >= MAX_SEQUENCE) return { bootEpoch: Math.min(MAX_EPOCH, a.bootEpoch + 1), sequence: 0 };
  return { bootEpoch: a.bootEpoch, sequence: a.sequence + 1 };
}

/** True if what `n` has just said needs no repetition, as far as its hellos tell whom it reaches. */
function allHear(port: Port, n: Neighbour): boolean {
  for (const other of port.neighbours) {
    // Also to whom the link is only heard one way now: the news may be that link.
    if (other === n || !other.alive || other.foreign) continue;
    // Either end's word that they hear each other will do.
    if (!port.shared || !(hasId(n.reach, other.local) || (port.narrow && hasId(other.reach, n.local)))) return false;
  }
  return true;
}

/** Somebody else on this medium has just said it. */
function forgetDelta(port: Port, delta: Delta): void {
  for (const waiting of [port.updateDeltas, port.badNews]) {
    const at = waiting.findIndex((d) => d.originator === delta.originator && d.sequence === delta.sequence);
    if (at !== -1) waiting.splice(at, 1);
  }
}
