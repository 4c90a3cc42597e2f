/** CPU time of the voice path per 40 ms frame: what one talker, listener or bridge costs is 25 times that a second. */
import type { NarrowCodec, VoiceDecoder, VoiceEncoder } from "./codec-ports.ts";
import { createCodec2 } from "./codec2.ts";
import { FRAME_US, JitterBuffer } from "./jitter-buffer.ts";
import { createOpusDecoder, createOpusEncoder } from "./opus.ts";
import { Resampler } from "./resampler.ts";
import { shortenFrame } from "./time-scale.ts";
import { synthesiseSpeechWav } from "./voice-source.ts";
import { readWav, WavSource } from "./wav-source.ts";

const ROUNDS = 500;

function report(name: string, value: number, target: number): void {
  const line = { name, value: Math.round(value * 100) / 100, unit: "us/frame", target, pass: value <= target };
  console.log(JSON.stringify(line));
}

/** Least of five runs, so that what else the machine does is left out; user and system time of this process. */
function measure(name: string, target: number, work: (round: number) => void): void {
  let leastUs = Infinity;
  for (let run = 0; run < 5; run++) {
    const start = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) work(round);
    const { user, system } = process.cpuUsage(start);
    leastUs = Math.min(leastUs, (user + system) / ROUNDS);
  }
  report(name, leastUs, target);
}

const samples = readWav(synthesiseSpeechWav(10, 1)) as Int16Array;
const source = new WavSource(samples);
const speech = Array.from({ length: 250 }, () => source.next().slice());
const frameOf = (round: number) => speech[round % speech.length] as Int16Array;

const encoder = createOpusEncoder() as VoiceEncoder;
const decoder = createOpusDecoder() as VoiceDecoder;
const coded = speech.map((pcm) => encoder.encode(pcm));
measure("media.opus.encode", 1_000, (round) => encoder.encode(frameOf(round)));
measure("media.opus.decode", 200, (round) => decoder.decode(coded[round % coded.length] as Uint8Array));
measure("media.opus.conceal", 200, () => decoder.conceal());
measure("media.shorten", 100, (round) => shortenFrame(frameOf(round)));

const down = new Resampler(16_000, 8_000);
measure("media.resample.16to8", 100, (round) => down.process(frameOf(round)));

const codec2: NarrowCodec | null = createCodec2();
if (codec2 !== null) {
  const narrow = speech.map((pcm) => down.process(pcm));
  const frames = narrow.map((pcm) => codec2.encode(pcm));
  measure("media.codec2.encode", 400, (round) => codec2.encode(narrow[round % narrow.length] as Int16Array));
  measure("media.codec2.decode", 400, (round) => codec2.decode(frames[round % frames.length] as Uint8Array));
  codec2.close();
}

const buffer = new JitterBuffer({ capUs: 400_000, leadUs: 40_000 });
const payload = new Uint8Array(70);
let frameCount = 0;
measure("media.jitterBuffer", 10, () => {
  const nowUs = frameCount * FRAME_US;
  buffer.push((frameCount++ * 2) & 0xffff, payload, nowUs);
  while (buffer.nextPullUs() <= nowUs) buffer.pull(nowUs);
});
