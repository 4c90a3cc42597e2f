import {
  FLASH_SHARE,
  FORGIVEN_AIRTIME_US,
  LONG_TALK_SHARE,
  LONG_TALK_US,
  MAX_PRIVILEGED_SHARE,
  MIN_PRIVILEGED_BPS,
  MIN_PRIVILEGED_SHARE,
  PRIVILEGE_BURST_FRAMES,
  PRIVILEGE_BURST_US,
} from "./limits.ts";

/** Accounts that there can be: local ids of the own area, and FOREIGN. */
const ACCOUNTS = 256;
/** Who pays for what comes from nodes of other areas: all of them together. */
export const FOREIGN = 0;

/** A leaky bucket an account, each kept as the time at which it will be empty (ITU-T I.371, annex A.1). */
class Buckets {
  readonly #emptyUs = new Float64Array(ACCOUNTS);
  readonly #perAirtime: number;
  readonly #depthUs: number;

  /** `share` of all time leaks; a bucket is full when that takes `depthUs`. */
  constructor(share: number, depthUs: number) {
    this.#perAirtime = 1 / share;
    this.#depthUs = depthUs;
  }

  hasRoom(account: number, nowUs: number): boolean {
    return (this.#emptyUs[account] as number) <= nowUs + this.#depthUs;
  }

  fill(account: number, nowUs: number, airUs: number): void {
    this.#emptyUs[account] = Math.max(nowUs, this.#emptyUs[account] as number) + airUs * this.#perAirtime;
  }
}

/**
 * Who has had how much of a bearer. Each transmitter that this node sends for, itself among them, has an account (see
 * `payer.ts`), and everything that is sent is charged to one. Two questions are answered from that.
 *
 * *Whose turn is it* among those who have video or bulk waiting: start-time fair queueing (Goyal, Vin and Cheng 1996).
 * `served` is an account's airtime so far, raised to the `virtual` time when it comes back from having nothing: who has
 * had least is next, and nobody saves up turns by being silent.
 *
 * *Whose urgent packets go first*: flash of accounts that have not had more than a small share in flash; flash beyond
 * that is as urgent as its class. Voice and command of accounts that have not had more than their privileged share, nor
 * talked without end. What is over that waits with video and bulk for its account's turn: a flood of alarms alarms
 * nobody.
 */
export class AirtimeAccounts {
  readonly #served = new Float64Array(ACCOUNTS);
  /** Most that any account has been served. */
  #highest = 0;
  #virtual = 0;
  readonly #flash: Buckets;
  readonly #privileged: Buckets;
  readonly #talk = new Buckets(LONG_TALK_SHARE, LONG_TALK_US);

  /** `frameUs`: time on air of the largest frame. */
  constructor(bitrateBps: number, frameUs: number) {
    const share = Math.min(MAX_PRIVILEGED_SHARE, Math.max(MIN_PRIVILEGED_SHARE, MIN_PRIVILEGED_BPS / bitrateBps));
    const burstUs = Math.max(PRIVILEGE_BURST_US, PRIVILEGE_BURST_FRAMES * frameUs);
    this.#flash = new Buckets(FLASH_SHARE, burstUs);
    this.#privileged = new Buckets(share, burstUs);
  }

  /** An account has something waiting again. */
  join(account: number): void {
    if ((this.#served[account] as number) < this.#virtual) this.#served[account] = this.#virtual;
  }

  /** Nothing waits: whoever comes next starts level with all others. */
  settle(): void {
    this.#virtual = this.#highest;
  }

  /** What an account has been served: the least goes first. */
  served(account: number): number {
    return this.#served[account] as number;
  }

  /** True if an account's flash goes before everything. */
  mayFlash(account: number, nowUs: number): boolean {
    return this.#flash.hasRoom(account, nowUs);
  }

  /** True if an account's voice and command go before others' video and bulk. */
  isPrivileged(account: number, nowUs: number): boolean {
    return this.#privileged.hasRoom(account, nowUs) && this.#talk.hasRoom(account, nowUs);
  }

  chargeFlash(account: number, nowUs: number, airUs: number): void {
    this.#flash.fill(account, nowUs, airUs);
    this.#charge(account, airUs);
  }

  chargePrivileged(account: number, nowUs: number, airUs: number): void {
    this.#privileged.fill(account, nowUs, airUs);
    this.#talk.fill(account, nowUs, airUs);
    this.#charge(account, airUs);
  }

  /** A packet goes that has waited for its account's turn. */
  chargeTurn(account: number, airUs: number): void {
    this.#virtual = Math.max(this.#virtual, this.#served[account] as number);
    this.#charge(account, airUs);
  }

  #charge(account: number, airUs: number): void {
    // Who talks for an hour is not kept from its turn for as long.
    const served = Math.min((this.#served[account] as number) + airUs, this.#virtual + FORGIVEN_AIRTIME_US);
    this.#served[account] = served;
    this.#highest = Math.max(this.#highest, served);
  }
}
