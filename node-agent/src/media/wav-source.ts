import { decodeWavHeader } from "@skein/codecs";
import { FRAME_SAMPLES, SAMPLE_RATE_HZ } from "./codec-ports.ts";
import { Resampler } from "./resampler.ts";

const RATES_HZ = [8_000, 16_000, 48_000];
/** Longest file taken: ten minutes at 48 kHz. */
export const MAX_WAV_OCTETS = 48_000 * 2 * 600 + 4096;

/** Speech in a loop, 40 ms at a time. */
export class WavSource {
  private readonly samples: Int16Array;
  private readonly frame = new Int16Array(FRAME_SAMPLES);
  private at = 0;

  constructor(samples: Int16Array) {
    this.samples = samples;
  }

  /** The next frame; valid until the next call. */
  next(): Int16Array {
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      this.frame[i] = this.samples[this.at] as number;
      if (++this.at === this.samples.length) this.at = 0;
    }
    return this.frame;
  }
}

/** PCM at 16 kHz of a WAV file: 16-bit mono at 8, 16 or 48 kHz; else what is wrong with it. */
export function readWav(octets: Uint8Array): Int16Array | string {
  const header = decodeWavHeader(octets, 0, octets.length);
  if (header === undefined) return "not a WAV file with 16-bit PCM";
  if (header.channels !== 1) return `${header.channels} channels, expected 1`;
  if (!RATES_HZ.includes(header.sampleRateHz)) {
    return `${header.sampleRateHz} samples/s, expected 8000, 16000 or 48000`;
  }
  const view = new DataView(octets.buffer, octets.byteOffset + header.dataOffset, header.dataOctets);
  const samples = new Int16Array(header.dataOctets >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true);
  if (samples.length === 0) return "no samples";
  if (header.sampleRateHz === SAMPLE_RATE_HZ) return samples;
  return new Resampler(header.sampleRateHz, SAMPLE_RATE_HZ).process(samples);
}
