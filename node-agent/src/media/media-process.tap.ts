import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { MediaStreamTrack, RTCPeerConnection, type RtpPacket, useVP8 } from "werift";
import { VoiceCodec } from "../core/api.ts";
import { findCodec2 } from "./codec2.ts";
import { isMadeUp } from "./codec2-marks.ts";
import { type MediaHost, startMedia } from "./media-host.ts";
import { createOpusDecoder } from "./opus.ts";
import type { FromMedia } from "./protocol.ts";
import { synthesiseSpeechWav } from "./voice-source.ts";

const CLIP = fileURLToPath(new URL("../../../scenarios/catalogue/media/clip.ivf", import.meta.url));
const PATIENCE_MS = 20_000;

type Of<Type extends FromMedia["type"]> = Extract<FromMedia, { type: Type }>;

/** A media process with everything it said; `until` waits for the next message that satisfies a test. */
class Rig {
  readonly messages: FromMedia[] = [];
  readonly host: MediaHost;
  private readonly listeners = new Set<(message: FromMedia) => void>();

  constructor() {
    this.host = startMedia((message) => {
      this.messages.push(message);
      for (const listener of this.listeners) listener(message);
    });
  }

  of<Type extends FromMedia["type"]>(type: Type): Of<Type>[] {
    return this.messages.filter((message): message is Of<Type> => message.type === type);
  }

  on(listener: (message: FromMedia) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  until<Type extends FromMedia["type"]>(type: Type, test: (message: Of<Type>) => boolean = () => true) {
    return new Promise<Of<Type>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${type} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
      const off = this.on((message) => {
        if (message.type !== type || !test(message as Of<Type>)) return;
        clearTimeout(timer);
        off();
        resolve(message as Of<Type>);
      });
    });
  }

  async count<Type extends FromMedia["type"]>(type: Type, count: number): Promise<Of<Type>[]> {
    while (this.of(type).length < count) await this.until(type);
    return this.of(type);
  }
}

const folder = mkdtempSync(join(tmpdir(), "skein-media-"));
const speech = join(folder, "speech.wav");
writeFileSync(speech, synthesiseSpeechWav(4, 1));
t.teardown(() => rmSync(folder, { recursive: true }));

function rig(test: { teardown(fn: () => Promise<void>): void }): Rig {
  const made = new Rig();
  test.teardown(() => made.host.close());
  return made;
}

t.test("speech from a file is coded, heard and reported", async (test) => {
  const talker = rig(test);
  const ready = await talker.until("ready");
  test.ok(ready.opus);
  talker.host.send({ type: "listen", groups: [3] });
  talker.on((message) => {
    if (message.type !== "voice-out") return;
    const { group, burst, codec, timestamp20ms, payload } = message;
    const copy = { group, burst, codec, timestamp20ms, payload, bridge: false, play: true };
    // Each frame twice, as over two paths.
    for (let i = 0; i < 2; i++) talker.host.send({ type: "voice-in", talker: 0x0102, ...copy });
  });
  talker.host.send({ type: "talk-file", group: 3, burst: 7, path: speech, codec: VoiceCodec.opus });
  // Speech goes on until enough was heard: a busy machine may be too late for some of it.
  const played = await talker.count("voice-played", 25);
  talker.host.send({ type: "talk-stop" });
  const out = talker.of("voice-out");
  const decoder = createOpusDecoder();
  for (const frame of out) test.equal(decoder?.decode(frame.payload)?.length, 640);
  test.same(
    out.map((frame) => frame.timestamp20ms),
    out.map((_, i) => 2 * i),
    "two units a frame from 0",
  );
  test.equal(new Set(played.map((frame) => frame.timestamp20ms)).size, played.length, "none twice");
  test.ok(talker.of("pcm-out").length >= played.length);
  const sentUs = new Map(talker.of("voice-sent").map((sent) => [sent.timestamp20ms, sent.atUs]));
  test.ok(
    played.every((frame) => frame.atUs - (sentUs.get(frame.timestamp20ms) ?? Infinity) >= 40_000),
    "one clock: nothing is heard before it was spoken",
  );
});

