import {
  CODEC2_BUNDLE_FRAMES,
  CODEC2_BUNDLE_OCTETS,
  CODEC2_FRAME_OCTETS,
  packCodec2Bundle,
  unpackCodec2Bundle,
} from "@skein/codecs";
import { VoiceCodec } from "../core/api.ts";
import {
  type CodecFactory,
  NARROW_SAMPLE_RATE_HZ,
  type NarrowCodec,
  SAMPLE_RATE_HZ,
  type VoiceDecoder,
  type VoiceEncoder,
} from "./codec-ports.ts";
import { isMadeUp, markMadeUp } from "./codec2-marks.ts";
import type { MediaCounters } from "./media-counters.ts";
import type { FromMedia } from "./protocol.ts";
import type { VoiceIn } from "./reception.ts";
import { Resampler } from "./resampler.ts";

/** 20 ms units in a bundle: a bundle's timestamp is a multiple of it. */
const BUNDLE_UNITS = 6;
/** A bundle that misses frames goes out this long after its last one. */
const FLUSH_US = 100_000;
/** Bundles waiting for frames at once: a frame of the third one pushes out the first. */
const MAX_PENDING = 2;
const MAX_BURSTS = 32;
const KEEP_SILENT_US = 15_000_000;
/** Bundle numbers that are remembered, so that a repeat is not transcoded twice. */
const REMEMBERED = 16;

type Emit = (message: FromMedia) => void;
type Output = (timestamp20ms: number, payload: Uint8Array) => void;

/** One burst being transcoded. */
interface Transcoder {
  handle(timestamp20ms: number, payload: Uint8Array, nowUs: number): void;
  nextUs(): number;
  run(nowUs: number): void;
  close(): void;
}

interface Pending {
  bundle: number;
  frames: (Uint8Array | undefined)[];
  lastArrivalUs: number;
}

/** Opus -> Codec2: three frames at a time, the ones that never came concealed by the decoder and marked. */
class ToNarrow implements Transcoder {
  private readonly decoder: VoiceDecoder;
  private readonly codec: NarrowCodec;
  private readonly output: Output;
  private readonly counters: MediaCounters;
  private readonly resampler = new Resampler(SAMPLE_RATE_HZ, NARROW_SAMPLE_RATE_HZ);
  private pending: Pending[] = [];
  /** Bundles up to this one are gone. */
  private lastBundle = -1;

  constructor(decoder: VoiceDecoder, codec: NarrowCodec, output: Output, counters: MediaCounters) {
    this.decoder = decoder;
    this.codec = codec;
    this.output = output;
    this.counters = counters;
  }

  handle(timestamp20ms: number, payload: Uint8Array, nowUs: number): void {
    const bundle = Math.floor(timestamp20ms / BUNDLE_UNITS);
    // Behind by more than half the range is ahead: the 16-bit timestamp wrapped.
    if (bundle <= this.lastBundle && this.lastBundle - bundle < 0x10000 / BUNDLE_UNITS / 2) {
      this.counters.add("bridge.late");
      return;
    }
    const entry = this.entryOf(bundle, nowUs);
    const place = (timestamp20ms % BUNDLE_UNITS) >> 1;
    if (entry.frames[place] !== undefined) {
      this.counters.add("bridge.duplicate");
      return;
    }
    entry.frames[place] = payload;
    entry.lastArrivalUs = nowUs;
    while (this.pending.length > MAX_PENDING) this.flushFirst();
    while (this.pending[0] !== undefined && isWhole(this.pending[0])) this.flushFirst();
  }

  nextUs(): number {
    return this.pending.reduce((nextUs, entry) => Math.min(nextUs, entry.lastArrivalUs + FLUSH_US), Infinity);
  }

  run(nowUs: number): void {
    while (this.nextUs() <= nowUs) this.flushFirst();
  }

  close(): void {
    this.codec.close();
  }

  private entryOf(bundle: number, nowUs: number): Pending {
    const known = this.pending.find((entry) => entry.bundle === bundle);
    if (known !== undefined) return known;
    const entry: Pending = { bundle, frames: [undefined, undefined, undefined], lastArrivalUs: nowUs };
    this.pending.push(entry);
    this.pending.sort((a, b) => a.bundle - b.bundle);
    return entry;
  }

  private flushFirst(): void {
    const entry = this.pending.shift() as Pending;
    const coded = new Uint8Array(CODEC2_BUNDLE_FRAMES * CODEC2_FRAME_OCTETS);
    const payload = new Uint8Array(CODEC2_BUNDLE_OCTETS);
    const madeUp = entry.frames.map((frame, place) => this.transcode(frame, coded, place));
    packCodec2Bundle(coded, 0, payload, 0);
    for (const [place, isMissing] of madeUp.entries()) if (isMissing) markMadeUp(payload, place);
    this.lastBundle = entry.bundle;
    this.output(entry.bundle * BUNDLE_UNITS, payload);
  }

  /** True if the decoder had to make the frame up. */
  private transcode(frame: Uint8Array | undefined, coded: Uint8Array, place: number): boolean {
    const decoded = frame === undefined ? undefined : this.decoder.decode(frame);
    const narrow = this.resampler.process(decoded ?? this.decoder.conceal());
    coded.set(this.codec.encode(narrow), place * CODEC2_FRAME_OCTETS);
    if (decoded === undefined) this.counters.add(frame === undefined ? "bridge.concealed" : "bridge.decodeFailed");
    return decoded === undefined;
  }
}

