import { CODEC2_FRAME_OCTETS, decodeWavHeader, unpackCodec2Bundle } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VoiceCodec } from "../core/api.ts";
import { type CodecFactory, FRAME_SAMPLES, NARROW_FRAME_SAMPLES } from "./codec-ports.ts";
import { isMadeUp } from "./codec2-marks.ts";
import type { ToMedia } from "./protocol.ts";
import { VirtualMedia } from "./testing/virtual-media.ts";
import { shortenFrame } from "./time-scale.ts";
import { synthesiseSpeechWav } from "./voice-source.ts";
import { readWav } from "./wav-source.ts";

type VoiceIn = Extract<ToMedia, { type: "voice-in" }>;

const FRAME_US = 40_000;
const CONCEALED = 77;

/** Codecs whose payload is the first sample of the frame, so that a test can follow a frame by its number. */
function numberedCodecs(): CodecFactory {
  const frame = (length: number, value: number) => new Int16Array(length).fill(value);
  const numberOf = (octets: Uint8Array) => ((octets[0] as number) << 8) | (octets[1] as number);
  return {
    opusEncoder: () => ({ encode: (pcm) => Uint8Array.of((pcm[0] as number) >> 8, pcm[0] as number) }),
    opusDecoder: () => ({
      decode: (octets) => (octets.length === 2 ? frame(FRAME_SAMPLES, numberOf(octets)) : undefined),
      conceal: () => frame(FRAME_SAMPLES, CONCEALED),
    }),
    codec2: () => ({
      // The middle of the frame: the resampler before it has settled there.
      encode: (pcm) => {
        const value = pcm[NARROW_FRAME_SAMPLES / 2] as number;
        const octets = new Uint8Array(CODEC2_FRAME_OCTETS);
        octets.set([value >> 8, value]);
        return octets;
      },
      decode: (octets) =>
        octets.length === CODEC2_FRAME_OCTETS ? frame(NARROW_FRAME_SAMPLES, numberOf(octets)) : undefined,
      conceal: () => frame(NARROW_FRAME_SAMPLES, CONCEALED),
      close: () => {},
    }),
  };
}

const talkFile = (codec: VoiceCodec): ToMedia => ({ type: "talk-file", group: 1, burst: 2, path: "a.wav", codec });
const opusIn = (timestamp20ms: number, value: number): VoiceIn => ({
  type: "voice-in",
  talker: 9,
  group: 1,
  burst: 3,
  codec: VoiceCodec.opus,
  timestamp20ms,
  payload: Uint8Array.of(value >> 8, value),
  bridge: true,
  play: false,
});

test("a talk keeps to absolute times: late wake-ups do not add up", async () => {
  const media = new VirtualMedia(numberedCodecs());
  media.files.set("a.wav", synthesiseSpeechWav(1, 1));
  const startUs = media.nowUs;
  await media.send(talkFile(VoiceCodec.opus));
  media.runUntil(startUs + 60_000_000, 15_000);
  const sent = media.messages.filter((message) => message.type === "voice-sent");
  assert.is(sent.length, 1500);
  assert.equal(
    sent.map((frame) => frame.atUs - startUs),
    sent.map((_, n) => n * FRAME_US),
  );
});

test("after a stall the talk catches up; after a long one it gives up what is past", async () => {
  const media = new VirtualMedia(numberedCodecs());
  media.files.set("a.wav", synthesiseSpeechWav(1, 1));
  await media.send(talkFile(VoiceCodec.opus));
  const startUs = media.nowUs;
  media.nowUs = startUs + 10 * FRAME_US;
  media.engine.run();
  assert.is(media.voiceOut().length, 10);
  media.nowUs = startUs + 1000 * FRAME_US;
  media.engine.run();
  assert.ok(media.voiceOut().length <= 11 + 26);
  assert.is(media.voiceOut().at(-1)?.timestamp20ms, 2 * 999);
});

