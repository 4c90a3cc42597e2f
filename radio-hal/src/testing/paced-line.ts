import { openPty, type Pty } from "../pty/pty.ts";

/** How often the line moves octets on, ms. */
const TICK_MS = 4;
const BITS_PER_CHARACTER = 10;

/**
 * Two ptys with a half-duplex radio channel of `baud` bit/s between them: each side's octets reach the other no faster
 * than the rate allows; octets that both sides put on the air at once are lost for both.
 */
export class PacedLine {
  readonly left: Pty;
  readonly right: Pty;
  /** Octets that reached a far end. */
  carriedOctets = 0;
  collidedOctets = 0;
  readonly #queues: [number[], number[]] = [[], []];
  readonly #octetsPerMs: number;
  readonly #timer: NodeJS.Timeout;
  #credit = 0;
  #lastMs = performance.now();

  constructor(baud: number) {
    this.#octetsPerMs = baud / BITS_PER_CHARACTER / 1000;
    this.left = openPty((octets, length) => this.#queues[0].push(...octets.subarray(0, length)));
    this.right = openPty((octets, length) => this.#queues[1].push(...octets.subarray(0, length)));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.left.close();
    this.right.close();
  }

  #tick(): void {
    const nowMs = performance.now();
    const [fromLeft, fromRight] = this.#queues;
    const idle = fromLeft.length === 0 && fromRight.length === 0;
    this.#credit = idle ? 0 : this.#credit + (nowMs - this.#lastMs) * this.#octetsPerMs;
    this.#lastMs = nowMs;
    const count = Math.floor(this.#credit);
    this.#credit -= count;
    const left = fromLeft.splice(0, count);
    const right = fromRight.splice(0, count);
    if (left.length > 0 && right.length > 0) {
      this.collidedOctets += left.length + right.length;
      return;
    }
    this.carriedOctets += this.right.write(Uint8Array.from(left)) + this.left.write(Uint8Array.from(right));
  }
}
