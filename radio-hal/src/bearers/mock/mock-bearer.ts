import type { Bearer, BearerEvents, BearerInfo, BearerMedium } from "../../bearer.ts";
import { ENDPOINT_ALL } from "../../bearer.ts";
import { HalError } from "../../hal-error.ts";
import { Counters } from "../counters.ts";
import type { Scheduler } from "./clock.ts";

/** Frames that may wait at a sender. */
const MOCK_QUEUE_FRAMES = 64;

export interface MockMediumOptions {
  readonly clock: Scheduler;
  readonly medium: BearerMedium;
  readonly mtuOctets: number;
  readonly bitrateBps: number;
  readonly latencyMs: number;
}

/** A bearer in memory, which can be switched off and on. */
export interface MockBearer extends Bearer {
  setUp(isUp: boolean, reason?: string): void;
}

/** A medium in memory: everybody attached hears everybody else. Endpoint i is the i-th that was attached. */
export class MockMedium {
  readonly options: MockMediumOptions;
  readonly #members: Member[] = [];

  constructor(options: MockMediumOptions) {
    this.options = options;
  }

  attach(name: string): MockBearer {
    const member = new Member(this, this.#members.length, name);
    this.#members.push(member);
    return member;
  }

  /** True if `endpoint` is somebody whom `from` can send to. */
  reaches(from: number, endpoint: number): boolean {
    return endpoint === ENDPOINT_ALL || (endpoint !== from && this.#members[endpoint] !== undefined);
  }

  deliver(from: number, endpoint: number, octets: Uint8Array): void {
    for (const member of this.#members) {
      if (member.index === from) continue;
      if (endpoint === ENDPOINT_ALL || endpoint === member.index) member.receive(from, octets);
    }
  }

  /** Octets that no bearer sent; a real medium's check would find them. */
  noise(): void {
    for (const member of this.#members) member.counters.drop("crc");
  }
}

class Member implements MockBearer {
  readonly info: BearerInfo;
  readonly counters = new Counters();
  readonly index: number;
  readonly #medium: MockMedium;
  #events: BearerEvents | undefined;
  #isUp = true;
  #closed = false;
  #queued = 0;
  #clearAtMs = 0;
  #refusedFull = false;

  constructor(medium: MockMedium, index: number, name: string) {
    const { mtuOctets, bitrateBps } = medium.options;
    this.#medium = medium;
    this.index = index;
    this.info = { name, kind: "mock", medium: medium.options.medium, mtuOctets, bitrateBps, halfDuplex: false };
  }

  open(events: BearerEvents): Promise<void> {
    if (this.#closed) return Promise.reject(new HalError("bearer-closed", `${this.info.name} was closed`));
    if (this.#events !== undefined) return Promise.resolve();
    this.#events = events;
    if (this.#isUp) events.up();
    else events.down("switched off");
    return Promise.resolve();
  }

  setUp(isUp: boolean, reason = "switched off"): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    if (isUp) this.#events?.up();
    else this.#events?.down(reason);
  }

  send(endpoint: number, octets: Uint8Array, length: number): boolean {
    const { clock, latencyMs, bitrateBps, mtuOctets } = this.#medium.options;
    if (length < 1) return this.counters.refuse("empty");
    if (length > mtuOctets) return this.counters.refuse("too-long");
    if (this.#events === undefined || !this.#isUp) return this.counters.refuse("down");
    if (!this.#medium.reaches(this.index, endpoint)) return this.counters.refuse("no-endpoint");
    if (this.#queued === MOCK_QUEUE_FRAMES) {
      this.#refusedFull = true;
      return this.counters.refuse("queue-full");
    }
    this.#queued++;
    const copy = octets.slice(0, length);
    this.#clearAtMs = Math.max(clock.nowMs(), this.#clearAtMs) + (length * 8000) / bitrateBps;
    clock.after(this.#clearAtMs - clock.nowMs(), () => this.#sent(length));
    clock.after(this.#clearAtMs - clock.nowMs() + latencyMs, () => this.#medium.deliver(this.index, endpoint, copy));
    return true;
  }

  receive(from: number, octets: Uint8Array): void {
    if (this.#events === undefined || !this.#isUp) return;
    this.counters.received(octets.length);
    this.#events.frame(from, octets, octets.length);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#events = undefined;
    return Promise.resolve();
  }

  #sent(lengthOctets: number): void {
    this.#queued--;
    this.counters.sent(lengthOctets);
    if (!this.#refusedFull) return;
    this.#refusedFull = false;
    this.#events?.drained();
  }
}
