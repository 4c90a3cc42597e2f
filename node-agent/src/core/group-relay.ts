import {
  type DataHeader,
  FrameKind,
  NARROW_DATA_HEADER_OCTETS,
  NARROW_TAG_OCTETS,
  SHARED_HEADER_OCTETS,
  VECTOR_GONE,
} from "@skein/codecs";
import { FOREIGN } from "./airtime-accounts.ts";
import { Precedence, TrafficClass } from "./api.ts";
import { AwaitingCompany } from "./awaiting-company.ts";
import { refusal } from "./bearer-rules.ts";
import { Crossings } from "./crossings.ts";
import type { Forwarding } from "./forwarding.ts";
import { queueAgeUs } from "./forwarding.ts";
import { GroupEchoes } from "./group-echoes.ts";
import {
  addId,
  addIds,
  countBits,
  countCommonIds,
  countIds,
  createIdSet,
  hasId,
  ID_WORDS,
  removeId,
} from "./id-set.ts";
import {
  CONTENTION_SLOT_US,
  MAX_PENDING_RELAYS,
  RELAY_AGAIN_WIDE_US,
  RELAY_JITTER_WIDE_US,
  RELAY_RANK_FLASH_US,
  RELAY_RANK_US,
  RELAY_TURNS_WIDE,
} from "./limits.ts";
import { lotOf, MultipointRelays } from "./multipoint-relays.ts";
import { isMember, type Neighbour } from "./neighbour.ts";
import { airtimeUs, isUsable, type Port } from "./port.ts";
import type { CoreState } from "./state.ts";
import { isSettling } from "./turn-taking.ts";

/** A word of an id set. */
const EVERYBODY = 0xffff_ffff;
/** Around a payload in a frame on a narrow channel. */
export const NARROW_EXTRA_OCTETS = SHARED_HEADER_OCTETS + NARROW_DATA_HEADER_OCTETS + NARROW_TAG_OCTETS;

/** A group frame that is to be relayed on a shared bearer unless others make it needless. */
interface PendingRelay {
  slot: number;
  port: Port | undefined;
  source: number;
  sequence: number;
  kind: number;
  dueUs: number;
  /** Local ids that are known to have been reached by one, and by two transmissions. */
  readonly once: Uint32Array;
  readonly twice: Uint32Array;
  /** Neighbours of other areas that are to hear it and may not have. */
  readonly outside: Neighbour[];
}

function createPending(): PendingRelay {
  return {
    slot: -1,
    port: undefined,
    source: 0,
    sequence: 0,
    kind: 0,
    dueUs: 0,
    once: createIdSet(),
    twice: createIdSet(),
    outside: [],
  };
}

/**
 * Group frames: each node hands on what it hears for the first time, on every bearer in the frame's
 * scope, but on a shared medium only if some neighbour is not yet covered. Coverage counts transmissions
 * heard, by what the transmitters' hellos list: twice on wide media (one relay may have just died), once on narrow
 * ones, where airtime is scarce and gaps are repaired. Relays take turns: on wide media so that they hear each other, on
 * narrow ones as multipoint relays. What crosses into other areas does so over wide bearers, where border nodes hand it on.
 */
export class GroupRelay {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #pending: PendingRelay[] = [];
  /** Local ids of those whose turn comes before this node's, for the frame in hand. */
  readonly #better = createIdSet();
  readonly #relays: MultipointRelays;
  readonly echoes: GroupEchoes;
  readonly crossings: Crossings;
  readonly company: AwaitingCompany;
  /** Told of own frames that others are heard to pass on. */
  onPassedOn: (header: DataHeader) => void = () => undefined;
  #active = 0;
  #pendingDueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState, forwarding: Forwarding) {
    this.#s = state;
    this.#forwarding = forwarding;
    this.crossings = new Crossings(state.area, state.options.groupsAcross ?? []);
    this.#relays = new MultipointRelays(state);
    this.echoes = new GroupEchoes(state, this.#relays);
    this.company = new AwaitingCompany(state);
    this.company.onReady = (nowUs, header, slot) =>
      this.#sendOnAll(nowUs, header, state.pool.payloads, state.pool.offset(slot), state.pool.length[slot] as number);
  }

