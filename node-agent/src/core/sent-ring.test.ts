import { test } from "uvu";
import * as assert from "uvu/assert";
import { SENT_RING_SHARED_FRAMES } from "./limits.ts";
import { SentRing } from "./sent-ring.ts";

const FRAME = new Uint8Array(20);
const NEIGHBOUR = 3;
const GROUP = -1;

test("a frame is kept until its place is needed again, and it shows if it still waited then", () => {
  const ring = new SentRing(200, SENT_RING_SHARED_FRAMES);
  const keep = (counter: number, neighbour: number): boolean =>
    ring.keep(counter, FRAME, FRAME.length, neighbour, 0, 1_000_000, 0);
  assert.not.ok(keep(0, NEIGHBOUR));
  assert.not.ok(keep(1, NEIGHBOUR));
  // Counters between are those of acknowledgements and hellos, which are not kept.
  assert.not.ok(keep(SENT_RING_SHARED_FRAMES - 1, GROUP));
  assert.is.not(ring.indexOf(0), -1);
  assert.is(ring.unacknowledged, 2);
  ring.close(ring.indexOf(1));
  assert.ok(keep(SENT_RING_SHARED_FRAMES, GROUP), "frame 0 still waited");
  assert.not.ok(keep(SENT_RING_SHARED_FRAMES + 1, GROUP), "frame 1 did not");
  assert.is(ring.indexOf(0), -1);
  assert.is(ring.unacknowledged, 0);
});

test("every frame of a full ring may wait for the same neighbour", () => {
  const ring = new SentRing(200, SENT_RING_SHARED_FRAMES);
  for (let counter = 0; counter < SENT_RING_SHARED_FRAMES; counter++)
    ring.keep(counter, FRAME, FRAME.length, NEIGHBOUR, 0, 1_000_000, 0);
  assert.is(ring.unacknowledgedBy[NEIGHBOUR], SENT_RING_SHARED_FRAMES);
});

test("frames that were kept are the same after a longer one", () => {
  const ring = new SentRing(1400, SENT_RING_SHARED_FRAMES);
  const frameOf = (counter: number): Uint8Array => new Uint8Array(counter === 7 ? 1400 : 100 + counter).fill(counter);
  for (let counter = 1; counter < 10; counter++)
    ring.keep(counter, frameOf(counter), frameOf(counter).length, GROUP, 0, 1_000_000, 0);
  for (let counter = 1; counter < 10; counter++) {
    const index = ring.indexOf(counter);
    const at = ring.offset(index);
    assert.equal(ring.octets.slice(at, at + (ring.length[index] as number)), frameOf(counter), `frame ${counter}`);
  }
});

test.run();
