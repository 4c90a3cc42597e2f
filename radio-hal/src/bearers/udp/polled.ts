import { closeSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { checked, type KernelCalls } from "./kernel-calls.ts";

/** Octets of a count, as eventfd(2) gives and takes it; room for more tells Node that nothing is left to read. */
const COUNT_OCTETS = 8;
/** More than a process ever reads. */
const PLENTY = 1n << 62n;

let counter: number | undefined;

/**
 * Tells, at most once in a turn of the event loop, that there is something to read from a descriptor, and reads nothing
 * of it. Node polls sockets and pipes only, and reads what it polls. So it is given a number that means the descriptor
 * while the event loop begins to poll it, which goes on as long as anything means it (epoll(7), 6th question); from then
 * on the number means a counter, of which Node reads one (dup2(2), eventfd(2)).
 */
export class Polled {
  readonly #calls: KernelCalls;
  readonly #fd: number;
  readonly #number: number;
  readonly #socket: Socket;
  readonly #ended: Promise<void>;

  private constructor(calls: KernelCalls, fd: number, number: number, onReady: () => void) {
    this.#calls = calls;
    this.#fd = fd;
    this.#number = number;
    const callback = (): boolean => {
      onReady();
      return true;
    };
    const buffer = new Uint8Array(2 * COUNT_OCTETS);
    this.#socket = new Socket({ fd: number, readable: true, writable: false, onread: { buffer, callback } });
    // Nothing is written, and a counter has no errors.
    this.#socket.on("error", () => undefined);
    this.#ended = new Promise((resolve) => this.#socket.once("close", () => resolve()));
  }

  /**
   * `fd` must have nothing to read before this is done, and is closed after this is.
   * @throws Error with the system's `code`
   */
  static async open(calls: KernelCalls, fd: number, onReady: () => void): Promise<Polled> {
    counter ??= openCounter(calls);
    const pair = new Int32Array(2);
    checked("socketpair", calls.socketPair(pair));
    const [number, other] = pair as unknown as [number, number];
    const polled = new Polled(calls, fd, number, onReady);
    closeSync(other);
    try {
      checked("dup2", calls.duplicate(fd, number));
      // Between two of these the event loop has polled, wherever in its turn the first one was asked for.
      await setImmediate();
      await setImmediate();
      checked("dup2", calls.duplicate(counter, number));
    } catch (error) {
      polled.#socket.destroy();
      throw error;
    }
    return polled;
  }

  close(): Promise<void> {
    // The event loop is to forget what it polls.
    if (!this.#socket.destroyed) this.#calls.duplicate(this.#fd, this.#number);
    this.#socket.destroy();
    return this.#ended;
  }
}

/** A counter that gives one at a time, and never ends. */
function openCounter(calls: KernelCalls): number {
  const fd = checked("eventfd", calls.eventCounter());
  writeSync(fd, new Uint8Array(BigUint64Array.of(PLENTY).buffer));
  return fd;
}
