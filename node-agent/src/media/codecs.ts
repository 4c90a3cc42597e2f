import type { CodecFactory } from "./codec-ports.ts";
import { createCodec2 } from "./codec2.ts";
import { createOpusDecoder, createOpusEncoder } from "./opus.ts";

/** The real libraries, each loaded on first use. */
export const nativeCodecs: CodecFactory = {
  opusEncoder: createOpusEncoder,
  opusDecoder: createOpusDecoder,
  codec2: createCodec2,
};
