/** Samples of one 40 ms frame at 16 kHz, the rate of all PCM inside the media process. */
export const FRAME_SAMPLES = 640;
/** Samples of one 40 ms frame at 8 kHz, what Codec2 takes. */
export const NARROW_FRAME_SAMPLES = 320;
export const SAMPLE_RATE_HZ = 16_000;
export const NARROW_SAMPLE_RATE_HZ = 8_000;

/** Codes one 40 ms frame of PCM; the octets returned belong to the caller. */
export interface VoiceEncoder {
  encode(pcm: Int16Array): Uint8Array;
}

/** Decodes one 40 ms frame; what is returned is valid until the next call. */
export interface VoiceDecoder {
  /** Undefined if the payload makes no sense. Never throws on it. */
  decode(payload: Uint8Array): Int16Array | undefined;
  /** A frame in place of a missing one. */
  conceal(): Int16Array;
}

/** Codec2: 320 samples at 8 kHz <-> 7 octets, with state in both directions and memory to give back. */
export interface NarrowCodec extends VoiceEncoder, VoiceDecoder {
  close(): void;
}

/** Where codecs come from; null where a library is missing. Tests put their own in. */
export interface CodecFactory {
  opusEncoder(bitrateBps?: number): VoiceEncoder | null;
  opusDecoder(): VoiceDecoder | null;
  codec2(): NarrowCodec | null;
}
