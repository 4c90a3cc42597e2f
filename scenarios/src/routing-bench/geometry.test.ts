import { test } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../sim/random-streams.ts";
import {
  allPairs,
  connectedPlaces,
  gridLinks,
  linksInRange,
  moveAll,
  partsOf,
  randomPair,
  randomPlaces,
  rangeForLinks,
} from "./geometry.ts";

test("the range gives the links that were asked for, on average", () => {
  const rangeM = rangeForLinks(50, 150, 1000);
  assert.ok(Math.abs(rangeM - 217.6) < 0.1, String(rangeM));
  const random = new RandomStream(1, "range");
  let links = 0;
  for (let i = 0; i < 400; i++) links += linksInRange(randomPlaces(50, 1000, random), rangeM).length;
  assert.ok(Math.abs(links / 400 - 150) < 3, String(links / 400));
});

test("who moves goes no farther than told and stays in the square", () => {
  const random = new RandomStream(2, "move");
  const places = randomPlaces(200, 1000, random);
  const before = places.map((place) => ({ ...place }));
  moveAll(places, 200, 1000, random);
  for (const [i, { x, y }] of places.entries()) {
    const old = before[i] as { x: number; y: number };
    assert.ok(Math.hypot(x - old.x, y - old.y) <= 200);
    assert.ok(x >= 0 && x <= 1000 && y >= 0 && y <= 1000);
  }
  assert.not.equal(places, before);
});

test("parts are what paths join", () => {
  assert.equal(
    [
      ...partsOf(6, [
        [4, 5],
        [1, 2],
        [5, 1],
      ]),
    ],
    [0, 1, 1, 3, 1, 1],
  );
  assert.ok(partsOf(49, gridLinks(7)).every((part) => part === 0));
  assert.is(gridLinks(7).length, 84);
  assert.is(allPairs([3, 4, 5]).length, 3);
  const places = connectedPlaces(30, 300, 1000, new RandomStream(3, "connected"));
  assert.ok(partsOf(30, linksInRange(places, 300)).every((part) => part === 0));
});

test("a random pair is of two, and every pair comes", () => {
  const random = new RandomStream(4, "pairs");
  const seen = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const [a, b] = randomPair(4, random);
    assert.is.not(a, b);
    seen.add(`${a}-${b}`);
  }
  assert.is(seen.size, 12);
});

test.run();
