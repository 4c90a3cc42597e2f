import { encodeSharedHeader, FrameKind, kindOctet, SHARED_HEADER_OCTETS, WIDE_TAG_OCTETS } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MARKER, MIN_PAYLOAD_OCTETS } from "./asker.ts";
import { LoopWatch } from "./loop-watch.ts";

/** A wide frame with packet 7 or another one; `counter` stands for the transmission. */
function frame(potential: number, counter: number, id = 7): Uint8Array {
  const octets = new Uint8Array(SHARED_HEADER_OCTETS + 2 + MIN_PAYLOAD_OCTETS + WIDE_TAG_OCTETS);
  encodeSharedHeader(1, counter, 0, octets);
  octets[SHARED_HEADER_OCTETS] = kindOctet(FrameKind.unicast, 2, 0);
  octets[SHARED_HEADER_OCTETS + 1] = potential;
  octets.set(MARKER, SHARED_HEADER_OCTETS + 2);
  octets[SHARED_HEADER_OCTETS + 2 + MARKER.length + 4] = id;
  return octets;
}

function rig() {
  const watch = new LoopWatch();
  const send = (from: number, to: number, octets: Uint8Array): void =>
    watch.transmitted(from, to, octets, octets.length);
  return { watch, send };
}

test("a packet that comes back and leaves as before loops", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(1, 0, frame(9, 2));
  send(0, 1, frame(9, 3));
  assert.is(watch.loops, 1);
  assert.match(watch.first, "packet 7 over 0 -> 1");
  assert.is(watch.hops, 3);
  assert.is(watch.packets, 1);
});

test("one that leaves with a lower potential does not", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(1, 0, frame(8, 2));
  send(0, 1, frame(7, 3));
  assert.is(watch.loops, 0);
  assert.is(watch.resent, 0);
});

test("a repeated frame is no crossing, a new attempt of the same node no loop", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(0, 1, frame(9, 1));
  assert.is(watch.hops, 1);
  send(0, 1, frame(9, 2));
  assert.is(watch.hops, 2);
  assert.is(watch.resent, 1);
  assert.is(watch.loops, 0);
});

test("packets are told apart, and other frames ignored", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(1, 0, frame(9, 2, 8));
  send(0, 1, frame(9, 3, 8));
  assert.is(watch.loops, 0);
  assert.is(watch.packets, 2);
  send(0, 1, new Uint8Array(40));
  assert.is(watch.hops, 3);
});

test("a packet that circles for ever is one of too many hops", () => {
  const { watch, send } = rig();
  for (let i = 0; i < 70; i++) send(i % 2, 1 - (i % 2), frame(200 - i, i));
  assert.is(watch.overlong, 6);
  assert.is(watch.loops, 0);
});

test.run();
