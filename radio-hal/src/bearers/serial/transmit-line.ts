import { cobsMaxOctets, encodeCobs } from "../../framing/cobs.ts";
import { BITS_PER_CHARACTER } from "./carrier-sense.ts";

/** Frames that wait for the line. Few: the core's own queues know what is urgent, this one does not. */
const SERIAL_QUEUE_FRAMES = 4;
/** The next frame goes to the driver this long before the line falls silent, so that no gap opens between them. */
const LEAD_MS = 15;

interface Slot {
  readonly line: Uint8Array;
  lineOctets: number;
  readonly frame: Uint8Array;
  frameOctets: number;
}

export interface TransmitLineEvents {
  /** Hand octets to the driver; `done` once it has taken them. */
  write(octets: Uint8Array, done: (good: boolean) => void): void;
  /** A frame left the queue, to the line or, if not `good`, to nowhere. */
  done(frameOctets: number, good: boolean): void;
}

/**
 * The frames on their way to the line, paced by its rate. Drivers take 4 kB at once, four seconds of 9600 bit/s:
 * without the pacing urgent frames would wait behind those in the driver, and `send` would never say "full".
 *
 * On the line: `00 frame 00`, or `frame 00` behind another frame; the first 00 ends whatever noise the receiver took
 * for octets while the transmitter keyed up.
 */
export class TransmitLine {
  readonly #slots: readonly Slot[];
  readonly #baud: number;
  readonly #events: TransmitLineEvents;
  readonly #written = (good: boolean): void => this.#finish(good);
  #head = 0;
  #count = 0;
  #busy = false;
  #clearAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Changes when the queue is emptied, so that a late answer of the driver is not taken for a new frame's. */
  #generation = 0;

  constructor(mtuOctets: number, baud: number, events: TransmitLineEvents) {
    this.#baud = baud;
    this.#events = events;
    this.#slots = Array.from({ length: SERIAL_QUEUE_FRAMES }, () => ({
      line: new Uint8Array(1 + cobsMaxOctets(mtuOctets)),
      lineOctets: 0,
      frame: new Uint8Array(mtuOctets),
      frameOctets: 0,
    }));
  }

  /** True while own octets are on the line. */
  sending(nowMs: number): boolean {
    return this.#busy || nowMs < this.#clearAtMs;
  }

  /** False if the queue is full. */
  enqueue(octets: Uint8Array, length: number): boolean {
    if (this.#count === SERIAL_QUEUE_FRAMES) return false;
    const slot = this.#slots[(this.#head + this.#count) % SERIAL_QUEUE_FRAMES]!;
    slot.frameOctets = length;
    for (let i = 0; i < length; i++) slot.frame[i] = octets[i]!;
    slot.line[0] = 0;
    slot.lineOctets = encodeCobs(octets, length, slot.line, 1);
    this.#count++;
    if (!this.#busy && this.#timer === undefined) this.#next();
    return true;
  }

  /** True if this is one of the latest own frames: what a line with local echo gives back. */
  isOwn(octets: Uint8Array, length: number): boolean {
    return this.#slots.some((slot) => slot.frameOctets === length && sameOctets(slot.frame, octets, length));
  }

  /** The device is gone: what waits is dropped. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#generation++;
    this.#busy = false;
    this.#clearAtMs = 0;
    while (this.#count > 0) this.#pop(false);
  }

  #next(): void {
    this.#timer = undefined;
    if (this.#count === 0) return;
    const slot = this.#slots[this.#head]!;
    const nowMs = performance.now();
    // Behind another frame that is still going out, its delimiter is ours too.
    const from = nowMs < this.#clearAtMs ? 1 : 0;
    const octets = slot.line.subarray(from, slot.lineOctets);
    this.#clearAtMs = Math.max(nowMs, this.#clearAtMs) + (octets.length * BITS_PER_CHARACTER * 1000) / this.#baud;
    this.#busy = true;
    const generation = this.#generation;
    this.#events.write(octets, (good) => {
      if (generation === this.#generation) this.#written(good);
    });
  }

  #finish(good: boolean): void {
    this.#busy = false;
    const waitMs = this.#clearAtMs - LEAD_MS - performance.now();
    this.#timer = setTimeout(() => this.#next(), Math.max(0, waitMs));
    this.#pop(good);
  }

  #pop(good: boolean): void {
    const slot = this.#slots[this.#head]!;
    this.#head = (this.#head + 1) % SERIAL_QUEUE_FRAMES;
    this.#count--;
    this.#events.done(slot.frameOctets, good);
  }
}

function sameOctets(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
