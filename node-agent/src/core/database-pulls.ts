import {
  type Advertisement,
  compareSummaries,
  createNarrowPull,
  decodeNarrowPull,
  decodePull,
  encodeNarrowPull,
  encodePull,
  mix32,
  NARROW_PULL_HEADER_OCTETS,
  type PullEntry,
  pullSummary,
} from "@skein/codecs";
import { DISPUTED_PULL_GAP_US, QUIET_NARROW_US, SAID_AGAIN_STRETCHES, SPREAD_PER_MEMBER_US } from "./limits.ts";
import { knowsItselfAlone, signed8 } from "./link-state-db.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Neighbour } from "./neighbour.ts";
import { type Port, quietNarrowUs } from "./port.ts";
import type { CoreState } from "./state.ts";

const PULL_DELAY_WIDE_US = 25_000;
const PULL_DELAY_NARROW_US = 500_000;
const PULL_GAP_WIDE_US = 300_000;
const PULL_GAP_NARROW_US = 2_500_000;
/** Eights of local ids that there are. */
const MAX_EIGHTS = 32;
/** Who agrees with most others waits so much longer: it is the odd one that lacks something. */
const MAJORITY_PATIENCE_US = 6_000_000;
/** What a neighbour lacks is not said again sooner than so, nor by others than its originator while it is this new. */
const SAY_AGAIN_GAP_US = 1_000_000;
const SAY_FOR_OTHERS_US = 4_000_000;

/**
 * Databases that differ, as the digests in hellos and data tell: who lacks something asks, or is told unasked where only
 * one thing can be meant. What is sent then is up to `LinkStateFlooding`.
 */
export class DatabasePulls {
  readonly #s: CoreState;
  readonly #flooding: LinkStateFlooding;
  readonly #narrowPull = createNarrowPull();
  /** Told of a neighbour on a narrow bearer that knows nobody in this boot. */
  onBeginner: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;
  /** Where the summary of the next pull on a narrow bearer begins, in eights of local ids. */
  #pullFirst = 0;

  constructor(state: CoreState, flooding: LinkStateFlooding) {
    this.#s = state;
    this.#flooding = flooding;
    flooding.onBehind = (nowUs, port, n) => this.#knowsMore(nowUs, port, n);
  }

  /** Offers the whole database to a neighbour whose digest differs, through a pull after a short wait. */
  compareDigest(nowUs: number, port: Port, n: Neighbour, digest: number): void {
    n.lastDigest = digest;
    n.digestUs = nowUs;
    if (this.#sameDigest(port, n)) {
      port.saidAgain = 0;
      return;
    }
    if (port.narrow && knowsItselfAlone(n.address, n.bootEpoch, digest, 0xffff)) this.onBeginner(nowUs, port, n);
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
    this.#flooding.queueFull(nowUs, port, local, true, port.saidAgain);
    port.saidAgain = Math.min(SAID_AGAIN_STRETCHES, port.saidAgain + 1);
  }

  #schedulePull(nowUs: number, port: Port, n: Neighbour, behind: boolean): void {
    if (n.pullDueUs !== Number.POSITIVE_INFINITY) return;
    // On a narrow channel one question at a time: the answer is heard by all and may settle the others.
    if (port.narrow && port.neighbours.some((other) => other.pullDueUs !== Number.POSITIVE_INFINITY)) return;
    const disputed = nowUs < this.#s.conflicts.disputedUntilUs;
    const gap = disputed ? DISPUTED_PULL_GAP_US : PULL_GAP_WIDE_US;
    const earliest = port.narrow ? this.#earliestPullNarrowUs(nowUs, port, behind) : n.lastPullUs + gap;
    n.pullDueUs = Math.max(nowUs, earliest) + this.#pullDelayUs(port);
    port.answerDueUs = Math.min(port.answerDueUs, n.pullDueUs);
  }

  #pullDelayUs(port: Port): number {
    const delayUs = port.narrow
      ? PULL_DELAY_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US
      : PULL_DELAY_WIDE_US;
    return delayUs / 2 + this.#s.random.below(delayUs);
  }

  /** Not while answers are coming, nor while newcomers are about to say it all anyway. */
  #earliestPullNarrowUs(nowUs: number, port: Port, behind: boolean): number {
    const disputed = nowUs < this.#s.conflicts.disputedUntilUs;
    const gap = disputed ? DISPUTED_PULL_GAP_US : PULL_GAP_NARROW_US;
    return Math.max(
      port.lastPullUs + Math.max(gap, quietNarrowUs(port)),
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
      if (ahead > 0) this.#flooding.queueFull(nowUs, port, local, true);
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
      if (ahead > 0 && asked) this.#flooding.queueFull(nowUs, port, local, true);
      else if (ahead > 0) this.#flooding.offer(nowUs, port, local);
      else behind ||= ahead < 0;
    }
    if (behind) this.#askToo(nowUs, port, n);
    else if (!asked) this.#othersAsk(nowUs, port);
    return true;
  }

  /** Who asks has what this node lacks. No answer to that question will bring it, so this one need not wait for that. */
  #askToo(nowUs: number, port: Port, n: Neighbour): void {
    n.lastDigest = ~this.#s.db.digest & 0xffff;
    let dueUs = nowUs + this.#pullDelayUs(port);
    for (const other of port.neighbours) {
      dueUs = Math.min(dueUs, other.pullDueUs);
      other.pullDueUs = Number.POSITIVE_INFINITY;
    }
    n.pullDueUs = dueUs;
    port.answerDueUs = Math.min(port.answerDueUs, dueUs);
  }

  /** The answer to somebody else's question may settle the own one, unless it is this node that lacks something. */
  #othersAsk(nowUs: number, port: Port): void {
    const postponedUs = nowUs + quietNarrowUs(port) + this.#s.random.below(PULL_DELAY_NARROW_US);
    const odd = !this.#agreesWithMost(port);
    for (const n of port.neighbours) {
      if (n.pullDueUs !== Number.POSITIVE_INFINITY) n.pullDueUs = odd ? postponedUs : Number.POSITIVE_INFINITY;
    }
  }
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
  const apart = epoch !== 0 ? epoch : signed8(a.sequence - entry.sequenceLow);
  // Half of all numbers apart: each is newer than the other, or nobody would say anything.
  return apart === -128 ? 128 : apart;
}
