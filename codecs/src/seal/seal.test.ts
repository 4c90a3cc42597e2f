import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import {
  decodeFullHeader,
  directCounterBits,
  encodeDirectHeader,
  encodeFlowHeader,
  encodeFullHeader,
  encodeSharedHeader,
  type FullHeader,
  flowCounterBits,
  isForEnds,
  rebuildCounter,
  SealFormat,
  sealFormat,
  sealKeyPhase,
  sharedCounterBits,
  writeNonce,
} from "./layout.ts";
import {
  createReplayWindow,
  REPLAY_BITS,
  replayAccept,
  replayAdvance,
  replayBitmap,
  replayHighestCame,
  replayIsNew,
} from "./replay-window.ts";

interface Layout {
  layout: "full" | "direct" | "shared" | "flow";
  keyPhase: number;
  forEnds?: boolean;
  nodeId: number;
  bootEpoch: number;
  bearerId: number;
  counter: number;
  receiverIndex: number;
  transmitter: number;
  label: number;
  potential6: number;
  sequence: number;
}

function encode(v: Layout, out: Uint8Array): number {
  if (v.layout === "full") return encodeFullHeader(v, v.keyPhase, out);
  if (v.layout === "direct") return encodeDirectHeader(v.receiverIndex, v.counter, v.keyPhase, v.forEnds ?? false, out);
  if (v.layout === "shared") return encodeSharedHeader(v.transmitter, v.counter, v.keyPhase, out);
  return encodeFlowHeader(v.label, v.potential6, v.sequence, v.counter, v.keyPhase, out);
}

test("golden vectors of the four layouts", () => {
  const text = readFileSync(new URL("../../vectors/sealed-frame.json", import.meta.url), "utf8");
  const vectors = parseGoldenVectors(text, false);
  assert.is(vectors.length, 7);
  for (const { name, hex, value } of vectors) {
    const v = value as Layout;
    const octets = fromHex(hex);
    assert.is(sealFormat(octets), SealFormat[v.layout], name);
    assert.is(sealKeyPhase(octets), v.keyPhase, name);
    if (v.layout === "full") {
      const header: FullHeader = { nodeId: 0, bootEpoch: 0, bearerId: 0, counter: 0 };
      assert.is(decodeFullHeader(octets, octets.length, header), v.keyPhase === 0 || v.keyPhase === 1, name);
      assert.is(header.counter, v.counter, name);
      assert.is(header.nodeId, v.nodeId, name);
    }
    if (v.layout === "direct") {
      assert.is(directCounterBits(octets), v.counter % 0x10000, name);
      assert.is(isForEnds(octets), v.forEnds ?? false, name);
    }
    if (v.layout === "shared") assert.is(sharedCounterBits(octets), v.counter % 0x2000, name);
    if (v.layout === "flow") assert.is(flowCounterBits(octets), v.counter % 0x20, name);
    const out = new Uint8Array(32);
    assert.is(toHex(out, encode(v, out)), hex, name);
  }
});

test("a full header with a reserved bit set, cut short, or of nobody is refused", () => {
  const header: FullHeader = { nodeId: 0, bootEpoch: 0, bearerId: 0, counter: 0 };
  const good = fromHex("000102030400000007010000000000");
  assert.ok(decodeFullHeader(good, 15, header));
  assert.not(decodeFullHeader(good, 14, header));
  assert.not(decodeFullHeader(fromHex("040102030400000007010000000000"), 15, header));
  assert.not(decodeFullHeader(fromHex("000000000000000007010000000000"), 15, header));
});

test("a counter comes back from its low bits while less than half the span is lost", () => {
  const bits = fc.constantFrom(5, 13, 16, 32);
  fc.assert(
    fc.property(bits, fc.nat(2 ** 31), fc.integer({ min: -1000, max: 1000 }), (width, highest, ahead) => {
      const half = 2 ** (width - 1);
      const counter = highest + 1 + Math.max(-half + 1, Math.min(half - 1, ahead));
      if (counter < 0) return;
      assert.is(rebuildCounter(counter % 2 ** width, width, highest), counter);
    }),
  );
  assert.is(rebuildCounter(0, 13, -1), 0);
});

test("nonces differ whenever epoch, stream or counter do", () => {
  const part = fc.record({ epoch: fc.nat(0xffffffff), stream: fc.nat(0xffff), counter: fc.nat(2 ** 40 - 1) });
  fc.assert(
    fc.property(part, part, (a, b) => {
      const one = new Uint8Array(12);
      const two = new Uint8Array(12);
      writeNonce(one, a.epoch, a.stream, a.counter);
      writeNonce(two, b.epoch, b.stream, b.counter);
      const same = a.epoch === b.epoch && a.stream === b.stream && a.counter === b.counter;
      assert.is(toHex(one) === toHex(two), same);
    }),
  );
});

test("the replay window takes each counter once, in any order within 4096", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12_000), { maxLength: 300 }), (counters) => {
      const window = createReplayWindow();
      const seen = new Set<number>();
      let highest = -1;
      for (const counter of counters) {
        const expected = !seen.has(counter) && counter > highest - REPLAY_BITS;
        assert.is(replayIsNew(window, counter), expected);
        if (!expected) continue;
        replayAccept(window, counter);
        seen.add(counter);
        highest = Math.max(highest, counter);
      }
      const bitmap = replayBitmap(window, window.highest);
      for (let i = 0; i < 32; i++) assert.is((bitmap >>> i) & 1, seen.has(highest - 1 - i) ? 1 : 0);
    }),
  );
});

test("what a window was moved past has not come, and is new when it comes", () => {
  const window = createReplayWindow();
  replayAdvance(window, 7);
  assert.is(replayHighestCame(window), -1);
  replayAccept(window, 5);
  assert.is(replayHighestCame(window), 5);
  assert.ok(replayIsNew(window, 7));
  replayAccept(window, 7);
  assert.is(replayHighestCame(window), 7);
});

test.run();
