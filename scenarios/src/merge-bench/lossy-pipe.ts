import type { RandomStream } from "../sim/random-streams.ts";

/** One direction of a path. Names and meanings are those of the link-bonding lab's emulator, so that figures compare. */
export interface PipeOptions {
  readonly rateBps: number;
  readonly delayUs: number;
  /** Each packet is late by up to this, in order. */
  readonly jitterUs?: number;
  /** Share lost, and the mean length of a run of losses, packets (1: independent). */
  readonly loss?: number;
  readonly burst?: number;
  readonly queueOctets: number;
  /** Jitter may put packets out of order; this share of them comes twice. */
  readonly disorder?: boolean;
  readonly twice?: number;
  /** Packets sent in the first `gapUs` of every `gapEveryUs` are lost (handover of a satellite). */
  readonly gapEveryUs?: number;
  readonly gapUs?: number;
}

/** When a packet comes out at the other end, if it does. Loss comes after the rate: what is lost has used its share. */
export class LossyPipe {
  options: PipeOptions;
  up = true;
  /** Octets offered, headers of IP and UDP included. */
  octets = 0;
  packets = 0;
  lost = 0;
  readonly #random: RandomStream;
  #busyUs = 0;
  #lastUs = 0;
  #bad = false;

  constructor(options: PipeOptions, random: RandomStream) {
    this.options = options;
    this.#random = random;
  }

  /** Arrival time of a packet sent now, -1 if it is lost. */
  send(nowUs: number, lengthOctets: number): number {
    const { rateBps, delayUs, jitterUs = 0, queueOctets, gapEveryUs = 0, gapUs = 0 } = this.options;
    this.octets += lengthOctets;
    this.packets++;
    if (!this.up || (gapEveryUs > 0 && nowUs % gapEveryUs < gapUs)) return this.#lose();
    const startUs = Math.max(this.#busyUs, nowUs);
    if (((startUs - nowUs) * rateBps) / 8e6 + lengthOctets > queueOctets) return this.#lose();
    this.#busyUs = startUs + (lengthOctets * 8e6) / rateBps;
    if (this.#isLost()) return this.#lose();
    const atUs = Math.round(this.#busyUs + delayUs + this.#random.unit() * jitterUs);
    if (this.options.disorder === true) return atUs;
    this.#lastUs = Math.max(this.#lastUs, atUs);
    return this.#lastUs;
  }

  /** How long a packet that is sent now waits for those before it, microseconds. */
  queueUs(nowUs: number): number {
    return Math.max(0, this.#busyUs - nowUs);
  }

  /** True if what has just been sent comes once more. */
  again(): boolean {
    const { twice = 0 } = this.options;
    return twice > 0 && this.#random.unit() < twice;
  }

  #lose(): number {
    this.lost++;
    return -1;
  }

  #isLost(): boolean {
    const { loss = 0, burst = 1 } = this.options;
    if (burst <= 1) return this.#random.unit() < loss;
    if (this.#bad) this.#bad = this.#random.unit() >= 1 / burst;
    else this.#bad = this.#random.unit() < loss / (burst * (1 - loss));
    return this.#bad;
  }
}
