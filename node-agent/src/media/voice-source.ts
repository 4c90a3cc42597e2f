import { encodeWavHeader, WAV_HEADER_OCTETS } from "@skein/codecs";
import { SAMPLE_RATE_HZ } from "./codec-ports.ts";

/** Rough vowels: frequency and bandwidth of the first three formants, Hz. */
const VOWELS: readonly (readonly (readonly [number, number])[])[] = [
  [
    [730, 90],
    [1090, 110],
    [2440, 170],
  ],
  [
    [270, 60],
    [2290, 130],
    [3010, 190],
  ],
  [
    [300, 65],
    [870, 100],
    [2240, 160],
  ],
  [
    [530, 75],
    [1840, 120],
    [2480, 170],
  ],
  [
    [570, 80],
    [840, 100],
    [2410, 170],
  ],
];
const SYLLABLE_S = 0.22;
const PAUSE_EVERY = 7;
const PEAK = 14_000;

/** Two-pole resonator, unity gain at DC (Klatt's form). */
class Resonator {
  private a = 0;
  private b = 0;
  private c = 0;
  private previous = 0;
  private beforePrevious = 0;

  tune(frequencyHz: number, bandwidthHz: number): void {
    const radius = Math.exp((-Math.PI * bandwidthHz) / SAMPLE_RATE_HZ);
    this.c = -radius * radius;
    this.b = 2 * radius * Math.cos((2 * Math.PI * frequencyHz) / SAMPLE_RATE_HZ);
    this.a = 1 - this.b - this.c;
  }

  filter(input: number): number {
    const output = this.a * input + this.b * this.previous + this.c * this.beforePrevious;
    this.beforePrevious = this.previous;
    this.previous = output;
    return output;
  }
}

/**
 * Speech-like sound as a 16-bit mono WAV file at 16 kHz: glottal pulses through three formants, syllables of a
 * fifth of a second with their own vowel and pitch, some opened by noise, a pause after each seventh. The same
 * seed gives the same octets.
 */
export function synthesiseSpeechWav(seconds: number, seed: number): Uint8Array {
  const samples = normalise(synthesise(Math.round(seconds * SAMPLE_RATE_HZ), xorshift(seed)));
  const octets = new Uint8Array(WAV_HEADER_OCTETS + 2 * samples.length);
  encodeWavHeader({ channels: 1, sampleRateHz: SAMPLE_RATE_HZ, dataOctets: 2 * samples.length }, octets, 0);
  const view = new DataView(octets.buffer);
  for (const [i, sample] of samples.entries()) view.setInt16(WAV_HEADER_OCTETS + 2 * i, sample, true);
  return octets;
}

function synthesise(length: number, random: () => number): Float32Array {
  const output = new Float32Array(length);
  const formants = [new Resonator(), new Resonator(), new Resonator()];
  const syllableSamples = Math.round(SYLLABLE_S * SAMPLE_RATE_HZ);
  let pulsePhase = 0;
  for (let start = 0, syllable = 0; start < length; start += syllableSamples, syllable++) {
    const vowel = VOWELS[Math.floor(random() * VOWELS.length)] as (typeof VOWELS)[number];
    for (const [i, [frequencyHz, bandwidthHz]] of vowel.entries()) formants[i]?.tune(frequencyHz, bandwidthHz);
    const pitchHz = 95 + 60 * random();
    const consonant = random() < 0.4 ? 0.25 : 0;
    const loudness = syllable % PAUSE_EVERY === PAUSE_EVERY - 1 ? 0 : 0.6 + 0.4 * random();
    for (let i = 0; i < syllableSamples && start + i < length; i++) {
      const at = i / syllableSamples;
      pulsePhase += (pitchHz * (1.1 - 0.2 * at)) / SAMPLE_RATE_HZ;
      const pulse = pulsePhase >= 1 ? 1 : 0;
      pulsePhase -= pulse;
      const noise = random() - 0.5;
      const excitation = at < consonant ? 0.3 * noise : pulse + 0.01 * noise;
      const envelope = loudness * Math.sin(Math.PI * at) ** 0.6;
      output[start + i] = formants.reduce((signal, formant) => formant.filter(signal), excitation * envelope);
    }
  }
  return output;
}

function normalise(signal: Float32Array): Int16Array {
  const peak = signal.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 1e-9);
  return Int16Array.from(signal, (sample) => (sample / peak) * PEAK);
}

/** Marsaglia's xorshift32: numbers in [0, 1). */
function xorshift(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