  get dueUs(): number {
    return Math.min(this.#pendingDueUs, this.echoes.dueUs, this.company.dueUs);
  }

  /** Sends an own group frame on every bearer in scope, as soon as somebody is there if it can wait. */
  originate(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): void {
    if (!this.company.keep(nowUs, header, octets, from, length)) this.#sendOnAll(nowUs, header, octets, from, length);
  }

  #sendOnAll(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): void {
    const across = this.#hasForeign() && this.crossings.mayCross(nowUs, header, false);
    for (const port of this.#s.ports) {
      if (!inScope(port, header.kind)) continue;
      if (port.shared) {
        if (port.up) this.#enqueue(nowUs, port, header, octets, from, length, -1);
      } else {
        this.#copyToEach(nowUs, port, header, octets, from, length, undefined, across);
      }
    }
  }

  /** Relays a frame heard for the first time from `n` on `inPort`. */
  relay(
    nowUs: number,
    inPort: Port,
    n: Neighbour,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
  ): void {
    if (hasEcho(inPort, header.trafficClass)) this.echoes.heard(inPort, n, header);
    const isOurs = header.source >>> 8 === this.#s.area;
    const across = this.#hasForeign() && this.crossings.mayCross(nowUs, header, n.foreign);
    if (n.foreign && !across) return;
    for (const port of this.#s.ports) {
      if (!port.up || !inScope(port, header.kind)) continue;
      // There is no room for an area in a narrow header.
      if (port.narrow && !isOurs) continue;
      // Those who have it from the source itself would take it for something else, and what comes next for old.
      if (inPort.narrow && !port.narrow && isOurs && this.#isMisnumbered(inPort, header)) continue;
      // Whom the others hear is not known yet: nearly all hear all on a channel, and gaps are repaired.
      const isOwnChannel = port === inPort && port.narrow && header.precedence !== Precedence.flash;
      if (isOwnChannel && (isSettling(port, nowUs) || !this.#isReachKnown(n))) continue;
      if (port.shared) this.#propose(nowUs, port, inPort, n, header, octets, from, length, across);
      else this.#copyToEach(nowUs, port, header, octets, from, length, port === inPort ? n : undefined, across);
    }
  }

  /** The same frame was heard again, from `n` on `port`: those whom `n` reaches have it. */
  heardAgain(port: Port, n: Neighbour, header: DataHeader): void {
    if (header.source === this.#s.options.address) this.onPassedOn(header);
    if (hasEcho(port, header.trafficClass)) this.echoes.heard(port, n, header);
    if (this.#active === 0) return;
    for (let i = 0; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as PendingRelay;
      if (pending.slot === -1 || pending.port !== port) continue;
      if (pending.source !== header.source || pending.sequence !== header.sequence || pending.kind !== header.kind)
        continue;
      if (!n.foreign) this.#cover(pending, port, n);
      dropHearers(pending.outside, n);
      if (this.#covered(pending, port)) {
        this.#s.counters.count("relays-saved");
        this.#s.pool.release(pending.slot);
        this.#clear(pending);
      }
    }
  }

  /** A packet for all, which is the frame with this counter, goes into the channel. */
  sent(nowUs: number, port: Port, packet: number, counter: number): void {
    this.echoes.sent(nowUs, port, packet, counter, relayTurnUs(port, this.#s.pool.length[packet] as number));
  }

  /** Queues what has waited long enough. */
  handleTimeout(nowUs: number): void {
    if (this.echoes.dueUs <= nowUs) this.echoes.handleTimeout(nowUs);
    if (this.company.dueUs <= nowUs) this.company.handleTimeout(nowUs);
    this.#pendingDueUs = Number.POSITIVE_INFINITY;
    if (this.#active === 0) return;
    for (let i = 0; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as PendingRelay;
      if (pending.slot === -1) continue;
      if (pending.dueUs > nowUs) {
        this.#pendingDueUs = Math.min(this.#pendingDueUs, pending.dueUs);
        continue;
      }
      const port = pending.port as Port;
      this.#s.counters.count("relayed");
      port.queue.push(pending.slot);
      this.#clear(pending);
    }
  }

  #clear(pending: PendingRelay): void {
    pending.slot = -1;
    this.#active--;
  }

  /** The table grows with what waits at once: it is looked through for each frame that is heard again. */
  #vacant(): PendingRelay | undefined {
    if (this.#active < this.#pending.length) return this.#pending.find((pending) => pending.slot === -1);
    if (this.#active === MAX_PENDING_RELAYS) return undefined;
    const pending = createPending();
    this.#pending.push(pending);
    return pending;
  }

  #propose(
    nowUs: number,
    port: Port,
    inPort: Port,
    n: Neighbour,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
    across: boolean,
  ): void {
    if (this.#isRefused(port, header, -1)) return;
    const pending = this.#vacant();
    if (pending === undefined) {
      this.#s.counters.drop("relay-table-full", header.trafficClass, port.config.id);
      return;
    }
    pending.once.fill(0);
    pending.twice.fill(0);
    if (port === inPort && !n.foreign) this.#cover(pending, port, n);
    if (header.source >>> 8 === this.#s.area) addId(pending.twice, header.source & 0xff);
    pending.outside.length = 0;
    if (across) for (const other of port.foreign) if (isUsable(port, other, nowUs)) pending.outside.push(other);
    if (port === inPort || n.foreign) dropHearers(pending.outside, n);
    // Where all hear all there is nothing to choose.
    const isChosen = port.narrow && port === inPort && !this.#covered(pending, port);
    const turn = isChosen ? this.#turnOf(pending, port, n, header) : 0;
    // In the place of a relay that is not heard one would come too late for speech.
    if (turn < 0 && header.trafficClass === TrafficClass.voice) return;
    const isEarly = port !== inPort && isBeforeAnybody(nowUs, port, header);
    if (!isEarly && this.#covered(pending, port)) {
      this.#s.counters.count("relays-saved");
      return;
    }
    const waitUs = port.narrow
      ? this.#waitNarrowUs(port, inPort, turn, header, length)
      : this.#waitWideUs(pending, port, inPort, n, header);
    this.#hold(nowUs, pending, port, header, octets, from, length, waitUs);
  }

  /**
   * Says again what somebody else has said to all, for one who has come within reach and may not have heard it, unless
   * others do.
   */
  again(
    nowUs: number,
    port: Port,
    n: Neighbour,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
  ): void {
    this.#s.pool.payerNow = header.source >>> 8 === this.#s.area ? header.source & 0xff : FOREIGN;
    if (!port.shared) return this.#enqueue(nowUs, port, header, octets, from, length, n.index);
    if (this.#isRefused(port, header, -1)) return;
    const pending = this.#vacant();
    if (pending === undefined) return this.#s.counters.drop("relay-table-full", header.trafficClass, port.config.id);
    pending.once.fill(0);
    pending.twice.fill(EVERYBODY);
    pending.outside.length = 0;
    if (n.foreign) pending.outside.push(n);
    else removeId(pending.twice, n.local);
    const withinUs = port.narrow ? RELAY_RANK_FLASH_US : RELAY_AGAIN_WIDE_US;
    this.#hold(nowUs, pending, port, header, octets, from, length, this.#s.random.below(withinUs));
  }

  /** Sets a frame to be sent after a while, unless others make it needless. */
  #hold(
    nowUs: number,
    pending: PendingRelay,
    port: Port,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
    waitUs: number,
  ): void {
    const slot = this.#s.pool.allocate(header, undefined, octets, from, length);
    if (slot === -1) {
      this.#s.counters.drop("pool-empty", header.trafficClass, port.config.id);
      return;
    }
    this.#s.pool.deadlineUs[slot] = nowUs + waitUs + queueAgeUs(port, header.trafficClass);
    pending.slot = slot;
    pending.port = port;
    pending.source = header.source;
    pending.sequence = header.sequence;
    pending.kind = header.kind;
    pending.dueUs = nowUs + waitUs;
    this.#pendingDueUs = Math.min(this.#pendingDueUs, pending.dueUs);
    this.#active++;
  }

  /**
   * On a narrow channel the multipoint relays of `n` are those who relay, one after the other. Those of them that this node
   * cannot hear will have reached whom they reach. Returns this node's turn, -1 if others do it.
   */
  #turnOf(pending: PendingRelay, port: Port, n: Neighbour, header: DataHeader): number {
    const source = header.source & 0xff;
    const relays = this.#relays.of(port, n.local, source, header.sequence);
    addIds(pending.twice, this.#relays.reachOf(port, source));
    const turn = relays.indexOf(this.#s.local);
    // Flash goes by all: one of them may have just died.
    if (header.precedence === Precedence.flash) return turn;
    for (const relay of relays) {
      if (relay !== this.#s.local && port.byLocal[relay]?.alive !== true)
        addIds(pending.twice, this.#relays.surelyReached(port, relay));
    }
    return turn;
  }

  #waitNarrowUs(port: Port, inPort: Port, turn: number, header: DataHeader, length: number): number {
    const rankUs = header.precedence === Precedence.flash ? RELAY_RANK_FLASH_US : RELAY_RANK_US;
    if (port !== inPort) return this.#rank(port) * rankUs;
    const jitterUs = this.#s.random.below(CONTENTION_SLOT_US);
    return (turn < 0 ? rankUs : turn * relayTurnUs(port, length)) + jitterUs;
  }

  /**
   * On wide media relays take turns, so that mostly one transmission covers what many could. For each neighbour that
   * the frame does not cover yet, this node counts the better relays: those that heard the frame from `n` as well, reach
   * that neighbour, and are the first to reach more nodes. Its turn is that of the neighbour for which the fewest are
   * better: whoever alone reaches somebody does not wait, and nobody waits for a first copy while its best relay is there.
   */
  #waitWideUs(pending: PendingRelay, port: Port, inPort: Port, n: Neighbour, header: DataHeader): number {
    const jitterUs = this.#s.random.below(RELAY_JITTER_WIDE_US);
    if (port !== inPort) return jitterUs;
    this.#findBetter(pending, port, n, header);
    const better = this.#better;
    let turn = RELAY_TURNS_WIDE;
    for (let i = 0; i < port.neighbours.length; i++) {
      const m = port.neighbours[i] as Neighbour;
      if (!isMember(m) || hasId(pending.twice, m.local)) continue;
      const before = countCommonIds(better, m.reach) + (hasId(better, m.local) ? 1 : 0);
      // A second copy can wait for those who bring somebody the first.
      turn = Math.min(turn, hasId(pending.once, m.local) ? before + 1 : before);
    }
    // In a turn a frame comes, and then what those send whom it has reached: that shows who still lacks it.
    return jitterUs + turn * 2 * (RELAY_JITTER_WIDE_US + port.config.latencyUs);
  }

  /** Notes who heard the frame from `n` and is to relay it rather than this node. */
  #findBetter(pending: PendingRelay, port: Port, n: Neighbour, header: DataHeader): void {
    const { local } = this.#s;
    this.#better.fill(0);
    let gain = 0;
    const { neighbours } = port;
    // By index, here and below: this is asked for every frame, and an iterator is an object.
    for (let i = 0; i < neighbours.length; i++) {
      const m = neighbours[i] as Neighbour;
      if (isMember(m) && isUncovered(pending, m.local)) gain++;
    }
    const lot = lotOf(local, header.sequence);
    for (let i = 0; i < neighbours.length; i++) {
      const other = neighbours[i] as Neighbour;
      if (other === n || !isMember(other) || !hasId(pending.once, other.local)) continue;
      const gainOfOther = countUncovered(other.reach, pending) - (hasId(other.reach, local) ? 1 : 0);
      if (gainOfOther > gain || (gainOfOther === gain && lotOf(other.local, header.sequence) < lot))
        addId(this.#better, other.local);
    }
  }

  /** A transmission of `n` on `port` reaches `n` itself and those whom its hellos list. */
  #cover(pending: PendingRelay, port: Port, n: Neighbour): void {
    addId(pending.twice, n.local);
    for (let i = 0; i < port.neighbours.length; i++) {
      const other = port.neighbours[i] as Neighbour;
      if (other.foreign) continue;
      // Either end's word that they hear each other will do: hellos get lost.
      if (!hasId(n.reach, other.local) && !hasId(other.reach, n.local)) continue;
      if (port.narrow || hasId(pending.once, other.local)) addId(pending.twice, other.local);
      else addId(pending.once, other.local);
    }
  }

  #hasForeign(): boolean {
    // By index: this is asked for every group frame, and an iterator is an object.
    for (let i = 0; i < this.#s.ports.length; i++) if ((this.#s.ports[i] as Port).foreign.length > 0) return true;
    return false;
  }

  #covered(pending: PendingRelay, port: Port): boolean {
    if (pending.outside.length > 0) return false;
    for (let i = 0; i < port.neighbours.length; i++) {
      const n = port.neighbours[i] as Neighbour;
      if (isMember(n) && !hasId(pending.twice, n.local)) return false;
    }
    return true;
  }

  /** True if this node has to guess at the high octet of a sequence that others on wide radios know. Flash is worth the risk. */
  #isMisnumbered(inPort: Port, { source, trafficClass, precedence }: DataHeader): boolean {
    if (precedence === Precedence.flash || !this.#s.duplicates.isGuessed(source, trafficClass)) return false;
    return this.#hasOtherLinks(source & 0xff, inPort.config.kind);
  }

  /** True if a neighbour on a narrow bearer has told whom it hears, before it started anew at least. */
  #isReachKnown(n: Neighbour): boolean {
    return countIds(n.reach) > 0 || this.#s.db.node(n.local)?.advertisement.bootEpoch === n.bootEpoch;
  }

  /** Position among the neighbours on a narrow bearer that could relay into it as well (they have other links). */
  #rank(port: Port): number {
    let rank = 0;
    for (const n of port.neighbours) {
      if (
        n.local < this.#s.local &&
        !n.foreign &&
        n.alive &&
        n.twoWay &&
        this.#hasOtherLinks(n.local, port.config.kind)
      )
        rank++;
    }
    return rank;
  }

  /** As both ends say: one that is gone does not say so itself. */
  #hasOtherLinks(local: number, kind: number): boolean {
    const { db } = this.#s;
    for (const { neighbour, channel, vector } of db.node(local)?.advertisement.links ?? []) {
      const isOther = channel !== kind && vector !== VECTOR_GONE;
      if (isOther && db.vector(neighbour, local, channel) !== VECTOR_GONE) return true;
    }
    return false;
  }

  /** Point-to-point bearers: one copy to each neighbour that it makes sense for. */
  #copyToEach(
    nowUs: number,
    port: Port,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
    except: Neighbour | undefined,
    across: boolean,
  ): void {
    for (const n of port.neighbours) {
      if (n === except || (n.foreign && !across) || n.address === header.source || !isUsable(port, n, nowUs)) continue;
      // Routine news goes over a metered link only if that is the best way to the far end.
      const metered = port.costCentsPerMegabyte > 0 && header.trafficClass !== 0 && header.precedence !== 3;
      if (metered && this.#forwarding.bestPort(nowUs, n.address, 1) !== port) continue;
      this.#enqueue(nowUs, port, header, octets, from, length, n.index);
    }
  }

  #enqueue(
    nowUs: number,
    port: Port,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
    neighbour: number,
  ): void {
    if (this.#isRefused(port, header, neighbour)) return;
    const slot = this.#s.pool.allocate(header, undefined, octets, from, length);
    if (slot === -1) {
      this.#s.counters.drop("pool-empty", header.trafficClass, port.config.id);
      return;
    }
    this.#s.pool.neighbour[slot] = neighbour;
    this.#s.pool.deadlineUs[slot] = nowUs + queueAgeUs(port, header.trafficClass);
    port.queue.push(slot);
  }

  /** True, and counted, if policy or a data cap keeps a frame off a bearer. */
  #isRefused(port: Port, { kind, trafficClass, precedence }: DataHeader, neighbour: number): boolean {
    const atOtherEnd = neighbour < 0 ? 0 : (port.neighbours[neighbour] as Neighbour).closedTo;
    const refused = refusal(port.rules, atOtherEnd, kind, trafficClass, precedence);
    if (refused !== undefined) this.#s.counters.drop(refused, trafficClass, port.config.id);
    return refused !== undefined;
  }
}

/** Relays of what can wait are listened for: voice is too late when it comes again. */
function hasEcho(port: Port, trafficClass: number): boolean {
  return port.narrow && port.shared && trafficClass !== TrafficClass.voice;
}

/** Nobody has been heard yet on a narrow bearer that has just begun: that does not mean that nobody hears this node. */
function isBeforeAnybody(nowUs: number, port: Port, { trafficClass }: DataHeader): boolean {
  return trafficClass !== TrafficClass.voice && isSettling(port, nowUs) && !port.neighbours.some(isMember);
}

/** How long a relay of a packet takes, and until others have heard that it does. */
function relayTurnUs(port: Port, payloadOctets: number): number {
  const turnUs = (2 + port.neighbours.length) * CONTENTION_SLOT_US;
  return airtimeUs(port.config, payloadOctets + NARROW_EXTRA_OCTETS) + turnUs;
}

/** Takes out those that have what `n` sends: who hears it, and all of its area, where it is relayed. */
function dropHearers(outside: Neighbour[], n: Neighbour): void {
  for (let i = outside.length - 1; i >= 0; i--) {
    const other = outside[i] as Neighbour;
    if (n.foreign ? other.area === n.area : hasId(other.reach, n.local)) outside.splice(i, 1);
  }
}

function inScope(port: Port, kind: number): boolean {
  return kind === FrameKind.groupAll || (kind === FrameKind.groupNarrow) === port.narrow;
}

function isUncovered({ once, twice }: PendingRelay, local: number): boolean {
  return !hasId(once, local) && !hasId(twice, local);
}

function countUncovered(reach: Uint32Array, { once, twice }: PendingRelay): number {
  let count = 0;
  for (let w = 0; w < ID_WORDS; w++)
    count += countBits((reach[w] as number) & ~((once[w] as number) | (twice[w] as number)));
  return count;
}
