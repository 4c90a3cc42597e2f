import { readFile } from "node:fs/promises";

const READ_EVERY_MS = 15_000;

/** The battery's charge from a file with a number 0..100 (sysfs `capacity`, or one that a script writes). */
export class Battery {
  /** NaN while unknown: no file, not readable, or rubbish in it. */
  percent = Number.NaN;
  readonly #file: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string | undefined) {
    this.#file = file;
  }

  async start(): Promise<void> {
    if (this.#file === undefined) return;
    this.#timer = setInterval(() => void this.read(), READ_EVERY_MS);
    await this.read();
  }

  async read(): Promise<void> {
    if (this.#file === undefined) return;
    try {
      this.percent = parsePercent(await readFile(this.#file, "utf8"));
    } catch {
      this.percent = Number.NaN;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** A number 0..100 with nothing but white space around it; NaN for anything else. */
export function parsePercent(text: string): number {
  const trimmed = text.trim();
  if (!/^\d{1,3}(\.\d{1,6})?$/.test(trimmed)) return Number.NaN;
  const percent = Number(trimmed);
  return percent <= 100 ? percent : Number.NaN;
}
