import {
  type Advertisement,
  type AreaRoute,
  advertisementOctets,
  CAPABILITY_NARROW_VOICE,
  compareSummaries,
  createNarrowPull,
  DELTA_OCTETS,
  type Delta,
  decodeAdvertisement,
  decodeDelta,
  decodeNarrowPull,
  decodePull,
  encodeAdvertisement,
  encodeDelta,
  encodeNarrowPull,
  encodePull,
  type LinkStateLink,
  mix32,
  NARROW_PULL_HEADER_OCTETS,
  type PullEntry,
  pullSummary,
  VECTOR_GONE,
} from "@skein/codecs";
import { noteConflict } from "./address-conflict.ts";
import {
  BAD_NEWS_SECOND_US,
  BAD_NEWS_US,
  DISPUTED_PULL_GAP_US,
  MAX_PENDING_ADVERTISEMENTS,
  MAX_PENDING_UPDATES,
  SPREAD_PER_MEMBER_US,
} from "./limits.ts";
import { endsDisagree } from "./link-cost.ts";
import { type ApplyResult, compareAdvertisements, withLink } from "./link-state-db.ts";
import type { Neighbour, Port } from "./port.ts";
import { type CoreState, emit } from "./state.ts";
import { isSettling, SETTLING_US } from "./turn-taking.ts";

const UPDATE_DELAY_WIDE_US = 1_500;
const UPDATE_DELAY_NARROW_US = 250_000;
const UPDATE_GAP_NARROW_US = 1_000_000;
/** What has just been learned may change again at once: on a narrow bearer it is passed on when it has held this long. */
const SETTLE_NARROW_US = 700_000;
const MAX_DELTAS_NARROW = 4;
const HELLO_ROUND_NARROW_US = 500_000;
/** No questions on a narrow bearer while answers are coming. */
const QUIET_NARROW_US = 1_200_000;
const PULL_DELAY_WIDE_US = 25_000;
const PULL_DELAY_NARROW_US = 500_000;
const PULL_GAP_WIDE_US = 300_000;
const PULL_GAP_NARROW_US = 2_500_000;
/** A forger must not make this node talk more often than so. */
const CONTRADICT_GAP_US = 1_000_000;
/** What a neighbour lacks is not said again sooner than so, nor by others than its originator while it is this new. */
const SAY_AGAIN_GAP_US = 1_000_000;
const SAY_FOR_OTHERS_US = 4_000_000;
const MAX_EPOCH = 0xffff_ffff;
const MAX_SEQUENCE = 0xffff;
/** Eights of local ids that there are. */
const MAX_EIGHTS = 32;
/** Who agrees with most others waits so much longer: it is the odd one that lacks something. */
const MAJORITY_PATIENCE_US = 6_000_000;

/**
 * Spreads link state: own changes as 6-octet deltas, others' news onward, databases that differ (as
 * hellos tell) by a pull. Nothing is acknowledged; the digest is what makes it reliable.
 */
export class LinkStateFlooding {
  readonly #s: CoreState;
  #contradictedUs = Number.NEGATIVE_INFINITY;
  /** The newest that is to be contradicted, and when it may be. */
  #claimed: Advertisement | undefined;
  dueUs = Number.POSITIVE_INFINITY;
  /** By local id. */
  readonly #rivalAnsweredUs = new Float64Array(256).fill(Number.NEGATIVE_INFINITY);
  readonly #narrowPull = createNarrowPull();
  /** Where the summary of the next pull on a narrow bearer begins, in eights of local ids. */
  #pullFirst = 0;
  /** Told when the database has changed. */
  onRoutes: (nowUs: number) => void = () => undefined;
  /** Told of every advertisement that replaced another one; `hearsay`: not by its originator. */
  onAdvertisement: (nowUs: number, before: Advertisement | undefined, after: Advertisement, hearsay: boolean) => void =
    () => undefined;

