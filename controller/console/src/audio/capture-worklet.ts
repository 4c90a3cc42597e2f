import { Resampler } from "./resampler.ts";

const WIRE_RATE_HZ = 16_000;
/** 20 ms. */
const BLOCK_SAMPLES = 320;

/** Runs on the audio thread: microphone samples at the device's rate in, 20 ms blocks of 16 kHz s16 out. */
class CaptureProcessor extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(sampleRate, WIRE_RATE_HZ, BLOCK_SAMPLES, (block) =>
    this.port.postMessage(block, [block.buffer]),
  );

  process(inputs: Float32Array[][]): boolean {
    const samples = inputs[0]?.[0];
    if (samples !== undefined) this.#resampler.push(samples);
    return true;
  }
}
registerProcessor("skein-capture", CaptureProcessor);
