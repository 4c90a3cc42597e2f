import { CODEC2_BUNDLE_FRAMES, CODEC2_FRAME_OCTETS, unpackCodec2Bundle } from "@skein/codecs";
import { VoiceCodec } from "../core/api.ts";
import { type CodecFactory, NARROW_SAMPLE_RATE_HZ, SAMPLE_RATE_HZ, type VoiceDecoder } from "./codec-ports.ts";
import { isMadeUp } from "./codec2-marks.ts";
import { JitterBuffer, type JitterCounters, type PullResult } from "./jitter-buffer.ts";
import type { MediaCounters } from "./media-counters.ts";
import type { FromMedia, ToMedia } from "./protocol.ts";
import { Resampler } from "./resampler.ts";
import { shortenFrame } from "./time-scale.ts";

export type VoiceIn = Extract<ToMedia, { type: "voice-in" }>;
type Emit = (message: FromMedia) => void;

/** Talk bursts heard at once, silent ones that may go on included. */
const MAX_STREAMS = 64;
/** A silent burst is kept this long, so that stragglers and repeats of it are known for what they are. */
const KEEP_SILENT_US = 15_000_000;
const WIDE_LEAD_US = 40_000;
const WIDE_CAP_US = 400_000;
/** A slow channel delivers three frames at a time, and queues. */
const NARROW_LEAD_US = 60_000;
const NARROW_CAP_US = 720_000;
/** First octet of a frame handed to the buffer: the border node made it up. The coded frame follows. */
const MADE_UP = 1;

interface Stream {
  readonly talker: number;
  readonly group: number;
  readonly burst: number;
  readonly codec: VoiceCodec;
  readonly buffer: JitterBuffer;
  readonly counted: JitterCounters;
  decoder: StreamDecoder | null;
  lastArrivalUs: number;
}

/** Decoder of one burst with PCM at 16 kHz out. */
interface StreamDecoder {
  decode(payload: Uint8Array): Int16Array | undefined;
  conceal(): Int16Array;
  close(): void;
}

/** All talk bursts that come in: buffered, decoded, reported frame by frame, heard where somebody listens. */
export class Reception {
  private readonly streams = new Map<string, Stream>();
  /** Lead that the last burst of a talker in a group needed. */
  private readonly leadsUs = new Map<number, number>();
  private listening: ReadonlySet<number> = new Set();
  private readonly codecs: CodecFactory;
  private readonly emit: Emit;
  private readonly counters: MediaCounters;

  constructor(codecs: CodecFactory, emit: Emit, counters: MediaCounters) {
    this.codecs = codecs;
    this.emit = emit;
    this.counters = counters;
  }

  listen(groups: readonly number[]): void {
    this.listening = new Set(groups);
  }

  handleVoice(voice: VoiceIn, nowUs: number): void {
    const stream = this.findStream(voice, nowUs);
    if (stream === undefined) return;
    stream.lastArrivalUs = nowUs;
    if (voice.codec === VoiceCodec.opus) {
      stream.buffer.push(voice.timestamp20ms, voice.payload, nowUs);
      return;
    }
    const frames = new Uint8Array(CODEC2_BUNDLE_FRAMES * CODEC2_FRAME_OCTETS);
    if (!unpackCodec2Bundle(voice.payload, 0, voice.payload.length, frames, 0)) {
      this.counters.add("voice.malformedBundle");
      return;
    }
    for (let i = 0; i < CODEC2_BUNDLE_FRAMES; i++) {
      const frame = new Uint8Array(1 + CODEC2_FRAME_OCTETS);
      frame[0] = isMadeUp(voice.payload, i) ? MADE_UP : 0;
      frame.set(frames.subarray(i * CODEC2_FRAME_OCTETS, (i + 1) * CODEC2_FRAME_OCTETS), 1);
      stream.buffer.push(voice.timestamp20ms + 2 * i, frame, nowUs);
    }
  }

  nextUs(): number {
    let nextUs = Infinity;
    for (const stream of this.streams.values()) nextUs = Math.min(nextUs, stream.buffer.nextPullUs());
    return nextUs;
  }

  run(nowUs: number): void {
    for (const stream of this.streams.values()) {
      while (stream.buffer.nextPullUs() <= nowUs) this.handlePull(stream, stream.buffer.pull(nowUs), nowUs);
    }
  }

  close(): void {
    for (const stream of this.streams.values()) this.drop(stream);
  }

