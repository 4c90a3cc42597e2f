import { VoiceCodec } from "@skein/node-agent/core";

/** Units of 20 ms in an Opus frame and in a Codec2 bundle; frames in a bundle. */
const UNITS_PER_FRAME = 2;
const UNITS_PER_BUNDLE = 6;
export const FRAMES_PER_BUNDLE = 3;
const FULL_BUNDLE = 0b111;
/** Octets of one Opus frame of 40 ms at 8 kbit/s, and of one bundle of Codec2 1300. */
const OPUS_FRAME_OCTETS = 40;
const CODEC2_BUNDLE_OCTETS = 20;

/** Speech of one talker on its way through a border node, from Opus into bundles. */
interface Assembly {
  bundle: number;
  frames: number;
}

/** A coded frame for the other side of the border. */
export interface Transcoded {
  talker: number;
  group: number;
  burst: number;
  codec: VoiceCodec;
  timestamp20ms: number;
  payload: Uint8Array;
}

/**
 * A border node's transcoder as far as frames go: three Opus frames <-> one Codec2 bundle. The first octet of a
 * payload tells who coded it (0: the talker); the second one of a bundle, which of its frames are real and not
 * covered up, so that listeners count real frames alone.
 */
export class Transcoder {
  readonly #maker: number;
  readonly #assemblies = new Map<number, Assembly>();

  /** `maker`: 1..255, tells border nodes apart. */
  constructor(maker: number) {
    this.#maker = maker;
  }

  /** What leaves on the other side because of this frame; usually nothing for two of three Opus frames. */
  push(
    talker: number,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): Transcoded[] {
    const name = { talker, group, burst };
    if (codec === VoiceCodec.codec2_1300) {
      return framesOfBundle(payload).map((i) => ({
        ...name,
        codec: VoiceCodec.opus,
        timestamp20ms: timestamp20ms + i * UNITS_PER_FRAME,
        payload: opusFrame(this.#maker),
      }));
    }
    const key = (talker * 256 + group) * 32 + (burst % 32);
    const bundle = Math.floor(timestamp20ms / UNITS_PER_BUNDLE);
    const frame = (timestamp20ms % UNITS_PER_BUNDLE) / UNITS_PER_FRAME;
    const assembly = this.#assembly(key, bundle);
    const out: Transcoded[] = [];
    const flush = (): void => {
      if (assembly.frames === 0) return;
      const start = assembly.bundle * UNITS_PER_BUNDLE;
      out.push({
        ...name,
        codec: VoiceCodec.codec2_1300,
        timestamp20ms: start,
        payload: bundleOf(this.#maker, assembly.frames),
      });
      assembly.frames = 0;
    };
    // An older bundle's frame that comes after its bundle has gone is of no use any more; a new burst starts at 0.
    if (bundle < assembly.bundle && bundle > 0) return out;
    if (bundle !== assembly.bundle) flush();
    assembly.bundle = bundle;
    assembly.frames |= 1 << frame;
    if (assembly.frames === FULL_BUNDLE) {
      flush();
      assembly.bundle = bundle + 1;
    }
    return out;
  }

  #assembly(key: number, bundle: number): Assembly {
    let assembly = this.#assemblies.get(key);
    if (!assembly) {
      assembly = { bundle, frames: 0 };
      this.#assemblies.set(key, assembly);
    }
    return assembly;
  }
}

/** A bundle whose frames of the mask are real. */
export function bundleOf(maker: number, mask: number): Uint8Array {
  const payload = new Uint8Array(CODEC2_BUNDLE_OCTETS);
  payload[0] = maker;
  payload[1] = mask;
  return payload;
}

export function opusFrame(maker: number): Uint8Array {
  const payload = new Uint8Array(OPUS_FRAME_OCTETS);
  payload[0] = maker;
  return payload;
}

/** Who coded a payload. */
export function makerOf(payload: Uint8Array): number {
  return payload[0] ?? 0;
}

/** Which of the three frames of a bundle are real, by index. */
export function framesOfBundle(payload: Uint8Array): number[] {
  const mask = payload[1] ?? 0;
  return [0, 1, 2].filter((i) => (mask >> i) & 1);
}
