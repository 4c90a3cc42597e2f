import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CoreBearer, type NodeEvent, Precedence, TrafficClass, VoiceCodec } from "../api.ts";
import { Counters } from "../counters.ts";
import { frameRtoUs } from "../hop-times.ts";
import { MAX_HURRIES_SAVED, PACKETS_PER_HURRY, REPORT_DELAY_WIDE_US, RTT_GRANULARITY_US } from "../limits.ts";
import { createNeighbour } from "../neighbour.ts";
import { PacketPool } from "../packet-pool.ts";
import { createPort } from "../port.ts";
import { type Medium, VirtualMesh } from "../testing/virtual-mesh.ts";

const EVERY_US = 20_000;
const TO = 0x102;
/** Kinds tell bearers apart in link state. */
function path(name: string, kind: number, latencyUs: number, sharedRisk: string[] = []): Medium {
  return {
    name,
    bearer: { kind, medium: "point-to-point", latencyUs, bitrateBps: 5_000_000, sharedRisk },
    members: [0, 1],
    loss: 0,
  };
}

class Talk {
  readonly mesh: VirtualMesh;
  /** Frames with voice in them, by path; arrivals by packet. */
  readonly frames = new Map<string, number>();
  readonly arrivedUs = new Map<number, number>();
  readonly sentUs: number[] = [];
  duplicates = 0;
  readonly #critical: boolean;

  constructor(media: Medium[], critical: boolean) {
    this.#critical = critical;
    this.mesh = new VirtualMesh(2, media);
    this.mesh.onFrame = (from, medium, octets) => {
      if (from === 0 && octets.length > 150) this.frames.set(medium.name, (this.frames.get(medium.name) ?? 0) + 1);
    };
    assert.ok(this.mesh.run(5_000_000, () => this.mesh.allReachable()));
    this.mesh.run(3_000_000);
  }

  say(packets: number): void {
    const { mesh } = this;
    const payload = new Uint8Array(172);
    for (let i = 0; i < packets; i++) {
      new DataView(payload.buffer).setUint32(0, this.sentUs.length);
      this.sentUs.push(mesh.nowUs);
      const { core } = mesh.node(0);
      core.sendIp(mesh.nowUs, TO, TrafficClass.voice, Precedence.routine, this.#critical, payload, 0, 172);
      mesh.drain(0);
      mesh.run(EVERY_US, () => this.#listen());
    }
  }

  /** Time for what is under way. */
  wait(us: number): void {
    this.mesh.run(us, () => this.#listen());
  }

  #listen(): boolean {
    for (const event of this.mesh.node(1).events.splice(0)) {
      if (event.type !== "ip") continue;
      const number = new DataView(event.octets.buffer, event.octets.byteOffset).getUint32(0);
      if (this.arrivedUs.has(number)) this.duplicates++;
      else this.arrivedUs.set(number, this.mesh.nowUs);
    }
    return false;
  }

  counter(node: number, name: string): number {
    return this.mesh.node(node).core.status(this.mesh.nowUs).counters[name] ?? 0;
  }

  state(bearerId: number): string | undefined {
    return this.mesh
      .node(0)
      .core.paths(this.mesh.nowUs, TO)
      .find((p) => p.bearerId === bearerId)?.state;
  }
}

test("protected voice leaves twice, on the two best paths that share no risk", () => {
  const talk = new Talk(
    [path("mast-a", 0, 5_000, ["mast"]), path("mast-b", 3, 8_000, ["mast"]), path("lte", 4, 30_000, ["operator"])],
    true,
  );
  talk.say(50);
  talk.wait(200_000);
  assert.is(talk.arrivedUs.size, 50);
  assert.is(talk.duplicates, 0);
  assert.is(talk.frames.get("mast-a"), 50);
  assert.is(talk.frames.get("lte"), 50);
  assert.is(talk.frames.get("mast-b"), undefined);
});

test("other voice leaves once, and a path on which it would be late is not taken for a copy", () => {
  const media = (): Medium[] => [path("radio", 0, 5_000), path("satellite", 2, 300_000)];
  const ordinary = new Talk(media(), false);
  ordinary.say(50);
  assert.equal([...ordinary.frames], [["radio", 50]]);
  const critical = new Talk(media(), true);
  critical.say(50);
  assert.is(critical.frames.get("satellite"), undefined);
  // Twice on the same path instead, a little apart.
  assert.ok((critical.frames.get("radio") ?? 0) >= 99);
});

test("nothing is lost or late when one path is cut in silence, and the sender learns of it from the other end", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000)];
  const talk = new Talk(media, true);
  talk.say(60);
  talk.mesh.cut(0, 1, media[1] as Medium);
  talk.say(10);
  assert.is(talk.state(1), "suspect");
  assert.ok(talk.counter(1, "paths-missed") >= 1);
  assert.ok(talk.counter(0, "suspicions-told") >= 1);
  talk.say(60);
  talk.wait(300_000);
  assert.is(talk.arrivedUs.size, talk.sentUs.length);
  assert.is(talk.duplicates, 0);
  for (const [number, atUs] of talk.arrivedUs) assert.ok(atUs - (talk.sentUs[number] as number) < 20_000);
});

