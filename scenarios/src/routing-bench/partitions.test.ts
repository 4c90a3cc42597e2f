import { FrameKind, kindOf } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sum } from "./figures.ts";
import { kindOctetOf } from "./frame-view.ts";
import { Partitions } from "./partitions.ts";

const SIDE = 12;
const SECOND = 1_000_000;
/** Medium on which partitions meet over the air. */
const BORDER = 2;
/** On a channel where all is said nobody says anything for a minute at times. */
const LIMIT_US = 200 * SECOND;

/** By all nodes, so far. */
function counted(partitions: Partitions, counter: string): number {
  const { cores, nowUs } = partitions.field;
  return cores.reduce((sum, core) => sum + (core.status(nowUs).counters[counter] ?? 0), 0);
}

test("a gateway that comes into range of a whole channel is told of it once, and is of use before it knows each member", () => {
  const told = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
    const partitions = new Partitions("gateway", SIDE, seed);
    const before = counted(partitions, "snapshots-sent");
    const tookUs = partitions.meet(LIMIT_US);
    assert.ok(tookUs < 1.5 * SECOND, `seed ${seed}: ${tookUs / SECOND} s`);
    const snapshots = counted(partitions, "snapshots-sent") - before;
    if (snapshots <= 6) assert.ok(counted(partitions, "snapshots-spared") >= SIDE / 2, `seed ${seed}`);
    return snapshots;
  });
  // Each side tells the other, and the gateway its own; now and then all members do.
  assert.ok(told.filter((snapshots) => snapshots <= 6).length >= 6, told.join(" "));
});

test("two teams that come into range of each other exchange a packet while their members still introduce themselves", () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
  const took = seeds.map((seed) => new Partitions("teams", SIDE, seed).meet(LIMIT_US) / SECOND);
  assert.ok(sum(took) / seeds.length < 1.2, took.join(" "));
});

test("partitions of which one node each meet on a channel of their own exchange a packet within a second", () => {
  for (const seed of [1, 2, 3]) assert.ok(new Partitions("air", SIDE, seed).meet(LIMIT_US) < SECOND, `seed ${seed}`);
});

test("a border that has told its channel of strangers comes first there, whoever speaks before the packet has come", () => {
  // In these a member of the second channel says hello just then, and the border's place behind it would be a late one.
  for (const seed of [10, 44, 85]) assert.ok(new Partitions("air", 30, seed).meet(LIMIT_US) < SECOND, `seed ${seed}`);
});

test("who is told in answer to its hello tells of its own side without another hello", () => {
  const names = new Map<number, string>([
    [FrameKind.hello, "hello"],
    [FrameKind.snapshot, "snapshot"],
  ]);
  // In these both hellos come after they have met.
  for (const seed of [2, 3, 4, 6, 7, 8]) {
    const partitions = new Partitions("air", SIDE, seed);
    const said: string[] = [];
    partitions.field.onFrame = (node, medium, _endpoint, octets) => {
      const name = names.get(kindOf(kindOctetOf(octets)));
      if (medium === BORDER && name !== undefined) said.push(`${name} of ${node < SIDE ? "first" : "second"}`);
    };
    partitions.meet(LIMIT_US);
    const answer = said.findIndex((what) => what.startsWith("snapshot"));
    const [by, other] = said[answer]?.endsWith("first") ? ["first", "second"] : ["second", "first"];
    const told = [`hello of ${other}`, `hello of ${by}`, `snapshot of ${by}`, `snapshot of ${other}`];
    assert.equal(said.slice(answer - 2, answer + 2), told, `seed ${seed}: ${said}`);
  }
});

test.run();