test("a Codec2 talk sends three frames at a time and marks what fills the last bundle", async () => {
  const media = new VirtualMedia(numberedCodecs());
  media.files.set("a.wav", synthesiseSpeechWav(1, 1));
  await media.send(talkFile(VoiceCodec.codec2_1300));
  media.runUntil(media.nowUs + 7 * FRAME_US);
  await media.send({ type: "talk-stop" });
  const out = media.voiceOut();
  assert.equal(
    out.map((bundle) => bundle.timestamp20ms),
    [0, 6, 12],
  );
  const marks = out.map(({ payload }) => [0, 1, 2].map((frame) => isMadeUp(payload, frame)));
  assert.equal(marks, [
    [false, false, false],
    [false, false, false],
    [false, true, true],
  ]);
});

test("live speech is framed by its samples", async () => {
  const media = new VirtualMedia(numberedCodecs());
  await media.send({ type: "talk-live", group: 1, burst: 2, codec: VoiceCodec.opus });
  const pcm = new Uint8Array(2 * 400);
  for (let i = 0; i < 16; i++) {
    media.nowUs += 25_000;
    await media.send({ type: "pcm-in", pcm });
  }
  assert.is(media.voiceOut().length, 10);
  const rest = new Uint8Array(2 * 200_000);
  await media.send({ type: "pcm-in", pcm: rest });
  assert.is(media.voiceOut().length, 10 + 50, "two seconds at most");
});

test("the bridge aligns bundles, conceals what is missing and marks it", async () => {
  const media = new VirtualMedia(numberedCodecs());
  // Frames 0, 1, 2 | 4 alone | 6, 8, 7: the second bundle misses two, the third is out of order.
  for (const frame of [0, 1, 2, 4, 6, 8, 7]) await media.send(opusIn(2 * frame, 1000 + frame));
  media.runUntil(media.nowUs + 200_000);
  const out = media.voiceOut();
  assert.ok(out.every(({ talker, codec }) => talker === 9 && codec === VoiceCodec.codec2_1300));
  assert.equal(
    out.map((bundle) => bundle.timestamp20ms),
    [0, 6, 12],
  );
  assert.equal(
    out.map(({ payload }) => [0, 1, 2].map((frame) => isMadeUp(payload, frame))),
    [
      [false, false, false],
      [true, false, true],
      [false, false, false],
    ],
  );
  const frames = new Uint8Array(3 * CODEC2_FRAME_OCTETS);
  unpackCodec2Bundle(out[2]?.payload ?? frames, 0, 20, frames, 0);
  const values = [0, 1, 2].map((n) => ((frames[7 * n] as number) << 8) | (frames[7 * n + 1] as number));
  for (const [n, value] of values.entries()) assert.ok(Math.abs(value - (1006 + n)) <= 2, `${value}`);
});

test("the bridge adds no delay to a whole bundle and 100 ms to one that misses its end", async () => {
  const media = new VirtualMedia(numberedCodecs());
  for (const frame of [0, 1, 2]) await media.send(opusIn(2 * frame, frame));
  assert.is(media.voiceOut().length, 1);
  await media.send(opusIn(6, 3));
  const lastUs = media.nowUs;
  media.runUntil(lastUs + 99_999);
  assert.is(media.voiceOut().length, 1);
  media.runUntil(lastUs + 100_000);
  assert.is(media.voiceOut().length, 2);
  await media.send(opusIn(8, 4));
  media.runUntil(media.nowUs + 1_200_000);
  assert.is(media.voiceOut().length, 2);
  assert.is(media.counter("bridge.late"), 1);
});

