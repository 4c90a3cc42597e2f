import { ARRIVAL_UNIT_US } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createNeighbour, type Neighbour } from "../neighbour.ts";
import { SentRing } from "../sent-ring.ts";
import { createPeer, PathMeter, type Peer } from "./path-meter.ts";

const FRAME = new Uint8Array(10);
/** The peer's clock is so far ahead that it wraps several times. */
const CLOCK_US = 123_456_789;

interface Way {
  readonly meter: PathMeter;
  readonly ring: SentRing;
  readonly n: Neighbour;
  counter: number;
}

function way(peer: Peer, rttUs: number): Way {
  const n = createNeighbour(0, 7, 0x107, 0, 0);
  n.rttUs = rttUs;
  return { meter: new PathMeter(peer), ring: new SentRing(100, 64), n, counter: 0 };
}

/** One frame that takes `delayUs`, or is lost (-1), and the report of it. */
function send(w: Way, nowUs: number, delayUs: number, bitmap = 0xffff_ffff | 0): void {
  const counter = w.counter++;
  w.ring.keep(counter, FRAME, FRAME.length, 0, nowUs, nowUs + 1e6, counter);
  if (delayUs < 0) return;
  const arrival = Math.floor((nowUs + delayUs + CLOCK_US) / ARRIVAL_UNIT_US) & 0xffff;
  w.meter.reported(nowUs, counter, bitmap, w.ring);
  w.meter.arrived(nowUs + delayUs, counter, arrival, w.n, w.ring);
}

test("delays of two ways compare whatever the peer's clock says", () => {
  const peer = createPeer();
  const slow = way(peer, 60_000);
  const quick = way(peer, 10_000);
  for (let i = 0; i < 200; i++) {
    send(quick, i * 20_000, 5_000);
    send(slow, i * 20_000, 300_000);
  }
  const apart = slow.meter.delayUs(0.5, 0) - quick.meter.delayUs(0.5, 0);
  assert.ok(Math.abs(apart - 295_000) <= 2 * ARRIVAL_UNIT_US, String(apart));
  assert.ok(Math.abs(quick.meter.delayUs(0.5, 0) - 5_000) <= 2 * ARRIVAL_UNIT_US);
});

test("a pause longer than half the round of the peer's clock changes no delay", () => {
  const peer = createPeer();
  const slow = way(peer, 60_000);
  const quick = way(peer, 10_000);
  let nowUs = 0;
  for (const pauseUs of [9_000_000, 17_000_000, 40_000_000, 0]) {
    for (let i = 0; i < 40; i++, nowUs += 20_000) {
      send(quick, nowUs, 5_000);
      send(slow, nowUs, 300_000);
    }
    assert.ok(
      Math.abs(quick.meter.delayUs(0.95, 0) - 5_000) <= 2 * ARRIVAL_UNIT_US,
      String(quick.meter.delayUs(0.95, 0)),
    );
    assert.ok(Math.abs(slow.meter.delayUs(0.95, 0) - 300_000) <= 2 * ARRIVAL_UNIT_US);
    nowUs += pauseUs;
  }
});

test("what arrives after the deadline counts no more than what is lost", () => {
  const peer = createPeer();
  const quick = way(peer, 10_000);
  const uneven = way(peer, 300_000);
  for (let i = 0; i < 400; i++) {
    send(quick, i * 20_000, 5_000);
    send(uneven, i * 20_000, i % 4 === 0 ? 400_000 : 100_000);
  }
  assert.ok(Math.abs(uneven.meter.chanceWithin(150_000, 0) - 0.75) < 0.02);
  assert.is(uneven.meter.chanceWithin(1_000_000, 0), 1);
  assert.is(quick.meter.chanceWithin(1_000, 0), 0);
});

test("loss and the length of its runs show, also where repetitions have filled the gaps", () => {
  const lossy = way(createPeer(), 10_000);
  for (let i = 0; i < 1000; i++) send(lossy, i * 20_000, i % 10 < 3 ? -1 : 5_000, 0xffff_fff8 | 0);
  assert.ok(Math.abs(lossy.meter.loss - 0.3) < 0.05, String(lossy.meter.loss));
  assert.ok(Math.abs(lossy.meter.lossRun - 3) < 0.5, String(lossy.meter.lossRun));
  const repaired = way(createPeer(), 10_000);
  for (let i = 0; i < 1000; i++) {
    const counter = repaired.counter;
    send(repaired, i * 20_000, i % 10 === 0 ? -1 : 5_000);
    if (i % 10 === 0) repaired.ring.tries[repaired.ring.indexOf(counter)] = 2;
  }
  assert.ok(Math.abs(repaired.meter.loss - 0.1) < 0.03, String(repaired.meter.loss));
});

test("a path that goes again and again has to be clean for longer and longer", () => {
  const { meter } = way(createPeer(), 10_000);
  assert.ok(meter.isSettled(0), "a new path is trusted");
  let nowUs = 0;
  let waitedUs = 0;
  for (let flap = 0; flap < 12; flap++) {
    nowUs += 50_000;
    meter.isDown(nowUs);
    meter.isUp(nowUs);
    const beforeUs = waitedUs;
    for (waitedUs = 0; !meter.isSettled(nowUs + waitedUs); waitedUs += 1_000_000);
    assert.ok(waitedUs >= beforeUs);
  }
  assert.is(waitedUs, 60_000_000);
});

test.run();
