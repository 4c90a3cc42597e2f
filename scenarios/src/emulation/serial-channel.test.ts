import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseScenario } from "../scenario/load.ts";
import { World } from "../world/world.ts";
import { SerialChannel } from "./serial-channel.ts";

const THREE_RADIOS = `
scenario: three-radios/1
duration: 10s
origin: {latitude: 31, longitude: 103}
networks:
  - {name: vhf, type: serial, baud: 9600, keyUpMs: 20, rangeM: 1000, loss: {near: LOSS}}
nodes:
  - {name: A, address: "1.1", role: terminal, networks: [vhf], at: [0, 0]}
  - {name: B, address: "1.2", role: terminal, networks: [vhf], at: [500, 0]}
  - {name: C, address: "1.3", role: terminal, networks: [vhf], at: [1200, 0]}
`;

interface Heard {
  node: number;
  atUs: number;
  octets: number[];
}

class Rig {
  readonly world: World;
  readonly channel: SerialChannel;
  readonly heard: Heard[] = [];
  nowUs = 0;

  constructor(loss = 0) {
    this.world = new World(parseScenario("three.yaml", THREE_RADIOS.replace("LOSS", String(loss))));
    this.channel = new SerialChannel(this.world, 0, 7, (node, octets, length) => {
      this.heard.push({ node, atUs: this.nowUs, octets: [...octets.subarray(0, length)] });
    });
  }

  write(atUs: number, node: number, octets: number[]): void {
    this.run(atUs);
    this.nowUs = atUs;
    this.channel.write(atUs, node, Uint8Array.from(octets), octets.length);
  }

  run(untilUs: number): void {
    for (let nextUs = this.channel.nextUs(); nextUs <= untilUs; nextUs = this.channel.nextUs()) {
      this.nowUs = nextUs;
      this.channel.step(nextUs);
    }
  }

  /** What a node heard, without the preamble. */
  octetsAt(node: number): number[] {
    return this.heard.filter((h) => h.node === node).flatMap((h) => h.octets.filter((octet) => octet !== 0));
  }
}

const frame = Array.from({ length: 96 }, (_, i) => i + 1);

test("octets go on air after key-up at 960 a second, in small chunks, to those in range", () => {
  const rig = new Rig();
  rig.write(0, 0, frame);
  rig.run(1e6);
  assert.equal(rig.octetsAt(1), frame);
  assert.equal(rig.octetsAt(2), [], "C is out of A's range");
  const data = rig.heard.filter((h) => h.octets.some((octet) => octet !== 0));
  assert.is.not(data[0]?.atUs, undefined);
  assert.ok((data[0] as Heard).atUs > 20_000, "not before key-up has ended");
  assert.is((data.at(-1) as Heard).atUs, 120_000, "20 ms of key-up and 96 octets at 960 octets/s");
  assert.ok(data.every((h) => h.octets.length <= 6));
  assert.is(rig.channel.nextUs(), Number.POSITIVE_INFINITY, "an idle channel wants nothing");
});

test("a receiver notices the carrier during key-up", () => {
  const rig = new Rig();
  rig.write(0, 0, frame);
  rig.run(3_000);
  assert.equal(rig.heard, [{ node: 1, atUs: 3_000, octets: [0] }], "a preamble after 3 ms");
});

test("two transmissions at once garble each other at who hears both, and are counted", () => {
  const rig = new Rig();
  rig.write(0, 0, frame);
  rig.write(2_000, 2, frame);
  rig.run(1e6);
  assert.is.not(rig.octetsAt(1).join(), frame.join());
  assert.is(rig.channel.counters.collisions, 1);
});

test("who transmits hears nothing", () => {
  const rig = new Rig();
  rig.write(0, 0, frame);
  rig.write(0, 1, frame);
  rig.run(1e6);
  assert.equal(rig.octetsAt(0), []);
  assert.equal(rig.octetsAt(1), []);
  assert.equal(rig.octetsAt(2), frame, "C hears B alone");
});

test("without power nothing is sent or heard; a transmission under way breaks off", () => {
  const rig = new Rig();
  rig.write(0, 0, frame);
  rig.run(60_000);
  rig.world.apply({ kind: "power", node: "A" });
  rig.run(1e6);
  const heard = rig.octetsAt(1);
  assert.ok(heard.length > 0 && heard.length < frame.length);
  rig.write(1e6, 0, frame);
  rig.run(2e6);
  assert.equal(rig.octetsAt(1), heard);
});

test("a cut and its end take effect at once", () => {
  const rig = new Rig();
  const cut = rig.world.apply({ kind: "cut-link", from: "A", to: "B", oneWay: false });
  rig.write(0, 0, frame);
  rig.run(1e6);
  assert.equal(rig.octetsAt(1), []);
  rig.world.revert(cut);
  rig.write(1e6, 0, frame);
  rig.run(2e6);
  assert.equal(rig.octetsAt(1), frame);
});

test("lost frames arrive with flipped bits, about as many as the link loses", () => {
  const rig = new Rig(0.25);
  const short = [0, 201, 202, 203, 0];
  for (let i = 0; i < 400; i++) rig.write(i * 100_000, 0, short);
  rig.run(50e6);
  const whole = rig.octetsAt(1).join().split("201,202,203").length - 1;
  assert.ok(whole > 260 && whole < 340, `${whole} of 400 whole`);
  assert.is(rig.channel.counters.framesLost, 400 - whole);
});

test("more than the modem's buffer is refused and counted", () => {
  const rig = new Rig();
  rig.write(0, 0, new Array(5000).fill(1));
  assert.is(rig.channel.counters.octetsRefused, 5000 - 4096);
});

test.run();
