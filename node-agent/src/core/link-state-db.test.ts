import type { Advertisement } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { UNREACHABLE } from "./link-cost.ts";
import { LinkStateDb } from "./link-state-db.ts";
import { ShortestPaths } from "./shortest-paths.ts";

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

test("of one that is heard in a new boot only links count that an end has told since, but for those of slow radios", () => {
  const [RADIO, SERIAL] = [0, 1];
  const link = (neighbour: number, channel = RADIO) => ({ neighbour, channel, vector: 0 });
  const db = new LinkStateDb(1);
  const tell = (local: number, sequence: number, atUs: number, links: readonly number[], bootEpoch = 1): void => {
    const told = [...links.map((other) => link(other)), ...links.map((other) => link(other, SERIAL))];
    db.applyFull({ ...advertisement(local, sequence), bootEpoch, links: told }, atUs);
  };
  tell(1, 1, 0, [2]);
  tell(2, 1, 0, [1, 3]);
  tell(3, 1, 0, [2, 4]);
  tell(4, 1, 0, [3]);
  const past = (): string[] =>
    [
      [1, 2],
      [2, 3],
      [3, 2],
      [3, 4],
    ].flatMap(([a, b]) => (db.isPast(a as number, b as number, RADIO) ? [`${a}-${b}`] : []));
  const paths = new ShortestPaths(db);
  const reach = (): number[] => [2, 3, 4].filter((to) => paths.from(1, 1)[to] !== UNREACHABLE);
  db.heard(2, 10, 1);
  assert.equal(past(), []);
  db.heard(2, 20, 2);
  db.heard(2, 25, 2);
  assert.equal(past(), ["1-2", "2-3", "3-2"]);
  assert.not(db.isPast(2, 3, SERIAL));
  assert.equal(reach(), [2, 3, 4], "the slow radios are still there");
  tell(1, 2, 22, [2]);
  assert.equal(past(), ["2-3", "3-2"]);
  tell(2, 1, 30, [1, 3], 2);
  assert.equal(past(), [], "who has advertised anew vouches for what it says");
});

test("who comes back alone does not lead to whom another reached that was off meanwhile, too", () => {
  const db = new LinkStateDb(1);
  const tell = (local: number, links: readonly number[], sequence = 1): void => {
    const told = links.map((neighbour) => ({ neighbour, channel: 0, vector: 0 }));
    db.applyFull({ ...advertisement(local, sequence), links: told }, sequence);
  };
  // 1 and 2 reached 4 over 3. Then 2 was off, and 3 went before it had told of that.
  tell(1, [2, 3]);
  tell(2, [1, 3]);
  tell(3, [1, 2, 4]);
  tell(4, [3]);
  tell(1, [], 5);
  const paths = new ShortestPaths(db, 1);
  const reaches = (to: number): boolean => paths.from(1, 1)[to] !== UNREACHABLE;
  assert.not(reaches(4));
  db.heard(2, 10, 2);
  tell(1, [2], 11);
  assert.ok(reaches(2));
  assert.not(reaches(4));
  const elsewhere = new ShortestPaths(db, 4);
  assert.is.not(elsewhere.from(1, 1)[2], UNREACHABLE);
  db.heard(2, 12, 3);
  assert.ok(reaches(2), "its own links a node knows");
  assert.is(elsewhere.from(1, 1)[2], UNREACHABLE);
});

test("databases that differ by more name none", () => {
  const mine = database([5, 6, 7, 8]);
  assert.is(mine.oddOne(database([5, undefined, undefined, 8]).digest, MASK), 0);
});

test.run();
