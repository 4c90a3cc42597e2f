import { type DataHeader, FrameKind, VECTOR_GONE } from "@skein/codecs";
import { Precedence } from "./api.ts";
import { refusal } from "./bearer-rules.ts";
import type { Forwarding } from "./forwarding.ts";
import { queueAgeUs } from "./forwarding.ts";
import {
  MAX_PENDING_RELAYS,
  RELAY_JITTER_WIDE_US,
  RELAY_RANK_FLASH_US,
  RELAY_RANK_US,
  RELAY_TURNS_WIDE,
  SPREAD_PER_MEMBER_US,
} from "./limits.ts";
import { isUsable, type Neighbour, type Port } from "./port.ts";
import type { CoreState } from "./state.ts";
import { isSettling } from "./turn-taking.ts";

const WORDS = 8;
const NOBODY = new Uint32Array(WORDS);

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
}

function createPending(): PendingRelay {
  return {
    slot: -1,
    port: undefined,
    source: 0,
    sequence: 0,
    kind: 0,
    dueUs: 0,
    once: new Uint32Array(WORDS),
    twice: new Uint32Array(WORDS),
  };
}

/**
 * Group frames: each node hands on what it hears for the first time, on every bearer in the frame's
 * scope, but on a shared medium only if some neighbour is not yet covered. Coverage counts transmissions
 * heard, by what the transmitters' hellos list: twice on wide media (one relay may have just died), once on narrow
 * ones, where airtime is scarce and gaps are repaired. Relays take turns, so that they hear each other. Group frames
 * stay in their area.
 */
