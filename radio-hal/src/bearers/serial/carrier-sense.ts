/** Line times of silence that end a transmission whose delimiter was lost: three characters (as in Modbus RTU). */
const SILENCE_CHARACTERS = 3;
/** Bits of a character on the line: start, 8 data, stop. */
export const BITS_PER_CHARACTER = 10;
/** USB adapters hand octets over each 16 ms at worst; shorter gaps are none on the air. */
const SILENCE_MARGIN_MS = 20;

/** Tells whether somebody else is sending, from when octets arrive. */
export class CarrierSense {
  readonly #silenceMs: number;
  readonly #report: (busy: boolean) => void;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(baud: number, report: (busy: boolean) => void) {
    this.#silenceMs = Math.ceil((SILENCE_CHARACTERS * BITS_PER_CHARACTER * 1000) / baud) + SILENCE_MARGIN_MS;
    this.#report = report;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Foreign octets are arriving. */
  heard(): void {
    // A timer that fired can be refreshed, one that was cleared cannot: it runs out after each transmission.
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#set(false), this.#silenceMs);
    else this.#timer.refresh();
    this.#set(true);
  }

  /** The transmission ended. */
  ended(): void {
    this.#set(false);
  }

  /** The device is gone. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#set(false);
  }

  #set(busy: boolean): void {
    if (this.#busy === busy) return;
    this.#busy = busy;
    this.#report(busy);
  }
}
