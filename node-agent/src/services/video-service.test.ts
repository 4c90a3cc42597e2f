import { createRtpHeader, encodeBitrateRequest, encodeRtpHeader } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ToMedia } from "../media/protocol.ts";
import { errorCode } from "../shell/skein-error.ts";
import { createFakeContext } from "./fake-context.ts";
import { VideoService } from "./video-service.ts";

function start() {
  const context = createFakeContext();
  const sent: ToMedia[] = [];
  return { context, sent, video: new VideoService(context, { send: (message) => void sent.push(message) }) };
}
const packet = { type: "video-out", stream: 1, frame: 4, rtpTimestamp: 360, lastOfFrame: true, atUs: 7 } as const;

test("packets go to whoever is to get the picture, and nowhere without one", () => {
  const { context, video } = start();
  const octets = new Uint8Array(1200);
  video.onVideoOut({ ...packet, octets });
  video.sendTo(0x101);
  video.onVideoOut({ ...packet, octets });
  video.onVideoOut({ ...packet, octets: new Uint8Array(1201) });
  video.stop();
  video.onVideoOut({ ...packet, octets });
  assert.equal(context.calls, [["sendVideo", 5_000_000, 0x101, 1, octets]]);
  assert.is(video.dropped, 3);
  assert.equal(context.lines, [
    ["video-out", { stream: 1, frame: 4, rtpTimestamp: 360, lastOfFrame: true, lengthOctets: 1200, to: 0x101 }],
  ]);
  context.remove();
});

test("a lost picture is asked for over the mesh, and the sender's camera is asked in turn", () => {
  const receiver = start();
  const sender = start();
  receiver.video.onNeedKey({ type: "video-need-key", from: 0x105, stream: 1 });
  receiver.video.onNeedKey({ type: "video-need-key", from: 0x105, stream: 1 });
  assert.is(receiver.context.calls.length, 1, "once in half a second");
  const [name, , to, stream, octets] = receiver.context.calls[0] as [string, number, number, number, Uint8Array];
  assert.equal([name, to, stream], ["sendVideo", 0x105, 1]);
  sender.video.onVideo({ type: "video", from: 0x101, stream, octets }, 0);
  assert.equal(sender.sent, [{ type: "video-key-wanted" }]);
  assert.equal(sender.context.lines, [], "no picture, no line");
  receiver.context.remove();
  sender.context.remove();
});

test("cameras are told what the mesh carries to whoever gets the picture, also those that come later", () => {
  const { context, sent, video } = start();
  video.sendTo(0x101);
  video.onRate({ type: "video-rate", to: 0x102, bps: 5e6 }, 0);
  assert.equal(sent, []);
  video.onRate({ type: "video-rate", to: 0x101, bps: 2e5 }, 0);
  void video.offer({ direction: "send", from: 0, sdp: "v=0" }).catch(() => undefined);
  video.sendTo(0x101);
  video.sendTo(0x102);
  video.sendTo(0x103);
  const rates = sent.map((message) => (message.type === "video-rate" ? message.bps : message.type));
  assert.equal(rates, [2e5, "webrtc-offer", 2e5, 0]);
  video.onMediaRestart();
  context.remove();
});

test("who gets more than the mesh passes asks for less, and the sender's cameras are held to it", () => {
  const receiver = start();
  const header = createRtpHeader();
  // Ten packets a second; from the third second on each comes later by a twentieth of a second.
  for (let n = 0; n < 50; n++) {
    const octets = new Uint8Array(1000);
    encodeRtpHeader({ ...header, sequence: n, timestamp: 9_000 * n }, octets, 0);
    const atUs = 100_000 * n + Math.max(0, n - 20) * 50_000;
    receiver.video.onVideo({ type: "video", from: 0x105, stream: 2, octets }, atUs);
  }
  const calls = receiver.context.calls.filter(([name]) => name === "sendVideo");
  assert.ok(calls.length > 0);
  const [, , to, stream, request] = calls[0] as [string, number, number, number, Uint8Array];
  assert.equal([to, stream], [0x105, 2]);

  const sender = start();
  const video = { type: "video", from: 0x101, stream, octets: request } as const;
  sender.video.onVideo(video, 5e6);
  assert.equal(sender.sent, [], "nobody gets its picture");
  sender.video.sendTo(0x102);
  sender.video.onVideo(video, 5e6);
  assert.equal(sender.sent, [], "somebody else gets it");
  sender.video.sendTo(0x101);
  sender.video.onVideo(video, 5e6);
  const rate = sender.sent[0] as Extract<ToMedia, { type: "video-rate" }>;
  assert.ok(rate.bps > 20_000 && rate.bps < 80_000, `${rate.bps}`);
  receiver.context.remove();
  sender.context.remove();
});

test("cameras get the less of what paths carry and what was asked for, which holds as long as it is asked for", () => {
  const { context, sent, video } = start();
  let nowUs = 5_000_000;
  Object.assign(context, { nowUs: () => nowUs });
  const ask = (bitrateBps: number): void =>
    video.onVideo(
      { type: "video", from: 0x101, stream: 2, octets: encodeBitrateRequest({ bitrateBps, ssrc: 1 }) },
      nowUs,
    );
  const rates = (): number[] => sent.splice(0).map((message) => (message.type === "video-rate" ? message.bps : -1));
  video.sendTo(0x101);
  ask(200_000);
  video.onRate({ type: "video-rate", to: 0x101, bps: 150_000 }, nowUs);
  video.onRate({ type: "video-rate", to: 0x101, bps: 900_000 }, nowUs);
  ask(100_000);
  assert.equal(rates(), [200_000, 150_000, 200_000, 100_000]);
  nowUs += 3_900_000;
  video.onVideoOut({ ...packet, octets: new Uint8Array(9) });
  assert.equal(rates(), []);
  nowUs += 200_000;
  video.onVideoOut({ ...packet, octets: new Uint8Array(9) });
  assert.equal(rates(), [900_000], "nobody has asked for four seconds");
  ask(0);
  assert.equal(rates(), [1], "no rate at all is not no limit");
  video.onMediaRestart();
  assert.equal(rates(), [1], "also after the media process came back");
  context.remove();
});

test("a browser's offer is answered, refused, or ends with the media process", async () => {
  const { context, sent, video } = start();
  const offer = { direction: "receive", from: 0, sdp: "v=0" } as const;
  const [good, bad, lost] = [video.offer(offer), video.offer(offer), video.offer(offer)];
  const ids = sent.map((m) => (m.type === "webrtc-offer" ? m.requestId : 0));
  video.onAnswer({ type: "webrtc-answer", requestId: ids[0] as number, sdp: "answer" });
  video.onFailed({ type: "webrtc-failed", requestId: ids[1] as number, reason: "no VP8" });
  video.onAnswer({ type: "webrtc-answer", requestId: 999, sdp: "nobody asked" });
  video.onMediaRestart();
  assert.is(await good, "answer");
  assert.is(await bad.catch((error) => errorCode(error, "")), "webrtc-failed");
  assert.is(await lost.catch((error) => errorCode(error, "")), "media-away");
  context.remove();
});

test("a clip goes on when the media process comes back, unless it could not be used", () => {
  const { context, sent, video } = start();
  video.sendFile(0x101, "/clip.ivf");
  video.onMediaRestart();
  video.onSourceFailed("not IVF");
  video.onMediaRestart();
  assert.equal(
    sent.map((m) => m.type),
    ["video-file", "video-file"],
  );
  context.remove();
});

test.run();
