import { SealFormat, sealFormat } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Acquaintance, VoiceCodec } from "../api.ts";
import { type Medium, NARROW, VirtualMesh } from "../testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const GROUP = 1;
/** Nodes: B on the narrow channel, two border nodes, A on the wide radio; C on the narrow channel, or on one of its own. */
const [B, FIRST, SECOND_BORDER, A, C] = [0, 1, 2, 3, 4] as const;
const FRAME_US = 40_000;
const FRAME_UNITS = 2;
const BUNDLE_UNITS = 6;

interface Valley {
  readonly mesh: VirtualMesh;
  readonly vhf: Medium;
  /** Timestamps that each border node was to carry, in the order of time. */
  readonly carried: readonly [number[], number[]];
  /** Whom the second border node has heard on the narrow channel, as its owner has kept it. */
  acquaintances(): Acquaintance[];
  /** Somebody talks for so many steps, one frame of Opus or a bundle of Codec2 each; `at` is called before each step. */
  talk(from: number, codec: VoiceCodec, steps: number, at?: (step: number) => void): void;
}

/** `channels`: members of the narrow ones, the first of which is `vhf`; `deaf`: pairs on it that do not hear each other. */
function valley(
  channels: readonly (readonly number[])[] = [[B, FIRST, SECOND_BORDER]],
  deaf: readonly (readonly [number, number])[] = [],
): Valley {
  const narrow = channels.map((members, i) => ({ name: `vhf${i}`, bearer: NARROW, members: [...members], loss: 0 }));
  const uhf: Medium = { name: "uhf", bearer: {}, members: [FIRST, SECOND_BORDER, A], loss: 0 };
  const nodes = Math.max(A, ...channels.flat()) + 1;
  const mesh = new VirtualMesh(nodes, [...narrow, uhf], 2, (i, o) => ({
    ...o,
    narrowVoice: i !== A,
    bridgedGroups: [GROUP],
  }));
  const vhf = narrow[0] as Medium;
  for (const [a, b] of deaf) mesh.cut(a, b, vhf);
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  mesh.run(6 * SECOND);
  const carried: [number[], number[]] = [[], []];
  const kept = new Map<number, Acquaintance>();
  /** Codes in no time what a border node is to carry. */
  const carry = (border: number): void => {
    const { core, events } = mesh.node(border);
    for (const e of events.splice(0)) {
      if (e.type === "acquaintance" && border === SECOND_BORDER) kept.set(e.acquaintance.address, e.acquaintance);
      if (e.type !== "voice" || !e.bridge) continue;
      carried[border - 1]?.push(e.timestamp20ms);
      const across = e.codec === VoiceCodec.opus ? VoiceCodec.codec2_1300 : VoiceCodec.opus;
      const start = e.timestamp20ms - (e.timestamp20ms % BUNDLE_UNITS);
      if (across === VoiceCodec.codec2_1300 && e.timestamp20ms !== start + BUNDLE_UNITS - FRAME_UNITS) continue;
      core.sendBridgedVoice(mesh.nowUs, e.talker, e.group, e.burst, across, start, new Uint8Array(20));
    }
    mesh.drain(border);
  };
  const talk = (from: number, codec: VoiceCodec, steps: number, at: (step: number) => void = () => undefined): void => {
    const units = codec === VoiceCodec.opus ? FRAME_UNITS : BUNDLE_UNITS;
    const isOver = (): boolean => {
      for (const border of [FIRST, SECOND_BORDER]) carry(border);
      return false;
    };
    for (let i = 0; i < steps; i++) {
      at(i);
      mesh.node(from).core.sendVoice(mesh.nowUs, GROUP, 1, codec, units * i, new Uint8Array(20));
      mesh.drain(from);
      mesh.run((units / FRAME_UNITS) * FRAME_US, isOver);
    }
  };
  return { mesh, vhf, carried, acquaintances: () => [...kept.values()], talk };
}

const upTo = (steps: number, units: number): number[] => Array.from({ length: steps }, (_, i) => units * i);
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

test("of two border nodes one carries voice across, either way", () => {
  for (const [from, codec, units] of [
    [B, VoiceCodec.codec2_1300, BUNDLE_UNITS],
    [A, VoiceCodec.opus, FRAME_UNITS],
  ] as const) {
    const { carried, talk } = valley();
    talk(from, codec, 30);
    assert.equal(carried, [upTo(30, units), []]);
  }
});

test("the border node that reaches more of those who have no other way carries, whatever its id", () => {
  const members = [B, C, FIRST, SECOND_BORDER];
  assert.equal(speechFromA([members]), [8, 0], "both reach all: the first");
  assert.equal(speechFromA([members], [[C, FIRST]]), [0, 8]);
  assert.equal(speechFromA([members], [[C, SECOND_BORDER]]), [8, 0]);
});

test("border nodes of two channels carry each to its own, and neither waits for the other one", () => {
  const channels = [
    [B, FIRST],
    [C, SECOND_BORDER],
  ];
  assert.equal(speechFromA(channels), [8, 8]);
});

