import type { Bearer, BearerEvents, BearerInfo } from "../../bearer.ts";
import { ENDPOINT_ALL } from "../../bearer.ts";
import { CobsDeframer } from "../../framing/cobs.ts";
import { HalError } from "../../hal-error.ts";
import { Counters } from "../counters.ts";
import { CarrierSense } from "./carrier-sense.ts";
import { SerialLink } from "./serial-link.ts";
import { TransmitLine } from "./transmit-line.ts";

/** A transparent UART data radio; the fields are those of the agent's configuration. */
export interface SerialBearerOptions {
  readonly name: string;
  /** Device file, for example `/dev/ttyUSB0`. */
  readonly device: string;
  readonly baud: number;
  readonly halfDuplex: boolean;
  readonly mtuOctets: number;
}

const BAUD_MIN = 1200;
const BAUD_MAX = 921_600;
const MTU_MAX_OCTETS = 1500;
/** The radio is one endpoint: whoever is in range hears everything. */
const ENDPOINT_RADIO = 0;

/** Frames over a serial device: COBS + CRC-16, paced by the line's rate, with carrier sense from arriving octets. */
class SerialBearer implements Bearer {
  readonly info: BearerInfo;
  readonly counters = new Counters();
  readonly #link: SerialLink;
  readonly #line: TransmitLine;
  readonly #deframer: CobsDeframer;
  readonly #carrier: CarrierSense | undefined;
  #events: BearerEvents | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;
  #refusedFull = false;

  constructor(options: SerialBearerOptions) {
    const { name, device, baud, halfDuplex, mtuOctets } = options;
    this.info = { name, kind: "serial", medium: "shared", mtuOctets, bitrateBps: baud, halfDuplex };
    this.#deframer = new CobsDeframer(mtuOctets, {
      frame: (octets, length) => this.#receive(octets, length),
      drop: (reason) => this.counters.drop(reason),
    });
    this.#line = new TransmitLine(mtuOctets, baud, {
      write: (octets, done) => this.#link.write(octets, done),
      done: (frameOctets, good) => this.#transmitted(frameOctets, good),
    });
    this.#carrier = halfDuplex ? new CarrierSense(baud, (busy) => this.#events?.carrier(busy)) : undefined;
    this.#link = new SerialLink(device, baud, {
      opened: () => this.#events?.up(),
      lost: (reason) => this.#lost(reason),
      octets: (octets) => this.#octets(octets),
    });
  }

  open(events: BearerEvents): Promise<void> {
    if (this.#closed) return Promise.reject(new HalError("bearer-closed", `${this.info.name} was closed`));
    this.#events ??= events;
    this.#opening ??= this.#link.start();
    return this.#opening;
  }

  send(endpoint: number, octets: Uint8Array, length: number): boolean {
    if (length < 1) return this.counters.refuse("empty");
    if (length > this.info.mtuOctets) return this.counters.refuse("too-long");
    if (!this.#link.isOpen) return this.counters.refuse("down");
    if (endpoint !== ENDPOINT_RADIO && endpoint !== ENDPOINT_ALL) return this.counters.refuse("no-endpoint");
    if (this.#line.enqueue(octets, length)) return true;
    this.#refusedFull = true;
    return this.counters.refuse("queue-full");
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#events = undefined;
    this.#carrier?.stop();
    this.#line.clear();
    await this.#link.close();
  }

  #lost(reason: string): void {
    this.#line.clear();
    this.#deframer.reset();
    this.#carrier?.stop();
    this.#events?.down(reason);
  }

  /** A half-duplex radio hears nobody while it sends: what arrives then is its own echo. */
  #octets(octets: Uint8Array): void {
    const carrier = this.#carrier;
    const foreign = carrier !== undefined && !this.#line.sending(performance.now());
    if (foreign) carrier.heard();
    this.#deframer.push(octets, octets.length);
    if (carrier?.busy && this.#deframer.atFrameEnd) carrier.ended();
  }

  #receive(octets: Uint8Array, length: number): void {
    if (this.#line.isOwn(octets, length)) {
      this.counters.drop("own-echo");
      return;
    }
    this.counters.received(length);
    this.#events?.frame(ENDPOINT_RADIO, octets, length);
  }

  #transmitted(frameOctets: number, good: boolean): void {
    if (good) this.counters.sent(frameOctets);
    else this.counters.refuse("io-error");
    if (!this.#refusedFull || !this.#link.isOpen) return;
    this.#refusedFull = false;
    this.#events?.drained();
  }
}

function check(good: boolean, message: string, remedy: string): void {
  if (!good) throw new HalError("bad-option", message, remedy);
}

/**
 * A bearer over a serial device; nothing is opened yet.
 * @throws HalError `bad-option`
 */
export function createSerialBearer(options: SerialBearerOptions): Bearer {
  const { name, device, baud, mtuOctets } = options;
  check(device !== "", `${name}: no device`, "name a device file, for example /dev/ttyUSB0");
  check(baud >= BAUD_MIN && baud <= BAUD_MAX, `${name}: ${baud} bit/s`, `take ${BAUD_MIN}..${BAUD_MAX}`);
  const mtuGood = mtuOctets >= 1 && mtuOctets <= MTU_MAX_OCTETS;
  check(mtuGood, `${name}: mtu of ${mtuOctets} octets`, `take 1..${MTU_MAX_OCTETS}`);
  return new SerialBearer(options);
}
