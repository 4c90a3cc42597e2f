import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorCode } from "./skein-error.ts";
import { openStore } from "./store.ts";

const test = suite<{ folder: string }>("store");
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "skein-store-"));
});
test.after.each((context) => rmSync(context.folder, { recursive: true, force: true }));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return errorCode(error, "none");
  }
  return "no error";
}

test("each start draws the next boot epoch, on disk before the store is handed out", ({ folder }) => {
  const first = openStore(folder);
  first.close();
  const second = openStore(folder);
  second.close();
  assert.is(second.bootEpoch, first.bootEpoch + 1);
  const database = new DatabaseSync(join(folder, "skein.sqlite"));
  assert.is((database.prepare("SELECT epoch FROM boot").get() as { epoch: number }).epoch, second.bootEpoch);
  database.close();
});

test("a new folder in place of a removed one does not start at the same epoch", ({ folder }) => {
  const first = openStore(join(folder, "a"));
  const second = openStore(join(folder, "b"));
  assert.is.not(first.bootEpoch, second.bootEpoch);
  first.close();
  second.close();
});

test("the key pair is drawn once, the same after kill -9, and nobody else can read it", ({ folder }) => {
  const first = openStore(join(folder, "a"));
  const { privateKey } = first;
  assert.is(privateKey.length, 32);
  // What a killed process leaves behind: the files as they are, with nothing closed.
  cpSync(join(folder, "a"), join(folder, "left"), { recursive: true });
  first.close();
  const again = openStore(join(folder, "left"));
  assert.equal(again.privateKey, privateKey);
  assert.ok(again.bootEpoch > first.bootEpoch);
  again.close();
  const other = openStore(join(folder, "b"));
  assert.not.equal(other.privateKey, privateKey);
  for (const name of ["skein.sqlite", "skein.sqlite-wal"])
    assert.is(statSync(join(folder, "b", name)).mode & 0o077, 0, name);
  other.close();
});

test("keys of others are kept as they were first given, across a kill -9 a while later", async ({ folder }) => {
  const first = openStore(join(folder, "a"));
  const key = new Uint8Array(32).fill(7);
  first.savePeerKey(42, key);
  first.savePeerKey(42, new Uint8Array(32).fill(8));
  first.savePeerKey(0xffff_ffff, key);
  while (first.peerKeys().length < 2) await setTimeout(50);
  cpSync(join(folder, "a"), join(folder, "left"), { recursive: true });
  first.close();
  const again = openStore(join(folder, "left"));
  const kept = again.peerKeys().sort((a, b) => a.nodeId - b.nodeId);
  assert.equal(
    kept.map(({ nodeId, publicKey }) => [nodeId, [...publicKey]]),
    [
      [42, [...key]],
      [0xffff_ffff, [...key]],
    ],
  );
  again.close();
});

test("of those who were heard on a bearer the last is kept for each address, across a kill -9 a while later", async ({
  folder,
}) => {
  const first = openStore(join(folder, "a"));
  const heard = { address: 0x107, nodeId: 0xffff_ffff, bootEpoch: 0xffff_fffe, remoteBearerId: 3, counter: 5 };
  first.saveAcquaintance("vhf", heard);
  first.saveAcquaintance("vhf", { ...heard, counter: 4000 });
  first.saveAcquaintance("vhf", { ...heard, address: 0x108 });
  first.saveAcquaintance("hf", heard);
  while (first.acquaintances("hf").length === 0) await setTimeout(50);
  cpSync(join(folder, "a"), join(folder, "left"), { recursive: true });
  first.close();
  const again = openStore(join(folder, "left"));
  const kept = again.acquaintances("vhf").sort((a, b) => a.address - b.address);
  assert.equal(kept, [
    { ...heard, counter: 4000 },
    { ...heard, address: 0x108 },
  ]);
  assert.equal(again.acquaintances("hf"), [heard]);
  assert.equal(again.acquaintances("uhf"), []);
  again.close();
});

test("link state is kept for its mission, and for an hour", ({ folder }) => {
  const HOUR_MS = 3_600_000;
  const first = openStore(folder);
  assert.is(first.linkState("a", 0), undefined);
  first.saveLinkState("a", Uint8Array.of(1), 1000);
  first.saveLinkState("a", Uint8Array.of(1, 2, 3), 2000);
  first.close();
  const again = openStore(folder);
  assert.equal(again.linkState("a", 2000 + HOUR_MS), Uint8Array.of(1, 2, 3));
  assert.is(again.linkState("a", 2001 + HOUR_MS), undefined);
  assert.is(again.linkState("b", 2000), undefined);
  // A device without a battery for its clock begins in the past.
  assert.equal(again.linkState("a", 0), Uint8Array.of(1, 2, 3));
  again.close();
});

