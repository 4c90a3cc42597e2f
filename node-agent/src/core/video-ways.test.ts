import { test } from "uvu";
import * as assert from "uvu/assert";
import { VIDEO_DEADLINE_US } from "./limits.ts";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const FAR = 0x104;
const PACKET_OCTETS = 1_000;
const FRAME_US = 33_333;
/** 8 packets a frame are 2 Mbit/s, 20 are 5. */
const LITTLE = 8;
const MUCH = 20;

function wire(name: string, members: number[], bearer: Medium["bearer"] = {}): Medium {
  return { name, bearer: { medium: "point-to-point", bitrateBps: 4e6, ...bearer }, members, loss: 0 };
}

/** A camera at node 0 that films for node 3; frames with video by sender and medium. */
class Film {
  readonly mesh: VirtualMesh;
  readonly media: readonly Medium[];
  readonly frames = new Map<string, number>();
  sent = 0;
  inTime = 0;

  constructor(media: Medium[]) {
    this.media = media;
    this.mesh = new VirtualMesh(4, media);
    this.mesh.onFrame = (from, medium, octets) => {
      if (octets.length < PACKET_OCTETS) return;
      const place = `${from} on ${medium.name}`;
      this.frames.set(place, (this.frames.get(place) ?? 0) + 1);
    };
    assert.ok(this.mesh.run(5_000_000, () => this.mesh.allReachable()));
    this.mesh.run(3_000_000);
  }

  shoot(frames: number, packets: number, thenUs = 1_000_000): void {
    const { mesh } = this;
    const payload = new Uint8Array(PACKET_OCTETS);
    for (let f = 0; f < frames; f++) {
      for (let p = 0; p < packets; p++) {
        new DataView(payload.buffer).setFloat64(0, mesh.nowUs);
        mesh.node(0).core.sendVideo(mesh.nowUs, FAR, 1, payload);
        this.sent++;
      }
      mesh.drain(0);
      mesh.run(FRAME_US, () => this.#watch());
    }
    mesh.run(thenUs, () => this.#watch());
  }

  #watch(): boolean {
    for (const event of this.mesh.node(3).events.splice(0)) {
      if (event.type !== "video") continue;
      const sentUs = new DataView(event.octets.buffer, event.octets.byteOffset).getFloat64(0);
      if (this.mesh.nowUs - sentUs <= VIDEO_DEADLINE_US) this.inTime++;
    }
    return false;
  }

  on(place: string): number {
    return this.frames.get(place) ?? 0;
  }

  silence(name: string, isSilent = true): void {
    const medium = this.media.find((m) => m.name === name) as Medium;
    const [a, b] = medium.members as [number, number];
    if (isSilent) this.mesh.cut(a, b, medium);
    else this.mesh.restore(a, b, medium);
  }
}

/** 0 - 1 - 3, and 0 - 2 - 3, which is a little slower. */
function diamond(first: Medium["bearer"] = {}, second: Medium["bearer"] = {}): Medium[] {
  const later = { latencyUs: 20_000, ...second };
  return [wire("01", [0, 1], first), wire("13", [1, 3]), wire("02", [0, 2], later), wire("23", [2, 3], later)];
}

test("video that one way can carry stays there", () => {
  const film = new Film(diamond());
  film.shoot(60, LITTLE);
  assert.is(film.inTime, film.sent);
  assert.is(film.on("0 on 02"), 0);
});

test("video that one way cannot carry takes two, and all of it is in time", () => {
  const film = new Film(diamond());
  film.shoot(60, MUCH);
  assert.is(film.inTime, film.sent);
  assert.ok(film.on("0 on 01") > film.sent / 4);
  assert.ok(film.on("0 on 02") > film.sent / 4);
  assert.is(film.on("2 on 23"), film.on("0 on 02"));
});

test("so does what the link behind the next hop cannot carry", () => {
  const film = new Film(diamond({ bitrateBps: 40e6 }));
  film.shoot(60, MUCH);
  assert.is(film.inTime, film.sent);
  assert.ok(film.on("0 on 02") > film.sent / 8);
});

test("a neighbour is reached past its own bearer as well", () => {
  const film = new Film([...diamond(), wire("03", [0, 3])]);
  film.shoot(60, MUCH);
  assert.is(film.inTime, film.sent);
  assert.ok(film.on("0 on 03") > film.sent / 4);
});

test("a way that costs money carries only what the other one cannot", () => {
  const [free, dear] = [new Film(diamond()), new Film(diamond({}, { costCentsPerMegabyte: 5 }))];
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
  const film = new Film([air, wire("13", [1, 3]), wire("23", [2, 3])]);
  film.shoot(60, MUCH);
  assert.is(film.mesh.node(0).core.status(film.mesh.nowUs).counters["video-parted"] ?? 0, 0);
});

test("when a relay falls silent the other way carries what it can", () => {
  for (const dead of ["01", "02"]) {
    const film = new Film(diamond());
    film.shoot(30, MUCH);
    film.silence(dead);
    const before = { sent: film.sent, inTime: film.inTime };
    film.shoot(60, LITTLE);
    assert.is(film.inTime - before.inTime, film.sent - before.sent, dead);
  }
});

test("a packet that comes back around a failure does not begin anew", () => {
  const film = new Film(diamond({}, { latencyUs: 60_000 }));
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
