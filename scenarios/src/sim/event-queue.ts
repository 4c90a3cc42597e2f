import { strict as assert } from "node:assert";

/** Node field of events that belong to nobody. */
export const NO_NODE = 255;
const MAX_SEQUENCE = 2 ** 37;
const FIRST_CAPACITY = 1024;

/**
 * The kernel's agenda: a binary heap in typed arrays with the total order (time, kind, node, sequence), so that
 * what happens at the same microsecond happens in the same order on every machine. `kind` is both what the event
 * is and its priority. Adding and taking allocate nothing once the arrays have grown.
 *
 * The last three keys are packed into one double: kind (8 bits) | node (8) | sequence (37) = 53 bits, exact.
 */
export class EventQueue {
  /** Fields of the event that `take` took. */
  timeUs = 0;
  kind = 0;
  node = 0;
  argument = 0;

  #times = new Float64Array(FIRST_CAPACITY);
  #orders = new Float64Array(FIRST_CAPACITY);
  #arguments = new Int32Array(FIRST_CAPACITY);
  #size = 0;
  #sequence = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts an event on the agenda. `kind` and `node` are 0..255, `argument` any 32-bit integer. */
  add(timeUs: number, kind: number, node: number, argument: number): void {
    if (!Number.isSafeInteger(timeUs)) assert.fail("event times are whole microseconds");
    if (this.#size === this.#times.length) this.#grow();
    if (this.#sequence >= MAX_SEQUENCE) assert.fail("event sequence exhausted");
    const order = (kind * 256 + node) * MAX_SEQUENCE + this.#sequence++;
    this.#siftUp(this.#size++, timeUs, order, argument);
  }

  /** Takes the next event into the public fields. False when the agenda is empty. */
  take(): boolean {
    if (this.#size === 0) return false;
    const order = this.#orders[0] as number;
    const head = Math.floor(order / MAX_SEQUENCE);
    this.timeUs = this.#times[0] as number;
    this.kind = head >>> 8;
    this.node = head & 255;
    this.argument = this.#arguments[0] as number;
    const last = --this.#size;
    if (last > 0)
      this.#siftDown(this.#times[last] as number, this.#orders[last] as number, this.#arguments[last] as number);
    return true;
  }

  #siftUp(from: number, timeUs: number, order: number, argument: number): void {
    const times = this.#times;
    const orders = this.#orders;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const parentTime = times[parent] as number;
      if (parentTime < timeUs || (parentTime === timeUs && (orders[parent] as number) < order)) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#put(at, timeUs, order, argument);
  }

  #siftDown(timeUs: number, order: number, argument: number): void {
    const times = this.#times;
    const orders = this.#orders;
    const size = this.#size;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = child + 1;
      if (right < size) {
        const a = times[child] as number;
        const b = times[right] as number;
        if (b < a || (b === a && (orders[right] as number) < (orders[child] as number))) child = right;
      }
      const childTime = times[child] as number;
      if (timeUs < childTime || (timeUs === childTime && order < (orders[child] as number))) break;
      this.#copy(child, at);
      at = child;
    }
    this.#put(at, timeUs, order, argument);
  }

  #copy(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#orders[to] = this.#orders[from] as number;
    this.#arguments[to] = this.#arguments[from] as number;
  }

  #put(at: number, timeUs: number, order: number, argument: number): void {
    this.#times[at] = timeUs;
    this.#orders[at] = order;
    this.#arguments[at] = argument;
  }

  #grow(): void {
    const length = this.#times.length * 2;
    const times = new Float64Array(length);
    const orders = new Float64Array(length);
    const args = new Int32Array(length);
    times.set(this.#times);
    orders.set(this.#orders);
    args.set(this.#arguments);
    this.#times = times;
    this.#orders = orders;
    this.#arguments = args;
  }
}
