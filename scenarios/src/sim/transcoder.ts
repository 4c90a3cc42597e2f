import { VoiceCodec } from "@skein/node-agent/core";

/** Units of 20 ms in an Opus frame and in a Codec2 bundle; frames in a bundle. */
const UNITS_PER_FRAME = 2;
const UNITS_PER_BUNDLE = 6;
export const FRAMES_PER_BUNDLE = 3;
const FULL_BUNDLE = 0b111;
/** Octets of one Opus frame of 40 ms at 8 kbit/s, and of one bundle of Codec2 1300. */
const OPUS_FRAME_OCTETS = 40;
const CODEC2_BUNDLE_OCTETS = 20;
/** A bundle that misses frames goes out this long after its first one, or when the next but one begins. */
export const FLUSH_US = 180_000;
const MAX_PENDING = 2;
/** After this silence the same burst number is another burst. */
const FORGET_US = 5_000_000;

/** A coded frame for the other side of the border. */
export interface Transcoded {
  talker: number;
  group: number;
  burst: number;
  codec: VoiceCodec;
  timestamp20ms: number;
  payload: Uint8Array;
}

interface Pending {
  readonly bundle: number;
  readonly sinceUs: number;
  frames: number;
}

/** One burst on its way from Opus into bundles. */
interface Assembly {
  readonly talker: number;
  readonly group: number;
  readonly burst: number;
  lastUs: number;
  /** Bundles up to this one are gone. */
  gone: number;
  pending: Pending[];
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

  /** Takes one Opus frame; returns the bundles that are ready. `flush` is due FLUSH_US later. */
  pushOpus(nowUs: number, talker: number, group: number, burst: number, timestamp20ms: number): Transcoded[] {
    const assembly = this.#assembly(nowUs, talker, group, burst);
    const bundle = Math.floor(timestamp20ms / UNITS_PER_BUNDLE);
    if (bundle <= assembly.gone) return [];
    let entry = assembly.pending.find((p) => p.bundle === bundle);
    if (entry === undefined) {
      entry = { bundle, sinceUs: nowUs, frames: 0 };
      assembly.pending.push(entry);
      assembly.pending.sort((a, b) => a.bundle - b.bundle);
    }
    entry.frames |= 1 << ((timestamp20ms % UNITS_PER_BUNDLE) / UNITS_PER_FRAME);
    const out: Transcoded[] = [];
    while (assembly.pending.length > MAX_PENDING) this.#release(assembly, out);
    while (assembly.pending[0]?.frames === FULL_BUNDLE) this.#release(assembly, out);
    return out;
  }

  /** Bundles that have waited long enough for what they miss. */
  flush(nowUs: number): Transcoded[] {
    const out: Transcoded[] = [];
    for (const assembly of this.#assemblies.values()) {
      while (nowUs - (assembly.pending[0]?.sinceUs ?? nowUs) >= FLUSH_US) this.#release(assembly, out);
    }
    return out;
  }

  /** One bundle becomes its real frames. */
  pushBundle(talker: number, group: number, burst: number, timestamp20ms: number, payload: Uint8Array): Transcoded[] {
    return framesOfBundle(payload).map((i) => ({
      talker,
      group,
      burst,
      codec: VoiceCodec.opus,
      timestamp20ms: timestamp20ms + i * UNITS_PER_FRAME,
      payload: opusFrame(this.#maker),
    }));
  }

  #assembly(nowUs: number, talker: number, group: number, burst: number): Assembly {
    const key = (talker * 256 + group) * 32 + (burst % 32);
    let assembly = this.#assemblies.get(key);
    if (assembly === undefined || nowUs - assembly.lastUs > FORGET_US) {
      assembly = { talker, group, burst, lastUs: nowUs, gone: -1, pending: [] };
      this.#assemblies.set(key, assembly);
    }
    assembly.lastUs = nowUs;
    return assembly;
  }

  #release(assembly: Assembly, out: Transcoded[]): void {
    const { bundle, frames } = assembly.pending.shift() as Pending;
    assembly.gone = bundle;
    out.push({
      talker: assembly.talker,
      group: assembly.group,
      burst: assembly.burst,
      codec: VoiceCodec.codec2_1300,
      timestamp20ms: bundle * UNITS_PER_BUNDLE,
      payload: bundleOf(this.#maker, frames),
    });
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
