import { test } from "uvu";
import * as assert from "uvu/assert";
import { BatchSender } from "./batch-sender.ts";
import { Outbox } from "./outbox.ts";
import type { FromMedia } from "./protocol.ts";

const report = (timestamp20ms: number): FromMedia => ({
  type: "voice-played",
  talker: 1,
  group: 1,
  burst: 1,
  timestamp20ms,
  atUs: 0,
});
const media: FromMedia = { type: "pcm-out", talker: 1, group: 1, pcm: new Uint8Array(0) };

test("reports wait for media, and for 200 ms at most", () => {
  const delivered: FromMedia[][] = [];
  const outbox = new Outbox((messages) => delivered.push(messages));
  outbox.add(report(0), 1_000);
  outbox.add(report(2), 50_000);
  outbox.run(200_999);
  assert.is(delivered.length, 0);
  assert.is(outbox.nextUs(), 201_000);
  outbox.run(201_000);
  assert.is(delivered[0]?.length, 2);
  outbox.add(report(4), 300_000);
  outbox.add(media, 310_000);
  assert.is(outbox.nextUs(), 310_000);
  outbox.run(310_000);
  assert.equal(
    delivered[1]?.map(({ type }) => type),
    ["voice-played", "pcm-out"],
  );
  assert.is(outbox.nextUs(), Infinity);
});

test("a channel that stalls holds a bounded backlog, the rest is counted", () => {
  const pending: (() => void)[] = [];
  const sender = new BatchSender<number>((_, done) => pending.push(done));
  for (let i = 0; i < 100; i++) sender.send([i, i]);
  assert.is(pending.length, 64);
  assert.is(sender.dropped, 2 * 36);
  let ended = false;
  sender.end(() => {
    ended = true;
  });
  for (const done of pending.slice(1)) done();
  assert.not(ended);
  pending[0]?.();
  assert.ok(ended);
  sender.send([1]);
  assert.is(pending.length, 65, "and it goes on when the channel does");
});

test.run();
