import { encodeIvfFrame, encodeIvfHeader, IVF_FRAME_HEADER_OCTETS, IVF_HEADER_OCTETS } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CodecFactory } from "./codec-ports.ts";
import type { FromMedia } from "./protocol.ts";
import { VirtualMedia } from "./testing/virtual-media.ts";

type VideoOut = Extract<FromMedia, { type: "video-out" }>;
type VideoFrame = Extract<FromMedia, { type: "video-frame" }>;

const NO_CODECS: CodecFactory = { opusEncoder: () => null, opusDecoder: () => null, codec2: () => null };
const RATE = 15;
const FRAMES = 10;
const FRAME_OCTETS = 3_000;

/** Frames of 3,000 octets, the first a key frame (lowest bit of the first octet 0). */
function makeClip(): Uint8Array {
  const octets = new Uint8Array(IVF_HEADER_OCTETS + FRAMES * (IVF_FRAME_HEADER_OCTETS + FRAME_OCTETS));
  const header = { fourcc: "VP80", width: 16, height: 16, rate: RATE, scale: 1, frameCount: FRAMES };
  let at = encodeIvfHeader(header, octets, 0);
  for (let n = 0; n < FRAMES; n++) {
    const frame = new Uint8Array(FRAME_OCTETS).fill(n + 1);
    frame[0] = n === 0 ? 0 : 1;
    at += encodeIvfFrame(n, frame, octets, at);
  }
  return octets;
}

async function send(seconds: number): Promise<VideoOut[]> {
  const media = new VirtualMedia(NO_CODECS);
  media.files.set("clip.ivf", makeClip());
  await media.send({ type: "video-file", path: "clip.ivf" });
  media.runUntil(media.nowUs + seconds * 1_000_000, 3_000);
  return media.messages.filter((message): message is VideoOut => message.type === "video-out");
}

async function receive(packets: readonly VideoOut[]): Promise<VirtualMedia> {
  const media = new VirtualMedia(NO_CODECS);
  for (const { stream, octets, atUs } of packets) {
    media.runUntil(Math.max(media.nowUs, atUs));
    await media.send({ type: "video-in", from: 7, stream, octets });
  }
  media.runUntil(media.nowUs + 2_000_000);
  return media;
}

const framesOf = (media: VirtualMedia) =>
  media.messages.filter((message): message is VideoFrame => message.type === "video-frame");

test("a clip loops at its own rate in packets that fit the mesh", async () => {
  const packets = await send(4);
  const frames = packets.filter((packet) => packet.lastOfFrame);
  assert.is(frames.length, 4 * RATE + 1);
  assert.ok(packets.every(({ octets }) => octets.length <= 1100));
  assert.equal(
    frames.map(({ frame, rtpTimestamp }) => rtpTimestamp - frame * (90_000 / RATE)),
    frames.map(() => 0),
  );
});

test("a clip held to a rate leaves out what comes before the next key frame, and all that it sends decodes", async () => {
  const media = new VirtualMedia(NO_CODECS);
  media.files.set("clip.ivf", makeClip());
  const packets = (): VideoOut[] =>
    media.messages.filter((message): message is VideoOut => message.type === "video-out");
  const octets = (some: readonly VideoOut[]): number => some.reduce((sum, packet) => sum + packet.octets.length, 0);
  const limitBps = (FRAME_OCTETS * 8 * RATE) / 2;
  // The limit may be older than the clip.
  await media.send({ type: "video-rate", bps: limitBps });
  await media.send({ type: "video-file", path: "clip.ivf" });
  media.runUntil(media.nowUs + 10_000_000, 3_000);
  const held = packets();
  const share = octets(held) / ((limitBps / 8) * 10);
  assert.ok(share > 0.8 && share < 1.2, `${share.toFixed(2)} of the limit`);
  const frames = held.filter(({ lastOfFrame }) => lastOfFrame).map(({ frame }) => frame);
  for (const [i, frame] of frames.entries()) {
    assert.ok(frame % FRAMES === 0 || frame === (frames[i - 1] as number) + 1, `frame ${frame} after ${frames[i - 1]}`);
  }

  await media.send({ type: "video-rate", bps: 0 });
  media.runUntil(media.nowUs + 1_000_000, 3_000);
  const from = packets().length;
  media.runUntil(media.nowUs + 2_000_000, 3_000);
  const free = packets().slice(from);
  assert.is(free.filter(({ lastOfFrame }) => lastOfFrame).length, 2 * RATE, "all of it again");
  const sent = packets().filter(({ lastOfFrame }) => lastOfFrame);
  assert.is(media.counter("video.framesOmitted"), (sent.at(-1)?.frame ?? 0) + 1 - sent.length);
  const shown = await receive(packets());
  assert.is(framesOf(shown).length, sent.length);
  assert.not(shown.messages.some(({ type }) => type === "video-need-key"));
});

test("every frame comes out whole, duplicates and reordering notwithstanding", async () => {
  const [first, ...packets] = await send(2);
  const mixed = packets.flatMap((packet, i) => (i % 2 === 0 ? [packets[i + 1] ?? packet, packet, packet] : []));
  const media = await receive([first as VideoOut, ...mixed]);
  const frames = framesOf(media);
  assert.is(frames.length, 2 * RATE + 1);
  assert.ok(frames.every(({ lengthOctets }) => lengthOctets === FRAME_OCTETS));
  assert.is(frames.filter(({ keyFrame }) => keyFrame).length, 4);
  assert.not(media.messages.some(({ type }) => type === "video-need-key"));
});

test("a lost packet costs its frame alone and asks for a key frame", async () => {
  const packets = await send(2);
  const lost = packets.findIndex(({ frame }) => frame === 12) + 1;
  const media = await receive(packets.filter((_, i) => i !== lost));
  assert.is(framesOf(media).length, 2 * RATE);
  assert.ok(media.messages.some((message) => message.type === "video-need-key" && message.from === 7));
  assert.is(media.counter("video.framesIncomplete"), 1);
});

test("a gap at the end of what comes is given up in time", async () => {
  const packets = (await send(1)).slice(0, 6);
  const media = await receive(packets.filter((_, i) => i !== 1));
  assert.equal(
    framesOf(media).map(({ rtpTimestamp }) => rtpTimestamp),
    [6_000],
  );
});

test("a sender that starts anew is a new source", async () => {
  const first = await send(1);
  const again = (await send(1)).map((packet) => {
    const octets = packet.octets.slice();
    octets[11] = (octets[11] as number) ^ 0xff;
    return { ...packet, octets, atUs: packet.atUs + 2_000_000 };
  });
  assert.is(framesOf(await receive([...first, ...again])).length, 2 * (RATE + 1));
});

test("noise and too many senders are counted drops", async () => {
  const media = new VirtualMedia(NO_CODECS);
  const octets = Uint8Array.from({ length: 64 }, (_, i) => i * 37);
  for (let from = 1; from <= 40; from++) await media.send({ type: "video-in", from, stream: 1, octets });
  media.runUntil(media.nowUs + 1_500_000);
  assert.is(media.counter("video.malformedPackets"), 16);
  assert.is(media.counter("video.tooManyStreams"), 24);
});

test.run();