/** How many of 8 frames each border node carries that A says: before one in reserve takes silence for more than it is. */
function speechFromA(...terms: Parameters<typeof valley>): number[] {
  const { carried, talk } = valley(...terms);
  talk(A, VoiceCodec.opus, 8);
  return carried.map((timestamps) => timestamps.length);
}

test("one in reserve does not take it for silence that the one that carries puts several bundles in a packet", () => {
  const members = [B, C, FIRST, SECOND_BORDER];
  const deaf = [
    [C, FIRST],
    [C, SECOND_BORDER],
  ] as const;
  const { carried, talk } = valley([members], deaf);
  talk(A, VoiceCodec.opus, 60);
  assert.equal(
    carried.map((timestamps) => timestamps.length),
    [60, 0],
  );
});

test("when the one that carries dies, the other one goes on with what it has not carried: nothing is left out", () => {
  for (const [from, codec, units] of [
    [B, VoiceCodec.codec2_1300, BUNDLE_UNITS],
    [A, VoiceCodec.opus, FRAME_UNITS],
  ] as const) {
    const { mesh, carried, talk } = valley();
    talk(from, codec, 40, (step) => {
      if (step === 20) mesh.node(FIRST).powered = false;
    });
    const [first, second] = carried;
    assert.equal(sorted(new Set([...first, ...second])), upTo(40, units), "all of it");
    assert.equal(second, sorted(second), "in order");
    assert.is(second.length, new Set(second).size, "once");
  }
});

test("a bundle that only the one in reserve has heard is carried by that one, and no other", () => {
  const { mesh, vhf, carried, talk } = valley();
  talk(B, VoiceCodec.codec2_1300, 30, (step) => {
    if (step === 10) mesh.cut(B, FIRST, vhf);
    if (step === 11) mesh.restore(B, FIRST, vhf);
  });
  const missed = 10 * BUNDLE_UNITS;
  const [first, second] = carried;
  assert.equal(second, [missed]);
  assert.equal(sorted([...first, ...second]), upTo(30, BUNDLE_UNITS));
});

test("the only border node starts anew while somebody talks, and carries soon", () => {
  const { mesh, carried, talk, acquaintances } = valley();
  mesh.node(FIRST).powered = false;
  mesh.run(60 * SECOND);
  talk(B, VoiceCodec.codec2_1300, 60, (step) => {
    if (step === 20) mesh.restart(SECOND_BORDER, { acquaintances: acquaintances() });
  });
  const since = carried[1].filter((timestamp) => timestamp >= 20 * BUNDLE_UNITS);
  assert.ok((since[0] as number) <= 26 * BUNDLE_UNITS, `${since}`);
  assert.ok(since.length > 30, `${since}`);
});

test("a border node that starts anew leaves it to the one that carries", () => {
  for (const [from, codec] of [
    [B, VoiceCodec.codec2_1300],
    [A, VoiceCodec.opus],
  ] as const) {
    for (const remembers of [true, false]) {
      const { mesh, carried, talk, acquaintances } = valley();
      talk(from, codec, 60, (step) => {
        if (step === 20) mesh.restart(SECOND_BORDER, remembers ? { acquaintances: acquaintances() } : {});
      });
      assert.equal(carried[1], []);
    }
  }
});

test("a border node that cannot open what is said on the narrow channel does not take it for silence", () => {
  const { mesh, carried, talk } = valley();
  talk(A, VoiceCodec.opus, 80, (step) => {
    if (step !== 20) return;
    mesh.restart(SECOND_BORDER);
    const { core } = mesh.node(SECOND_BORDER);
    const heard = core.handleFrame;
    core.handleFrame = function (nowUs, bearerId, endpoint, octets, length) {
      const isHello = bearerId === 0 && sealFormat(octets) === SealFormat.full;
      if (!isHello) heard.call(this, nowUs, bearerId, endpoint, octets, length);
    };
  });
  assert.equal(carried[1], []);
});

test("on a channel that others keep busy a border node that has started anew gives the one before it a second", () => {
  const startsToCarry = (isBusy: boolean): number => {
    const { mesh, carried, talk } = valley();
    mesh.node(FIRST).powered = false;
    mesh.run(60 * SECOND);
    talk(A, VoiceCodec.opus, 60, (step) => {
      if (step !== 20) return;
      mesh.restart(SECOND_BORDER);
      if (isBusy) mesh.node(SECOND_BORDER).core.handleCarrier(mesh.nowUs, 0, true);
    });
    const [first = Number.NaN] = carried[1].filter((timestamp) => timestamp >= 20 * FRAME_UNITS);
    // What it has held comes first.
    return (first - 20 * FRAME_UNITS) * (FRAME_US / FRAME_UNITS);
  };
  assert.ok(startsToCarry(false) < 0.3 * SECOND);
  assert.ok(startsToCarry(true) >= 0.5 * SECOND);
});

test.run();
