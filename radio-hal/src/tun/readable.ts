import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { HalError } from "../hal-error.ts";
import type { TunCalls } from "./libc.ts";

/** Reads a descriptor of which Node knows no kind whenever the event loop finds that there is something to read. */
export class Readable {
  readonly #socket: Socket;
  readonly #ended: Promise<void>;

  /**
   * Reads at most `into.length` octets at a time to `into`, at most once in a turn of the event loop, and calls `onRead`
   * with how many came. Node takes sockets and pipes: it is given a socket, whose number then comes to mean a duplicate of
   * `fd` (dup2(2)), before the number is polled for the first time.
   * @throws HalError `tun-unavailable`
   */
  constructor(calls: TunCalls, fd: number, into: Uint8Array, onRead: (length: number) => void) {
    const pair = new Int32Array(2);
    if (calls.socketPair(pair) < 0) throw unavailable("no socket to be had");
    const [number, other] = pair as unknown as [number, number];
    this.#socket = new Socket({
      fd: number,
      readable: true,
      writable: false,
      onread: {
        buffer: into,
        callback: (length) => {
          onRead(length);
          return true;
        },
      },
    });
    this.#socket.pause();
    // The interface has gone: nothing comes any more.
    this.#socket.on("error", () => undefined);
    this.#ended = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    const result = calls.duplicate(fd, number);
    closeSync(other);
    if (result < 0) {
      this.#socket.destroy();
      throw unavailable("its descriptor cannot be duplicated");
    }
    this.#socket.resume();
  }

  close(): Promise<void> {
    this.#socket.destroy();
    return this.#ended;
  }
}

function unavailable(what: string): HalError {
  return new HalError("tun-unavailable", `TUN interface, ${what}`, "look at the limit of open files: ulimit -n");
}
