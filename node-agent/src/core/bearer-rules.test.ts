import { test } from "uvu";
import * as assert from "uvu/assert";
import { CapLevel, type CoreRules, type NodeEvent, Precedence, TrafficClass } from "./api.ts";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const EVERY_US = 20_000;
const NAN = Number.NaN;
const nowhere = {
  latitudeDeg: 31,
  longitudeDeg: 103,
  altitudeM: NAN,
  speedKmh: NAN,
  courseDeg: NAN,
  batteryPercent: NAN,
};

/** Kinds tell bearers apart in link state. */
function path(name: string, kind: number, latencyUs: number, members = [0, 1]): Medium {
  return { name, bearer: { kind, medium: "point-to-point", latencyUs, bitrateBps: 5_000_000 }, members, loss: 0 };
}

type BearerRule = Partial<CoreRules["bearers"][number]>;
const ruled = (bearers: BearerRule[], classes: CoreRules["classes"] = []): CoreRules => ({
  bearers: bearers.map((rule) => ({ costCentsPerMegabyte: 0, preferenceMs: 0, closedTo: [], ...rule })),
  classes,
});
const cap = (octets: number, reserveOctets: number): BearerRule => ({
  cap: { octets, reserveOctets, countsReceived: true },
});

/** Packets between two nodes, numbered, and the frames on each medium that are large enough to carry one. */
class Rig {
  readonly mesh: VirtualMesh;
  readonly frames = new Map<string, number>();
  readonly arrived = new Set<number>();
  sent = 0;

  constructor(media: Medium[], nodes = 2) {
    this.mesh = new VirtualMesh(nodes, media);
    this.mesh.onFrame = (from, { name }, octets) => {
      if (octets.length < 150) return;
      const key = `${from} ${name}`;
      this.frames.set(key, (this.frames.get(key) ?? 0) + 1);
    };
    assert.ok(this.mesh.run(10 * SECOND, () => this.mesh.allReachable()));
    this.mesh.run(3 * SECOND);
  }

  rule(node: number, rules: CoreRules): TrafficClass[] {
    const ignored = this.mesh.node(node).core.setRules(this.mesh.nowUs, rules);
    this.mesh.drain(node);
    this.mesh.run(SECOND);
    return ignored;
  }

  /** Packets from node 0 to `to`, or from `to` to node 0. */
  say(packets: number, trafficClass: TrafficClass, to = 1, back = false): void {
    const payload = new Uint8Array(172);
    for (let i = 0; i < packets; i++) {
      new DataView(payload.buffer).setUint32(0, this.sent++);
      const { nowUs } = this.mesh;
      const [from, address] = back ? [to, 0x101] : [0, 0x101 + to];
      this.mesh.node(from).core.sendIp(nowUs, address, trafficClass, Precedence.routine, false, payload, 0, 172);
      this.mesh.drain(from);
      this.mesh.run(EVERY_US);
    }
    this.mesh.run(SECOND);
    for (const { events } of this.mesh.nodes)
      for (const event of events)
        if (event.type === "ip")
          this.arrived.add(new DataView(event.octets.buffer, event.octets.byteOffset).getUint32(0));
  }

  events<T extends NodeEvent["type"]>(node: number, type: T): Extract<NodeEvent, { type: T }>[] {
    return this.mesh.node(node).events.filter((event) => event.type === type) as Extract<NodeEvent, { type: T }>[];
  }

  drops(node: number, reason: string): number {
    return this.mesh.node(node).core.status(this.mesh.nowUs).drops[reason] ?? 0;
  }

  sos(): void {
    this.mesh.node(0).core.raiseSos(this.mesh.nowUs, 1, nowhere);
    this.mesh.drain(0);
  }

  position(): void {
    this.mesh.node(0).core.reportPosition(this.mesh.nowUs, nowhere);
    this.mesh.drain(0);
    this.mesh.run(SECOND);
  }
}

