import {
  type Advertisement,
  advertisementOctets,
  CAPABILITY_NARROW_VOICE,
  DELTA_OCTETS,
  type Delta,
  decodeAdvertisement,
  decodeDelta,
  decodePull,
  encodeAdvertisement,
  encodeDelta,
  encodePull,
  type PullEntry,
} from "@skein/codecs";
import { MAX_PENDING_UPDATES } from "./limits.ts";
import { type ApplyResult, withLink } from "./link-state-db.ts";
import type { Neighbour, Port } from "./port.ts";
import { type CoreState, emit } from "./state.ts";
import { SETTLING_US } from "./turn-taking.ts";

const UPDATE_DELAY_WIDE_US = 1_500;
const UPDATE_DELAY_NARROW_US = 250_000;
const UPDATE_GAP_NARROW_US = 1_000_000;
/** What has just been learned may change again at once: on a narrow bearer it is passed on when it has held this long. */
const SETTLE_NARROW_US = 700_000;
const MAX_DELTAS_NARROW = 4;
const NEWCOMER_NARROW_US = 6_000_000;
const HELLO_ROUND_NARROW_US = 500_000;
/** No questions on a narrow bearer while answers are coming. */
const QUIET_NARROW_US = 1_200_000;
const PULL_DELAY_WIDE_US = 25_000;
const PULL_DELAY_NARROW_US = 500_000;
const PULL_GAP_WIDE_US = 300_000;
const PULL_GAP_NARROW_US = 2_500_000;
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
  /** Told of every advertisement that replaced another one. */
  onAdvertisement: (nowUs: number, before: Advertisement | undefined, after: Advertisement) => void = () => undefined;

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
    };
    state.db.applyFull(own, nowUs);
  }

  /** The own link to `neighbour` over `channel` has become `vector`. */
  originate(nowUs: number, neighbour: number, channel: number, vector: number): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    const next = numberAfter(own);
    this.#s.db.applyFull({ ...own, ...next, links: withLink(own.links, neighbour, channel, vector) }, nowUs);
    const delta: Delta = { originator: this.#s.local, sequence: next.sequence & 0xff, neighbour, channel, vector };
    for (const port of this.#s.ports) {
      // Newcomers have nothing that a delta could apply to, nor has anybody when the numbers begin anew.
      if (next.sequence === 0) this.#queueFull(nowUs, port, this.#s.local, true);
      else if (port.narrow && nowUs < port.turnSettledUs + NEWCOMER_NARROW_US)
        this.#queueFull(nowUs, port, this.#s.local, false);
      else this.#queueDelta(nowUs, port, delta);
    }
    this.#routesChanged();
  }

  /** Offers the whole database to a neighbour whose digest differs, through a pull after a short wait. */
  compareDigest(nowUs: number, port: Port, n: Neighbour, digest: number): void {
    n.lastDigest = digest;
    if (!this.#sameDigest(port, n)) this.#schedulePull(nowUs, port, n);
  }

  #schedulePull(nowUs: number, port: Port, n: Neighbour): void {
    if (n.pullDueUs !== Number.POSITIVE_INFINITY) return;
    // On a narrow channel one question at a time: the answer is heard by all and may settle the others.
    if (port.narrow && port.neighbours.some((other) => other.pullDueUs !== Number.POSITIVE_INFINITY)) return;
    const delay = port.narrow ? PULL_DELAY_NARROW_US : PULL_DELAY_WIDE_US;
    const earliest = port.narrow ? earliestPullNarrowUs(port) : n.lastPullUs + PULL_GAP_WIDE_US;
    n.pullDueUs = Math.max(nowUs, earliest) + delay / 2 + this.#s.random.below(delay);
    port.answerDueUs = Math.min(port.answerDueUs, n.pullDueUs);
  }

  #sameDigest(port: Port, n: Neighbour): boolean {
    return port.narrow ? (this.#s.db.digest & 0xffff) === n.lastDigest : this.#s.db.digest === n.lastDigest;
  }

  /** True if the pull that is due is still worth sending. */
  pullStillNeeded(port: Port, n: Neighbour): boolean {
    return n.alive && !this.#sameDigest(port, n);
  }

  /** Body of a pull (after the kind octet). */
  encodePullFor(n: Neighbour, out: Uint8Array, offset: number): number {
    const entries: PullEntry[] = [];
    for (const local of this.#s.db.locals()) {
      const a = this.#s.db.node(local)?.advertisement;
      if (a !== undefined)
        entries.push({ originator: local, bootEpochLow: a.bootEpoch & 0xff, sequenceLow: a.sequence & 0xff });
    }
    return encodePull({ target: n.local, entries }, out, offset);
  }

  handlePull(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
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
    if (behind) {
      n.lastDigest = this.#s.db.digest ^ 1;
      this.#schedulePull(nowUs, port, n);
    }
    return true;
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
      if (result === "news") this.#tell(nowUs, before, delta.originator);
      if (result === "news")
        for (const to of this.#s.ports) this.#passOn(to, port, n, () => this.#queueDelta(nowUs, to, delta));
      else if (result === "known") forgetDelta(port, delta);
      changed ||= result === "news";
    }
    while (at < end) {
      const advertisement = decodeAdvertisement(octets, at, end);
      if (advertisement === undefined) return false;
      at += advertisementOctets(advertisement);
      changed = this.#applyFull(nowUs, port, n, advertisement) === "news" || changed;
    }
    if (changed) {
      port.lastNewsUs = nowUs;
      this.#routesChanged();
    }
    return true;
  }

  #applyFull(nowUs: number, port: Port, n: Neighbour, advertisement: Advertisement): ApplyResult {
    const local = advertisement.originator & 0xff;
    if (advertisement.originator === this.#s.options.address) {
      if (advertisement.nodeId !== this.#s.options.nodeId) this.#s.counters.drop("address-conflict");
      else this.#contradict(nowUs, advertisement);
      return "known";
    }
    const before = this.#s.db.node(local)?.advertisement;
    const result = this.#s.db.applyFull(advertisement, nowUs);
    if (result === "conflict") this.#s.counters.drop("address-conflict");
    if (result === "foreign") this.#s.counters.drop("foreign-area");
    if (result === "known") port.updateFull.delete(local);
    if (result === "news") {
      this.#tell(nowUs, before, local);
      this.#s.duplicates.restarted(advertisement.originator, advertisement.bootEpoch);
      for (const to of this.#s.ports) this.#passOn(to, port, n, () => this.#queueFull(nowUs, to, local, false));
    }
    return result;
  }

  /**
   * Somebody spreads an advertisement of this node that is newer than its own: one of before a restart, or a forged one.
   * It says what is true under a number above that (as OSPF does, RFC 2328 13.4), not more often than once a second.
   */
  #contradict(nowUs: number, claimed: Advertisement): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    if (own === undefined) return;
    const { bootEpoch, sequence } = claimed;
    if (bootEpoch < own.bootEpoch || (bootEpoch === own.bootEpoch && sequence <= own.sequence)) return;
    if (nowUs - this.#contradictedUs < CONTRADICT_GAP_US || (bootEpoch === MAX_EPOCH && sequence === MAX_SEQUENCE))
      return;
    this.#contradictedUs = nowUs;
    this.#s.counters.count("contradicted");
    this.#s.db.applyFull({ ...own, ...numberAfter(claimed) }, nowUs);
    for (const port of this.#s.ports) this.#queueFull(nowUs, port, this.#s.local, true);
  }

  #contradictDelta(nowUs: number, delta: Delta): void {
    const own = this.#s.db.node(this.#s.local)?.advertisement;
    const ahead = own === undefined ? 0 : signed8(delta.sequence - own.sequence);
    if (own !== undefined && ahead > 0) this.#contradict(nowUs, { ...own, sequence: own.sequence + ahead });
  }

  /** News that came over `from` goes out over `to`, unless all neighbours there have heard it just now. */
  #passOn(to: Port, from: Port, n: Neighbour, queue: () => void): void {
    if (to !== from) {
      queue();
      return;
    }
    for (const other of to.neighbours) {
      // Also to whom the link is only heard one way now: the news may be that link.
      if (other === n || !other.alive) continue;
      if (!to.shared || ((n.reach[other.local >>> 5] as number) & (1 << (other.local & 31))) === 0) {
        queue();
        return;
      }
    }
  }

  #queueDelta(nowUs: number, port: Port, delta: Delta): void {
    if (!isListenedTo(nowUs, port)) return;
    if (port.updateDeltas.length >= MAX_PENDING_UPDATES) return;
    port.updateDeltas.push(delta);
    this.#schedule(nowUs, port, false);
  }

  #queueFull(nowUs: number, port: Port, local: number, asked: boolean): void {
    if (!isListenedTo(nowUs, port)) return;
    if (port.updateFull.size >= MAX_PENDING_UPDATES) return;
    port.updateFull.add(local);
    this.#schedule(nowUs, port, asked);
  }

  #schedule(nowUs: number, port: Port, asked: boolean): void {
    const delay = port.narrow ? UPDATE_DELAY_NARROW_US : UPDATE_DELAY_WIDE_US;
    const wait = asked ? delay / 4 : delay / 2;
    const soon = nowUs + wait + this.#s.random.below(wait);
    // On a narrow bearer news travels in company.
    const paced = port.narrow && !asked ? Math.max(soon, port.lastUpdateUs + UPDATE_GAP_NARROW_US) : soon;
    // Those who have just come cannot open it before they have everybody's full hello.
    const heard = port.narrow ? Math.max(paced, port.turnSettledUs - SETTLING_US + HELLO_ROUND_NARROW_US) : paced;
    port.updateDueUs = Math.min(port.updateDueUs, heard);
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
      if (advertisement === undefined || advertisementOctets(advertisement) > roomOctets - 1) {
        port.updateFull.delete(local);
        continue;
      }
      if (at - offset + advertisementOctets(advertisement) > roomOctets) break;
      at += encodeAdvertisement(advertisement, out, at);
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

  #tell(nowUs: number, before: Advertisement | undefined, local: number): void {
    const after = this.#s.db.node(local)?.advertisement;
    if (after !== undefined) this.onAdvertisement(nowUs, before, after);
  }

  #routesChanged(): void {
    emit(this.#s, { type: "routes", version: this.#s.db.version });
  }
}

/** Somebody is there, or about to come: a bearer that has just begun is told what is known already. */
function isListenedTo(nowUs: number, port: Port): boolean {
  return nowUs < port.turnSettledUs || port.neighbours.some((n) => n.alive);
}

/** Not while answers are coming, nor while newcomers are about to say it all anyway. */
function earliestPullNarrowUs(port: Port): number {
  return Math.max(
    port.lastPullUs + PULL_GAP_NARROW_US,
    port.lastNewsUs + QUIET_NARROW_US,
    port.turnSettledUs - 500_000,
  );
}

/** Above 0 if the advertisement is newer than the summary entry, by the low octets of both. */
function aheadOf(a: Advertisement, entry: PullEntry): number {
  const epoch = signed8(a.bootEpoch - entry.bootEpochLow);
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

/** Somebody else on this medium has just said it. */
function forgetDelta(port: Port, delta: Delta): void {
  const at = port.updateDeltas.findIndex((d) => d.originator === delta.originator && d.sequence === delta.sequence);
  if (at !== -1) port.updateDeltas.splice(at, 1);
}
