import { test } from "uvu";
import * as assert from "uvu/assert";
import { VoiceCodec } from "../api.ts";
import { type Medium, NARROW, VirtualMesh } from "../testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const GROUP = 1;
/** Nodes: B on the narrow channel, two border nodes, A on the wide radio. */
const [B, FIRST, SECOND_BORDER, A] = [0, 1, 2, 3] as const;
const FRAME_US = 40_000;
const FRAME_UNITS = 2;
const BUNDLE_UNITS = 6;

interface Valley {
  readonly mesh: VirtualMesh;
  readonly vhf: Medium;
  /** Timestamps that each border node was to carry, in the order of time. */
  readonly carried: readonly [number[], number[]];
  /** Somebody talks for so many steps, one frame of Opus or a bundle of Codec2 each; `at` is called before each step. */
  talk(from: number, codec: VoiceCodec, steps: number, at?: (step: number) => void): void;
}

function valley(): Valley {
  const vhf: Medium = { name: "vhf", bearer: NARROW, members: [B, FIRST, SECOND_BORDER], loss: 0 };
  const uhf: Medium = { name: "uhf", bearer: {}, members: [FIRST, SECOND_BORDER, A], loss: 0 };
  const mesh = new VirtualMesh(4, [vhf, uhf], 2, (i, o) => ({ ...o, narrowVoice: i !== A, bridgedGroups: [GROUP] }));
  assert.ok(mesh.run(20 * SECOND, () => mesh.allReachable()));
  mesh.run(6 * SECOND);
  const carried: [number[], number[]] = [[], []];
  /** Codes in no time what a border node is to carry. */
  const carry = (border: number): void => {
    const { core, events } = mesh.node(border);
    for (const e of events.splice(0)) {
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
  return { mesh, vhf, carried, talk };
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

test.run();
