import { CODEC2_BUNDLE_FRAMES, CODEC2_BUNDLE_OCTETS, CODEC2_FRAME_OCTETS, packCodec2Bundle } from "@skein/codecs";
import { VoiceCodec } from "../core/api.ts";
import {
  type CodecFactory,
  FRAME_SAMPLES,
  NARROW_FRAME_SAMPLES,
  NARROW_SAMPLE_RATE_HZ,
  type NarrowCodec,
  SAMPLE_RATE_HZ,
  type VoiceEncoder,
} from "./codec-ports.ts";
import { markMadeUp } from "./codec2-marks.ts";
import { FRAME_US } from "./jitter-buffer.ts";
import type { MediaCounters } from "./media-counters.ts";
import type { FromMedia } from "./protocol.ts";
import { Resampler } from "./resampler.ts";
import type { WavSource } from "./wav-source.ts";

/** Live PCM waiting at most: 2 s, then the oldest goes. */
const MAX_LIVE_SAMPLES = 2 * SAMPLE_RATE_HZ;
/** After a longer stall the frames missed are given up rather than sent in one burst. */
const MAX_CATCH_UP_FRAMES = 25;

type Emit = (message: FromMedia) => void;

/** Turns 40 ms frames of PCM into coded frames or bundles of one burst. */
interface BurstCoder {
  /** Returns a payload and its timestamp when one is complete. */
  code(pcm: Int16Array, timestamp20ms: number): { timestamp20ms: number; payload: Uint8Array } | undefined;
  flush(): { timestamp20ms: number; payload: Uint8Array } | undefined;
  close(): void;
}

class OpusCoder implements BurstCoder {
  private readonly encoder: VoiceEncoder;
  constructor(encoder: VoiceEncoder) {
    this.encoder = encoder;
  }
  code(pcm: Int16Array, timestamp20ms: number) {
    return { timestamp20ms, payload: this.encoder.encode(pcm) };
  }
  flush() {
    return undefined;
  }
  close() {}
}

/** Three frames at a time; a burst that ends within a bundle is filled up with marked silence. */
class Codec2Coder implements BurstCoder {
  private readonly codec: NarrowCodec;
  private readonly resampler = new Resampler(SAMPLE_RATE_HZ, NARROW_SAMPLE_RATE_HZ);
  private readonly frames = new Uint8Array(CODEC2_BUNDLE_FRAMES * CODEC2_FRAME_OCTETS);
  private count = 0;
  private startTimestamp = 0;

  constructor(codec: NarrowCodec) {
    this.codec = codec;
  }

  code(pcm: Int16Array, timestamp20ms: number) {
    if (this.count === 0) this.startTimestamp = timestamp20ms;
    this.append(this.resampler.process(pcm));
    return this.count === CODEC2_BUNDLE_FRAMES ? this.take(CODEC2_BUNDLE_FRAMES) : undefined;
  }

  flush() {
    const real = this.count;
    if (real === 0) return undefined;
    while (this.count < CODEC2_BUNDLE_FRAMES) this.append(new Int16Array(NARROW_FRAME_SAMPLES));
    return this.take(real);
  }

  close(): void {
    this.codec.close();
  }

  private append(narrow: Int16Array): void {
    this.frames.set(this.codec.encode(narrow), this.count++ * CODEC2_FRAME_OCTETS);
  }

  private take(real: number) {
    const payload = new Uint8Array(CODEC2_BUNDLE_OCTETS);
    packCodec2Bundle(this.frames, 0, payload, 0);
    for (let frame = real; frame < CODEC2_BUNDLE_FRAMES; frame++) markMadeUp(payload, frame);
    this.count = 0;
    return { timestamp20ms: this.startTimestamp, payload };
  }
}

export interface TalkOptions {
  readonly group: number;
  readonly burst: number;
  readonly codec: VoiceCodec;
  readonly bitrateBps?: number | undefined;
}