  constructor(state: CoreState, nowUs: number) {
    this.#s = state;
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
      // When the numbers begin anew nobody has what a delta could apply to.
      if (changes.length > 1 || next.sequence === 0) this.#queueFull(nowUs, port, this.#s.local, false);
      else this.#queueDelta(nowUs, port, delta);
    }
    this.#routesChanged(nowUs);
  }

  /** The ways to other areas over own neighbours have become these. */
  originateAreas(nowUs: number, areas: AreaRoute[]): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    this.#s.db.applyFull({ ...own, ...numberAfter(own), areas }, nowUs);
    for (const port of this.#s.ports) this.#queueFull(nowUs, port, this.#s.local, false);
    this.#routesChanged(nowUs);
  }

  /** Offers the whole database to a neighbour whose digest differs, through a pull after a short wait. */
  compareDigest(nowUs: number, port: Port, n: Neighbour, digest: number): void {
    n.lastDigest = digest;
    n.digestUs = nowUs;
    if (this.#sameDigest(port, n)) return;
    // On a narrow channel a question costs more than what is most often the answer to it.
    const odd = port.narrow ? this.#s.db.oddOne(digest, 0xffff) : 0;
    if (odd > 0) this.#sayAgain(nowUs, port, odd);
    else this.#schedulePull(nowUs, port, n, odd < 0);
  }

  /** A neighbour lacks just this one: its originator says it, or who else has it if the originator does not. */
  #sayAgain(nowUs: number, port: Port, local: number): void {
    if (port.updateFull.has(local) || port.updateDeltas.some((d) => d.originator === local)) return;
    if (nowUs - (port.saidUs[local] as number) < SAY_AGAIN_GAP_US) return;
    const originatorHears = local === this.#s.local || port.byLocal[local]?.alive === true;
    if (
      local !== this.#s.local &&
      originatorHears &&
      nowUs - (this.#s.db.node(local)?.learnedUs ?? 0) < SAY_FOR_OTHERS_US
    )
      return;
    this.#s.counters.count("said-again");
    this.#queueFull(nowUs, port, local, true);
  }

  #schedulePull(nowUs: number, port: Port, n: Neighbour, behind: boolean): void {
    if (n.pullDueUs !== Number.POSITIVE_INFINITY) return;
    // On a narrow channel one question at a time: the answer is heard by all and may settle the others.
    if (port.narrow && port.neighbours.some((other) => other.pullDueUs !== Number.POSITIVE_INFINITY)) return;
    const delay = port.narrow
      ? PULL_DELAY_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US
      : PULL_DELAY_WIDE_US;
    const disputed = nowUs < this.#s.conflicts.disputedUntilUs;
    const gap = disputed ? DISPUTED_PULL_GAP_US : PULL_GAP_WIDE_US;
    const earliest = port.narrow ? this.#earliestPullNarrowUs(nowUs, port, behind) : n.lastPullUs + gap;
    n.pullDueUs = Math.max(nowUs, earliest) + delay / 2 + this.#s.random.below(delay);
    port.answerDueUs = Math.min(port.answerDueUs, n.pullDueUs);
  }

  /** Not while answers are coming, nor while newcomers are about to say it all anyway. */
  #earliestPullNarrowUs(nowUs: number, port: Port, behind: boolean): number {
    const disputed = nowUs < this.#s.conflicts.disputedUntilUs;
    const gap = disputed ? DISPUTED_PULL_GAP_US : PULL_GAP_NARROW_US;
    return Math.max(
      port.lastPullUs + Math.max(gap, this.#quietNarrowUs(port)),
      port.lastNewsUs + QUIET_NARROW_US,
      port.turnSettledUs + port.neighbours.length * SPREAD_PER_MEMBER_US,
      !behind && this.#agreesWithMost(port) ? nowUs + MAJORITY_PATIENCE_US : 0,
    );
  }

  #agreesWithMost(port: Port): boolean {
    let same = 0;
    let other = 0;
    for (const n of port.neighbours) {
      if (!n.alive || n.digestUs < port.lastNewsUs) continue;
      if (this.#sameDigest(port, n)) same++;
      else other++;
    }
    return same > other;
  }

  #sameDigest(port: Port, n: Neighbour): boolean {
    return port.narrow ? (this.#s.db.digest & 0xffff) === n.lastDigest : this.#s.db.digest === n.lastDigest;
  }

  /** True if the pull that is due is still worth sending. */
  pullStillNeeded(port: Port, n: Neighbour): boolean {
    return n.alive && !this.#sameDigest(port, n);
  }

  /** Body of a pull (after the kind octet). */
  encodePullFor(port: Port, n: Neighbour, out: Uint8Array, offset: number, roomOctets: number): number {
    if (port.narrow) return this.#encodeNarrowPull(n, out, offset, roomOctets);
    const entries: PullEntry[] = [];
    for (const local of this.#s.db.locals()) {
      const a = this.#s.db.node(local)?.advertisement;
      if (a !== undefined)
        entries.push({ originator: local, bootEpochLow: markedEpoch(a) & 0xff, sequenceLow: a.sequence & 0xff });
    }
    return encodePull({ target: n.local, entries }, out, offset);
  }

  handlePull(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
    if (port.narrow) return this.#handleNarrowPull(nowUs, port, n, octets, offset, end);
    const pull = decodePull(octets, offset, end);
    if (pull === undefined) return false;
    if (pull.target !== this.#s.local) return true;
    const theirs = new Map(pull.entries.map((e) => [e.originator, e]));
    let behind = pull.entries.some((e) => this.#s.db.node(e.originator) === undefined);
    for (const local of this.#s.db.locals()) {
      const mine = this.#s.db.node(local)?.advertisement;
      if (mine === undefined) continue;
      const entry = theirs.get(local);
      const ahead = entry === undefined ? 1 : aheadOf(mine, entry);
      if (ahead > 0) this.#queueFull(nowUs, port, local, true);
      else if (ahead < 0) behind = true;
    }
    if (behind) this.#knowsMore(nowUs, port, n);
    return true;
  }

  /** A neighbour on a wide bearer has what this node lacks: its next hello would tell, a question is sooner. */
  #knowsMore(nowUs: number, port: Port, n: Neighbour): void {
    n.lastDigest = this.#s.db.digest ^ 1;
    this.#schedulePull(nowUs, port, n, true);
  }

  /** All that fits from where the last one ended; after the end it begins again. */
  #encodeNarrowPull(n: Neighbour, out: Uint8Array, offset: number, roomOctets: number): number {
    const pull = this.#narrowPull;
    pull.target = n.local;
    pull.first = this.#pullFirst;
    pull.summaries.fill(-1);
    pull.mapOctets = 0;
    let octets = NARROW_PULL_HEADER_OCTETS;
    let at = pull.first;
    for (; at < MAX_EIGHTS; at++) {
      const known = this.#summarise(at);
      octets += 1 + 2 * known;
      if (octets > roomOctets) break;
      if (known > 0) pull.mapOctets = at - pull.first + 1;
    }
    pull.last = at === MAX_EIGHTS;
    if (!pull.last) pull.mapOctets = at - pull.first;
    this.#pullFirst = pull.last ? 0 : at;
    return encodeNarrowPull(pull, out, offset);
  }

  /** What is known of eight nodes, into the pull; returns of how many anything is. */
  #summarise(eight: number): number {
    let known = 0;
    for (let local = 8 * eight; local < 8 * eight + 8; local++) {
      const a = this.#s.db.node(local)?.advertisement;
      if (a === undefined) continue;
      this.#narrowPull.summaries[local] = pullSummary(a.bootEpoch, a.sequence);
      known++;
    }
    return known;
  }

  #handleNarrowPull(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
    const pull = this.#narrowPull;
    if (!decodeNarrowPull(octets, offset, end, pull)) return false;
    // One question at a time: the answer is heard by all.
    port.lastPullUs = nowUs;
    const asked = pull.target === this.#s.local;
    if (!asked) this.#othersAsk(nowUs, port);
    let behind = false;
    const end8 = pull.last ? MAX_EIGHTS : pull.first + pull.mapOctets;
    for (let local = 8 * pull.first; local < 8 * end8; local++) {
      const mine = this.#s.db.node(local)?.advertisement;
      const theirs = pull.summaries[local] as number;
      if (mine === undefined) {
        behind ||= theirs >= 0;
        continue;
      }
      const ahead = theirs < 0 ? 1 : compareSummaries(pullSummary(mine.bootEpoch, mine.sequence), theirs);
      if (ahead > 0 && asked) this.#queueFull(nowUs, port, local, true);
      else if (ahead > 0) this.#offer(nowUs, port, local);
      else behind ||= ahead < 0;
    }
    if (behind) {
      n.lastDigest = ~this.#s.db.digest & 0xffff;
      this.#schedulePull(nowUs, port, n, true);
    }
    return true;
  }

  /** The answer to somebody else's question may settle the own one, unless it is this node that lacks something. */
  #othersAsk(nowUs: number, port: Port): void {
    const postponedUs = nowUs + this.#quietNarrowUs(port) + this.#s.random.below(PULL_DELAY_NARROW_US);
    const odd = !this.#agreesWithMost(port);
    for (const n of port.neighbours) {
      if (n.pullDueUs !== Number.POSITIVE_INFINITY) n.pullDueUs = odd ? postponedUs : Number.POSITIVE_INFINITY;
    }
  }

  #quietNarrowUs(port: Port): number {
    return QUIET_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US;
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
      else if (result === "gap" && !port.narrow) this.#knowsMore(nowUs, port, n);
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
      const { address, nodeId } = this.#s.options;
      if (advertisement.nodeId !== nodeId) noteConflict(this.#s, nowUs, address, nodeId, advertisement.nodeId);
      else this.#contradict(nowUs, advertisement);
      return "known";
    }
    const before = this.#s.db.node(local)?.advertisement;
    const result = this.#s.db.applyFull(advertisement, nowUs);
    if (result === "conflict" && before !== undefined)
      noteConflict(this.#s, nowUs, advertisement.originator, before.nodeId, advertisement.nodeId);
    if (result === "foreign") this.#s.counters.drop("foreign-area");
    if (result === "known" && (port.narrow || allHear(port, n))) port.updateFull.delete(local);
    if (result === "rival") this.#answerRival(nowUs, port, local);
    port.saidUs[local] = nowUs;
    if (result === "news") {
      this.#tell(nowUs, before, local, n);
      this.#s.duplicates.restarted(advertisement.originator, advertisement.bootEpoch);
      for (const to of this.#s.ports) this.#passOn(nowUs, to, port, n, () => this.#queueFull(nowUs, to, local, false));
    }
    return result;
  }

  /**
   * Somebody spreads an advertisement of this node that is not older than its own: one of before a restart, or a forged
   * one. It says what is true under a number above that (as OSPF does, RFC 2328 13.4), not more often than once a
   * second, and then against the newest.
   */
  #contradict(nowUs: number, claimed: Advertisement): void {
    if (!this.#isToRefute(claimed)) return;
    if (this.#claimed === undefined || compareAdvertisements(claimed, this.#claimed) > 0) this.#claimed = claimed;
    this.dueUs = Math.max(nowUs, this.#contradictedUs + CONTRADICT_GAP_US);
    if (this.dueUs <= nowUs) this.handleTimeout(nowUs);
  }

  /** What has the own numbers and says something else is refuted whichever of the two others would believe. */
  #isToRefute(claimed: Advertisement): boolean {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    const { bootEpoch, sequence } = claimed;
    if (own === undefined || (bootEpoch === MAX_EPOCH && sequence === MAX_SEQUENCE)) return false;
    const order = compareAdvertisements(claimed, own);
    return order > 0 || (order < 0 && bootEpoch === own.bootEpoch && sequence === own.sequence);
  }

  handleTimeout(nowUs: number): void {
    const claimed = this.#claimed;
    this.dueUs = Number.POSITIVE_INFINITY;
    this.#claimed = undefined;
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined || claimed === undefined || !this.#isToRefute(claimed)) return;
    this.#contradictedUs = nowUs;
    this.#s.counters.count("contradicted");
    this.#s.db.applyFull({ ...own, ...numberAfter(claimed) }, nowUs);
    for (const port of this.#s.ports) this.#queueFull(nowUs, port, this.#s.local, true);
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
    this.#queueFull(nowUs, port, local, true);
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
  #offer(nowUs: number, port: Port, local: number): void {
    port.updateFull.add(local);
    const waitUs = this.#quietNarrowUs(port) / 2;
    port.updateDueUs = Math.min(port.updateDueUs, nowUs + waitUs + this.#s.random.below(waitUs));
  }

  #queueFull(nowUs: number, port: Port, local: number, asked: boolean): void {
    if (!isListenedTo(nowUs, port)) return;
    if (port.updateFull.size >= MAX_PENDING_ADVERTISEMENTS) return;
    port.updateFull.add(local);
    this.#schedule(nowUs, port, asked);
  }

  #schedule(nowUs: number, port: Port, asked: boolean): void {
    const delay = port.narrow
      ? UPDATE_DELAY_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US
      : UPDATE_DELAY_WIDE_US;
    const wait = asked ? delay / 4 : delay / 2;
    const soon = nowUs + wait + this.#s.random.below(wait);
    // On a narrow bearer news travels in company.
    const paced = port.narrow && !asked ? Math.max(soon, port.lastUpdateUs + UPDATE_GAP_NARROW_US) : soon;
    // Those who have just come cannot open it before they have everybody's full hello.
    const heard = port.narrow ? Math.max(paced, port.turnSettledUs - SETTLING_US + HELLO_ROUND_NARROW_US) : paced;
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
    port.updateDueUs = Number.POSITIVE_INFINITY;
    port.lastUpdateUs = nowUs;
    if (port.narrow) this.#settle(nowUs, port);
    if (port.updateDeltas.length === 0 && port.updateFull.size === 0) return 0;
    const deltas = port.updateDeltas.splice(0, Math.min(255, Math.floor((roomOctets - 1) / DELTA_OCTETS)));
    let at = offset;
    out[at++] = deltas.length;
    for (const delta of deltas) at += encodeDelta(delta, out, at);
    for (const local of port.updateFull) {
      const record = this.#s.db.node(local);
      if (port.narrow && record !== undefined && nowUs - record.learnedUs < SETTLE_NARROW_US) continue;
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
    if (port.updateDeltas.length > 0 || port.updateFull.size > 0) this.#schedule(nowUs, port, true);
    return at - offset > 1 ? at - offset : 0;
  }

  /** Many small changes of one node are said in one advertisement. */
  #settle(nowUs: number, port: Port): void {
    const pending = new Map<number, number>();
    for (const { originator } of port.updateDeltas) pending.set(originator, (pending.get(originator) ?? 0) + 1);
    for (const [originator, count] of pending) {
      if (count <= MAX_DELTAS_NARROW && !port.updateFull.has(originator)) continue;
      this.#queueFull(nowUs, port, originator, true);
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

/**
 * Epoch as pulls on wide bearers carry it, shifted by the node: two nodes with one address would look the same while
 * their numbers are, and nobody would notice. On narrow ones they look so until one of the two changes.
 */
function markedEpoch(a: Advertisement): number {
  return (a.bootEpoch + mix32(a.nodeId)) >>> 0;
}

/** Above 0 if the advertisement is newer than the summary entry, by the low octets of both. */
function aheadOf(a: Advertisement, entry: PullEntry): number {
  const epoch = signed8(markedEpoch(a) - entry.bootEpochLow);
  return epoch !== 0 ? epoch : signed8(a.sequence - entry.sequenceLow);
}

/** Epoch and sequence of an originator's next advertisement. The epoch here only orders advertisements. */
function numberAfter(a: Advertisement): { bootEpoch: number; sequence: number } {
  if (a.sequence >= MAX_SEQUENCE) return { bootEpoch: Math.min(MAX_EPOCH, a.bootEpoch + 1), sequence: 0 };
  return { bootEpoch: a.bootEpoch, sequence: a.sequence + 1 };
}

function signed8(value: number): number {
  return ((value & 0xff) << 24) >> 24;
}

function reaches(n: Neighbour, local: number): boolean {
  return ((n.reach[local >>> 5] as number) & (1 << (local & 31))) !== 0;
}

/** True if what `n` has just said needs no repetition, as far as its hellos tell whom it reaches. */
function allHear(port: Port, n: Neighbour): boolean {
  for (const other of port.neighbours) {
    // Also to whom the link is only heard one way now: the news may be that link.
    if (other === n || !other.alive || other.foreign) continue;
    // Either end's word that they hear each other will do.
    if (!port.shared || !(reaches(n, other.local) || (port.narrow && reaches(other, n.local)))) return false;
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