test("the epoch never wraps", ({ folder }) => {
  openStore(folder).close();
  const database = new DatabaseSync(join(folder, "skein.sqlite"));
  database.exec("UPDATE boot SET epoch = 4294967295");
  database.close();
  assert.is(
    codeOf(() => openStore(folder)),
    "epoch-exhausted",
  );
});

test("a second agent on the same folder is refused, and may start after the first has stopped", ({ folder }) => {
  const first = openStore(folder);
  assert.is(
    codeOf(() => openStore(folder)),
    "state-in-use",
  );
  first.close();
  openStore(folder).close();
});

test("a folder that cannot be made or written is refused", ({ folder }) => {
  writeFileSync(join(folder, "file"), "");
  assert.is(
    codeOf(() => openStore(join(folder, "file", "state"))),
    "state-not-writable",
  );
});

test("a damaged or a newer state is refused with its own code", ({ folder }) => {
  const damaged = join(folder, "damaged");
  mkdirSync(damaged);
  writeFileSync(
    join(damaged, "skein.sqlite"),
    "this was a database once, and now it is something else entirely".repeat(99),
  );
  assert.is(
    codeOf(() => openStore(damaged)),
    "state-damaged",
  );
  const newer = join(folder, "newer");
  openStore(newer).close();
  const database = new DatabaseSync(join(newer, "skein.sqlite"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  assert.is(
    codeOf(() => openStore(newer)),
    "state-newer",
  );
});

test("texts, states, SOS and policy are there after a restart", ({ folder }) => {
  const report = {
    latitudeDeg: 31,
    longitudeDeg: 103.5,
    altitudeM: 900,
    speedKmh: 3,
    courseDeg: Number.NaN,
    batteryPercent: 80,
  };
  const store = openStore(folder);
  const text = {
    from: 257,
    to: 258,
    messageId: 4_000_000_000,
    body: "道路中断 road cut",
    state: "queued" as const,
    atMs: 1,
  };
  store.saveText(text);
  store.saveText({ ...text, messageId: 2, atMs: 2 });
  store.saveText({ ...text, from: 300, messageId: 3, state: "received", atMs: 3 });
  store.setTextState(257, 2, "delivered");
  store.saveSos({ from: 257, sosId: 9, kind: 1, report, atMs: 5, acknowledgedBy: null, confirmed: false });
  store.savePolicy(4, Uint8Array.of(1, 2, 3));
  store.commit();
  store.close();
  const again = openStore(folder);
  assert.equal(
    again.texts(10).map((t) => [t.from, t.messageId, t.state]),
    [
      [257, 4_000_000_000, "queued"],
      [257, 2, "delivered"],
      [300, 3, "received"],
    ],
  );
  assert.is(again.texts(10)[0]?.body, text.body);
  assert.equal(
    again.pendingTexts(257).map((t) => t.messageId),
    [4_000_000_000],
  );
  assert.ok(again.hasText(300, 3));
  assert.not.ok(again.hasText(300, 4));
  assert.equal(again.sos(10), [
    { from: 257, sosId: 9, kind: 1, report, atMs: 5, acknowledgedBy: null, confirmed: false },
  ]);
  again.removeSos(257, 9);
  assert.is(again.sos(10).length, 0);
  assert.is(again.policy()?.version, 4);
  assert.equal([...(again.policy()?.octets ?? [])], [1, 2, 3]);
  again.close();
});

test("a changed address is there after a kill -9, what was written under the old one belongs to it", ({ folder }) => {
  const store = openStore(join(folder, "a"));
  const text = { to: 0x109, messageId: 5, body: "x", state: "queued", atMs: 1 } as const;
  store.saveText({ ...text, from: 0x107 });
  store.changeAddress(0x107, 0x107, 0x120, 1000);
  cpSync(join(folder, "a"), join(folder, "left"), { recursive: true });
  store.close();
  const copy = openStore(join(folder, "left"));
  assert.is(copy.address(0x107), 0x120);
  assert.is(copy.address(0x108), 0x108, "configured anew");
  assert.equal(copy.pendingTexts(0x120), [{ ...text, from: 0x120 }]);
  assert.equal([copy.addressChanges(1000), copy.addressChanges(1001)], [1, 0]);
  copy.close();
});

test("closing commits what the turn has written", ({ folder }) => {
  const store = openStore(folder);
  const text = { from: 1, to: 2, messageId: 1, body: "x", state: "queued" as const, atMs: 1 };
  store.saveText(text);
  store.commit();
  store.saveText({ ...text, messageId: 2 });
  store.close();
  const again = openStore(folder);
  assert.is(again.texts(10).length, 2);
  again.close();
});

test.run();
