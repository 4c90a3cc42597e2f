/**
 * Packets on their way from the thread that reads a TUN to the one that uses them, in shared memory: one
 * writer, one reader, slots of equal size.
 *
 *   state, 32-bit each:  written | taken | reader waits | dropped | ended | gate | lengths ...
 *
 * `written` and `taken` count up and wrap; slot number is the count modulo the number of slots. While there is much to
 * read, waking one thread by another for each packet costs more than the packet: the reader closes the gate, the writer
 * stops there, and the reader takes packets from their source itself until it opens the gate again.
 */
const WRITTEN = 0;
const TAKEN = 1;
const WAITING = 2;
const DROPPED = 3;
const ENDED = 4;
const GATE = 5;
const LENGTHS = 6;
/** States of the gate. */
const OPEN = 0;
const CLOSED = 1;
/** The writer has stopped at it. */
const REACHED = 2;

export interface RingMemory {
  readonly state: SharedArrayBuffer;
  readonly packets: SharedArrayBuffer;
  /** A power of two, so that counts that wrap keep naming the same slots. */
  readonly slots: number;
  readonly slotOctets: number;
}

export function createRingMemory(slots: number, slotOctets: number): RingMemory {
  return {
    state: new SharedArrayBuffer(4 * (LENGTHS + slots)),
    packets: new SharedArrayBuffer(slots * slotOctets),
    slots,
    slotOctets,
  };
}

export class RingWriter {
  readonly #state: Int32Array;
  readonly #slots: number;
  readonly #slotOctets: number;
  readonly packets: Uint8Array;
  #written = 0;

  constructor(memory: RingMemory) {
    this.#state = new Int32Array(memory.state);
    this.packets = new Uint8Array(memory.packets);
    this.#slots = memory.slots;
    this.#slotOctets = memory.slotOctets;
  }

  /** Where in `packets` the next packet goes; -1 if the ring is full. */
  room(): number {
    const used = (this.#written - Atomics.load(this.#state, TAKEN)) | 0;
    return used >= this.#slots ? -1 : (this.#written & (this.#slots - 1)) * this.#slotOctets;
  }

  /** Hands over what was written at `room()`. */
  commit(length: number): void {
    this.#state[LENGTHS + (this.#written & (this.#slots - 1))] = length;
    this.#written = (this.#written + 1) | 0;
    Atomics.store(this.#state, WRITTEN, this.#written);
    this.#wake();
  }

  drop(): void {
    Atomics.add(this.#state, DROPPED, 1);
  }

  /** Waits, in this thread, while the gate is closed. */
  passGate(): void {
    if (Atomics.compareExchange(this.#state, GATE, CLOSED, REACHED) === CLOSED)
      Atomics.wait(this.#state, GATE, REACHED);
  }

  /** Nothing more comes. */
  end(): void {
    Atomics.store(this.#state, ENDED, 1);
    this.#wake();
  }

  #wake(): void {
    if (Atomics.exchange(this.#state, WAITING, 0) === 1) Atomics.notify(this.#state, WAITING);
  }
}

export class RingReader {
  readonly #state: Int32Array;
  readonly #slots: number;
  readonly #slotOctets: number;
  readonly packets: Uint8Array;
  #taken = 0;

  constructor(memory: RingMemory) {
    this.#state = new Int32Array(memory.state);
    this.packets = new Uint8Array(memory.packets);
    this.#slots = memory.slots;
    this.#slotOctets = memory.slotOctets;
  }

  get dropped(): number {
    return Atomics.load(this.#state, DROPPED);
  }
  get ended(): boolean {
    return Atomics.load(this.#state, ENDED) === 1;
  }

  /** True if the writer has stopped at the gate: what it has written is all it took. */
  get isGateReached(): boolean {
    return Atomics.load(this.#state, GATE) === REACHED;
  }
  closeGate(): void {
    Atomics.compareExchange(this.#state, GATE, OPEN, CLOSED);
  }
  openGate(): void {
    if (Atomics.exchange(this.#state, GATE, OPEN) === REACHED) Atomics.notify(this.#state, GATE);
  }

  /** Length of the oldest packet, which lies at `offset()`; -1 if there is none. */
  length(): number {
    if (Atomics.load(this.#state, WRITTEN) === this.#taken) return -1;
    return this.#state[LENGTHS + (this.#taken & (this.#slots - 1))] as number;
  }
  offset(): number {
    return (this.#taken & (this.#slots - 1)) * this.#slotOctets;
  }

  /** Gives the oldest packet's slot back. */
  release(): void {
    this.#taken = (this.#taken + 1) | 0;
    Atomics.store(this.#state, TAKEN, this.#taken);
  }

  /**
   * Resolves when something has been written or the ring has ended; undefined if it already is so. It sleeps in the
   * event loop, not in a thread.
   */
  wait(): Promise<unknown> | undefined {
    Atomics.store(this.#state, WAITING, 1);
    // Written or ended in between: whoever did so has perhaps not seen that somebody waits.
    if (this.length() !== -1 || this.ended) {
      Atomics.store(this.#state, WAITING, 0);
      return undefined;
    }
    const result = Atomics.waitAsync(this.#state, WAITING, 1);
    return result.async ? result.value : undefined;
  }
}