test("a call whose bearer comes to its cap goes on over the other one, in both directions, and nothing of it is lost", () => {
  const media = [path("lte", 3, 30_000), path("satellite", 2, 120_000)];
  const rig = new Rig(media);
  rig.rule(0, ruled([cap(60_000, 20_000), {}]));
  rig.say(400, TrafficClass.voice);
  assert.equal(
    rig.events(0, "cap").map(({ level }) => level),
    [CapLevel.reserve],
  );
  const over = rig.frames.get("0 lte") ?? 0;
  assert.ok(over > 50 && over < 250, `${over} over the capped bearer`);
  rig.frames.clear();
  rig.say(50, TrafficClass.voice);
  rig.say(50, TrafficClass.voice, 1, true);
  assert.is(rig.frames.get("0 lte"), undefined);
  assert.is(rig.frames.get("1 lte"), undefined);
  assert.is(rig.frames.get("0 satellite"), 50);
  assert.is(rig.frames.get("1 satellite"), 50);
  assert.is(rig.arrived.size, rig.sent);
  // The reserve is for this: now there is no other way.
  rig.mesh.cut(0, 1, media[1] as Medium);
  rig.sos();
  assert.ok(rig.mesh.run(2 * SECOND, () => rig.events(1, "sos").length > 0));
});

test("four fifths are a warning; then positions and SOS go on, and when all is used SOS alone; a new month opens it", () => {
  const rig = new Rig([path("lte", 3, 30_000)]);
  rig.rule(0, ruled([cap(100_000, 10_000)]));
  const use = (octets: number): void => {
    rig.mesh.node(0).core.setUsage(rig.mesh.nowUs, 0, octets);
    rig.mesh.drain(0);
    rig.mesh.run(SECOND);
  };
  use(85_000);
  use(91_000);
  assert.equal(
    rig.events(0, "cap").map(({ level }) => level),
    [CapLevel.warned, CapLevel.reserve],
  );
  rig.say(5, TrafficClass.voice);
  rig.say(5, TrafficClass.bulk);
  rig.say(5, TrafficClass.voice, 1, true);
  assert.is(rig.arrived.size, 0);
  assert.ok(rig.drops(0, "cap") >= 10);
  assert.ok(rig.drops(1, "cap") >= 5, "the other end knows");
  rig.position();
  assert.is(rig.events(1, "position").length, 1);
  use(100_000);
  rig.position();
  assert.is(rig.events(1, "position").length, 1);
  rig.sos();
  assert.ok(rig.mesh.run(2 * SECOND, () => rig.events(1, "sos").length > 0));
  use(0);
  rig.say(5, TrafficClass.voice);
  rig.say(5, TrafficClass.voice, 1, true);
  assert.is(rig.arrived.size, 10);
});

test("others go around a link whose cap is used, and come back to it when it is open again", () => {
  // 0 - 2 over a metered link that is quick, or over 1.
  const media = [path("lte", 3, 5_000, [0, 2]), path("a", 0, 20_000, [0, 1]), path("b", 0, 20_000, [1, 2])];
  const rig = new Rig(media, 3);
  rig.say(20, TrafficClass.voice, 2);
  assert.is(rig.frames.get("0 lte"), 20);
  // Node 2 has the cap: node 0 has to learn of it.
  rig.rule(2, ruled([cap(1000, 1000), {}]));
  rig.frames.clear();
  rig.say(20, TrafficClass.voice, 2);
  assert.is(rig.frames.get("0 lte"), undefined);
  assert.is(rig.frames.get("1 b"), 20);
  rig.rule(2, ruled([{}, {}]));
  rig.frames.clear();
  rig.say(20, TrafficClass.voice, 2);
  assert.is(rig.frames.get("0 lte"), 20);
  assert.is(rig.arrived.size, 60);
});

test("a class keeps off the bearers that it may not use, also where there is no other", () => {
  const rig = new Rig([path("lte", 3, 30_000), path("satellite", 2, 5_000)]);
  const never = ruled([{}, { closedTo: [TrafficClass.bulk] }]);
  rig.rule(0, never);
  rig.say(20, TrafficClass.bulk);
  assert.is(rig.frames.get("0 satellite"), undefined);
  assert.is(rig.arrived.size, 20);
  const paths = rig.mesh.node(0).core.pathsTo(rig.mesh.nowUs, 0x102);
  assert.equal(
    paths.map(({ path }) => path),
    [0],
  );
  rig.say(20, TrafficClass.voice);
  assert.is(rig.frames.get("0 satellite"), 20);
  const alone = new Rig([path("satellite", 2, 5_000)]);
  alone.rule(0, ruled([{ closedTo: [TrafficClass.bulk] }]));
  alone.say(5, TrafficClass.bulk);
  assert.is(alone.arrived.size, 0);
  assert.ok(alone.drops(0, "class-rule") >= 5);
});

