import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PathSecond } from "../api/types.ts";
import { type BearerStatus, type ClassTraffic, VoiceCodec } from "../core/api.ts";
import { PathHistory } from "./path-history.ts";

function bearer(voiceFrames: number, costCentsPerMegabyte = 0): BearerStatus {
  const classOf = (frames: number): ClassTraffic => ({
    framesSent: 0,
    octetsSent: 0,
    framesReceived: frames,
    octetsReceived: 100 * frames,
    framesFirst: frames,
  });
  return {
    id: 0,
    name: "lte",
    up: true,
    framesSent: 0,
    framesReceived: voiceFrames,
    octetsSent: 0,
    octetsReceived: 100 * voiceFrames,
    classes: [voiceFrames, 0, 0, 0, 0].map(classOf),
    queuedFrames: 0,
    queuedMs: 0,
    queues: [],
    drops: [],
    airtimeShare: 0,
    costCentsPerMegabyte,
  };
}

const voice = (burst: number, codec: VoiceCodec = VoiceCodec.opus) => ({
  type: "voice" as const,
  talker: 0x0102,
  group: 1,
  burst,
  codec,
  timestamp20ms: 0,
  payload: new Uint8Array(),
  bridge: false,
  again: false,
});

test("a second holds what its bearers carried in it, and what that cost", () => {
  const history = new PathHistory(["lte"]);
  history.sample([bearer(1000, 20)], 1000);
  history.sample([bearer(1050, 20)], 2000);
  const [second, ...more] = history.since(0, 0).seconds;
  assert.is(more.length, 0, "the first sample is what went before");
  const [carried] = (second as PathSecond).bearers;
  assert.equal(carried?.classes[0], [0, 0, 50, 5000, 50]);
  assert.is(carried?.cents, 0.1);
  history.sample([bearer(1100, 40)], 3000);
  assert.equal(history.since(0, 0).cents, [0.1 + 0.2]);
});

test("the longest pause within a burst of speech is its second's gap", () => {
  const history = new PathHistory(["lte"]);
  history.sample([bearer(0)], 0);
  for (const atMs of [0, 40, 80, 193, 200]) history.onVoice(voice(1), 1000 * atMs);
  history.onVoice(voice(2), 900_000);
  history.sample([bearer(0)], 1000);
  history.onVoice(voice(2), 940_000);
  history.onVoice(voice(2, VoiceCodec.codec2_1300), 1_400_000);
  history.sample([bearer(0)], 2000);
  assert.equal(
    history.since(0, 0).seconds.map((second) => second.voiceGapMs),
    [113, 40],
  );
});

test("what was told is not told again, and the oldest gives way", () => {
  const history = new PathHistory(["lte"]);
  const path = { bearerId: 0, address: 0x0102 };
  history.onEvent({ type: "path", ...path, change: "suspected", reason: "no answer", silentMs: 51.4 }, 5);
  history.onEvent({ type: "neighbour", ...path, up: false, reason: "silent" }, 6);
  const { events } = history.since(0, 0);
  assert.equal(
    events.map(({ change, silentMs, atMs }) => [change, silentMs, atMs]),
    [
      ["suspected", 51, 5],
      ["down", 0, 6],
    ],
  );
  assert.is(history.since(0, 2).events.length, 0);
  for (let i = 0; i < 2000; i++) {
    history.sample([bearer(i)], 1000 * (i + 1));
    history.onEvent({ type: "neighbour", ...path, up: true, reason: "two-way" }, i);
  }
  const kept = history.since(0, 0);
  assert.is(kept.seconds.length, 300);
  assert.is(kept.events.length, 512);
  assert.is(history.since(1_999_000, 0).seconds.length, 1);
});

test.run();
