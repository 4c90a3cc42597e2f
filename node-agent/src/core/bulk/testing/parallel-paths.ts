import { ROUTED, type StreamPath } from "../../api.ts";
import { BulkNode } from "../bulk-node.ts";
import type { BulkSlot } from "../bulk-session.ts";
import type { BulkStream } from "../streams.ts";
import { Arrivals } from "./arrivals.ts";

/** A path as the lab of parallel links makes it: rate, queue, delay, jitter, loss on the air, handovers; order is kept. */
export interface PathModel {
  name: string;
  rateBps: number;
  delayUs: number;
  queueOctets: number;
  jitterUs?: number;
  loss?: number;
  /** Mean length of a loss burst, packets. */
  burst?: number;
  handoverEveryUs?: number;
  handoverUs?: number;
  costCentsPerMegabyte?: number;
  preferenceUs?: number;
  /** What the owners call it; its place among the models where it is left out. */
  path?: number;
  /** What is lost is repeated on its way, and comes so much later, behind others. */
  repeatUs?: number;
}

export const SATELLITE: PathModel = { name: "sat", rateBps: 2e6, delayUs: 300_000, queueOctets: 150_000 };
export const LTE: PathModel = { name: "lte", rateBps: 20e6, delayUs: 30_000, queueOctets: 500_000, loss: 0.01 };
export const ADHOC: PathModel = { name: "adhoc", rateBps: 5e6, delayUs: 5_000, queueOctets: 62_500, loss: 0.05 };
export const BURSTY: readonly PathModel[] = [
  { ...SATELLITE, handoverEveryUs: 15_000_000, handoverUs: 80_000 },
  { ...LTE, jitterUs: 20_000, loss: 0.02, burst: 4 },
  { ...ADHOC, jitterUs: 5_000, loss: 0.08, burst: 6 },
];

/** What surrounds a packet on the wire: seal, kind, IP and UDP. */
const AROUND_OCTETS = 13 + 28;
/** What fits into a frame of 1400 octets. */
const ROOM_OCTETS = 1387;
/** Owners wake on whole milliseconds. */
const TICK_US = 1_000;

interface Flying {
  atUs: number;
  to: number;
  path: number;
  octets: Uint8Array;
}

class Direction {
  up = true;
  octets = 0;
  readonly #model: PathModel;
  readonly #random: () => number;
  #busyUs = 0;
  #lastUs = 0;
  #bad = false;

  constructor(model: PathModel, random: () => number) {
    this.#model = model;
    this.#random = random;
  }