t.test("what cannot be used is refused with a code, and the process goes on", async (test) => {
  const media = rig(test);
  await media.until("ready");
  const refused = async (path: string, source: "talk" | "video") => {
    const failed = media.until("source-failed");
    if (source === "talk") media.host.send({ type: "talk-file", group: 1, burst: 1, path, codec: VoiceCodec.opus });
    else media.host.send({ type: "video-file", path });
    return await failed;
  };
  test.match(await refused(join(folder, "missing.wav"), "talk"), { source: "talk", code: "unreadable" });
  test.match(await refused(CLIP, "talk"), { source: "talk", code: "unsupported" });
  test.match(await refused(speech, "video"), { source: "video", code: "unsupported" });
  const failed = media.until("webrtc-failed");
  media.host.send({ type: "webrtc-offer", requestId: 5, direction: "send", from: 0, sdp: "rubbish" });
  test.match(await failed, { requestId: 5 });
  const noise = new Uint8Array(300).map((_, i) => (i * 151) & 0xff);
  media.host.send({ type: "video-in", from: 9, stream: 1, octets: noise });
  const voice = { talker: 9, group: 1, burst: 1, timestamp20ms: 0, payload: noise, bridge: true, play: true };
  media.host.send({ type: "voice-in", codec: VoiceCodec.opus, ...voice });
  media.host.send({ type: "voice-in", codec: VoiceCodec.codec2_1300, ...voice });
  await media.until("counters", ({ counters }) => (counters["voice.decodeFailed"] ?? 0) > 0);
  test.equal(media.host.restarts, 0);
});

t.test("a media process that is killed comes back", async (test) => {
  const media = rig(test);
  await media.until("ready");
  const { pid } = media.host;
  test.ok(pid !== undefined);
  const again = media.until("ready");
  process.kill(pid as number, "SIGKILL");
  await again;
  test.equal(media.host.restarts, 1);
  test.not(media.host.pid, pid);
});

// On the project's own runners libcodec2 is installed, and its absence is a failure.
const skip = findCodec2() === undefined && process.env["CI"] === undefined ? "libcodec2 is not installed" : false;
t.test("speech crosses from Opus to Codec2 and back", { skip }, async (test) => {
  const media = rig(test);
  test.ok((await media.until("ready")).codec2);
  const bridged = { group: 1, burst: 2, bridge: true, play: false };
  media.on((message) => {
    if (message.type !== "voice-out" || message.talker === 5) return;
    const { codec, timestamp20ms, payload } = message;
    // The own frames come in as talker 4 on Opus; the bundles made of them as talker 5.
    const talker = message.talker === null ? 4 : 5;
    media.host.send({ type: "voice-in", talker, codec, timestamp20ms, payload, ...bridged });
  });
  media.host.send({ type: "talk-file", group: 1, burst: 2, path: speech, codec: VoiceCodec.opus });
  await media.until("voice-out", (out) => out.talker === 5 && out.timestamp20ms >= 40);
  const out = media.of("voice-out");
  const bundles = out.filter(({ talker }) => talker === 4);
  const wide = out.filter(({ talker }) => talker === 5);
  test.ok(bundles.every(({ codec, payload }) => codec === VoiceCodec.codec2_1300 && payload.length === 20));
  test.ok(bundles.every(({ timestamp20ms }) => timestamp20ms % 6 === 0));
  // On a busy machine a frame may come too late for its bundle, but not one in each.
  const isWhole = (payload: Uint8Array): boolean => [0, 1, 2].every((frame) => !isMadeUp(payload, frame));
  test.ok(
    bundles.some(({ payload }) => isWhole(payload)),
    "three real frames in a bundle",
  );
  const decoder = createOpusDecoder();
  const loudness = wide.map(({ payload }) => Math.max(...(decoder?.decode(payload) ?? [])));
  test.ok(Math.max(...loudness) > 2_000, "speech is left");
});

