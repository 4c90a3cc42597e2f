import type { BulkReceipt } from "@skein/codecs";
import { DISJOINT, ROUTED, type StreamPath } from "../api.ts";
import {
  BULK_ACKNOWLEDGE_US,
  BULK_PROBE_MAX_US,
  BULK_PROBE_US,
  BULK_REORDERED_PACKETS,
  BULK_SILENCE_US,
  MAX_BULK_FLIGHT_PACKETS,
} from "../limits.ts";
import { PathRate, type RateSample } from "./path-rate.ts";

/** Paths are begun with this, or with half of what they are said to have. */
const FIRST_BPS = 1_000_000;
const EVER = Number.POSITIVE_INFINITY;
/** Sent at once at most, when the owner comes late to a pacing time. */
const CATCH_UP_US = 25_000;
/** What passed is reckoned over so long at least, and so many packets. */
const SAMPLE_US = 40_000;
/** Within this before the silence was noticed a packet that arrived shows that there is none: less than a silence takes. */
const LATE_ARRIVAL_US = 40_000;
const SAMPLE_PACKETS = 6;
/** A delay far from the last is taken over at once, others are smoothed. */
const DELAY_GAIN = 0.25;
const PEAK_MEMORY = 0.99;
/** So many probes are under way when the first may be answered. */
const PROBES_UNANSWERED = 8;
const FLYING = 1;
const SETTLED = 2;
/** Taken for lost because of silence; it may still be acknowledged. */
const GIVEN_UP = 3;
const SEQUENCES = 2 ** 24;

/** What a numbered packet carries; the same object for each copy. */
export interface Carried {
  /** Copies that are under way. */
  copies: number;
  /** Nobody waits for it any more. */
  done: boolean;
}

/** What becomes of packets. */
export interface Outcome {
  arrived(nowUs: number, carried: Carried): void;
  lost(nowUs: number, carried: Carried): void;
}

/** One path to a peer, as its sender sees it: numbers, what is under way, round trip, delay, and rate. */
export class BulkPath {
  readonly id: number;
  /** What the owner knows of it before anything is measured. */
  hint: StreamPath;
  /** The mesh has it now. */
  present = true;
  readonly rate: PathRate;
  /** There was nothing for it to send: look again when something has changed. */
  asleep = false;
  #next = 0;
  #oldest = 0;
  /** Packets from here on may be acknowledged yet; below the oldest under way after a silence, until one sent later is. */
  #floor = 0;
  #silentAt = 0;
  /** When the highest packet arrived, and when silence was noticed, on the peer's clock. */
  #arrivalUs = Number.NEGATIVE_INFINITY;
  #silentPeerUs = 0;
  #highest = -1;
  #flightOctets = 0;
  readonly #sentUs = new Float64Array(MAX_BULK_FLIGHT_PACKETS);
  /** Octets sent on this path before the packet, without end. */
  readonly #before = new Float64Array(MAX_BULK_FLIGHT_PACKETS);
  readonly #octets = new Uint16Array(MAX_BULK_FLIGHT_PACKETS);
  readonly #state = new Uint8Array(MAX_BULK_FLIGHT_PACKETS);
  readonly #limited = new Uint8Array(MAX_BULK_FLIGHT_PACKETS);
  readonly #carried: (Carried | undefined)[] = new Array(MAX_BULK_FLIGHT_PACKETS).fill(undefined);
  #total = 0;
  #arrived = 0;
  #nextSendUs = 0;
  #starved = true;
  #suspectSinceUs = EVER;
  #probeUs = 0;
  #probingSinceUs = EVER;
  #probes = 0;
  // Round trip (RFC 6298), and one-way delay on the two clocks as they are.
  #roundTripUs = 0;
  /** Acknowledgements have lost a way to come since the last one. */
  #isPatient = false;
  #varianceUs = 0;
  /** The greatest that a round trip lately was beyond the mean. */
  #peakUs = 0;
  #delayUs = EVER;
  // The interval that is being measured.
  #from = -1;
  #fromReceivedUs = 0;
  #fromArrived = 0;
  #delays = 0;
  #sample: RateSample = freshSample();

  constructor(id: number, hint: StreamPath) {
    this.id = id;
    this.hint = hint;
    this.rate = new PathRate(Math.min(FIRST_BPS, hint.bitrateBps / 2));
  }

