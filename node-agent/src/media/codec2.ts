import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { CODEC2_FRAME_OCTETS } from "@skein/codecs";
import { NARROW_FRAME_SAMPLES, type NarrowCodec } from "./codec-ports.ts";

/** codec2.h: CODEC2_MODE_1300, 52 bits in 40 ms. */
const MODE_1300 = 4;
/** What the dynamic linker knows; reading it costs 1 ms where loading koffi to try costs 50 ms and 4 MB. */
const LINKER_CACHE = "/etc/ld.so.cache";
const LIBRARY_PATTERN = /\/[\w./+-]*\/libcodec2\.so\.1[\w.]*/;
/** Share of the amplitude that each concealed frame keeps of the one before. */
const CONCEALMENT_FADE = 0.6;

interface Codec2Library {
  create(mode: number): unknown;
  destroy(handle: unknown): void;
  encode(handle: unknown, octets: Uint8Array, samples: Int16Array): void;
  decode(handle: unknown, samples: Int16Array, octets: Uint8Array): void;
}

let loaded: Codec2Library | null | undefined;

/** Path of the system's libcodec2, undefined where it is not installed. Nothing is loaded. */
export function findCodec2(): string | undefined {
  try {
    const path = LIBRARY_PATTERN.exec(readFileSync(LINKER_CACHE, "latin1"))?.[0];
    return path !== undefined && existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function loadCodec2(): Codec2Library | null {
  if (loaded !== undefined) return loaded;
  try {
    const path = findCodec2();
    loaded = path === undefined ? null : bind(path);
  } catch {
    loaded = null;
  }
  return loaded;
}

function bind(path: string): Codec2Library {
  // koffi is native code: loaded only by the few processes that speak narrow-band voice.
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const library = koffi.load(path);
  return {
    create: library.func("void *codec2_create(int mode)"),
    destroy: library.func("void codec2_destroy(void *codec)"),
    encode: library.func("void codec2_encode(void *codec, uint8_t *octets, const int16_t *samples)"),
    decode: library.func("void codec2_decode(void *codec, int16_t *samples, const uint8_t *octets)"),
  };
}

/** A coder and decoder of Codec2 1300, or null where libcodec2 is missing. Close it when done: it holds C memory. */
export function createCodec2(): NarrowCodec | null {
  const library = loadCodec2();
  return library === null ? null : new Codec2(library);
}

class Codec2 implements NarrowCodec {
  private readonly library: Codec2Library;
  private readonly handle: unknown;
  private readonly samples = new Int16Array(NARROW_FRAME_SAMPLES);
  private closed = false;

  constructor(library: Codec2Library) {
    this.library = library;
    this.handle = library.create(MODE_1300);
  }

  encode(pcm: Int16Array): Uint8Array {
    const octets = new Uint8Array(CODEC2_FRAME_OCTETS);
    this.library.encode(this.handle, octets, pcm);
    return octets;
  }

  /** Every pattern of 52 bits is some sound: decoding fails only on a wrong length. */
  decode(payload: Uint8Array): Int16Array | undefined {
    if (payload.length !== CODEC2_FRAME_OCTETS) return undefined;
    this.library.decode(this.handle, this.samples, payload);
    return this.samples;
  }

  /** libcodec2 has no concealment: the last frame again, fading. */
  conceal(): Int16Array {
    for (let i = 0; i < this.samples.length; i++) {
      this.samples[i] = (this.samples[i] as number) * CONCEALMENT_FADE;
    }
    return this.samples;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.library.destroy(this.handle);
  }
}