function browser(): RTCPeerConnection {
  return new RTCPeerConnection({
    codecs: { audio: [], video: [useVP8()] },
    iceServers: [],
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: ["127.0.0.1"],
    iceInterfaceAddresses: { udp4: "127.0.0.1" },
  });
}

async function connect(rigged: Rig, peer: RTCPeerConnection, direction: "send" | "receive", from: number) {
  await peer.setLocalDescription(await peer.createOffer());
  if (peer.iceGatheringState !== "complete") {
    await peer.iceGatheringStateChange.watch((state) => state === "complete");
  }
  const answered = rigged.until("webrtc-answer");
  const sdp = peer.localDescription?.sdp ?? "";
  rigged.host.send({ type: "webrtc-offer", requestId: 1, direction, from, sdp });
  const { sdp: answer } = await answered;
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  return answer;
}

t.test("a clip crosses the mesh whole, and WebRTC at both of its ends", async (test) => {
  const source = rig(test);
  await source.until("ready");
  const sink = rig(test);
  await sink.until("ready");

  // A camera in a browser is played by the clip of a third process.
  const clip = rig(test);
  await clip.until("ready");
  const camera = browser();
  const track = new MediaStreamTrack({ kind: "video" });
  const transceiver = camera.addTransceiver(track, { direction: "sendonly" });
  let keyFrameRequests = 0;
  transceiver.sender.onPictureLossIndication.subscribe(() => keyFrameRequests++);
  clip.on((message) => {
    if (message.type === "video-out") track.writeRtp(Buffer.from(message.octets));
  });

  const watching = browser();
  watching.addTransceiver("video", { direction: "recvonly" });
  const shown: RtpPacket[] = [];
  watching.onTrack.subscribe((shownTrack) => shownTrack.onReceiveRtp.subscribe((packet) => shown.push(packet)));
  test.teardown(async () => {
    await camera.close();
    await watching.close();
  });

  source.on((message) => {
    if (message.type !== "video-out") return;
    sink.host.send({ type: "video-in", from: 0x0107, stream: message.stream, octets: message.octets });
  });
  const answer = await connect(source, camera, "send", 0);
  test.match(answer, /a=rtpmap:\d+ VP8\/90000/);
  test.notMatch(answer, /candidate:(?!.* 127\.0\.0\.1 )/, "candidates on loopback only");
  const shownAnswer = await connect(sink, watching, "receive", 0);
  test.match(shownAnswer, /a=rtcp-fb:\d+ nack pli\r/);
  test.notMatch(shownAnswer, /a=rtcp-fb:\d+ nack\r/, "no packet is ever sent twice");
  clip.host.send({ type: "video-file", path: CLIP });

  // The first limit comes before its camera has sent anything.
  source.host.send({ type: "video-rate", bps: 123_456 });
  const frames = await sink.count("video-frame", 45);
  while (shown.length < 60) await sink.until("video-frame");
  test.ok(keyFrameRequests > 0, "a key frame is asked for at the start");
  const limit = (): bigint => transceiver.sender.receiverEstimatedMaxBitrate;
  while (limit() !== 123_456n) await sink.until("video-frame");
  source.host.send({ type: "video-rate", bps: 2_000_003 });
  while (limit() !== 2_000_000n) await sink.until("video-frame");
  source.host.send({ type: "video-rate", bps: 0 });
  while (limit() !== 400_000n) await sink.until("video-frame");
  test.ok(frames.some((frame) => frame.keyFrame));
  const sent = new Set(source.of("video-out").map((out) => out.rtpTimestamp));
  test.ok(
    frames.every((frame) => sent.has(frame.rtpTimestamp)),
    "timestamps pair frames with their packets",
  );
  test.ok(source.of("video-out").every((out) => out.octets.length <= 1200));
});
