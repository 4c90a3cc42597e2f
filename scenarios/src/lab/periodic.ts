/**
 * Work that comes again and again. When it fails, that is told once, until it works again: no timer of the lab may end
 * the lab.
 */
export class Periodic {
  readonly #work: () => void;
  readonly #onTrouble: (message: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #isFailing = false;

  constructor(work: () => void, onTrouble: (message: string) => void) {
    this.#work = work;
    this.#onTrouble = onTrouble;
  }

  start(everyMs: number): void {
    this.#timer ??= setInterval(() => this.once(), everyMs);
  }
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  once(): void {
    try {
      this.#work();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#onTrouble((error as Error).message);
      this.#isFailing = true;
    }
  }
}