/** One press of the key: from a file at the pace of the clock, or live as the samples come. */
export class Talk {
  private readonly options: TalkOptions;
  private readonly emit: Emit;
  private readonly counters: MediaCounters;
  private readonly coder: BurstCoder;
  private readonly source: WavSource | null;
  private readonly startUs: number;
  private readonly live = new Int16Array(MAX_LIVE_SAMPLES);
  private liveLength = 0;
  private frameCount = 0;

  private constructor(
    options: TalkOptions,
    coder: BurstCoder,
    source: WavSource | null,
    nowUs: number,
    emit: Emit,
    counters: MediaCounters,
  ) {
    this.options = options;
    this.coder = coder;
    this.source = source;
    this.startUs = nowUs;
    this.emit = emit;
    this.counters = counters;
  }

  /** Null where the codec is missing. Without a source the talk is live. */
  static start(
    options: TalkOptions,
    source: WavSource | null,
    nowUs: number,
    codecs: CodecFactory,
    emit: Emit,
    counters: MediaCounters,
  ): Talk | null {
    const coder = createCoder(options, codecs);
    return coder === null ? null : new Talk(options, coder, source, nowUs, emit, counters);
  }

  /** A frame is spoken from `start + n * 40 ms` on and can be coded when its last sample was spoken. */
  nextUs(): number {
    return this.source === null ? Infinity : this.startUs + (this.frameCount + 1) * FRAME_US;
  }

  run(nowUs: number): void {
    if (this.source === null) return;
    const behind = Math.floor((nowUs - this.nextUs()) / FRAME_US);
    if (behind > MAX_CATCH_UP_FRAMES) {
      this.counters.add("talk.framesGivenUp", behind);
      this.frameCount += behind;
    }
    while (this.nextUs() <= nowUs) this.send(this.source.next(), this.nextUs() - FRAME_US);
  }

  /** 16 kHz mono, signed 16 bit, little endian; whatever does not fit in two seconds pushes out the oldest. */
  handlePcm(pcm: Uint8Array, nowUs: number): void {
    if (this.source !== null) return;
    const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    const incoming = Math.min(pcm.byteLength >> 1, MAX_LIVE_SAMPLES);
    const excess = this.liveLength + incoming - MAX_LIVE_SAMPLES;
    if (excess > 0) {
      this.consumeLive(excess);
      this.counters.add("talk.liveSamplesDropped", excess);
    }
    for (let i = 0; i < incoming; i++) this.live[this.liveLength++] = view.getInt16(2 * i, true);
    while (this.liveLength >= FRAME_SAMPLES) {
      const restUs = ((this.liveLength - FRAME_SAMPLES) * 1_000_000) / SAMPLE_RATE_HZ;
      this.send(this.live.slice(0, FRAME_SAMPLES), Math.round(nowUs - restUs - FRAME_US));
      this.consumeLive(FRAME_SAMPLES);
    }
  }

  stop(): void {
    this.sendPayload(this.coder.flush());
    this.coder.close();
  }

  private consumeLive(samples: number): void {
    this.live.copyWithin(0, samples, this.liveLength);
    this.liveLength -= samples;
  }

  private send(pcm: Int16Array, spokenUs: number): void {
    const { group, burst } = this.options;
    const timestamp20ms = (this.frameCount++ * 2) & 0xffff;
    this.emit({ type: "voice-sent", group, burst, timestamp20ms, atUs: spokenUs });
    this.sendPayload(this.coder.code(pcm, timestamp20ms));
  }

  private sendPayload(coded: { timestamp20ms: number; payload: Uint8Array } | undefined): void {
    if (coded === undefined) return;
    const { group, burst, codec } = this.options;
    this.emit({ type: "voice-out", talker: null, group, burst, codec, ...coded });
    this.counters.add("talk.payloads");
    this.counters.add("talk.octets", coded.payload.length);
  }
}

function createCoder(options: TalkOptions, codecs: CodecFactory): BurstCoder | null {
  if (options.codec === VoiceCodec.codec2_1300) {
    const codec = codecs.codec2();
    return codec === null ? null : new Codec2Coder(codec);
  }
  const encoder = codecs.opusEncoder(options.bitrateBps);
  return encoder === null ? null : new OpusCoder(encoder);
}
