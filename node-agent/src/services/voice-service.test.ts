import { test } from "uvu";
import * as assert from "uvu/assert";
import { VoiceCodec } from "../core/api.ts";
import type { ToMedia } from "../media/protocol.ts";
import { errorCode } from "../shell/skein-error.ts";
import { createFakeContext } from "./fake-context.ts";
import { VoiceService } from "./voice-service.ts";

const serial = [{ type: "serial", name: "vhf", device: "/dev/ttyS9" }];

function start(fields: Record<string, unknown> = {}, narrowVoice = true) {
  const context = createFakeContext({ voice: { groups: [1] }, ...fields });
  const sent: ToMedia[] = [];
  return {
    context,
    sent,
    voice: new VoiceService(context, { send: (message) => void sent.push(message) }, narrowVoice),
  };
}

test("one talker at a time: the key goes to whoever pressed first, until released", () => {
  const { context, sent, voice } = start();
  const [ann, bob] = [{}, {}];
  voice.talkLive(1, ann);
  voice.talkLive(1, ann);
  assert.throws(
    () => voice.talkFile(1, "/x.wav", bob),
    (error: unknown) => errorCode(error, "") === "talk-busy",
  );
  voice.pcmIn(1, new Uint8Array(4), bob);
  voice.pcmIn(2, new Uint8Array(4), ann);
  voice.pcmIn(1, new Uint8Array(4), ann);
  voice.stopTalking(bob);
  assert.equal(
    sent.map((m) => m.type),
    ["talk-live", "pcm-in"],
  );
  voice.gone(ann);
  voice.talkFile(1, "/x.wav", bob);
  assert.equal(
    sent.map((m) => m.type),
    ["talk-live", "pcm-in", "talk-stop", "talk-file"],
  );
  const bursts = sent.flatMap((m) => ("burst" in m ? [m.burst] : []));
  assert.is(bursts[1], ((bursts[0] as number) + 1) % 32, "each press is a burst of its own");
  assert.is(voice.status(0).counters["pcm-without-key"], 2);
  context.remove();
});

test("the codec follows the bearers: Opus with any wide one, Codec2 on slow radios, slow Opus where it is missing", () => {
  const codecOf = (fields: Record<string, unknown>, narrowVoice: boolean) => {
    const { context, sent, voice } = start(fields, narrowVoice);
    voice.talkFile(1, "/x.wav", {});
    context.remove();
    const [message] = sent;
    return message?.type === "talk-file" ? [message.codec, message.bitrateBps] : [];
  };
  assert.equal(codecOf({}, true), [VoiceCodec.opus, undefined]);
  assert.equal(codecOf({ bearers: serial }, true), [VoiceCodec.codec2_1300, 6000]);
  assert.equal(codecOf({ bearers: serial }, false), [VoiceCodec.opus, 6000]);
});

test("voice of other groups goes nowhere, unless it is to be carried across", () => {
  const { context, sent, voice } = start();
  const frame = {
    type: "voice",
    talker: 0x102,
    burst: 1,
    codec: 0,
    timestamp20ms: 0,
    payload: new Uint8Array(9),
    again: false,
  } as const;
  voice.onVoice({ ...frame, group: 1, bridge: false }, 0);
  voice.onVoice({ ...frame, group: 2, bridge: false }, 0);
  voice.onVoice({ ...frame, group: 2, bridge: true }, 0);
  voice.onVoice({ ...frame, group: 1, bridge: true, again: true }, 0);
  assert.equal(
    sent.map((m) => m.type === "voice-in" && [m.group, m.play, m.bridge]),
    [
      [1, true, false],
      [2, false, true],
      [1, false, true],
    ],
  );
  assert.equal(voice.status(100_000).talkers, [{ talker: 0x102, group: 1, sinceMs: 100 }]);
  assert.equal(voice.status(2_000_000).talkers, []);
  context.remove();
});

test("coded voice goes to the core: the own as own, a bridged frame under its talker's name", () => {
  const { context, voice } = start();
  const payload = new Uint8Array(3);
  const frame = { type: "voice-out", group: 1, burst: 2, codec: 0, timestamp20ms: 65_540, payload } as const;
  voice.onVoiceOut({ ...frame, talker: null });
  voice.onVoiceOut({ ...frame, talker: 0x103 });
  assert.equal(context.calls, [
    ["sendVoice", 5_000_000, 1, 2, 0, 4, payload],
    ["sendBridgedVoice", 5_000_000, 0x103, 1, 2, 0, 4, payload],
  ]);
  context.remove();
});

test("after the media process died a talk goes on in a new burst; a file that cannot be used frees the key", () => {
  const { context, sent, voice } = start();
  voice.talkFile(1, "/x.wav", {});
  voice.onMediaRestart();
  const talks = sent.filter((m) => m.type === "talk-file");
  assert.is(talks.length, 2);
  assert.is.not(talks[0]?.burst, talks[1]?.burst);
  voice.onSourceFailed("no such file");
  assert.is(voice.status(0).talkingIn, null);
  assert.is(context.announced.length, 1);
  context.remove();
});

test("what listeners want is the union of their groups", () => {
  const { context, sent, voice } = start();
  const [ann, bob] = [{}, {}];
  voice.listen([1, 2], ann);
  voice.listen([2, 3], bob);
  voice.gone(ann);
  assert.equal(sent, [
    { type: "listen", groups: [1, 2] },
    { type: "listen", groups: [1, 2, 3] },
    { type: "listen", groups: [2, 3] },
  ]);
  context.remove();
});

test.run();
