import { test } from "uvu";
import * as assert from "uvu/assert";
import { DISJOINT } from "./api.ts";
import { type Medium, VirtualMesh, wire } from "./testing/virtual-mesh.ts";

const FAR = 0x104;
const PACKET_US = 20_000;
const MAX_TALK_US = 200_000;

/** 0 - 1 - 3, and 0 - 2 - 3, which is no better; node 0 talks to node 3. */
class Diamond {
  readonly mesh: VirtualMesh;
  readonly #media = [wire("01", [0, 1]), wire("13", [1, 3]), wire("02", [0, 2]), wire("23", [2, 3])];
  readonly #speech = new Uint8Array(100);
  readonly #critical: boolean;
  /** Frames with speech that node 0 has sent, by wire. */
  readonly spoken = new Map<string, number>();
  said = 0;

  constructor(critical: boolean) {
    this.#critical = critical;
    this.mesh = new VirtualMesh(4, this.#media);
    assert.ok(this.mesh.run(5_000_000, () => this.mesh.allReachable()));
    this.mesh.run(3_000_000);
    this.mesh.onFrame = (from, { name }, octets) => {
      if (from === 0 && octets.length > this.#speech.length) this.spoken.set(name, (this.spoken.get(name) ?? 0) + 1);
    };
  }

  medium(a: number, b: number): Medium {
    return this.#media.find(({ members }) => members.includes(a) && members.includes(b)) as Medium;
  }

  cut(a: number, b: number): void {
    this.mesh.cut(a, b, this.medium(a, b));
  }

  restore(a: number, b: number): void {
    this.mesh.restore(a, b, this.medium(a, b));
  }

  talk(forUs: number): void {
    for (const untilUs = this.mesh.nowUs + forUs; this.mesh.nowUs < untilUs; this.mesh.run(PACKET_US)) {
      const { core } = this.mesh.node(0);
      assert.ok(core.sendIp(this.mesh.nowUs, FAR, 0, 2, this.#critical, this.#speech, 0, this.#speech.length));
      this.mesh.drain(0);
      this.said++;
    }
  }

  /** Talks until that is so. */
  talkUntilSuspected(at: number, neighbour: number): void {
    const untilUs = this.mesh.nowUs + MAX_TALK_US;
    while (!this.isSuspected(at, neighbour) && this.mesh.nowUs < untilUs) this.talk(PACKET_US);
    assert.ok(this.isSuspected(at, neighbour));
  }

  isSuspected(at: number, neighbour: number): boolean {
    const { neighbours } = this.mesh.node(at).core.status(this.mesh.nowUs);
    return neighbours.some((n) => (n.address & 0xff) === neighbour + 1 && n.bidirectional && n.suspected);
  }

  get arrived(): number {
    return this.mesh.node(3).events.filter(({ type }) => type === "ip").length;
  }
}

test("a packet does not move from a neighbour that is silent to one that is silent for longer", () => {
  const diamond = new Diamond(false);
  const { mesh } = diamond;
  diamond.cut(0, 1);
  diamond.talk(160_000);
  assert.ok(mesh.node(0).events.some((e) => e.type === "path" && e.change === "suspected"));
  diamond.cut(0, 2);
  diamond.talk(140_000);
  diamond.restore(0, 2);
  mesh.run(500_000);
  const moved = mesh.node(0).events.filter((e) => e.type === "path" && e.change === "suspected" && e.bearerId === 1);
  assert.ok(moved.length > 0, "the other one was under suspicion, too");
  assert.is(diamond.arrived, 15);
});

test("a packet that has been everywhere tries the link that is only under suspicion", () => {
  const diamond = new Diamond(false);
  const { mesh } = diamond;
  diamond.cut(0, 1);
  diamond.talkUntilSuspected(0, 1);
  diamond.cut(2, 3);
  diamond.talkUntilSuspected(2, 3);
  assert.ok(diamond.isSuspected(0, 1), "the other way has not been given up yet");
  diamond.restore(2, 3);
  mesh.run(1_000_000);
  assert.is(diamond.arrived, diamond.said);
  assert.ok((mesh.node(2).core.status(mesh.nowUs).counters["risked"] as number) > 0);
});

test("a critical packet takes all ways that are only under suspicion", () => {
  const diamond = new Diamond(true);
  const { mesh } = diamond;
  diamond.cut(0, 2);
  diamond.talkUntilSuspected(0, 2);
  diamond.cut(0, 1);
  diamond.talkUntilSuspected(0, 1);
  assert.ok(diamond.isSuspected(0, 2));
  const before = new Map(diamond.spoken);
  diamond.restore(0, 2);
  diamond.talk(PACKET_US);
  for (const wire of ["01", "02"]) assert.ok((diamond.spoken.get(wire) ?? 0) > (before.get(wire) ?? 0), wire);
  mesh.run(100_000);
  assert.is(diamond.arrived, diamond.said);
});

test("a stream's second way does not begin with a link under suspicion, whatever critical packets do", () => {
  const diamond = new Diamond(true);
  const { mesh } = diamond;
  const paths = (): number[] =>
    mesh
      .node(0)
      .core.pathsTo(mesh.nowUs, FAR)
      .map(({ path }) => path);
  assert.ok(paths().includes(DISJOINT));
  diamond.cut(0, 1);
  diamond.talkUntilSuspected(0, 1);
  diamond.talk(PACKET_US);
  assert.ok(diamond.isSuspected(0, 1));
  assert.not.ok(paths().includes(DISJOINT));
});

test.run();
