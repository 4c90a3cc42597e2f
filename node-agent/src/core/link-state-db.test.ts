import type { Advertisement } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LinkStateDb } from "./link-state-db.ts";

const MASK = 0xffff_ffff;

function advertisement(local: number, sequence: number): Advertisement {
  return {
    originator: 0x100 | local,
    nodeId: 1000 + local,
    bootEpoch: 1,
    sequence,
    role: 0,
    capabilities: 0,
    name: new Uint8Array(0),
    links: [],
    prefixes: [],
    areas: [],
  };
}

function database(sequences: readonly (number | undefined)[]): LinkStateDb {
  const db = new LinkStateDb(1);
  for (const [i, sequence] of sequences.entries())
    if (sequence !== undefined) db.applyFull(advertisement(i + 1, sequence), 0);
  return db;
}

const sequences = fc.array(fc.integer({ min: 10, max: 1000 }), { minLength: 2, maxLength: 60 });

test("databases that differ by one advertisement tell which from their digests alone", () => {
  fc.assert(
    fc.property(sequences, fc.nat(), fc.integer({ min: 1, max: 4 }), (all, pick, behind) => {
      const odd = pick % all.length;
      const mine = database(all);
      const lacking = database(all.map((s, i) => (i === odd ? undefined : s)));
      const earlier = database(all.map((s, i) => (i === odd ? s - behind : s)));
      assert.is(mine.oddOne(lacking.digest, MASK), odd + 1);
      assert.is(mine.oddOne(earlier.digest, MASK), odd + 1);
      assert.is(earlier.oddOne(mine.digest, MASK), -(odd + 1));
    }),
  );
});

test("what is only remembered is forgotten when it is wanted; whoever hears it again keeps it", () => {
  const db = database([5]);
  for (const local of [1, 2, 3, 4]) db.restore(advertisement(local, 3), 0);
  assert.not(db.forgetRemembered(1), "what is known is not replaced by what is remembered");
  assert.is(db.applyFull(advertisement(2, 3), 0), "known");
  assert.not(db.forgetRemembered(2));
  assert.is(db.applyFull(advertisement(3, 4), 0), "news");
  assert.not(db.forgetRemembered(3));
  assert.ok(db.forgetRemembered(4));
  assert.is(db.node(4), undefined);
  assert.is(db.digest, database([5, 3, 4]).digest);
});

test("databases that differ by more name none", () => {
  const mine = database([5, 6, 7, 8]);
  assert.is(mine.oddOne(database([5, undefined, undefined, 8]).digest, MASK), 0);
});

test.run();
