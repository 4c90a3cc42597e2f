import {
  createDataHeader,
  createRepair,
  DATA_FLAG_REPAIR,
  encodeRepair,
  encodeSharedHeader,
  encodeWideDataHeader,
  FrameKind,
  type Repair,
  SHARED_HEADER_OCTETS,
  WIDE_TAG_OCTETS,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MARKER, MIN_PAYLOAD_OCTETS } from "./asker.ts";
import { LoopWatch } from "./loop-watch.ts";

/** A wide frame with packet 7 or another one; `counter` stands for the transmission. */
function frame(potential: number, counter: number, id = 7, repair?: Partial<Repair>): Uint8Array {
  const octets = new Uint8Array(300);
  encodeSharedHeader(1, counter, 0, octets);
  const header = { ...createDataHeader(), kind: FrameKind.unicast, trafficClass: 2, potential };
  if (repair !== undefined) header.flags = DATA_FLAG_REPAIR;
  let at = SHARED_HEADER_OCTETS + encodeWideDataHeader(header, true, octets, SHARED_HEADER_OCTETS);
  if (repair !== undefined) at += encodeRepair({ ...createRepair(), ...repair }, octets, at);
  octets.set(MARKER, at);
  octets[at + MARKER.length + 4] = id;
  return octets.slice(0, at + MIN_PAYLOAD_OCTETS + WIDE_TAG_OCTETS);
}

function rig() {
  const watch = new LoopWatch();
  const send = (from: number, to: number, octets: Uint8Array): void =>
    watch.transmitted(from, to, octets, octets.length);
  return { watch, send };
}

test("what leaves a node below what it was given does not loop, though it comes back", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(1, 0, frame(8, 2));
  send(0, 1, frame(7, 3));
  send(1, 2, frame(7, 4, 7, { failureCount: 1, routeLength: 2 }));
  send(2, 1, frame(7, 5, 7, { failureCount: 1, routeLength: 1 }));
  assert.is(watch.loops, 0, watch.first);
  assert.is(watch.hops, 5);
  assert.is(watch.packets, 1);
  assert.is(watch.revisits, 3);
});

test("what is no packet crosses nothing, whatever is in it", () => {
  const { watch, send } = rig();
  const parity = frame(20, 1);
  parity[SHARED_HEADER_OCTETS] = FrameKind.path << 4;
  send(1, 2, parity);
  watch.overheard(2, parity, parity.length);
  assert.is(watch.hops, 0);
});

test("who overhears a copy may send it on below what that carried, and who has not heard it may not", () => {
  for (const [heard, remaining, ascents] of [
    [true, 8, 0],
    [true, 9, 1],
    [false, 8, 1],
  ] as const) {
    const { watch, send } = rig();
    const octets = frame(9, 1);
    send(0, 1, octets);
    if (heard) watch.overheard(2, octets, octets.length);
    send(2, 3, frame(remaining, 2));
    assert.is(watch.ascents, ascents);
  }
});

test("what was overheard many times is given once", () => {
  const { watch, send } = rig();
  for (let counter = 1; counter <= 3; counter++) {
    const octets = frame(9, counter);
    send(0, 1, octets);
    watch.overheard(2, octets, octets.length);
  }
  for (let counter = 11; counter <= 13; counter++) send(2, 3, frame(8, counter));
  assert.is(watch.loops, 0);
  send(2, 3, frame(8, 14));
  assert.is(watch.circulations, 1);
});

test("what a node sends on as it was given loops, and what it sends on with more", () => {
  for (const remaining of [9, 10]) {
    const { watch, send } = rig();
    send(0, 1, frame(9, 1));
    send(1, 2, frame(remaining, 2));
    assert.is(watch.ascents, 1);
    assert.match(watch.first, "packet 7 ascends");
  }
});

test("a route goes back to descent only by an ascent; a failure more may cost a longer route", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1, 7, { failureCount: 1, routeLength: 2 }));
  send(1, 2, frame(9, 2, 7, { failureCount: 2, routeLength: 9 }));
  assert.is(watch.loops, 0, watch.first);
  send(2, 3, frame(1, 3));
  assert.is(watch.ascents, 1);
});

test("two copies may pass one link, each on its own; a copy that circles behind another one is found", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(0, 2, frame(9, 2));
  send(2, 1, frame(8, 3));
  send(1, 3, frame(7, 4));
  send(1, 3, frame(7, 5));
  assert.is(watch.loops, 0, watch.first);
  assert.is(watch.resent, 1);
  for (let counter = 6; counter < 16; counter += 2) {
    send(3, 1, frame(7, counter));
    send(1, 3, frame(7, counter + 1));
  }
  assert.ok(watch.ascents > 0);
  assert.is(watch.circulations, 1);
});

test("a repeated frame is no crossing", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(0, 1, frame(9, 1));
  assert.is(watch.hops, 1);
  assert.is(watch.resent, 0);
});

test("packets are told apart, and other frames ignored", () => {
  const { watch, send } = rig();
  send(0, 1, frame(9, 1));
  send(1, 0, frame(9, 2, 8));
  send(0, 1, frame(8, 3, 8));
  assert.is(watch.loops, 0, watch.first);
  assert.is(watch.packets, 2);
  send(0, 1, new Uint8Array(40));
  assert.is(watch.hops, 3);
});

test.run();
