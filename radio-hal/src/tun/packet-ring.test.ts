import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRingMemory, RingReader, RingWriter } from "./packet-ring.ts";

const SLOTS = 4;

function makeRing(): { writer: RingWriter; reader: RingReader } {
  const memory = createRingMemory(SLOTS, 8);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

function put(writer: RingWriter, value: number, length: number): boolean {
  const at = writer.room();
  if (at === -1) return false;
  writer.packets.fill(value, at, at + length);
  writer.commit(length);
  return true;
}

function take(reader: RingReader): number[] | undefined {
  const length = reader.length();
  if (length === -1) return undefined;
  const packet = [...reader.packets.subarray(reader.offset(), reader.offset() + length)];
  reader.release();
  return packet;
}

test("packets come out as they went in, many times round", () => {
  const { writer, reader } = makeRing();
  assert.is(take(reader), undefined);
  for (let i = 0; i < 1000; i++) {
    assert.ok(put(writer, i & 0xff, 1 + (i % 8)));
    assert.ok(put(writer, i & 0xff, 1));
    assert.equal(take(reader), new Array(1 + (i % 8)).fill(i & 0xff));
    assert.equal(take(reader), [i & 0xff]);
  }
  assert.is(take(reader), undefined);
});

test("a full ring takes no more until one is taken", () => {
  const { writer, reader } = makeRing();
  for (let i = 0; i < SLOTS; i++) assert.ok(put(writer, i, 1));
  assert.not(put(writer, 9, 1));
  writer.drop();
  assert.is(reader.dropped, 1);
  assert.equal(take(reader), [0]);
  assert.ok(put(writer, 4, 1));
  for (let i = 1; i <= SLOTS; i++) assert.equal(take(reader), [i]);
});

test("a reader that waits is woken by a packet and by the end, and does not wait for what is there", async () => {
  const { writer, reader } = makeRing();
  const forPacket = reader.wait();
  put(writer, 1, 1);
  await forPacket;
  assert.ok(forPacket !== undefined);
  assert.is(reader.wait(), undefined, "there is one");
  take(reader);
  const forEnd = reader.wait();
  writer.end();
  await forEnd;
  assert.ok(forEnd !== undefined && reader.ended);
  assert.is(reader.wait(), undefined);
});

test.run();
