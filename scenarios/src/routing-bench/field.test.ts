import { test } from "uvu";
import * as assert from "uvu/assert";
import { Asker, askAll } from "./asker.ts";
import { airFrameUs, Field, type FieldMedium } from "./field.ts";
import { sum } from "./figures.ts";
import { allPairs, gridLinks, type Pair, starLinks } from "./geometry.ts";

const RADIO: FieldMedium = { name: "radio", kind: "radio" };

function startAll(field: Field): void {
  for (const node of field.cores.keys()) field.start(node);
}
function allReachable(field: Field): boolean {
  return field.cores.every((core) => field.addresses.every((address) => core.isReachable(address)));
}

for (const kind of ["radio", "wires"] as const) {
  test(`a chain over ${kind} finds its paths, answers, and notices a link that went`, () => {
    const field = new Field({ nodes: 4, seed: 1, media: [{ name: kind, kind }] });
    const asker = new Asker(field, 20);
    field.setLinks(0, [
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    startAll(field);
    assert.ok(field.runUntil(() => allReachable(field), 10_000, 5_000_000) < 5_000_000);
    assert.ok(sum(field.octets.control) > 0);
    assert.is(sum(field.octets.user), 0);
    const ids = askAll(
      field,
      asker,
      [
        [0, 3],
        [3, 1],
      ],
      100_000,
    );
    field.run(1_000_000);
    // Question and answer cross 3 links and 2: at least so many payloads.
    assert.ok(sum(field.octets.user) > 10 * 20);
    assert.equal(asker.tally(ids, 500_000), { asked: 2, delivered: 2 });
    assert.equal(asker.tally(ids, 0), { asked: 2, delivered: 0 });
    field.part(0, 1, 2);
    // Nobody talks: silence is taken for loss after three and a half hellos and a few probes.
    field.run(30_000_000);
    assert.not((field.cores[0] as (typeof field.cores)[number]).isReachable(field.addresses[3] as number));
    const late = asker.ask(0, 3);
    field.run(3_000_000);
    assert.is(asker.tally([late], 2_000_000).delivered, 0);
  });
}

test("the same seed gives the same octets, another seed others", () => {
  const run = (seed: number): number[] => {
    const field = new Field({ nodes: 9, seed, media: [RADIO] });
    field.setLinks(0, gridLinks(3), 0.2);
    startAll(field);
    field.run(10_000_000);
    return [...field.octets.control];
  };
  assert.equal(run(1), run(1));
  assert.not.equal(run(1), run(2));
});

test("a lossy link loses its share, one with a latency of its own is late", () => {
  const field = new Field({ nodes: 3, seed: 1, media: [RADIO] });
  field.join(0, 0, 1, 0.25);
  field.join(0, 0, 2, 0, 50_000);
  const heard = [0, 0, 0];
  let sent = 0;
  let lastUs = 0;
  let lateUs = 0;
  field.onFrame = (node) => {
    if (node !== 0) return;
    sent++;
    lastUs = field.nowUs;
  };
  field.onHeard = (node, _medium, from) => {
    if (from !== 0) return;
    heard[node] = (heard[node] as number) + 1;
    if (node === 2) lateUs = field.nowUs - lastUs;
  };
  startAll(field);
  field.run(6_000_000_000);
  assert.ok(sent > 1000);
  assert.ok(Math.abs((heard[1] as number) / sent - 0.75) < 0.05, `${heard[1]} of ${sent}`);
  assert.ok((heard[2] as number) >= sent - 1);
  assert.ok(lateUs > 50_000 && lateUs < 53_000, String(lateUs));
});

test("a frame of a serial radio is there when its time on air is over", () => {
  assert.is(airFrameUs(92), 120_000);
  const field = new Field({ nodes: 3, seed: 1, media: [{ name: "air", kind: "air9600" }] });
  for (const [a, b] of allPairs([0, 1, 2])) field.join(0, a, b);
  // The first of all: what follows it under one key-up takes less.
  let expectedUs = 0;
  const heardUs: number[] = [];
  field.onFrame = (_node, _medium, _endpoint, _octets, length) => {
    if (expectedUs === 0) expectedUs = field.nowUs + airFrameUs(length);
  };
  field.onHeard = () => heardUs.push(field.nowUs);
  startAll(field);
  field.run(60_000_000);
  assert.ok(allReachable(field));
  assert.equal(heardUs.slice(0, 2), [expectedUs, expectedUs]);
});

test("a node belongs to the media it is told to, and bearers count from 0 on each", () => {
  const field = new Field({
    nodes: 3,
    seed: 1,
    media: [
      { name: "left", kind: "radio", members: [0, 1] },
      { name: "right", kind: "air9600", members: [1, 2] },
    ],
  });
  field.join(0, 0, 1);
  field.join(1, 1, 2);
  startAll(field);
  field.run(60_000_000);
  assert.ok(allReachable(field));
  const names = field.cores.map((core) => core.bearerStatus(field.nowUs).map((bearer) => bearer.name));
  assert.equal(names, [["left"], ["left", "right"], ["right"]]);
});

test("serial radios of which not all hear each other are complete though their frames meet where nobody notices", () => {
  const shapes: [string, number, Pair[]][] = [
    ["chain of 3", 3, starLinks(2)],
    ["star of 6", 6, starLinks(5)],
    ["grid of 9", 9, gridLinks(3)],
  ];
  for (const [name, nodes, links] of shapes) {
    for (let seed = 1; seed <= 12; seed++) {
      const field = new Field({ nodes, seed, media: [{ name: "air", kind: "air9600" }] });
      field.setLinks(0, links);
      startAll(field);
      const tookUs = field.runUntil(() => allReachable(field), 500_000, 60_000_000);
      assert.ok(tookUs < Number.POSITIVE_INFINITY, `${name}, seed ${seed}`);
    }
  }
});

test("stations are signalled at both ends, if the field does", () => {
  for (const signalled of [true, false]) {
    const field = new Field({ nodes: 3, seed: 1, media: [RADIO], signalled });
    const told: string[] = [];
    for (const [node, core] of field.cores.entries()) {
      Object.assign(core, {
        handleStation: (_nowUs: number, bearerId: number, endpoint: number, up: boolean) =>
          told.push(`${node}:${bearerId}:${endpoint}${up ? "+" : "-"}`),
      });
    }
    field.setLinks(0, [[0, 1]]);
    startAll(field);
    field.setLinks(0, [
      [1, 2],
      [0, 2],
    ]);
    field.part(0, 0, 1);
    const expected = ["1:0:0+", "0:0:1+", "0:0:1-", "1:0:0-", "1:0:2+", "2:0:1+", "0:0:2+", "2:0:0+"];
    assert.equal(told, signalled ? expected : []);
  }
});

test.run();
