/** A node whose turns of the event loop take longer on average is behind with its work. */
const BEHIND_US = 30_000;
/** Share of the last turn in the average. */
const SMOOTHING = 1 / 4;
/** What a node that has just fallen behind takes in a turn; one that needs twice as long takes half as much. */
const PACKETS_PER_TURN = 8;
const PACKETS_PER_TURN_MIN = 2;

/**
 * How much a node takes from its own programs while it is behind: others' packets have come part of their way already, and
 * what it takes beyond its means comes too late everywhere. Turns are measured only while something wants in.
 */
export class Admission {
  readonly #nowUs: () => number;
  readonly #afterTurn: (then: () => void) => void;
  #isMeasuring = false;
  #turnUs = 0;
  #left = PACKETS_PER_TURN;

  /** `afterTurn` calls once everything else that is ready has had its turn: setImmediate. */
  constructor(nowUs: () => number, afterTurn: (then: () => void) => void = setImmediate) {
    this.#nowUs = nowUs;
    this.#afterTurn = afterTurn;
  }

  /** True if one more packet may enter the mesh in this turn. */
  admits(): boolean {
    if (!this.#isMeasuring) this.#measure();
    if (this.#turnUs < BEHIND_US) return true;
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  #measure(): void {
    this.#isMeasuring = true;
    this.#afterTurn(() => {
      const startUs = this.#nowUs();
      this.#afterTurn(() => {
        this.#turnUs += (this.#nowUs() - startUs - this.#turnUs) * SMOOTHING;
        this.#left = Math.max(PACKETS_PER_TURN_MIN, Math.floor((PACKETS_PER_TURN * BEHIND_US) / this.#turnUs));
        this.#isMeasuring = false;
      });
    });
  }
}
