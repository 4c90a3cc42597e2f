import { test } from "uvu";
import * as assert from "uvu/assert";
import { VIDEO_RATE_CHECK_US, VIDEO_RATE_RISE_US, VIDEO_RATE_SHARE } from "../limits.ts";
import { VideoRate } from "./video-rate.ts";

test("less is told at once, and small changes are not", () => {
  const rate = new VideoRate();
  assert.ok(rate.take(0, 4e6));
  assert.is(rate.toldBps, VIDEO_RATE_SHARE * 4e6);
  assert.not.ok(rate.take(1, 3.4e6));
  assert.not.ok(rate.take(2, 4.9e6));
  assert.ok(rate.take(3, 1e6));
  assert.is(rate.toldBps, VIDEO_RATE_SHARE * 1e6);
});

test("more is told when it has lasted, and only as much as has lasted", () => {
  const rate = new VideoRate();
  rate.take(0, 1e6);
  assert.not.ok(rate.take(100, 6e6));
  assert.not.ok(rate.take(200, 3e6));
  assert.not.ok(rate.take(99 + VIDEO_RATE_RISE_US, 6e6));
  assert.ok(rate.take(100 + VIDEO_RATE_RISE_US, 6e6));
  assert.is(rate.toldBps, VIDEO_RATE_SHARE * 3e6);
});

test("a relapse begins the wait anew", () => {
  const rate = new VideoRate();
  rate.take(0, 1e6);
  rate.take(100, 6e6);
  rate.take(200, 1e6);
  assert.not.ok(rate.take(100 + VIDEO_RATE_RISE_US, 6e6));
});

test("it is reckoned now and then, and at once when the number of paths is another one", () => {
  const rate = new VideoRate();
  assert.ok(rate.isDue(0, 2));
  assert.not.ok(rate.isDue(1, 2));
  assert.ok(rate.isDue(2, 1));
  assert.not.ok(rate.isDue(1 + VIDEO_RATE_CHECK_US, 1));
  assert.ok(rate.isDue(2 + VIDEO_RATE_CHECK_US, 1));
});

test.run();