/** Codec2 -> Opus: a bundle becomes three frames at once; frames that were made up stay out. */
class ToWide implements Transcoder {
  private readonly codec: NarrowCodec;
  private readonly encoder: VoiceEncoder;
  private readonly output: Output;
  private readonly counters: MediaCounters;
  private readonly resampler = new Resampler(NARROW_SAMPLE_RATE_HZ, SAMPLE_RATE_HZ);
  private readonly seen: number[] = [];

  constructor(codec: NarrowCodec, encoder: VoiceEncoder, output: Output, counters: MediaCounters) {
    this.codec = codec;
    this.encoder = encoder;
    this.output = output;
    this.counters = counters;
  }

  handle(timestamp20ms: number, payload: Uint8Array): void {
    if (this.seen.includes(timestamp20ms)) {
      this.counters.add("bridge.duplicate");
      return;
    }
    const frames = new Uint8Array(CODEC2_BUNDLE_FRAMES * CODEC2_FRAME_OCTETS);
    if (!unpackCodec2Bundle(payload, 0, payload.length, frames, 0)) {
      this.counters.add("bridge.malformedBundle");
      return;
    }
    this.seen.push(timestamp20ms);
    if (this.seen.length > REMEMBERED) this.seen.shift();
    for (let i = 0; i < CODEC2_BUNDLE_FRAMES; i++) {
      const frame = frames.subarray(i * CODEC2_FRAME_OCTETS, (i + 1) * CODEC2_FRAME_OCTETS);
      const opus = this.encoder.encode(this.resampler.process(this.codec.decode(frame) as Int16Array));
      if (!isMadeUp(payload, i)) this.output((timestamp20ms + 2 * i) & 0xffff, opus);
    }
  }

  nextUs(): number {
    return Infinity;
  }

  run(): void {}

  close(): void {
    this.codec.close();
  }
}

function isWhole(entry: Pending): boolean {
  return entry.frames.every((frame) => frame !== undefined);
}

/** All bursts that a border node carries between wide and narrow bearers. */
export class Bridge {
  private readonly bursts = new Map<string, { transcoder: Transcoder; lastArrivalUs: number }>();
  private readonly codecs: CodecFactory;
  private readonly emit: Emit;
  private readonly counters: MediaCounters;

  constructor(codecs: CodecFactory, emit: Emit, counters: MediaCounters) {
    this.codecs = codecs;
    this.emit = emit;
    this.counters = counters;
  }

  handleVoice(voice: VoiceIn, nowUs: number): void {
    const key = `${voice.talker}/${voice.group}/${voice.burst}/${voice.codec}`;
    const burst = this.bursts.get(key) ?? this.open(key, voice, nowUs);
    if (burst === undefined) return;
    burst.lastArrivalUs = nowUs;
    this.counters.add("bridge.received");
    burst.transcoder.handle(voice.timestamp20ms & 0xffff, voice.payload, nowUs);
  }

  nextUs(): number {
    let nextUs = Infinity;
    for (const burst of this.bursts.values()) nextUs = Math.min(nextUs, burst.transcoder.nextUs());
    return nextUs;
  }

  run(nowUs: number): void {
    for (const burst of this.bursts.values()) burst.transcoder.run(nowUs);
  }

  close(): void {
    for (const burst of this.bursts.values()) burst.transcoder.close();
    this.bursts.clear();
  }

  private open(key: string, voice: VoiceIn, nowUs: number) {
    this.dropSilent(nowUs);
    if (this.bursts.size >= MAX_BURSTS) {
      this.counters.add("bridge.tooManyBursts");
      return undefined;
    }
    const transcoder = this.createTranscoder(voice);
    if (transcoder === null) {
      this.counters.add("bridge.codecMissing");
      return undefined;
    }
    const burst = { transcoder, lastArrivalUs: nowUs };
    this.bursts.set(key, burst);
    return burst;
  }

  private dropSilent(nowUs: number): void {
    for (const [key, burst] of this.bursts) {
      if (nowUs - burst.lastArrivalUs <= KEEP_SILENT_US) continue;
      burst.transcoder.close();
      this.bursts.delete(key);
    }
  }

  private createTranscoder({ talker, group, burst, codec }: VoiceIn): Transcoder | null {
    const narrow = this.codecs.codec2();
    if (narrow === null) return null;
    const target = codec === VoiceCodec.opus ? VoiceCodec.codec2_1300 : VoiceCodec.opus;
    const output: Output = (timestamp20ms, payload) => {
      this.counters.add("bridge.sent");
      this.emit({ type: "voice-out", talker, group, burst, codec: target, timestamp20ms, payload });
    };
    if (codec === VoiceCodec.opus) {
      const decoder = this.codecs.opusDecoder();
      if (decoder !== null) return new ToNarrow(decoder, narrow, output, this.counters);
    } else {
      const encoder = this.codecs.opusEncoder();
      if (encoder !== null) return new ToWide(narrow, encoder, output, this.counters);
    }
    narrow.close();
    return null;
  }
}
