import { test } from "uvu";
import * as assert from "uvu/assert";
import { VIDEO_FIRST_WINDOW_OCTETS } from "../limits.ts";
import { PathCapacity } from "./path-capacity.ts";

const OCTETS = 1_000;
const BASE_US = 10_000;
const ROUND_TRIP_US = 2 * BASE_US;
const CLOCK_US = 5_000_000;

/** A path of a real rate with a long queue, and a camera that sends as much as the estimate lets it. */
class Road {
  readonly capacity: PathCapacity;
  bps: number;
  offeredBps = Number.POSITIVE_INFINITY;
  longestQueueUs = 0;
  nowUs = 1_000_000;
  passedOctets = 0;
  #busyUs = 0;
  #counter = 0;
  #offered = 0;
  readonly #flying: { counter: number; sentUs: number; arrivedUs: number }[] = [];

  constructor(claimedBps: number, bps: number) {
    this.capacity = new PathCapacity(claimedBps);
    this.bps = bps;
  }

  /** Lets time pass in steps of a millisecond. */
  run(forUs: number): void {
    const endUs = this.nowUs + forUs;
    for (; this.nowUs < endUs; this.nowUs += 1_000) {
      this.#report();
      this.#offered = Math.min(20_000, this.#offered + Math.min(1e9, this.offeredBps) / 8_000);
      while (this.#offered >= OCTETS && this.#maySend()) this.#send();
    }
  }

  #maySend(): boolean {
    if (this.capacity.roomOctets(this.nowUs, ROUND_TRIP_US, 0) < OCTETS) return false;
    return this.capacity.freeUs <= this.nowUs + 10_000;
  }

  #send(): void {
    const { capacity, nowUs } = this;
    this.#offered -= OCTETS;
    this.#busyUs = Math.max(this.#busyUs, nowUs) + (OCTETS * 8e6) / this.bps;
    this.longestQueueUs = Math.max(this.longestQueueUs, this.#busyUs - nowUs);
    capacity.freeUs = Math.max(capacity.freeUs, nowUs) + (OCTETS * 8e6) / capacity.pacingBps(ROUND_TRIP_US);
    capacity.sent(nowUs, this.#counter, OCTETS);
    this.#flying.push({ counter: this.#counter++, sentUs: nowUs, arrivedUs: this.#busyUs + BASE_US });
  }

  #report(): void {
    for (let f = this.#flying[0]; f !== undefined && f.arrivedUs + BASE_US <= this.nowUs; f = this.#flying[0]) {
      this.#flying.shift();
      this.passedOctets += OCTETS;
      const delayUs = f.arrivedUs - f.sentUs + CLOCK_US;
      this.capacity.arrived(this.nowUs, f.counter, f.arrivedUs + CLOCK_US, delayUs, ROUND_TRIP_US);
    }
  }

  get rateBps(): number {
    return this.capacity.bps(ROUND_TRIP_US);
  }
}

test("a path that passes a fortieth of what it claims is found out within a second, and its queue stays short", () => {
  const road = new Road(20e6, 0.5e6);
  road.run(1_000_000);
  assert.ok(road.rateBps < 0.6e6, `${road.rateBps}`);
  assert.ok(road.rateBps > 0.3e6, `${road.rateBps}`);
  road.run(20_000_000);
  assert.ok(road.longestQueueUs <= 200_000, `${road.longestQueueUs}`);
  assert.ok(road.passedOctets > 0.8 * (21 * 0.5e6) * (1 / 8), `${road.passedOctets}`);
});

test("a path that passes what it claims comes to be used to the full", () => {
  const road = new Road(5e6, 5e6);
  road.run(1_000_000);
  road.passedOctets = 0;
  road.run(2_000_000);
  assert.ok(road.passedOctets > 0.9 * (2 * 5e6) * (1 / 8), `${road.passedOctets}`);
  assert.ok(road.longestQueueUs <= 100_000, `${road.longestQueueUs}`);
});

test("a camera that sends less than the path passes says nothing against the path", () => {
  const road = new Road(5e6, 5e6);
  road.offeredBps = 1e6;
  road.run(20_000_000);
  assert.ok(road.rateBps >= 2 * road.offeredBps, `${road.rateBps}`);
});

test("a rate that falls is followed down, and up again when it comes back", () => {
  const road = new Road(5e6, 5e6);
  road.run(3_000_000);
  road.bps = 1e6;
  road.run(2_000_000);
  assert.ok(road.rateBps < 1.3e6, `${road.rateBps}`);
  road.bps = 5e6;
  road.run(20_000_000);
  assert.ok(road.rateBps > 4e6, `${road.rateBps}`);
});

test("what nobody reports does not hold the path up for ever", () => {
  const capacity = new PathCapacity(5e6);
  capacity.sent(1_000_000, 0, VIDEO_FIRST_WINDOW_OCTETS);
  assert.is(capacity.roomOctets(1_100_000, ROUND_TRIP_US, 0), 0);
  assert.is(capacity.roomOctets(3_100_000, ROUND_TRIP_US, 0), VIDEO_FIRST_WINDOW_OCTETS);
});

test.run();
