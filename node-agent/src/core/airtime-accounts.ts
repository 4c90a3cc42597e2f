import {
  FORGIVEN_AIRTIME_US,
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

/**
 * Who has had how much of a bearer. Each transmitter that this node sends for, itself among them, has an account (see
 * `payer.ts`), and everything that is sent is charged to one. Two questions are answered from that.
 *
 * *Whose turn is it* among those who have video or bulk waiting: start-time fair queueing (Goyal, Vin and Cheng 1996).
 * `served` is an account's airtime so far, raised to the `virtual` time when it comes back from having nothing: who has
 * had least is next, and nobody saves up turns by being silent.
 *
 * *Whose urgent packets go first*: those of accounts that have not had more than their privileged share of airtime in
 * flash, voice and command; a leaky bucket, kept as the time at which it will be empty (ITU-T I.371, annex A.1). What is
 * over that waits with video and bulk, for its account's turn: a flood of alarms alarms nobody.
 */
export class AirtimeAccounts {
  readonly #served = new Float64Array(ACCOUNTS);
  /** Most that any account has been served. */
  #highest = 0;
  #virtual = 0;
  readonly #paidUntilUs = new Float64Array(ACCOUNTS);
  readonly #perPrivileged: number;
  readonly #burstUs: number;

  /** `frameUs`: time on air of the largest frame. */
  constructor(bitrateBps: number, frameUs: number) {
    const share = Math.min(MAX_PRIVILEGED_SHARE, Math.max(MIN_PRIVILEGED_SHARE, MIN_PRIVILEGED_BPS / bitrateBps));
    this.#perPrivileged = 1 / share;
    this.#burstUs = Math.max(PRIVILEGE_BURST_US, PRIVILEGE_BURST_FRAMES * frameUs);
  }

  /** An account has something waiting again. */
  join(account: number): void {
    if ((this.#served[account] as number) < this.#virtual) this.#served[account] = this.#virtual;
  }

  /** Nothing waits any more: whoever comes next starts level with all others. */
  settle(): void {
    this.#virtual = this.#highest;
  }

  /** What an account has been served: the least goes first. */
  served(account: number): number {
    return this.#served[account] as number;
  }

  /** True if an account's urgent packets go before others'. */
  isPrivileged(account: number, nowUs: number): boolean {
    return (this.#paidUntilUs[account] as number) <= nowUs + this.#burstUs;
  }

  /** A privileged packet goes. */
  chargePrivileged(account: number, nowUs: number, airUs: number): void {
    this.#paidUntilUs[account] = Math.max(nowUs, this.#paidUntilUs[account] as number) + airUs * this.#perPrivileged;
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