/** Both copies of a packet are lost, and of none before or after. */
function loseOne(talk: Talk, media: Medium[]): void {
  talk.say(60);
  for (const medium of media) medium.loss = 1;
  talk.say(1);
  for (const medium of media) medium.loss = 0;
  talk.wait(200_000);
}

test("a copy lost on a quick path goes again there before the slower one can be answered", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000)];
  const talk = new Talk(media, true);
  loseOne(talk, media);
  const number = talk.sentUs.length - 1;
  const delayUs = (talk.arrivedUs.get(number) as number) - (talk.sentUs[number] as number);
  assert.ok(delayUs < 45_000, `${delayUs} us, and the answer to the slower copy takes more than 60,000`);
  assert.is(talk.frames.get("lte"), 61, "the slower one waits");
});

test("nor where the slower one is there before a second try could be", () => {
  const media = [path("radio", 0, 20_000), path("lte", 3, 30_000)];
  const talk = new Talk(media, true);
  loseOne(talk, media);
  assert.is(talk.arrivedUs.size, talk.sentUs.length);
  assert.is(talk.counter(0, "hurried"), 0);
});

test("an answer to speech that comes a little later than always is waited for", () => {
  const { bearers } = new VirtualMesh(2, [path("radio", 0, 5_000)]).node(0).options;
  const port = createPort(bearers[0] as CoreBearer, new PacketPool(4), new Counters());
  const n = { ...createNeighbour(0, 1001, TO, 0, 0, false), rttUs: 12_000, rttVarianceUs: 0 };
  assert.is(frameRtoUs(0, port, n, TrafficClass.voice), 12_000 + RTT_GRANULARITY_US);
  assert.is(frameRtoUs(0, port, n, TrafficClass.video), 12_000 + REPORT_DELAY_WIDE_US, "which is longer than that");
});

test("few copies go again so soon: acknowledgements are lost as well", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000)];
  const talk = new Talk(media, true);
  talk.say(20);
  const before = talk.counter(0, "hurried");
  (media[0] as Medium).loss = 0.3;
  talk.say(300);
  const hurried = talk.counter(0, "hurried") - before;
  assert.ok(hurried >= 15 && hurried <= 300 / PACKETS_PER_HURRY + MAX_HURRIES_SAVED, `${hurried}`);
});

test("a path that has lost most of what was sent there is tried again after a while", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000)];
  const talk = new Talk(media, true);
  const lte = media[1] as Medium;
  talk.say(20);
  lte.loss = 0.75;
  talk.say(100);
  lte.loss = 0;
  const before = talk.frames.get("lte") ?? 0;
  talk.say(300);
  assert.ok((talk.frames.get("lte") ?? 0) - before > 200, `${(talk.frames.get("lte") ?? 0) - before}`);
});

test("what has gone to a path that loses it goes again where a neighbour answers after all", () => {
  for (let lost = 3; lost < 8; lost++) {
    const media = [path("radio", 0, 5_000), path("lte", 3, 30_000), path("satellite", 2, 300_000)];
    const talk = new Talk(media, true);
    talk.say(60);
    talk.mesh.cut(0, 1, media[1] as Medium);
    talk.say(10);
    talk.mesh.cut(0, 1, media[2] as Medium);
    (media[0] as Medium).loss = 1;
    talk.say(lost);
    (media[0] as Medium).loss = 0;
    talk.say(30);
    talk.wait(2_000_000);
    assert.is(talk.arrivedUs.size, talk.sentUs.length, `${lost}`);
  }
});

test("the silence of a path that carries group speech alone is noticed, too", () => {
  const media = [path("lte", 3, 30_000), path("satellite", 2, 300_000)];
  const talk = new Talk(media, false);
  const speak = (frames: number): void => {
    for (let i = 0; i < frames; i++) {
      talk.mesh.node(0).core.sendVoice(talk.mesh.nowUs, 1, 1, VoiceCodec.opus, i, new Uint8Array(60));
      talk.mesh.drain(0);
      talk.wait(EVERY_US);
    }
  };
  speak(60);
  assert.is(talk.counter(0, "suspicions-told"), 0);
  talk.mesh.cut(0, 1, media[0] as Medium);
  speak(150);
  assert.is(talk.state(0), "down");
});