export class GroupRelay {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #pending: PendingRelay[] = [];
  /** Local ids of those whose turn comes before this node's, for the frame in hand. */
  readonly #better = new Uint32Array(WORDS);
  #active = 0;
  dueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState, forwarding: Forwarding) {
    this.#s = state;
    this.#forwarding = forwarding;
  }

  /** Sends an own group frame on every bearer in scope. */
  originate(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): void {
    for (const port of this.#s.ports) {
      if (!inScope(port, header.kind)) continue;
      if (port.shared) {
        if (port.up) this.#enqueue(nowUs, port, header, octets, from, length, -1);
      } else {
        this.#copyToEach(nowUs, port, header, octets, from, length, undefined);
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
    for (const port of this.#s.ports) {
      if (!port.up || !inScope(port, header.kind)) continue;
      // Whom the others hear is not known yet: nearly all hear all on a channel, and gaps are repaired.
      if (port === inPort && header.precedence !== Precedence.flash && isSettling(port, nowUs)) continue;
      if (port.shared) this.#propose(nowUs, port, inPort, n, header, octets, from, length);
      else this.#copyToEach(nowUs, port, header, octets, from, length, port === inPort ? n : undefined);
    }
  }

  /** The same frame was heard again, from `n` on `port`: those whom `n` reaches have it. */
  heardAgain(port: Port, n: Neighbour, header: DataHeader): void {
    if (this.#active === 0) return;
    for (let i = 0; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as PendingRelay;
      if (pending.slot === -1 || pending.port !== port) continue;
      if (pending.source !== header.source || pending.sequence !== header.sequence || pending.kind !== header.kind)
        continue;
      this.#cover(pending, port, n);
      if (this.#covered(pending, port)) {
        this.#s.counters.count("relays-saved");
        this.#s.pool.release(pending.slot);
        this.#clear(pending);
      }
    }
  }

  /** Queues what has waited long enough. */
  handleTimeout(nowUs: number): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    if (this.#active === 0) return;
    for (let i = 0; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as PendingRelay;
      if (pending.slot === -1) continue;
      if (pending.dueUs > nowUs) {
        this.dueUs = Math.min(this.dueUs, pending.dueUs);
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
  ): void {
    if (this.#isRefused(port, header, -1)) return;
    const pending = this.#vacant();
    if (pending === undefined) {
      this.#s.counters.drop("relay-table-full", header.trafficClass, port.config.id);
      return;
    }
    pending.once.set(NOBODY);
    pending.twice.set(NOBODY);
    if (port === inPort) this.#cover(pending, port, n);
    setBit(pending.twice, header.source & 0xff);
    if (this.#covered(pending, port)) {
      this.#s.counters.count("relays-saved");
      return;
    }
    const slot = this.#s.pool.allocate(header, undefined, octets, from, length);
    if (slot === -1) {
      this.#s.counters.drop("pool-empty", header.trafficClass, port.config.id);
      return;
    }
    const rankUs = header.precedence === Precedence.flash ? RELAY_RANK_FLASH_US : RELAY_RANK_US;
    const spreadUs = port === inPort ? this.#s.random.below(port.neighbours.length * SPREAD_PER_MEMBER_US) : 0;
    const waitUs = port.narrow
      ? this.#rank(port) * rankUs + spreadUs
      : this.#waitWideUs(pending, port, inPort, n, header);
    this.#s.pool.deadlineUs[slot] = nowUs + waitUs + queueAgeUs(port, header.trafficClass);
    pending.slot = slot;
    pending.port = port;
    pending.source = header.source;
    pending.sequence = header.sequence;
    pending.kind = header.kind;
    pending.dueUs = nowUs + waitUs;
    this.dueUs = Math.min(this.dueUs, pending.dueUs);
    this.#active++;
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
      if (!isMember(m) || hasBit(pending.twice, m.local)) continue;
      const before = countCommon(better, m.reach) + (hasBit(better, m.local) ? 1 : 0);
      // A second copy can wait for those who bring somebody the first.
      turn = Math.min(turn, hasBit(pending.once, m.local) ? before + 1 : before);
    }
    // In a turn a frame comes, and then what those send whom it has reached: that shows who still lacks it.
    return jitterUs + turn * 2 * (RELAY_JITTER_WIDE_US + port.config.latencyUs);
  }

  /** Notes who heard the frame from `n` and is to relay it rather than this node. */
  #findBetter(pending: PendingRelay, port: Port, n: Neighbour, header: DataHeader): void {
    const { local } = this.#s;
    this.#better.set(NOBODY);
    let gain = 0;
    const { neighbours } = port;
    // By index, here and below: this is asked for every frame, and an iterator is an object.
    for (let i = 0; i < neighbours.length; i++) {
      const m = neighbours[i] as Neighbour;
      if (isMember(m) && isUncovered(pending, m.local)) gain++;
    }
    const lot = lotOf(local, header);
    for (let i = 0; i < neighbours.length; i++) {
      const other = neighbours[i] as Neighbour;
      if (other === n || !isMember(other) || !hasBit(pending.once, other.local)) continue;
      const gainOfOther = countUncovered(other.reach, pending) - (hasBit(other.reach, local) ? 1 : 0);
      if (gainOfOther > gain || (gainOfOther === gain && lotOf(other.local, header) < lot))
        setBit(this.#better, other.local);
    }
  }

  /** A transmission of `n` on `port` reaches `n` itself and those whom its hellos list. */
  #cover(pending: PendingRelay, port: Port, n: Neighbour): void {
    setBit(pending.twice, n.local);
    for (let i = 0; i < port.neighbours.length; i++) {
      const other = port.neighbours[i] as Neighbour;
      if (other.foreign) continue;
      // Either end's word that they hear each other will do: hellos get lost.
      if (!hasBit(n.reach, other.local) && !hasBit(other.reach, n.local)) continue;
      if (port.narrow || hasBit(pending.once, other.local)) setBit(pending.twice, other.local);
      else setBit(pending.once, other.local);
    }
  }

  #covered(pending: PendingRelay, port: Port): boolean {
    for (let i = 0; i < port.neighbours.length; i++) {
      const n = port.neighbours[i] as Neighbour;
      if (isMember(n) && !hasBit(pending.twice, n.local)) return false;
    }
    return true;
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

  #hasOtherLinks(local: number, kind: number): boolean {
    const links = this.#s.db.node(local)?.advertisement.links;
    return links?.some((l) => l.channel !== kind && l.vector !== VECTOR_GONE) ?? false;
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
  ): void {
    for (const n of port.neighbours) {
      if (n === except || n.foreign || n.address === header.source || !isUsable(port, n, nowUs)) continue;
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

function inScope(port: Port, kind: number): boolean {
  return kind === FrameKind.groupAll || (kind === FrameKind.groupNarrow) === port.narrow;
}

/** Part of this area's channel: they hear each other. */
function isMember(n: Neighbour): boolean {
  return n.alive && n.twoWay && !n.foreign;
}

/** Order among equals, another one for each frame: relaying costs battery. */
function lotOf(local: number, { sequence }: DataHeader): number {
  return Math.imul((local ^ sequence) + 1, 0x9e3779b1) >>> 0;
}

function isUncovered({ once, twice }: PendingRelay, local: number): boolean {
  return !hasBit(once, local) && !hasBit(twice, local);
}

function countUncovered(reach: Uint32Array, { once, twice }: PendingRelay): number {
  let count = 0;
  for (let w = 0; w < WORDS; w++)
    count += countBits((reach[w] as number) & ~((once[w] as number) | (twice[w] as number)));
  return count;
}

function countCommon(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (let w = 0; w < WORDS; w++) count += countBits((a[w] as number) & (b[w] as number));
  return count;
}

function countBits(word: number): number {
  if (word === 0) return 0;
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function setBit(bits: Uint32Array, local: number): void {
  bits[local >>> 5] = (bits[local >>> 5] as number) | (1 << (local & 31));
}

function hasBit(bits: Uint32Array, local: number): boolean {
  return (((bits[local >>> 5] as number) >>> (local & 31)) & 1) === 1;
}