  private handlePull(stream: Stream, result: PullResult, nowUs: number): void {
    if (result.kind === "idle") {
      this.settle(stream);
      return;
    }
    stream.decoder ??= createDecoder(stream.codec, this.codecs);
    if (stream.decoder === null) {
      this.counters.add("voice.codecMissing");
      return;
    }
    if (result.kind === "concealed") {
      this.output(stream, stream.decoder.conceal(), false);
      return;
    }
    const madeUp = stream.codec === VoiceCodec.codec2_1300 && result.payload[0] === MADE_UP;
    const coded = stream.codec === VoiceCodec.codec2_1300 ? result.payload.subarray(1) : result.payload;
    const pcm = stream.decoder.decode(coded);
    if (pcm === undefined) this.counters.add("voice.decodeFailed");
    else if (madeUp) this.counters.add("voice.madeUp");
    else this.report(stream, result.timestamp20ms, nowUs);
    this.output(stream, pcm ?? stream.decoder.conceal(), result.shorten);
  }

  private report(stream: Stream, timestamp20ms: number, atUs: number): void {
    const { talker, group, burst } = stream;
    this.emit({ type: "voice-played", talker, group, burst, timestamp20ms, atUs });
  }

  private output(stream: Stream, pcm: Int16Array, shorten: boolean): void {
    const { talker, group } = stream;
    if (!this.listening.has(group)) return;
    const samples = shorten ? shortenFrame(pcm) : pcm.slice();
    this.emit({ type: "pcm-out", talker, group, pcm: new Uint8Array(samples.buffer, 0, samples.byteLength) });
  }

  private findStream(voice: VoiceIn, nowUs: number): Stream | undefined {
    const key = `${voice.talker}/${voice.group}/${voice.burst}/${voice.codec}`;
    const known = this.streams.get(key);
    if (known !== undefined) return known;
    this.dropSilent(nowUs);
    if (this.streams.size >= MAX_STREAMS) {
      this.counters.add("voice.tooManyBursts");
      return undefined;
    }
    const { talker, group, burst, codec } = voice;
    const counted: JitterCounters = { received: 0, played: 0, concealed: 0, duplicate: 0, late: 0, capped: 0 };
    const buffer = new JitterBuffer(this.bufferOptions(voice));
    const stream = { talker, group, burst, codec, buffer, counted, decoder: null, lastArrivalUs: nowUs };
    this.streams.set(key, stream);
    this.counters.add("voice.bursts");
    return stream;
  }

  private bufferOptions({ talker, group, codec }: VoiceIn) {
    const narrow = codec === VoiceCodec.codec2_1300;
    const capUs = narrow ? NARROW_CAP_US : WIDE_CAP_US;
    const leadUs = Math.max(this.leadsUs.get(talkerKey(talker, group)) ?? 0, narrow ? NARROW_LEAD_US : WIDE_LEAD_US);
    return { capUs, leadUs: Math.min(leadUs, capUs) };
  }

  /** A burst fell silent: what it taught is kept, its decoder is not. */
  private settle(stream: Stream): void {
    this.leadsUs.set(talkerKey(stream.talker, stream.group), stream.buffer.suggestedLeadUs());
    if (this.leadsUs.size > 4 * MAX_STREAMS) this.leadsUs.delete(this.leadsUs.keys().next().value as number);
    this.drop(stream);
  }

  private dropSilent(nowUs: number): void {
    for (const [key, stream] of this.streams) {
      if (nowUs - stream.lastArrivalUs <= KEEP_SILENT_US) continue;
      this.drop(stream);
      this.streams.delete(key);
    }
  }

  private drop(stream: Stream): void {
    stream.decoder?.close();
    stream.decoder = null;
    this.countChanges(stream);
  }

  /** Brings the sums over all bursts up to date with this burst's own counts. */
  private countChanges(stream: Stream): void {
    const { counters, counted } = { counters: stream.buffer.counters, counted: stream.counted };
    for (const name of Object.keys(counted) as (keyof JitterCounters)[]) {
      this.counters.add(`voice.${name}`, counters[name] - counted[name]);
      counted[name] = counters[name];
    }
  }

  countAllChanges(): void {
    for (const stream of this.streams.values()) this.countChanges(stream);
  }
}

function talkerKey(talker: number, group: number): number {
  return talker * 256 + group;
}

function createDecoder(codec: VoiceCodec, codecs: CodecFactory): StreamDecoder | null {
  if (codec === VoiceCodec.codec2_1300) {
    const narrow = codecs.codec2();
    return narrow === null ? null : upsampled(narrow, () => narrow.close());
  }
  const decoder = codecs.opusDecoder();
  if (decoder === null) return null;
  return { decode: (payload) => decoder.decode(payload), conceal: () => decoder.conceal(), close: () => {} };
}

function upsampled(decoder: VoiceDecoder, close: () => void): StreamDecoder {
  const resampler = new Resampler(NARROW_SAMPLE_RATE_HZ, SAMPLE_RATE_HZ);
  return {
    decode: (payload) => {
      const narrow = decoder.decode(payload);
      return narrow === undefined ? undefined : resampler.process(narrow);
    },
    conceal: () => resampler.process(decoder.conceal()),
    close,
  };
}