test("a bundle crosses back as three frames, made-up ones left out, repeats ignored", async () => {
  const media = new VirtualMedia(numberedCodecs());
  for (const frame of [0, 1, 2, 4]) await media.send(opusIn(2 * frame, 500 + frame));
  media.runUntil(media.nowUs + 200_000);
  const bundles = media.voiceOut();
  const other = new VirtualMedia(numberedCodecs());
  for (const { timestamp20ms, payload } of [...bundles, ...bundles]) {
    await other.send({ ...opusIn(timestamp20ms, 0), codec: VoiceCodec.codec2_1300, payload });
  }
  other.runUntil(other.nowUs + 1_200_000);
  assert.equal(
    other.voiceOut().map(({ timestamp20ms }) => timestamp20ms),
    [0, 2, 4, 8],
  );
  assert.is(other.counter("bridge.duplicate"), 2);
});

test("a made-up frame is heard but not reported as played", async () => {
  const media = new VirtualMedia(numberedCodecs());
  for (const frame of [0, 1, 2, 4]) await media.send(opusIn(2 * frame, 500 + frame));
  media.runUntil(media.nowUs + 200_000);
  const other = new VirtualMedia(numberedCodecs());
  await other.send({ type: "listen", groups: [1] });
  for (const { timestamp20ms, payload } of media.voiceOut()) {
    const voice = { ...opusIn(timestamp20ms, 0), codec: VoiceCodec.codec2_1300, payload };
    await other.send({ ...voice, bridge: false, play: true });
  }
  other.runUntil(other.nowUs + 2_000_000);
  const played = other.messages.filter((message) => message.type === "voice-played");
  assert.equal(
    played.map(({ timestamp20ms }) => timestamp20ms),
    [0, 2, 4, 8],
  );
  assert.is(other.counter("voice.madeUp"), 2);
  assert.is(other.messages.filter((message) => message.type === "pcm-out").length, 6 + 5, "and the burst's end");
});

test("without a codec library a talk is refused and foreign frames are counted", async () => {
  const media = new VirtualMedia({ opusEncoder: () => null, opusDecoder: () => null, codec2: () => null });
  await media.send({ type: "talk-live", group: 1, burst: 2, codec: VoiceCodec.codec2_1300 });
  assert.ok(media.messages.some((message) => message.type === "source-failed" && message.code === "no-codec"));
  await media.send({ ...opusIn(0, 1), play: true });
  media.runUntil(media.nowUs + 2_000_000);
  assert.ok(media.counter("voice.codecMissing") > 0);
  assert.is(media.counter("bridge.codecMissing"), 1);
});

test("shortening takes 4 ms out of a frame without a step", () => {
  const pcm = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) => 8_000 * Math.sin((2 * Math.PI * 180 * i) / 16_000));
  const output = shortenFrame(pcm);
  assert.is(output.length, FRAME_SAMPLES - 64);
  const steepest = (samples: Int16Array) =>
    samples.reduce((most, sample, i) => Math.max(most, Math.abs(sample - (samples[i - 1] ?? sample))), 0);
  assert.ok(steepest(output) <= 1.5 * steepest(pcm));
});

test("the speech made for rehearsals is a WAV file, the same for the same seed", () => {
  const wav = synthesiseSpeechWav(2, 7);
  assert.equal(synthesiseSpeechWav(2, 7), wav);
  assert.not.equal(synthesiseSpeechWav(2, 8), wav);
  assert.is(decodeWavHeader(wav, 0, wav.length)?.sampleRateHz, 16_000);
  const samples = readWav(wav);
  assert.ok(samples instanceof Int16Array && samples.length === 32_000);
  const loud = (samples as Int16Array).filter((sample) => Math.abs(sample) > 500).length;
  assert.ok(loud > 8_000, "syllables");
  assert.ok(loud < 30_000, "and pauses");
});

test("a WAV file that cannot be played is refused with the reason", () => {
  const stereo = synthesiseSpeechWav(0.1, 1);
  stereo[22] = 2;
  stereo[32] = 4;
  assert.match(readWav(stereo) as string, "2 channels");
  const odd = synthesiseSpeechWav(0.1, 1);
  new DataView(odd.buffer).setUint32(24, 11_025, true);
  assert.match(readWav(odd) as string, "11025");
  assert.match(readWav(new Uint8Array(10)) as string, "not a WAV");
});

test.run();
