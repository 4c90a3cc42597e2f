import { test } from "uvu";
import * as assert from "uvu/assert";
import { VIDEO_DEADLINE_US } from "../limits.ts";
import { Film } from "../testing/film.ts";
import { type Medium, wire } from "../testing/virtual-mesh.ts";

function path(name: string, kind: number, latencyUs: number, bitrateBps: number, cents = 0): Medium {
  return wire(name, [0, 1], { kind, latencyUs, bitrateBps, costCentsPerMegabyte: cents });
}

test("video that one path can carry stays there, and off the one that costs money", () => {
  const film = new Film([path("radio", 0, 5_000, 5e6), path("lte", 3, 30_000, 20e6, 1)]);
  film.shoot(60, 8);
  assert.equal([...film.frames.keys()], ["0 on radio"]);
  assert.is(film.delaysUs.length, film.sent);
});

test("video that one path cannot carry is spread over several, and all of it is in time", () => {
  const film = new Film([path("radio", 0, 5_000, 2e6), path("lte", 3, 30_000, 3e6, 1)]);
  // 3.9 Mbit/s.
  film.shoot(90, 16);
  assert.is(film.delaysUs.length, film.sent);
  for (const name of ["radio", "lte"]) assert.ok(film.on(`0 on ${name}`) > film.sent / 4, name);
  assert.ok(Math.max(...film.delaysUs) <= VIDEO_DEADLINE_US);
});

test("of more than all paths can carry the oldest is dropped, and the rest is in time", () => {
  const film = new Film([path("radio", 0, 5_000, 1e6), path("lte", 3, 30_000, 1e6)]);
  // 4.8 Mbit/s.
  film.shoot(60, 20);
  assert.ok(film.drops("video-late") + film.drops("queue-full") > film.sent / 3);
  assert.ok(film.delaysUs.length > film.sent / 4);
  assert.ok(Math.max(...film.delaysUs) <= VIDEO_DEADLINE_US);
});

test("video goes on over the other path when one is cut in silence", () => {
  const media = [path("radio", 0, 5_000, 5e6), path("lte", 3, 30_000, 20e6)];
  const film = new Film(media);
  film.shoot(30, 8);
  film.mesh.cut(0, 1, media[0] as Medium);
  film.frames.clear();
  film.delaysUs.length = 0;
  film.sent = 0;
  film.shoot(60, 8);
  assert.ok(film.on("0 on lte") > film.sent / 2);
  assert.ok(film.delaysUs.length > 0.95 * film.sent, `${film.delaysUs.length} of ${film.sent}`);
});

test("an encoder is told what the paths carry, at once when one dies, and later when it is back", () => {
  const media = [path("radio", 0, 5_000, 3e6), path("lte", 3, 30_000, 3e6)];
  const film = new Film(media);
  film.shoot(150, 12);
  const before = film.told().at(-1)?.bps ?? 0;
  assert.ok(before > 0.7 * 3e6 && before < 6e6, `${before}`);
  film.mesh.cut(0, 1, media[0] as Medium);
  const cutUs = film.mesh.nowUs;
  film.shoot(60, 12);
  const [first] = film.told();
  assert.ok(first !== undefined && first.bps < Math.min(3e6, 0.8 * before), JSON.stringify(first));
  // As soon as the path is under suspicion, which takes some round trips.
  assert.ok(first.atUs - cutUs < 400_000, `${first.atUs - cutUs}`);
  film.mesh.restore(0, 1, media[0] as Medium);
  film.shoot(600, 12);
  assert.ok((film.told().at(-1)?.bps ?? 0) > 0.75 * before);
});

test("an encoder behind one path is told what that carries, and nothing where others may be sending there, too", () => {
  const alone = new Film([path("lte", 3, 30_000, 3e6)]);
  alone.shoot(150, 12);
  const told = alone.told().at(-1)?.bps ?? 0;
  assert.ok(told > 0.5 * 3e6 && told < 3e6, `${told}`);
  const radio = path("radio", 0, 5_000, 5e6);
  const shared = new Film([{ ...radio, bearer: { ...radio.bearer, medium: "shared" } }]);
  shared.shoot(60, 8);
  assert.equal(shared.told(), []);
});

test("what one path cannot carry in time is dropped, the oldest first, and the rest is in time", () => {
  const film = new Film([path("satellite", 2, 250_000, 1e6)]);
  film.shoot(150, 4);
  film.delaysUs.length = 0;
  film.shoot(150, 8);
  assert.ok(film.delaysUs.length < film.sent);
  assert.ok(
    film.delaysUs.every((us) => us < 700_000),
    `${Math.max(...film.delaysUs)}`,
  );
});

test.run();
