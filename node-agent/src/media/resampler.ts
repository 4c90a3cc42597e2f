import { assert } from "@skein/codecs";

/** Half length of the filter in samples of the lower rate: 1.5 ms of delay at 8 kHz, stop band below -60 dB. */
const HALF_LENGTH = 12;
/** Pass band edge as a share of the lower rate's Nyquist frequency; the rest is the transition. */
const PASS_BAND = 0.9;

/**
 * Streaming sample rate conversion by a rational factor: a windowed-sinc low pass in polyphase form, so that no
 * zero that was stuffed in is ever multiplied.
 */
export class Resampler {
  private readonly up: number;
  private readonly down: number;
  /** phases[p][k] weighs the sample k before the newest one for outputs that lie p / up after it. */
  private readonly phases: Float32Array[];
  private readonly taps: number;
  private history: Float32Array;
  /** Position of the next output after the start of the next input block, in 1 / up samples. */
  private position = 0;

  constructor(fromHz: number, toHz: number) {
    const divisor = greatestCommonDivisor(fromHz, toHz);
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    assert(this.up <= 480 && this.down <= 480, "sample rates without a small common ratio");
    this.phases = designPhases(this.up, this.down);
    this.taps = (this.phases[0] as Float32Array).length;
    this.history = new Float32Array(this.taps - 1);
  }

  /** Converts a block; the result is the caller's. Over many blocks no sample is lost or added. */
  process(input: Int16Array): Int16Array {
    const samples = new Float32Array(this.history.length + input.length);
    samples.set(this.history);
    samples.set(input, this.history.length);
    const end = input.length * this.up;
    const output = new Int16Array(Math.max(0, Math.ceil((end - this.position) / this.down)));
    for (let n = 0; n < output.length; n++) {
      output[n] = this.convolve(samples, this.position);
      this.position += this.down;
    }
    this.position -= end;
    this.history = samples.slice(samples.length - this.history.length);
    return output;
  }

  private convolve(samples: Float32Array, position: number): number {
    const phase = this.phases[position % this.up] as Float32Array;
    const newest = Math.floor(position / this.up) + this.taps - 1;
    let sum = 0;
    for (let k = 0; k < this.taps; k++) sum += (phase[k] as number) * (samples[newest - k] as number);
    return Math.max(-32768, Math.min(32767, Math.round(sum)));
  }
}

function designPhases(up: number, down: number): Float32Array[] {
  const factor = Math.max(up, down);
  const half = HALF_LENGTH * factor;
  const taps = Math.ceil((2 * half + 1) / up);
  const cutoff = PASS_BAND / (2 * factor);
  const phases = Array.from({ length: up }, () => new Float32Array(taps));
  for (let n = 0; n <= 2 * half; n++) {
    const phase = phases[n % up] as Float32Array;
    phase[Math.floor(n / up)] = up * 2 * cutoff * sinc(2 * cutoff * (n - half)) * blackman(n / (2 * half));
  }
  return phases;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function blackman(at: number): number {
  return 0.42 - 0.5 * Math.cos(2 * Math.PI * at) + 0.08 * Math.cos(4 * Math.PI * at);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
