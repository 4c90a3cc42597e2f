import { test } from "uvu";
import * as assert from "uvu/assert";
import { Film } from "./testing/film.ts";
import { type Medium, wire } from "./testing/virtual-mesh.ts";

const NODES = 4;
const LINK = { bitrateBps: 4e6 };
/** 8 packets a frame are 2 Mbit/s, 20 are 5. */
const LITTLE = 8;
const MUCH = 20;

/** 0 - 1 - 3, and 0 - 2 - 3, which is a little slower. */
function diamond(first: Medium["bearer"] = {}, second: Medium["bearer"] = {}): Medium[] {
  const later = { ...LINK, latencyUs: 20_000, ...second };
  return [
    wire("01", [0, 1], { ...LINK, ...first }),
    wire("13", [1, 3], LINK),
    wire("02", [0, 2], later),
    wire("23", [2, 3], later),
  ];
}

test("video that one way can carry stays there", () => {
  const film = new Film(diamond(), NODES);
  film.shoot(60, LITTLE);
  assert.is(film.inTime, film.sent);
  assert.is(film.on("0 on 02"), 0);
});

test("video that one way cannot carry takes two, and all of it is in time", () => {
  const film = new Film(diamond(), NODES);
  film.shoot(60, MUCH);
  assert.is(film.inTime, film.sent);
  assert.ok(film.on("0 on 01") > film.sent / 4);
  assert.ok(film.on("0 on 02") > film.sent / 4);
  assert.is(film.on("2 on 23"), film.on("0 on 02"));
});

test("so does what the link behind the next hop cannot carry", () => {
  const film = new Film(diamond({ bitrateBps: 40e6 }), NODES);
  film.shoot(60, MUCH);
  assert.is(film.inTime, film.sent);
  assert.ok(film.on("0 on 02") > film.sent / 8);
});

test("a neighbour is reached past its own bearer as well", () => {
  const film = new Film([...diamond(), wire("03", [0, 3], LINK)], NODES);
  film.shoot(60, MUCH);
  assert.is(film.inTime, film.sent);
  assert.ok(film.on("0 on 03") > film.sent / 4);
});

test("a way that costs money carries only what the other one cannot", () => {
  const free = new Film(diamond(), NODES);
  const dear = new Film(diamond({}, { costCentsPerMegabyte: 5 }), NODES);
  for (const film of [free, dear]) film.shoot(60, MUCH);
  assert.ok(dear.on("0 on 02") > 0);
  assert.ok(dear.on("0 on 02") < 0.9 * free.on("0 on 02"), `${dear.on("0 on 02")} of ${free.on("0 on 02")}`);
});

test("a second way on the channel that is in use brings nothing", () => {
  const air: Medium = {
    name: "air",
    bearer: { medium: "shared", bitrateBps: 4e6 },
    members: [0, 1, 2],
    loss: 0,
  };
  const film = new Film([air, wire("13", [1, 3], LINK), wire("23", [2, 3], LINK)], NODES);
  film.shoot(60, MUCH);
  assert.is(film.mesh.node(0).core.status(film.mesh.nowUs).counters["video-parted"] ?? 0, 0);
});

test("when a relay falls silent the other way carries what it can", () => {
  for (const dead of ["01", "02"]) {
    const film = new Film(diamond(), NODES);
    film.shoot(30, MUCH);
    film.silence(dead);
    const before = { sent: film.sent, inTime: film.inTime };
    film.shoot(60, LITTLE);
    assert.is(film.inTime - before.inTime, film.sent - before.sent, dead);
  }
});

test("a packet that comes back around a failure does not begin anew", () => {
  const film = new Film(diamond({}, { latencyUs: 60_000 }), NODES);
  film.shoot(10, LITTLE);
  film.frames.clear();
  const before = film.sent;
  // For so short a time that nobody but the relay hears of it.
  for (let i = 0; i < 10; i++) {
    film.silence("13");
    film.shoot(3, LITTLE, 0);
    film.silence("13", false);
    film.shoot(6, LITTLE, 0);
  }
  const sent = film.sent - before;
  assert.ok(film.on("1 on 01") > 0, "the relay has sent some back");
  // Once there, and once more where the relay has not answered.
  assert.ok(film.on("0 on 01") < 1.1 * sent, `${film.on("0 on 01")} of ${sent}`);
});

test.run();
