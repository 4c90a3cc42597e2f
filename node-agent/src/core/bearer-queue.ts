import { type DataHeader, isKeyPacket, isShortKeyQuestion } from "@skein/codecs";
import { AirtimeAccounts } from "./airtime-accounts.ts";
import { type CoreBearer, Precedence } from "./api.ts";
import type { Counters } from "./counters.ts";
import {
  BULK_OWED_FRAMES,
  BULK_SHARE,
  MAX_QUEUED_BULK_WIDE_US,
  MAX_QUEUED_PER_BEARER,
  QUEUE_AGE_NARROW_US,
  QUEUE_AGE_WIDE_US,
  WINDOW_NEIGHBOUR_FRAMES,
  WINDOW_SHARED_FRAMES,
} from "./limits.ts";
import type { PacketPool } from "./packet-pool.ts";
import type { SentRing } from "./sent-ring.ts";

/** Flash of any class first; then class before precedence: voice, command, video, bulk. */
const LEVELS = 4 + 16;
/** Levels below this are flash, of any class. */
export const FLASH_LEVELS = 4;
/** Levels below this are flash or voice. */
export const URGENT_LEVELS = 8;
/** Levels from this on are video and bulk. */
export const HEAVY_LEVEL = 12;
const BULK_LEVEL = 16;
/** Sets of levels: those below HEAVY_LEVEL; flash of any class; voice and command, with their flash. */
const URGENT = (1 << HEAVY_LEVEL) - 1;
const FLASH = 0b1111;
const VOICE = 0b1111_0001;
const COMMAND = 0b1111_0000_0010;
/** What a packet goes by: its account's right to flash, its privilege, or its turn. */
const BY_FLASH = 0;
const BY_PRIVILEGE = 1;
const BY_TURN = 2;
type Right = typeof BY_FLASH | typeof BY_PRIVILEGE | typeof BY_TURN;
const CLASSES = 4;
const BULK = 3;
const ACCOUNTS = 256;
/** Headers and tag of a packet on air, about; octets. */
const FRAME_EXTRA_OCTETS = 20;

/** A short question goes like flash: it is one octet, and everything else that is for its destination waits for it. */
function levelOf(pool: PacketPool, slot: number): number {
  const trafficClass = pool.trafficClass[slot] as number;
  const precedence = pool.precedence[slot] as number;
  if (precedence === Precedence.flash) return trafficClass;
  const from = pool.offset(slot);
  const asks =
    isKeyPacket(pool.kind[slot] as number, trafficClass, precedence) &&
    isShortKeyQuestion(pool.payloads, from, from + (pool.length[slot] as number));
  return asks ? trafficClass : 4 + trafficClass * 4 + (3 - precedence);
}

/** Number of the lowest bit that is set. */
function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/**
 * Data packets of one bearer, bounded in number, in time on air by class, and in time by each packet's deadline.
 *
 * Flash, then voice, then command go first, each account's only up to its privileged share (`AirtimeAccounts`). Then
 * the account that has had least of the bearer is next, with the most urgent of what it has waiting. Bulk is owed a
 * little of what everything else takes, so that nothing waits for ever. Who holds most of a full queue loses from it.
 */
export class BearerQueue {
  readonly #pool: PacketPool;
  readonly #counters: Counters;
  readonly #bearer: CoreBearer;
  readonly #accounts: AirtimeAccounts;
  readonly #octetUs: number;
  readonly #frameUs: number;
  readonly #head = new Int16Array(LEVELS).fill(-1);
  readonly #tail = new Int16Array(LEVELS).fill(-1);
  /** Bit n: there is something at level n. */
  #levels = 0;
  #count = 0;
  readonly #countOf = new Uint16Array(CLASSES);
  readonly #octetsOf = new Float64Array(CLASSES);
  readonly #maxOctetsOf = new Float64Array(CLASSES);
  readonly #octetsBy = new Float64Array(ACCOUNTS);
  /** Accounts that have something waiting. */
  #accountsWaiting = 0;
  /** Airtime that bulk may have before what is more urgent. */
  #bulkOwedUs = 0;
  /** Time of the last push or pop. */
  #nowUs = 0;
  // What was selected last, besides its slot.
  #selectedLevel = 0;
  #selectedPrevious = -1;
  #selectedRight: Right = BY_TURN;