  get isMeasured(): boolean {
    return this.#delayUs !== EVER;
  }

  get isSuspect(): boolean {
    return this.#suspectSinceUs !== EVER;
  }

  get isUsable(): boolean {
    return this.present && !this.isSuspect;
  }

  /** One-way delay now, on the two clocks: to be compared with other paths' of the same peer. */
  get delayUs(): number {
    return this.#delayUs;
  }

  get roundTripUs(): number {
    return this.#isPatient ? 2 * this.#roundTripUs : this.#roundTripUs;
  }

  get hasFlight(): boolean {
    return this.#flightOctets > 0;
  }

  // Sending

  /** When it may next be sent on: its pace, or never while the window is full. */
  get sendUs(): number {
    // Without the queue; acknowledgements may come another way than at first.
    const roundTripUs = this.isMeasured ? this.roundTripUs - this.rate.queueUs : 4 * this.hint.latencyUs;
    if (
      this.#flightOctets >= this.rate.windowOctets(roundTripUs) ||
      this.#next - this.#floor >= MAX_BULK_FLIGHT_PACKETS
    )
      return EVER;
    return this.#nextSendUs;
  }

  /** There is nothing for it, though it could be sent on. */
  starve(): void {
    this.#starved = true;
    this.asleep = true;
  }

  get nextSequence(): number {
    return this.#next % SEQUENCES;
  }

  /** A packet goes out on it now. Nobody waits for what is sent in silence: it counts as lost until it is acknowledged. */
  sent(nowUs: number, octets: number, carried: Carried, isProbe: boolean): void {
    const sequence = this.#next++;
    const at = sequence % MAX_BULK_FLIGHT_PACKETS;
    this.#sentUs[at] = nowUs;
    this.#before[at] = this.#total;
    this.#octets[at] = octets;
    this.#state[at] = this.isSuspect ? GIVEN_UP : FLYING;
    this.#limited[at] = this.#starved || isProbe || this.isSuspect ? 1 : 0;
    this.#carried[at] = carried;
    this.#starved = isProbe;
    this.#total += octets;
    if (!this.isSuspect) {
      carried.copies++;
      this.#flightOctets += octets;
    }
    this.#nextSendUs = Math.max(this.#nextSendUs, nowUs - CATCH_UP_US) + (octets * 8e6) / this.rate.pacingBps;
    this.#probeUs = Math.max(this.#probeUs, nowUs + BULK_PROBE_MAX_US);
  }

  // Acknowledgements

