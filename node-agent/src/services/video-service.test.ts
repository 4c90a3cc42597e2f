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
