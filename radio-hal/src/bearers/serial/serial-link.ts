import { readSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { SerialPort } from "serialport";
import { errorText, HalError, systemCode } from "../../hal-error.ts";

/** Pause between two looks at the device: for it to appear while missing, that it is still there while open. */
const DEVICE_LOOK_MS = 500;
/** As much as a driver of Linux holds for a reader. */
const READ_OCTETS = 4096;

/** What serialport has opened, as far as reading needs it. Elsewhere than on Unix there is no poller. */
type OpenPort = NonNullable<SerialPort["port"]>;
type PolledPort = Extract<OpenPort, { poller: unknown }>;

export interface SerialLinkEvents {
  opened(): void;
  /** `reason` is for people; comes once for each `opened`, and once if the device is missing at the start. */
  lost(reason: string): void;
  /** Valid only during the call. */
  octets(octets: Uint8Array): void;
}

/** A serial device that may come and go: opens it, notices when it goes, and opens it again. */
export class SerialLink {
  readonly #device: string;
  readonly #baud: number;
  readonly #events: SerialLinkEvents;
  #port: SerialPort | undefined;
  #isOpen = false;
  #saidLost = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #received = new Uint8Array(READ_OCTETS);
  /** Device number (major, minor) of the open port. */
  #deviceNumber = 0;

  constructor(device: string, baud: number, events: SerialLinkEvents) {
    this.#device = device;
    this.#baud = baud;
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @throws HalError `not-a-serial-device` if something else has that name */
  async start(): Promise<void> {
    const found = await this.#look();
    if (found !== undefined && !found.isCharacterDevice()) {
      const remedy = "give the device file of a serial port, for example /dev/ttyUSB0";
      throw new HalError("not-a-serial-device", `${this.#device} is not a serial device`, remedy);
    }
    if (!this.#closed) await this.#try();
  }

  /** Hands octets to the driver, unchanged until `done`. A failure closes the device and shows up as `lost`. */
  write(octets: Uint8Array, done: (good: boolean) => void): void {
    const port = this.#port;
    if (port === undefined || !this.#isOpen) {
      done(false);
      return;
    }
    port.write(octets, undefined, (error) => {
      done(error === null || error === undefined);
      if (error) this.#lose(port, errorText(error));
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#isOpen = false;
    const port = this.#port;
    this.#port = undefined;
    if (port?.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()));
  }

  async #look(): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
    try {
      return await stat(this.#device);
    } catch {
      return undefined;
    }
  }

  async #try(): Promise<void> {
    // Loaded only where there is a serial line: it brings a native library.
    const { SerialPort } = await import("serialport");
    if (this.#closed) return;
    const port = new SerialPort({ path: this.#device, baudRate: this.#baud, autoOpen: false });
    const error = await new Promise<Error | null>((resolve) => port.open(resolve));
    if (this.#closed) {
      if (port.isOpen) port.close(() => undefined);
      return;
    }
    if (error !== null) {
      this.#sayLost(openFailure(this.#device, error));
      this.#later(() => this.#try());
      return;
    }
    await this.#adopt(port);
  }

  async #adopt(port: SerialPort): Promise<void> {
    this.#port = port;
    port.on("error", (error) => this.#lose(port, errorText(error)));
    port.on("close", () => this.#lose(port, `${this.#device} has gone away`));
    // What lay in the driver's buffers is from before this node was there.
    await new Promise<void>((resolve) => port.flush(() => resolve()));
    const found = await this.#look();
    if (this.#closed || this.#port !== port) return;
    this.#deviceNumber = Number(found?.rdev ?? 0);
    this.#isOpen = true;
    this.#saidLost = false;
    this.#events.opened();
    if (port.port !== undefined && "poller" in port.port) this.#poll(port, port.port);
    else {
      port.on("data", (octets: Buffer) => {
        if (this.#isOpen && this.#port === port) this.#events.octets(octets);
      });
    }
    this.#later(() => this.#watch(port));
  }

  /**
   * Reads when the event loop finds something to read. serialport's own stream asks the thread pool twice for each piece that
   * arrives, once in vain, and throws in between: a third of what an agent on a slow line did in all.
   */
  #poll(port: SerialPort, opened: PolledPort): void {
    if (this.#port !== port) return;
    opened.poller.once("readable", (error) => {
      // Whoever closes it is told of by itself: `close`.
      const isClosing = (error as { canceled?: boolean } | null)?.canceled === true;
      if (this.#port !== port || opened.fd === null || isClosing) return;
      const length = error === null ? this.#read(opened.fd) : 0;
      if (length === 0) {
        this.#lose(port, `${this.#device} has gone away`);
        return;
      }
      if (length > 0 && this.#isOpen) this.#events.octets(this.#received.subarray(0, length));
      this.#poll(port, opened);
    });
  }

  /** How many octets were read: -1 for none yet, 0 if there will be none any more. */
  #read(fd: number): number {
    try {
      return readSync(fd, this.#received);
    } catch (error) {
      return systemCode(error) === "EAGAIN" ? -1 : 0;
    }
  }

  /** Some drivers never report that the device was pulled out; its device file goes in any case. */
  async #watch(port: SerialPort): Promise<void> {
    const found = await this.#look();
    if (this.#closed || this.#port !== port) return;
    if (Number(found?.rdev ?? -1) === this.#deviceNumber) this.#later(() => this.#watch(port));
    else this.#lose(port, `${this.#device} was unplugged`);
  }

  #lose(port: SerialPort, reason: string): void {
    if (this.#closed || this.#port !== port) return;
    this.#port = undefined;
    this.#isOpen = false;
    if (port.isOpen) port.close(() => undefined);
    this.#sayLost(reason);
    this.#later(() => this.#try());
  }

  #sayLost(reason: string): void {
    if (this.#saidLost) return;
    this.#saidLost = true;
    this.#events.lost(reason);
  }

  #later(step: () => Promise<void>): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void step(), DEVICE_LOOK_MS);
  }
}

function openFailure(device: string, error: Error): string {
  const text = `${systemCode(error)} ${errorText(error)}`;
  if (/ENOENT|No such file/i.test(text)) return `${device} is missing`;
  if (/lock|EBUSY|busy/i.test(text)) return `${device} is in use by another program`;
  if (/EACCES|permission/i.test(text)) return `${device}: permission denied; add the user to the group of the device`;
  return `${device}: ${errorText(error)}`;
}