test("a frame that was still on its way does not keep a path alive that answers no more", () => {
  const media = [path("lte", 3, 30_000), path("satellite", 2, 300_000)];
  const talk = new Talk(media, false);
  const speak = (node: number, frames: number): void => {
    for (let i = 0; i < frames; i++) {
      talk.mesh.node(node).core.sendVoice(talk.mesh.nowUs, 1, 1, VoiceCodec.opus, i, new Uint8Array(60));
      talk.mesh.drain(node);
      talk.wait(EVERY_US);
    }
  };
  speak(0, 60);
  talk.mesh.cut(0, 1, media[0] as Medium);
  for (let i = 0; i < 100 && talk.state(0) !== "suspect"; i++) speak(0, 1);
  assert.is(talk.state(0), "suspect");
  talk.mesh.restore(0, 1, media[0] as Medium);
  speak(1, 1);
  talk.mesh.cut(0, 1, media[0] as Medium);
  const told = talk.mesh.node(0).events.filter((event) => event.type === "path" && event.change === "trusted");
  assert.is(told.length, 0, "nothing has been answered");
  talk.wait(3_500_000);
  assert.is(talk.state(0), "down");
});

test("silence and its end are told of, with how long there was nothing", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000)];
  const talk = new Talk(media, true);
  talk.say(60);
  const events: NodeEvent[] = [];
  const collect = (): void => void events.push(...talk.mesh.node(0).events.splice(0));
  collect();
  events.length = 0;
  talk.mesh.cut(0, 1, media[1] as Medium);
  talk.say(10);
  collect();
  const [suspected] = events.filter((event) => event.type === "path");
  assert.is(suspected?.change, "suspected");
  assert.is(suspected?.bearerId, 1);
  assert.ok((suspected?.silentMs ?? 0) > 20);
  talk.mesh.restore(0, 1, media[1] as Medium);
  talk.say(20);
  collect();
  assert.is(events.filter((event) => event.type === "path").at(-1)?.change, "trusted");
});

test("a path that is only suspected keeps its copies, and gets company", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000), path("wlan", 4, 40_000)];
  const talk = new Talk(media, true);
  talk.say(60);
  assert.is(talk.frames.get("wlan"), undefined);
  talk.mesh.cut(0, 1, media[1] as Medium);
  talk.say(8);
  talk.frames.clear();
  talk.say(10);
  assert.ok((talk.frames.get("lte") ?? 0) >= 10);
  assert.ok((talk.frames.get("wlan") ?? 0) >= 10);
});

test("a path that comes back after it was given up is used again when it has been clean for three seconds", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000), path("satellite", 2, 300_000)];
  const talk = new Talk(media, true);
  talk.say(60);
  talk.mesh.cut(0, 1, media[0] as Medium);
  talk.say(200);
  assert.is(talk.state(0), "down");
  talk.mesh.restore(0, 1, media[0] as Medium);
  const backUs = talk.mesh.nowUs;
  while (talk.state(0) !== "up" && talk.mesh.nowUs - backUs < 60_000_000) talk.say(1);
  assert.ok(talk.mesh.nowUs - backUs >= 3_000_000);
  talk.frames.clear();
  talk.say(50);
  talk.wait(500_000);
  assert.is(talk.frames.get("radio"), 50);
  assert.is(talk.arrivedUs.size, talk.sentUs.length);
  assert.is(talk.duplicates, 0);
});

test("an SOS arrives over the last of three paths, though most of its frames are lost there", () => {
  const media = [path("radio", 0, 5_000), path("lte", 3, 30_000), path("satellite", 2, 300_000)];
  const { mesh } = new Talk(media, true);
  for (const medium of media.slice(0, 2)) mesh.cut(0, 1, medium);
  (media[2] as Medium).loss = 0.5;
  mesh.node(1).events.length = 0;
  const unknown = Number.NaN;
  const report = {
    latitudeDeg: 31,
    longitudeDeg: 103,
    altitudeM: unknown,
    speedKmh: unknown,
    courseDeg: unknown,
    batteryPercent: unknown,
  };
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, report);
  mesh.drain(0);
  const heard = (): boolean => mesh.node(1).events.some((e) => e.type === "sos");
  assert.ok(mesh.run(10_000_000, heard));
});

test.run();
