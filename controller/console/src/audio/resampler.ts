/**
 * Turns samples of one rate into another by averaging over each output interval: a low-pass good enough for
 * speech, without look-ahead. Written for going down (48,000 or 44,100 to 16,000); going up repeats samples.
 */
export class Resampler {
  readonly #step: number;
  readonly #out: Int16Array;
  readonly #emit: (samples: Int16Array) => void;
  #filled = 0;
  /** Input samples still to be taken into the current output sample, and what was taken so far. */
  #wanted: number;
  #sum = 0;

  /** `emit` gets a fresh array each time `blockSamples` output samples are together. */
  constructor(fromHz: number, toHz: number, blockSamples: number, emit: (samples: Int16Array) => void) {
    this.#step = fromHz / toHz;
    this.#wanted = this.#step;
    this.#out = new Int16Array(blockSamples);
    this.#emit = emit;
  }

  /** Takes samples from -1 to 1. */
  push(samples: Float32Array): void {
    for (const sample of samples) {
      let left = 1;
      while (left >= this.#wanted) {
        this.#write((this.#sum + sample * this.#wanted) / this.#step);
        left -= this.#wanted;
        this.#wanted = this.#step;
        this.#sum = 0;
      }
      this.#sum += sample * left;
      this.#wanted -= left;
    }
  }

  #write(value: number): void {
    this.#out[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    if (this.#filled < this.#out.length) return;
    this.#filled = 0;
    this.#emit(this.#out.slice());
  }
}