  constructor(pool: PacketPool, counters: Counters, bearer: CoreBearer) {
    this.#pool = pool;
    this.#counters = counters;
    this.#bearer = bearer;
    const narrow = bearer.layout === "narrow";
    this.#octetUs = (narrow ? 10e6 : 8e6) / bearer.bitrateBps;
    this.#frameUs = bearer.keyUpUs + bearer.mtuOctets * this.#octetUs;
    this.#accounts = new AirtimeAccounts(bearer.bitrateBps, this.#frameUs);
    for (let c = 0; c < CLASSES; c++) {
      const ageUs = (narrow ? QUEUE_AGE_NARROW_US : QUEUE_AGE_WIDE_US)[c] as number;
      const boundUs = c === BULK && !narrow ? MAX_QUEUED_BULK_WIDE_US : ageUs;
      // A bearer on which not even a few frames fit into that has room for them all the same.
      this.#maxOctetsOf[c] = Math.max(boundUs, 4 * this.#frameUs) / this.#octetUs;
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Packets of a class that wait. */
  countOf(trafficClass: number): number {
    return this.#countOf[trafficClass] as number;
  }

  /** Sum of the payload octets of a class that wait. */
  octetsOf(trafficClass: number): number {
    return this.#octetsOf[trafficClass] as number;
  }

  /** Sum of the payload octets waiting. */
  octets(): number {
    let sum = 0;
    for (let c = 0; c < CLASSES; c++) sum += this.#octetsOf[c] as number;
    return sum;
  }

  /** Queues a packet that has its neighbour and deadline set; may drop another one, or this one. */
  push(slot: number): void {
    const pool = this.#pool;
    const trafficClass = pool.trafficClass[slot] as number;
    const account = pool.payer[slot] as number;
    const level = levelOf(pool, slot);
    if (!this.#makeRoom(slot, trafficClass, level)) return this.#drop(slot, "queue-full");
    if (this.#count === 0) this.#accounts.settle();
    if (this.#octetsBy[account] === 0) this.#accounts.join(account);
    pool.next[slot] = -1;
    const tail = this.#tail[level] as number;
    if (tail === -1) this.#head[level] = slot;
    else pool.next[tail] = slot;
    this.#tail[level] = slot;
    this.#levels |= 1 << level;
    this.#tally(slot, 1);
  }

  /** Reckons a packet in (1) or out (-1). */
  #tally(slot: number, sign: 1 | -1): void {
    const pool = this.#pool;
    const trafficClass = pool.trafficClass[slot] as number;
    const account = pool.payer[slot] as number;
    // An empty payload holds a place as well.
    const octets = sign * Math.max(1, pool.length[slot] as number);
    this.#count += sign;
    this.#countOf[trafficClass] = (this.#countOf[trafficClass] as number) + sign;
    this.#octetsOf[trafficClass] = (this.#octetsOf[trafficClass] as number) + octets;
    const before = this.#octetsBy[account] as number;
    this.#octetsBy[account] = before + octets;
    if (before === 0) this.#accountsWaiting++;
    else if (before + octets === 0) this.#accountsWaiting--;
  }

  #drop(slot: number, reason: "queue-full" | "expired"): void {
    this.#counters.drop(reason, this.#pool.trafficClass[slot] as number, this.#bearer.id);
    this.#pool.release(slot);
  }

  // Taking out

  /**
   * Next packet that is still in time and may be sent now, taken out; -1 if there is none. `window`: video and bulk wait
   * while too much of what was sent there is unacknowledged, in all or by their next hop.
   */
  pop(nowUs: number, window: SentRing | undefined): number {
    this.#nowUs = nowUs;
    while (this.#levels !== 0) {
      const slot = this.#select(window);
      if (slot === -1) return -1;
      const level = this.#selectedLevel;
      this.#unlink(level, this.#selectedPrevious, slot);
      if (nowUs <= (this.#pool.deadlineUs[slot] as number)) {
        this.#charge(slot, level);
        return slot;
      }
      this.#drop(slot, "expired");
    }
    return -1;
  }

  /** Next packet in time that is for the same ones as this, which was taken out, and is as long; -1 if there is none. */
  popLike(nowUs: number, taken: number): number {
    this.#nowUs = nowUs;
    const pool = this.#pool;
    const level = levelOf(pool, taken);
    let previous = -1;
    for (let s = this.#head[level] as number; s !== -1; previous = s, s = pool.next[s] as number) {
      if (pool.kind[s] !== pool.kind[taken] || pool.destination[s] !== pool.destination[taken]) continue;
      if (pool.neighbour[s] !== pool.neighbour[taken] || pool.length[s] !== pool.length[taken]) continue;
      if (nowUs > (pool.deadlineUs[s] as number)) continue;
      this.#selected(level, previous, s, this.#rightOf(s, level));
      this.#unlink(level, previous, s);
      this.#charge(s, level);
      return s;
    }
    return -1;
  }

  #select(window: SentRing | undefined): number {
    if (this.#count === 1) return this.#only(window);
    let slot = this.#first(FLASH, BY_FLASH);
    if (slot === -1 && this.#bulkOwedUs > BULK_OWED_FRAMES * this.#frameUs) slot = this.#nextTurn(BULK_LEVEL, window);
    if (slot === -1) slot = this.#first(VOICE, BY_PRIVILEGE);
    if (slot === -1 && this.#bulkOwedUs > this.#frameUs) slot = this.#nextTurn(BULK_LEVEL, window);
    if (slot === -1) slot = this.#first(COMMAND, BY_PRIVILEGE);
    return slot === -1 ? this.#nextTurn(0, window) : slot;
  }

  /** The one packet that waits, if it may go: where nothing is full, that is all there is to it. */
  #only(window: SentRing | undefined): number {
    const level = lowest(this.#levels);
    const slot = this.#head[level] as number;
    if (!this.#mayGo(slot, level, window)) return -1;
    return this.#selected(level, -1, slot, this.#rightOf(slot, level));
  }

  /** First packet of some levels, as a bit set, whose account has the right to go first; -1 if there is none. */
  #first(levels: number, right: Right): number {
    for (let rest = this.#levels & levels; rest !== 0; rest &= rest - 1) {
      const level = lowest(rest);
      let previous = -1;
      for (let s = this.#head[level] as number; s !== -1; previous = s, s = this.#pool.next[s] as number)
        if (this.#has(s, right)) return this.#selected(level, previous, s, right);
    }
    return -1;
  }

  /** Of the account whose turn it is, the most urgent packet that may go, from a level on; -1 if there is none. */
  #nextTurn(from: number, window: SentRing | undefined): number {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let rest = this.#levels & -(1 << from); rest !== 0; rest &= rest - 1) {
      const level = lowest(rest);
      let previous = -1;
      for (let s = this.#head[level] as number; s !== -1; previous = s, s = this.#pool.next[s] as number) {
        const served = this.#accounts.served(this.#pool.payer[s] as number);
        if (served >= least || !this.#mayGo(s, level, window)) continue;
        least = served;
        best = this.#selected(level, previous, s, BY_TURN);
      }
    }
    return best;
  }

  #selected(level: number, previous: number, slot: number, right: Right): number {
    this.#selectedLevel = level;
    this.#selectedPrevious = previous;
    this.#selectedRight = right;
    return slot;
  }

  #has(slot: number, right: Right): boolean {
    const account = this.#pool.payer[slot] as number;
    if (right === BY_FLASH) return this.#accounts.mayFlash(account, this.#nowUs);
    return this.#accounts.isPrivileged(account, this.#nowUs);
  }

  /** What a packet may go by. */
  #rightOf(slot: number, level: number): Right {
    if (level < FLASH_LEVELS && this.#has(slot, BY_FLASH)) return BY_FLASH;
    return ((VOICE | COMMAND) >>> level) & 1 && this.#has(slot, BY_PRIVILEGE) ? BY_PRIVILEGE : BY_TURN;
  }

  #charge(slot: number, level: number): void {
    const account = this.#pool.payer[slot] as number;
    const octets = (this.#pool.length[slot] as number) + FRAME_EXTRA_OCTETS;
    const airUs = this.#bearer.keyUpUs + octets * this.#octetUs;
    if (this.#selectedRight === BY_FLASH) this.#accounts.chargeFlash(account, this.#nowUs, airUs);
    else if (this.#selectedRight === BY_PRIVILEGE) this.#accounts.chargePrivileged(account, this.#nowUs, airUs);
    else this.#accounts.chargeTurn(account, airUs);
    if (level >= BULK_LEVEL) this.#bulkOwedUs = Math.max(0, this.#bulkOwedUs - airUs);
    else if (this.#levels >>> BULK_LEVEL === 0) this.#bulkOwedUs = 0;
    else this.#bulkOwedUs = Math.min(this.#bulkOwedUs + airUs * BULK_SHARE, 2 * BULK_OWED_FRAMES * this.#frameUs);
  }

  #unlink(level: number, previous: number, slot: number): void {
    const next = this.#pool.next[slot] as number;
    if (previous === -1) this.#head[level] = next;
    else this.#pool.next[previous] = next;
    if (next === -1) this.#tail[level] = previous;
    if (this.#head[level] === -1) this.#levels &= ~(1 << level);
    this.#tally(slot, -1);
  }

  /** Takes out, one by one, what `matches`; -1 when there is no more. */
  takeFirst(matches: (slot: number) => boolean): number {
    for (let level = 0; level < LEVELS; level++) {
      let previous = -1;
      for (let s = this.#head[level] as number; s !== -1; previous = s, s = this.#pool.next[s] as number) {
        if (!matches(s)) continue;
        this.#unlink(level, previous, s);
        return s;
      }
    }
    return -1;
  }

  // What waits

  /** True if this packet waits for a neighbour already. */
  holds({ source, trafficClass, sequence }: DataHeader, neighbour: number): boolean {
    const pool = this.#pool;
    for (let level = 0; level < LEVELS; level++) {
      for (let s = this.#head[level] as number; s !== -1; s = pool.next[s] as number) {
        if (pool.neighbour[s] !== neighbour || pool.sequence[s] !== sequence) continue;
        if (pool.source[s] === source && pool.trafficClass[s] === trafficClass) return true;
      }
    }
    return false;
  }

  /** True if `pop` would find something. */
  isReady(window: SentRing | undefined): boolean {
    if ((this.#levels & URGENT) !== 0) return true;
    for (let rest = this.#levels; rest !== 0; rest &= rest - 1) {
      const level = lowest(rest);
      for (let s = this.#head[level] as number; s !== -1; s = this.#pool.next[s] as number)
        if (this.#mayGo(s, level, window)) return true;
    }
    return false;
  }

  #mayGo(slot: number, level: number, window: SentRing | undefined): boolean {
    if (window === undefined || level < HEAVY_LEVEL) return true;
    if (window.unacknowledged >= WINDOW_SHARED_FRAMES) return false;
    const neighbour = this.#pool.neighbour[slot] as number;
    return neighbour < 0 || (window.unacknowledgedBy[neighbour] as number) < WINDOW_NEIGHBOUR_FRAMES;
  }

  /** Level of the most urgent packet, where those count as less urgent whose account has no right to more; -1 if empty. */
  urgency(): number {
    if ((this.#levels & URGENT) === 0) return this.#levels === 0 ? -1 : HEAVY_LEVEL;
    if (this.#hasFirst(FLASH, BY_FLASH)) return 0;
    if (this.#hasFirst(VOICE, BY_PRIVILEGE)) return FLASH_LEVELS;
    return this.#hasFirst(COMMAND, BY_PRIVILEGE) ? URGENT_LEVELS : HEAVY_LEVEL;
  }

  #hasFirst(levels: number, right: Right): boolean {
    for (let rest = this.#levels & levels; rest !== 0; rest &= rest - 1) {
      for (let s = this.#head[lowest(rest)] as number; s !== -1; s = this.#pool.next[s] as number)
        if (this.#has(s, right)) return true;
    }
    return false;
  }

  /** How long a packet of an account would wait, about, if it were video or bulk: behind its own, as often as others are. */
  waitUs(account: number, length: number): number {
    const own = ((this.#octetsBy[account] as number) + length) * Math.max(1, this.#accountsWaiting);
    return (Math.min(own, this.octets() + length) * 8e6) / this.#bearer.bitrateBps;
  }

  // Room

  /** Drops what has to go so that a packet fits; false if that is the packet itself. */
  #makeRoom(slot: number, trafficClass: number, level: number): boolean {
    const octets = this.#pool.length[slot] as number;
    const most = this.#maxOctetsOf[trafficClass] as number;
    while ((this.#octetsOf[trafficClass] as number) + octets > most)
      if (!this.#dropFrom(slot, level, trafficClass)) return false;
    while (this.#count >= MAX_QUEUED_PER_BEARER) if (!this.#dropFrom(slot, level, -1)) return false;
    return true;
  }

  /**
   * Drops the oldest of the least urgent packets of whoever has most waiting, in favour of the newcomer `slot` of some
   * level; of one class only unless that is -1. False if nothing should go for its sake.
   */
  #dropFrom(slot: number, level: number, trafficClass: number): boolean {
    const pool = this.#pool;
    let victim = -1;
    let most = 0;
    for (let l = LEVELS - 1; l >= 0; l--) {
      let previous = -1;
      for (let s = this.#head[l] as number; s !== -1; previous = s, s = pool.next[s] as number) {
        if (trafficClass === -1 ? !this.#yields(s, l, level) : pool.trafficClass[s] !== trafficClass || l < level)
          continue;
        const octets = this.#octetsBy[pool.payer[s] as number] as number;
        if (octets <= most) continue;
        most = octets;
        victim = this.#selected(l, previous, s, BY_TURN);
      }
    }
    // Nobody's video goes for the sake of its own bulk.
    if (victim === -1 || (this.#selectedLevel < level && pool.payer[victim] === pool.payer[slot])) return false;
    this.#unlink(this.#selectedLevel, this.#selectedPrevious, victim);
    this.#drop(victim, "queue-full");
    return true;
  }

  /** True if a packet that waits at level `l` may have to go for one of level `level`. */
  #yields(slot: number, l: number, level: number): boolean {
    return l >= Math.min(level, HEAVY_LEVEL) || this.#rightOf(slot, l) === BY_TURN;
  }
}