test("video that several bearers could carry keeps off the one that it may not use, and off one whose cap is used", () => {
  const rig = new Rig([path("radio", 0, 5_000), path("lte", 3, 20_000), path("satellite", 2, 40_000)]);
  rig.rule(0, ruled([{ closedTo: [TrafficClass.video] }, {}, {}]));
  rig.say(40, TrafficClass.video);
  assert.is(rig.frames.get("0 radio"), undefined);
  assert.is(rig.arrived.size, 40);
  rig.rule(0, ruled([{ closedTo: [TrafficClass.video] }, cap(1, 0), {}]));
  rig.frames.clear();
  rig.say(40, TrafficClass.video);
  assert.equal([...rig.frames.keys()], ["0 satellite"]);
  assert.is(rig.arrived.size, 80);
});

test("a rule that would keep voice off every bearer is ignored; one for bulk holds", () => {
  const rig = new Rig([path("lte", 3, 30_000)]);
  const { voice, bulk } = TrafficClass;
  assert.equal(rig.rule(0, ruled([{ closedTo: [voice, bulk] }])), [voice]);
  rig.say(5, voice);
  assert.is(rig.arrived.size, 5);
  rig.say(5, bulk);
  assert.is(rig.arrived.size, 5);
});

test("a preferred bearer is taken though it is slower, by as much as it is preferred", () => {
  const rig = new Rig([path("lte", 3, 30_000), path("mesh", 0, 5_000)]);
  rig.rule(0, ruled([{ preferenceMs: 10 }, {}]));
  rig.say(20, TrafficClass.voice);
  assert.is(rig.frames.get("0 lte"), undefined);
  rig.rule(0, ruled([{ preferenceMs: 80 }, {}]));
  const { core } = rig.mesh.node(0);
  const told = core.bearerStatus(rig.mesh.nowUs).map(({ preferenceMs }) => preferenceMs);
  assert.equal(told, [80, 0], "who carries streams is told, too");
  rig.say(200, TrafficClass.voice);
  rig.frames.clear();
  rig.say(20, TrafficClass.voice);
  assert.is(rig.frames.get("0 lte"), 20);
});

test("copies: as many as ordinarily, and as many as at risk while a bearer is in doubt", () => {
  const media = [path("mesh", 0, 5_000), path("lte", 3, 30_000), path("wlan", 4, 40_000)];
  const rig = new Rig(media);
  rig.rule(0, ruled([{}, {}, {}], [{ copiesCalm: 1, copiesRisk: 3 }]));
  rig.say(20, TrafficClass.voice);
  assert.equal([...rig.frames], [["0 mesh", 20]]);
  rig.rule(0, ruled([{}, {}, {}], [{ copiesCalm: 3, copiesRisk: 3 }]));
  rig.frames.clear();
  rig.say(20, TrafficClass.voice);
  assert.equal(
    ["0 mesh", "0 lte", "0 wlan"].map((key) => rig.frames.get(key)),
    [20, 20, 20],
  );
  rig.rule(0, ruled([{}, {}, {}], [{ copiesCalm: 1, copiesRisk: 3 }]));
  rig.say(60, TrafficClass.voice);
  rig.mesh.cut(0, 1, media[0] as Medium);
  rig.frames.clear();
  rig.say(20, TrafficClass.voice);
  // Without a word on risk a suspect is joined by the next best alone.
  assert.ok((rig.frames.get("0 wlan") ?? 0) > 5);
  assert.is(rig.arrived.size, 120);
});

test("a class sends no more than its rate, and SOS is not held up by it", () => {
  const rig = new Rig([path("mesh", 0, 5_000)]);
  // 172 octets each 20 ms are 68.8 kbit/s.
  rig.rule(0, ruled([{}], [{}, { rateBps: 1 }, {}, { rateBps: 34_400 }]));
  rig.say(500, TrafficClass.bulk);
  const burst = 3000 / 172;
  assert.ok(Math.abs(rig.arrived.size - (250 + burst)) < 10, `${rig.arrived.size}`);
  assert.is(rig.drops(0, "class-rate"), 500 - rig.arrived.size);
  rig.say(50, TrafficClass.video);
  assert.is(rig.drops(0, "class-rate") + rig.arrived.size, 550);
  rig.sos();
  rig.position();
  assert.is(rig.events(1, "sos").length > 0 && rig.events(1, "position").length > 0, true);
});

test.run();
