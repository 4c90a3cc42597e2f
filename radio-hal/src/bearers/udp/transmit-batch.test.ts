import { constants } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { KernelCalls } from "./kernel-calls.ts";
import { Peers } from "./socket-address.ts";
import { TransmitBatch } from "./transmit-batch.ts";

const { EAGAIN, EIO, EINTR, ENETUNREACH, EMSGSIZE } = constants.errno;
const HERE = "10.0.0.1";
const THERE = "10.0.0.2";

/** A batch on a kernel that answers with `answers`, then takes everything. */
function makeBatch(...answers: number[]) {
  const asked: number[] = [];
  const scopes: string[] = [];
  const kernel = {
    interfaceIndex: (name: string) => scopes.push(name),
    addressOf: () => 0x7fff_0000_1000,
    sendMany(_fd: number, _headers: number, count: number): number {
      asked.push(count);
      return answers.shift() ?? count;
    },
  } as unknown as KernelCalls;
  const batch = new TransmitBatch(kernel, new Peers(kernel), 8, 100);
  const done: string[] = [];
  const add = (length: number, address = HERE): void => batch.add(new Uint8Array(100).fill(length), length, address, 9);
  const flush = (): boolean =>
    batch.flush(3, { done: (length, good) => done.push(`${length} ${good ? "sent" : "lost"}`) });
  return { batch, asked, scopes, done, add, flush };
}

test("datagrams of one length to one peer are one; the last may be shorter", () => {
  const { asked, done, add, flush, batch } = makeBatch();
  for (const length of [10, 10, 8, 10, 20]) add(length);
  add(20, THERE);
  flush();
  assert.equal(asked, [4], "10 10 8, 10, 20, and 20 to the other one");
  assert.equal(done, ["10 sent", "10 sent", "8 sent", "10 sent", "20 sent", "20 sent"]);
  assert.ok(batch.isEmpty);
});

test("what a kernel takes only in part goes on where it stopped", () => {
  const { asked, done, add, flush } = makeBatch(1, -EINTR);
  for (const length of [10, 10, 20, 30]) add(length);
  flush();
  assert.equal(asked, [3, 2, 2]);
  assert.equal(done, ["10 sent", "10 sent", "20 sent", "30 sent"]);
});

test("a kernel that cannot cut datagrams apart is asked once, and nothing is lost", () => {
  const { asked, done, add, flush } = makeBatch(-EIO);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3; i++) add(10);
    flush();
  }
  assert.equal(asked, [1, 3, 3]);
  assert.equal(done, new Array(6).fill("10 sent"));
});

test("an error of several is tried one by one, and only those are lost that fail alone", () => {
  const { asked, done, add, flush } = makeBatch(-ENETUNREACH, -ENETUNREACH, 1, -EMSGSIZE);
  for (let i = 0; i < 3; i++) add(10);
  flush();
  assert.equal(asked, [1, 3, 2, 1]);
  assert.equal(done, ["10 lost", "10 sent", "10 lost"]);
  for (let i = 0; i < 3; i++) add(10);
  flush();
  assert.equal(asked.at(-1), 1, "an address that is not reached says nothing of the kernel");
});

test("an interface is looked up once, and again after an error", () => {
  const { add, flush, scopes } = makeBatch(1, 1, -ENETUNREACH);
  for (let round = 0; round < 5; round++) {
    add(10, "fe80::1%eth0");
    flush();
  }
  assert.equal(scopes, ["eth0", "eth0"]);
});

test("what the kernel has no room for waits, and what comes then is behind it", () => {
  const { asked, done, add, flush, batch } = makeBatch(1, -EAGAIN);
  for (const length of [10, 20]) add(length);
  add(30, THERE);
  assert.not(flush());
  assert.equal(done, ["10 sent"]);
  assert.not(batch.isEmpty);
  for (let length = 40; length <= 80; length += 10) add(length);
  assert.ok(batch.isFull);
  assert.ok(flush());
  assert.equal(asked, [3, 2, 7]);
  assert.equal(
    done,
    [10, 20, 30, 40, 50, 60, 70, 80].map((length) => `${length} sent`),
  );
  assert.ok(batch.isEmpty);
});

test.run();
