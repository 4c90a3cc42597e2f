import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import koffi from "koffi";
import { HalError, systemCode } from "../hal-error.ts";

/** A pseudo-terminal seen from its master side: the far end of a UART whose device file is `path`. */
export interface Pty {
  /** Device file of the slave side, for example `/dev/pts/3`; what a serial program opens. */
  readonly path: string;
  /** Descriptor of the master side; owned by the Pty. */
  readonly masterFd: number;
  /**
   * Gives octets to whoever has `path` open. Returns how many the kernel took: fewer than `length` when the reader
   * is some 20 kB behind (the rest is lost, as on a UART without flow control), 0 after `close()`.
   */
  write(octets: Uint8Array, length?: number): number;
  /** Hangs up: the program on the slave side sees its device go away. Idempotent. */
  close(): void;
}

/** Octets read at once from the master; a kernel pty hands out at most 4096. */
const READ_BUFFER_OCTETS = 4096;
/** Space for a `struct termios`; it has 60 octets on Linux and at most 72 elsewhere. */
const TERMIOS_OCTETS = 256;
const PATH_OCTETS = 128;
/** `O_CLOEXEC` of Linux; node:fs does not name it. */
const O_CLOEXEC = 0o2000000;

interface Libc {
  openpt(flags: number): number;
  grantpt(fd: number): number;
  unlockpt(fd: number): number;
  ptsname(fd: number, name: Uint8Array, lengthOctets: number): number;
  tcgetattr(fd: number, termios: Uint8Array): number;
  tcsetattr(fd: number, when: number, termios: Uint8Array): number;
  makeRaw(termios: Uint8Array): void;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  try {
    // `null`: the C library that this process has loaded already, whatever its file name is.
    const library = koffi.load(null);
    loaded = {
      openpt: library.func("int posix_openpt(int)"),
      grantpt: library.func("int grantpt(int)"),
      unlockpt: library.func("int unlockpt(int)"),
      ptsname: library.func("int ptsname_r(int, _Out_ uint8_t *, size_t)"),
      tcgetattr: library.func("int tcgetattr(int, _Out_ uint8_t *)"),
      tcsetattr: library.func("int tcsetattr(int, int, const uint8_t *)"),
      makeRaw: library.func("void cfmakeraw(_Inout_ uint8_t *)"),
    };
    return loaded;
  } catch (error) {
    throw new HalError("pty-unavailable", "the C library has no pseudo-terminal calls", "use Linux with glibc", error);
  }
}

function check(result: number, call: string): void {
  if (result >= 0) return;
  throw new HalError("pty-unavailable", `${call} failed`, "is /dev/pts mounted, and are pseudo-terminals left?");
}

/** Opens the master and returns [descriptor, device file of the slave]. */
function openMaster(c: Libc): [number, string] {
  // O_CLOEXEC: a child that inherited the master would keep the line up after its owner has gone.
  const fd = c.openpt(constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK | O_CLOEXEC);
  check(fd, "posix_openpt");
  check(c.grantpt(fd), "grantpt");
  check(c.unlockpt(fd), "unlockpt");
  const name = new Uint8Array(PATH_OCTETS);
  check(c.ptsname(fd, name, PATH_OCTETS) === 0 ? 0 : -1, "ptsname_r");
  return [fd, Buffer.from(name.subarray(0, name.indexOf(0))).toString("latin1")];
}

function makeTransparent(c: Libc, fd: number): void {
  const termios = new Uint8Array(TERMIOS_OCTETS);
  check(c.tcgetattr(fd, termios), "tcgetattr");
  c.makeRaw(termios);
  check(c.tcsetattr(fd, 0, termios), "tcsetattr");
}

class KernelPty implements Pty {
  readonly path: string;
  readonly masterFd: number;
  readonly #slaveFd: number;
  readonly #reader: ReadStream;
  #closed = false;

  constructor(onOctets: (octets: Uint8Array, length: number) => void) {
    const c = libc();
    const [masterFd, path] = openMaster(c);
    this.path = path;
    this.masterFd = masterFd;
    // Held open, so that a program that closes the slave (or dies) does not end the line: without any slave the
    // master would read EIO from then on.
    this.#slaveFd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    makeTransparent(c, this.#slaveFd);
    this.#reader = this.#read(onOctets);
  }

  /** The event loop's own polling reads the master: no thread waits, whatever the number of ptys. */
  #read(onOctets: (octets: Uint8Array, length: number) => void): ReadStream {
    const buffer = new Uint8Array(READ_BUFFER_OCTETS);
    const callback = (length: number): boolean => {
      if (!this.#closed) onOctets(buffer, length);
      return true;
    };
    const reader = new ReadStream(this.masterFd, { onread: { buffer, callback } });
    reader.on("error", () => this.close());
    reader.resume();
    return reader;
  }

  write(octets: Uint8Array, length: number = octets.length): number {
    let written = 0;
    while (written < length && !this.#closed) {
      try {
        written += writeSync(this.masterFd, octets, written, length - written);
      } catch (error) {
        if (systemCode(error) === "EINTR") continue;
        break;
      }
    }
    return written;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.destroy();
    closeSync(this.#slaveFd);
  }
}

/**
 * Opens a pseudo-terminal in raw mode: nothing is echoed, translated or taken as a control character.
 * `onOctets` gets what is written to `path`; `octets[0..length)` is valid only during the call.
 * @throws HalError `pty-unavailable`
 */
export function openPty(onOctets: (octets: Uint8Array, length: number) => void): Pty {
  return new KernelPty(onOctets);
}