  /** When a packet arrives; undefined if it is lost. */
  carry(nowUs: number, octets: number): number | undefined {
    const m = this.#model;
    this.octets += octets;
    if (!this.up) return undefined;
    if (m.handoverEveryUs !== undefined && nowUs % m.handoverEveryUs < (m.handoverUs ?? 0)) return undefined;
    const busyUs = Math.max(this.#busyUs, nowUs);
    if (((busyUs - nowUs) * m.rateBps) / 8e6 + octets > m.queueOctets) return undefined;
    this.#busyUs = busyUs + (octets * 8e6) / m.rateBps;
    if (this.#isLost()) return m.repeatUs === undefined ? undefined : this.#busyUs + m.delayUs + m.repeatUs;
    this.#lastUs = Math.max(this.#lastUs, this.#busyUs + m.delayUs + this.#random() * (m.jitterUs ?? 0));
    return this.#lastUs;
  }

  #isLost(): boolean {
    const { loss = 0, burst = 1 } = this.#model;
    if (burst <= 1) return this.#random() < loss;
    if (this.#bad) this.#bad = this.#random() >= 1 / burst;
    else this.#bad = this.#random() < loss / (burst * (1 - loss));
    return this.#bad;
  }
}

/** Two nodes joined by parallel paths; virtual time, one seed. */
export class ParallelPaths {
  readonly nodes: [BulkNode, BulkNode];
  readonly directions: readonly (readonly [Direction, Direction])[];
  readonly hints: StreamPath[];
  nowUs = 0;
  readonly arrivals = new Arrivals();
  /** Called for what is no octets. */
  onEvent: (node: number, event: NonNullable<ReturnType<BulkNode["pollEvent"]>>) => void = () => undefined;
  /** How often, per wake-up, a node is kept from its work, and for how long at most: a machine that is busy. */
  stallChance = 0;
  stallUs = 0;
  readonly #busyUntilUs = [0, 0];
  /** The readers use what they get. */
  consume = true;
  readonly #random: () => number;
  readonly #air: Flying[] = [];
  readonly #slot: BulkSlot = { to: 0, path: 0, octets: new Uint8Array(2048), length: 0 };
  #source: { stream: BulkStream; left: number; blocked: boolean } | undefined;

  constructor(models: readonly PathModel[], seed: number) {
    this.#random = mulberry32(seed);
    this.directions = models.map((m) => [new Direction(m, this.#random), new Direction(m, this.#random)]);
    this.hints = models.map((m, index) => ({
      path: m.path ?? index,
      bitrateBps: m.rateBps,
      latencyUs: m.delayUs,
      costCentsPerMegabyte: m.costCentsPerMegabyte ?? 0,
      preferenceUs: m.preferenceUs ?? 0,
      roomOctets: ROOM_OCTETS,
    }));
    this.nodes = [new BulkNode(1, 1), new BulkNode(2, 1)];
  }

  /** Node 0 opens a stream and writes so many octets as fast as it may. */
  pour(octets: number): BulkStream {
    const stream = this.nodes[0].open(this.nowUs, 2) as BulkStream;
    this.nodes[0].setPaths(this.nowUs, 2, this.hints);
    this.#source = { stream, left: octets, blocked: false };
    this.#write();
    return stream;
  }

  /** By its place among the models. */
  cut(index: number): void {
    for (const direction of this.directions[index] ?? []) direction.up = false;
    const path = this.hints[index]?.path;
    for (let i = this.#air.length - 1; i >= 0; i--) if ((this.#air[i] as Flying).path === path) this.#air.splice(i, 1);
  }

  heal(index: number): void {
    for (const direction of this.directions[index] ?? []) direction.up = true;
  }

  run(untilUs: number): void {
    for (;;) {
      this.#drain();
      const nextUs = this.#nextUs();
      if (nextUs > untilUs) break;
      this.nowUs = Math.max(this.nowUs, nextUs);
      this.#land();
      this.nodes.forEach((node, i) => {
        if (this.#isBusy(i)) return;
        if (node.nextTimeoutUs() <= this.nowUs) node.handleTimeout(this.nowUs);
        if (this.stallChance > 0 && this.#random() < this.stallChance)
          this.#busyUntilUs[i] = this.nowUs + this.#random() * this.stallUs;
      });
    }
    this.nowUs = untilUs;
  }

  #nextUs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { atUs, to } of this.#air) {
      next = Math.min(next, Math.max(atUs, this.#busyUntilUs[to] as number));
      if (!this.#isBusy(to)) break;
    }
    this.nodes.forEach((node, i) => {
      const due = Math.max(node.nextTimeoutUs(), this.nowUs, this.#busyUntilUs[i] as number);
      next = Math.min(next, Math.ceil((due + 1) / TICK_US) * TICK_US);
    });
    return next;
  }

  #isBusy(node: number): boolean {
    return (this.#busyUntilUs[node] as number) > this.nowUs;
  }

  #land(): void {
    for (let i = 0; i < this.#air.length; i++) {
      const { atUs, to, path, octets } = this.#air[i] as Flying;
      if (atUs > this.nowUs) return;
      if (this.#isBusy(to)) continue;
      this.#air.splice(i--, 1);
      this.nodes[to]?.handlePacket(this.nowUs, to === 0 ? 2 : 1, Math.max(ROUTED, path), octets);
    }
  }

  #drain(): void {
    this.nodes.forEach((node, i) => {
      if (this.#isBusy(i)) return;
      for (let event = node.pollEvent(); event !== undefined; event = node.pollEvent()) {
        if (event.type === "opened") node.setPaths(this.nowUs, event.stream.peer, this.hints);
        else if (event.type === "writable" && this.#source !== undefined) {
          this.#source.blocked = false;
          this.#write();
        } else if (event.type === "octets") {
          this.arrivals.add(this.nowUs, event.octets.length);
          if (this.consume) node.consumed(event.stream, event.octets.length);
        }
        this.onEvent(i, event);
      }
    });
    this.nodes.forEach((node, i) => {
      while (!this.#isBusy(i) && node.pollTransmit(this.nowUs, this.#slot)) this.#carry(i);
    });
  }

  #carry(from: number): void {
    const { path, length, octets } = this.#slot;
    const index = this.hints.findIndex((hint) => hint.path === path);
    const atUs = this.directions[index]?.[from]?.carry(this.nowUs, length + AROUND_OCTETS);
    if (atUs === undefined) return;
    const flying = { atUs, to: 1 - from, path, octets: octets.slice(0, length) };
    let at = this.#air.length;
    while (at > 0 && (this.#air[at - 1] as Flying).atUs > atUs) at--;
    this.#air.splice(at, 0, flying);
  }

  #write(): void {
    const source = this.#source;
    while (source !== undefined && !source.blocked && source.left > 0) {
      const octets = new Uint8Array(Math.min(source.left, 65_536));
      source.left -= octets.length;
      source.blocked = !this.nodes[0].write(this.nowUs, source.stream, octets);
      if (source.left === 0) this.nodes[0].end(this.nowUs, source.stream);
    }
  }
}

/** Small generator with 32 bits of state (public domain). */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
