import { VoiceCodec } from "@skein/node-agent/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bundleOf, FLUSH_US, framesOfBundle, makerOf, type Transcoded, Transcoder } from "./transcoder.ts";

const TALKER = 0x10b;
const push = (t: Transcoder, frame: number, burst = 1): Transcoded[] =>
  t.pushOpus(frame * 40_000, TALKER, 3, burst, frame * 2);

test("three Opus frames make one bundle, at the third", () => {
  const t = new Transcoder(5);
  assert.equal([push(t, 0), push(t, 1)], [[], []]);
  const [bundle] = push(t, 2);
  assert.ok(bundle);
  assert.is(bundle.codec, VoiceCodec.codec2_1300);
  assert.is(bundle.timestamp20ms, 0);
  assert.is(bundle.payload.length, 20);
  assert.is(makerOf(bundle.payload), 5);
  assert.equal(framesOfBundle(bundle.payload), [0, 1, 2]);
  push(t, 3);
  push(t, 4);
  assert.is(push(t, 5)[0]?.timestamp20ms, 6);
});

test("frames that change places are put in order", () => {
  const t = new Transcoder(5);
  for (const frame of [0, 1, 3]) assert.equal(push(t, frame), []);
  assert.is(push(t, 2)[0]?.timestamp20ms, 0);
  assert.equal(push(t, 5), []);
  assert.equal(framesOfBundle(push(t, 4)[0]?.payload ?? new Uint8Array()), [0, 1, 2]);
});

test("a bundle with a lost frame goes when its time is over, or when the next but one begins", () => {
  const t = new Transcoder(5);
  push(t, 0);
  push(t, 2);
  assert.equal(t.flush(FLUSH_US - 1), []);
  assert.equal(framesOfBundle(t.flush(FLUSH_US)[0]?.payload ?? new Uint8Array()), [0, 2]);
  assert.equal(push(t, 1), [], "too late");
  push(t, 3);
  push(t, 6);
  assert.equal(
    push(t, 9).map((b) => [b.timestamp20ms, framesOfBundle(b.payload)]),
    [[6, [0]]],
  );
});

test("one bundle makes its real frames", () => {
  const frames = new Transcoder(6).pushBundle(TALKER, 3, 1, 12, bundleOf(0, 0b101));
  assert.equal(
    frames.map((f) => [f.codec, f.timestamp20ms, makerOf(f.payload)]),
    [
      [VoiceCodec.opus, 12, 6],
      [VoiceCodec.opus, 16, 6],
    ],
  );
});

test("bursts do not mix, and a number that comes again after a silence is another burst", () => {
  const t = new Transcoder(5);
  push(t, 0, 1);
  push(t, 1, 1);
  assert.equal(push(t, 2, 2), []);
  assert.is(push(t, 2, 1).length, 1);
  for (const frame of [0, 1]) assert.equal(t.pushOpus(90e6, TALKER, 3, 1, frame * 2), []);
  assert.is(t.pushOpus(90e6, TALKER, 3, 1, 4).length, 1);
});

test.run();
