import { constants, endianness } from "node:os";
import type { TunCalls } from "./libc.ts";

const IOVEC_OCTETS = 16;

/** Reads in this thread, at most `readOctets` at a time into the same memory, as long as there is something. */
export class DirectReader {
  readonly octets: Uint8Array;
  readonly #calls: TunCalls;
  readonly #fd: number;
  readonly #vector: number;
  #works = ["x64", "arm64"].includes(process.arch) && endianness() === "LE";

  constructor(calls: TunCalls, fd: number, readOctets: number) {
    this.#calls = calls;
    this.#fd = fd;
    const memory = new ArrayBuffer(IOVEC_OCTETS + readOctets);
    this.octets = new Uint8Array(memory, IOVEC_OCTETS);
    this.#vector = calls.addressOf(memory);
    const view = new DataView(memory);
    view.setBigUint64(0, BigInt(this.#vector + IOVEC_OCTETS), true);
    view.setBigUint64(8, BigInt(readOctets), true);
  }

  /** False once it has turned out that this kernel cannot read a TUN without waiting. */
  get works(): boolean {
    return this.#works;
  }

  /** Octets that were there; -1 if there is nothing now. */
  read(): number {
    const length = this.#calls.readNow(this.#fd, this.#vector);
    if (length >= 0) return length;
    const { EAGAIN, EINTR } = constants.errno;
    if (length !== -EAGAIN && length !== -EINTR) this.#works = false;
    return -1;
  }
}