  /** What the peer has told of it. `arrivedUs` of its highest packet is on the peer's clock, `delayUs` between both. */
  told(nowUs: number, receipt: BulkReceipt, outcome: Outcome, lastDelayUs: number, lateUs: number): void {
    const highest = this.#rebuild(receipt.highest);
    if (highest >= this.#next || highest < this.#floor) return;
    const isNews = highest > this.#highest;
    if (isNews && this.#isAwaited(highest)) this.#measure(nowUs, highest, receipt, lastDelayUs);
    let sequence = highest;
    for (let r = 0; r < receipt.count; r++) {
      const run = receipt.runs[r] as number;
      if (r % 2 === 0)
        for (let i = 0; i < run && sequence - i >= this.#floor; i++) this.#settle(nowUs, sequence - i, outcome);
      sequence -= run;
    }
    if (isNews) {
      this.#highest = highest;
      this.#findAlive(highest);
      this.#sampleRate(nowUs, highest, receipt.receivedUs, lateUs);
    }
    this.#findLost(nowUs, outcome);
  }

  #rebuild(low: number): number {
    const behind = (this.#next - 1 - low) % SEQUENCES;
    return this.#next - 1 - (behind < 0 ? behind + SEQUENCES : behind);
  }

  #isAwaited(sequence: number): boolean {
    const state = this.#state[sequence % MAX_BULK_FLIGHT_PACKETS];
    return sequence >= this.#floor && (state === FLYING || state === GIVEN_UP);
  }

  #settle(nowUs: number, sequence: number, outcome: Outcome): void {
    const at = sequence % MAX_BULK_FLIGHT_PACKETS;
    if (this.#state[at] === GIVEN_UP) {
      this.#state[at] = SETTLED;
      return outcome.arrived(nowUs, this.#carried[at] as Carried);
    }
    if (this.#state[at] !== FLYING) return;
    this.#arrived += this.#octets[at] as number;
    outcome.arrived(nowUs, this.#land(at, SETTLED));
  }

  /** The packet is not under way any more. */
  #land(at: number, state: number): Carried {
    const carried = this.#carried[at] as Carried;
    this.#state[at] = state;
    if (state === SETTLED) this.#carried[at] = undefined;
    this.#flightOctets -= this.#octets[at] as number;
    carried.copies--;
    return carried;
  }

  #measure(nowUs: number, highest: number, receipt: BulkReceipt, lastDelayUs: number): void {
    const sentUs = this.#sentUs[highest % MAX_BULK_FLIGHT_PACKETS] as number;
    const roundTripUs = nowUs - sentUs;
    this.#isPatient = false;
    if (this.#roundTripUs === 0) {
      this.#roundTripUs = roundTripUs;
      this.#varianceUs = roundTripUs / 4;
    } else {
      this.#peakUs = Math.max(PEAK_MEMORY * this.#peakUs, roundTripUs - this.#roundTripUs);
      this.#varianceUs += 0.25 * (Math.abs(this.#roundTripUs - roundTripUs) - this.#varianceUs);
      this.#roundTripUs += 0.125 * (roundTripUs - this.#roundTripUs);
    }
    const delayUs = nearest24(receipt.receivedUs - sentUs, lastDelayUs);
    this.#arrivalUs = sentUs + delayUs;
    this.#delayUs = this.#delayUs === EVER ? delayUs : this.#delayUs + DELAY_GAIN * (delayUs - this.#delayUs);
    this.#sample.leastDelayUs = Math.min(this.#sample.leastDelayUs, delayUs);
    this.#sample.meanDelayUs += (delayUs - this.#sample.meanDelayUs) / ++this.#delays;
  }

  #sampleRate(nowUs: number, highest: number, receivedUs: number, lateUs: number): void {
    const s = this.#sample;
    const at = highest % MAX_BULK_FLIGHT_PACKETS;
    const intervalUs = (receivedUs - this.#fromReceivedUs) & (SEQUENCES - 1);
    const known = this.#from >= 0 && highest - this.#from < MAX_BULK_FLIGHT_PACKETS;
    if (known && intervalUs >= SAMPLE_US && highest - this.#from >= SAMPLE_PACKETS && this.#delays > 0) {
      const fromAt = this.#from % MAX_BULK_FLIGHT_PACKETS;
      const upTo = (this.#before[at] as number) + (this.#octets[at] as number);
      s.octets = upTo - (this.#before[fromAt] as number) - (this.#octets[fromAt] as number);
      s.intervalUs = intervalUs;
      s.arrivedOctets = this.#arrived - this.#fromArrived;
      s.limited = false;
      s.lateUs = lateUs;
      for (let i = this.#from + 1; i <= highest; i++)
        if (this.#limited[i % MAX_BULK_FLIGHT_PACKETS] === 1) s.limited = true;
      this.rate.sample(nowUs, s, this.#roundTripUs);
    } else if (known && intervalUs < SEQUENCES / 2 && this.#from >= 0) return;
    this.#from = highest;
    this.#fromReceivedUs = receivedUs;
    this.#fromArrived = this.#arrived;
    this.#delays = 0;
    this.#sample = freshSample();
  }

  /**
   * Something arrives that was sent since the silence began, or that arrived since then: this process or the peer was
   * only late. An answer to what arrived before may be late as well, and says nothing.
   */
  #findAlive(highest: number): void {
    if (highest < this.#silentAt && this.#arrivalUs < this.#silentPeerUs - LATE_ARRIVAL_US) return;
    this.#suspectSinceUs = EVER;
    this.#probingSinceUs = EVER;
  }

  #findLost(nowUs: number, outcome: Outcome): void {
    const before = this.#highest - BULK_REORDERED_PACKETS;
    const beforeUs = this.#repeatedUntilUs();
    for (let s = this.#oldest; s <= before; s++) {
      const at = s % MAX_BULK_FLIGHT_PACKETS;
      if ((this.#sentUs[at] as number) > beforeUs) break;
      if (this.#state[at] === FLYING) outcome.lost(nowUs, this.#land(at, SETTLED));
    }
    this.#advance();
    if (this.#highest >= this.#silentAt) this.#floor = this.#oldest;
  }

  /**
   * Hops of the mesh repeat what they lose: it comes after what was sent later, and mostly does come. What is missing and was
   * sent before this time is not on its way any more.
   */
  #repeatedUntilUs(): number {
    if (!isOverNodes(this.hint.path) || this.#highest < 0) return EVER;
    return (this.#sentUs[this.#highest % MAX_BULK_FLIGHT_PACKETS] as number) - this.#roundTripUs;
  }

  #advance(): void {
    while (this.#oldest < this.#next && this.#state[this.#oldest % MAX_BULK_FLIGHT_PACKETS] !== FLYING) this.#oldest++;
  }

  // Silence

  /** When what is under way should have been acknowledged, if this process is late by so much. */
  silenceUs(lateUs: number): number {
    if (this.#oldest === this.#next || this.isSuspect) return EVER;
    const sentUs = this.#sentUs[this.#oldest % MAX_BULK_FLIGHT_PACKETS] as number;
    const roundTripUs =
      this.#roundTripUs > 0
        ? this.roundTripUs + Math.max(4 * this.#varianceUs, this.#peakUs)
        : Math.max(200_000, 4 * this.hint.latencyUs);
    return sentUs + roundTripUs + BULK_ACKNOWLEDGE_US + BULK_SILENCE_US + lateUs;
  }

  /** Acknowledgements have lost a way to come: the next may take twice as long. */
  bePatient(): void {
    this.#isPatient = true;
  }

  /** Silence for too long: everything under way is lost, and the path is suspect unless what was sent later arrived. */
  silent(nowUs: number, outcome: Outcome, peerUs: number): void {
    if (this.#highest < this.#oldest) {
      this.#silentPeerUs = peerUs;
      this.#suspectSinceUs = nowUs;
      this.#probingSinceUs = nowUs;
      this.#probeUs = nowUs;
      this.#dropFlight(nowUs, this.#next, outcome);
    } else this.#dropFlight(nowUs, this.#oldest + 1, outcome);
  }

  /** The mesh does not have it any more. What is on its way over other nodes may arrive all the same. */
  gone(nowUs: number, outcome: Outcome): void {
    this.present = false;
    if (!isOverNodes(this.hint.path)) this.#dropFlight(nowUs, this.#next, outcome);
  }

  #dropFlight(nowUs: number, upTo: number, outcome: Outcome): void {
    this.#silentAt = this.#next;
    for (let s = this.#oldest; s < upTo; s++) {
      const at = s % MAX_BULK_FLIGHT_PACKETS;
      if (this.#state[at] === FLYING) outcome.lost(nowUs, this.#land(at, GIVEN_UP));
    }
    this.#advance();
  }

  /** When a packet that only asks for an answer is due while there is something to send at all. */
  get probeUs(): number {
    return this.present ? this.#probeUs : EVER;
  }

  /** How many of the packets that ask at a time have gone. */
  get probesSent(): number {
    return this.#probes;
  }

  /** One of `count` packets at a time has asked; the longer nothing is heard, the longer until the next. */
  probed(nowUs: number, count: number): void {
    if (this.#probingSinceUs === EVER) this.#probingSinceUs = nowUs;
    if (++this.#probes < count) {
      this.#probeUs = nowUs;
      return;
    }
    this.#probes = 0;
    const silenceUs = nowUs - this.#probingSinceUs;
    const gapUs = this.isMeasured && !this.isSuspect ? BULK_PROBE_MAX_US : silenceUs / 4;
    const leastUs = Math.max(BULK_PROBE_US, this.#roundTripUs / PROBES_UNANSWERED);
    this.#probeUs = nowUs + Math.min(BULK_PROBE_MAX_US, Math.max(leastUs, gapUs));
  }
}

/** True of a way of the mesh, whose hops repeat what they lose; not of a bearer. */
export function isOverNodes(path: number): boolean {
  return path === ROUTED || path === DISJOINT;
}

function freshSample(): RateSample {
  return { octets: 0, intervalUs: 0, arrivedOctets: 0, limited: false, leastDelayUs: EVER, meanDelayUs: 0, lateUs: 0 };
}

/** The number nearest to `last` whose low 24 bits are those of `value`. */
export function nearest24(value: number, last: number): number {
  let ahead = (value - last) % SEQUENCES;
  if (ahead >= SEQUENCES / 2) ahead -= SEQUENCES;
  if (ahead < -SEQUENCES / 2) ahead += SEQUENCES;
  return last + ahead;
}
