import { createRequire } from "node:module";
import { FRAME_SAMPLES, type VoiceDecoder, type VoiceEncoder } from "./codec-ports.ts";

/** The part of @evan/opus in use; its own typings declare an ambient module and name `lookahead` wrongly. */
interface OpusModule {
  Encoder: new (options: {
    channels: 1;
    sample_rate: 16000;
    application: "voip";
  }) => {
    bitrate: number;
    complexity: number;
    vbr_constraint: boolean;
    encode(pcm: Int16Array): Uint8Array;
  };
  Decoder: new (options: { channels: 1; sample_rate: 16000 }) => { decode(octets: Uint8Array): Uint8Array };
}

/** Complexity 5 of 10: on speech at 14 kbit/s the ear hears no difference to 9, the encoder takes half the time. */
const COMPLEXITY = 5;
const DEFAULT_BITRATE_BPS = 14_000;
/** RFC 6716 3.1: the low two bits of the table-of-contents octet; 0 = one frame in the packet. */
const TOC_CODE_MASK = 0x03;
/** SILK, wideband, 40 ms, mono: configuration 10. */
const TOC_WIDEBAND_40_MS = 10 << 3;

let loaded: OpusModule | null | undefined;

const require = createRequire(import.meta.url);

/** Whether the package is installed; nothing is loaded. */
export function hasOpus(): boolean {
  try {
    return require.resolve("@evan/opus") !== "";
  } catch {
    return false;
  }
}

/** Loads the native library on first use; null where it does not load. */
function loadOpus(): OpusModule | null {
  if (loaded !== undefined) return loaded;
  try {
    loaded = require("@evan/opus") as OpusModule;
  } catch {
    loaded = null;
  }
  return loaded;
}

/** Null where the library is missing. Bitrate in bit/s, 6,000 to 32,000. */
export function createOpusEncoder(bitrateBps: number = DEFAULT_BITRATE_BPS): VoiceEncoder | null {
  const opus = loadOpus();
  if (opus === null) return null;
  const encoder = new opus.Encoder({ channels: 1, sample_rate: 16000, application: "voip" });
  encoder.bitrate = bitrateBps;
  encoder.complexity = COMPLEXITY;
  return { encode: (pcm) => encoder.encode(pcm).slice() };
}

/** Null where the library is missing. */
export function createOpusDecoder(): VoiceDecoder | null {
  const opus = loadOpus();
  if (opus === null) return null;
  return new OpusDecoder(new opus.Decoder({ channels: 1, sample_rate: 16000 }));
}

class OpusDecoder implements VoiceDecoder {
  private readonly decoder: InstanceType<OpusModule["Decoder"]>;
  private readonly silence = new Int16Array(FRAME_SAMPLES);
  private toc = TOC_WIDEBAND_40_MS;

  constructor(decoder: InstanceType<OpusModule["Decoder"]>) {
    this.decoder = decoder;
  }

  decode(payload: Uint8Array): Int16Array | undefined {
    const pcm = this.run(payload);
    if (pcm === undefined || pcm.length !== FRAME_SAMPLES) return undefined;
    this.toc = (payload[0] as number) & ~TOC_CODE_MASK;
    return pcm;
  }

  /**
   * A packet that is a table-of-contents octet alone carries one frame of no octets, which the decoder takes
   * for a lost one and extrapolates (RFC 6716 4.4); the binding has no other way to ask for it.
   */
  conceal(): Int16Array {
    return this.run(Uint8Array.of(this.toc)) ?? this.silence;
  }

  private run(payload: Uint8Array): Int16Array | undefined {
    try {
      const octets = this.decoder.decode(payload);
      return new Int16Array(octets.buffer, octets.byteOffset, octets.byteLength >> 1);
    } catch {
      return undefined;
    }
  }
}
