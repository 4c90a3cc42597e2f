import { CODEC2_BUNDLE_OCTETS, FrameKind, kindOf, SealFormat, SHARED_HEADER_OCTETS, sealFormat } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VoiceCodec } from "../api.ts";
import { MAX_VOICE_BUNDLES, VOICE_BUNDLE_US } from "../limits.ts";
import type { MultipointRelays } from "../multipoint-relays.ts";
import { createState } from "../state.ts";
import { type Medium, NARROW, VirtualMesh } from "../testing/virtual-mesh.ts";
import { VoiceBundles } from "./voice-bundles.ts";

const SECOND = 1_000_000;
const GROUP = 1;
const UNITS = 6;

interface Speech {
  /** Voice packets that the talker, and that all others have sent. */
  readonly packets: number;
  readonly relayed: number;
  /** By node: timestamps and first octets of what it has heard, in order. */
  readonly heard: readonly (readonly number[])[];
  /** How long the last bundle took to those who heard it. */
  readonly lastUs: number;
}

/** Node 0 says so many bundles; `deaf` do not hear each other. */
function speech(members: number, deaf: readonly (readonly [number, number])[], bundles: number): Speech {
  const vhf: Medium = { name: "vhf", bearer: NARROW, members: Array.from({ length: members }, (_, i) => i), loss: 0 };
  const mesh = new VirtualMesh(members, [vhf]);
  for (const [a, b] of deaf) mesh.cut(a, b, vhf);
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
  mesh.run(20 * SECOND);
  let packets = 0;
  let relayed = 0;
  mesh.onFrame = (from, _, octets) => {
    const isShared = sealFormat(octets) === SealFormat.shared;
    if (!isShared || kindOf(octets[SHARED_HEADER_OCTETS] as number) !== FrameKind.groupNarrow) return;
    if (from === 0) packets++;
    else relayed++;
  };
  const heard: number[][] = mesh.nodes.map(() => []);
  let lastUs = 0;
  const startUs = mesh.nowUs;
  const look = (): boolean => {
    for (const [i, { events }] of mesh.nodes.entries())
      for (const e of events.splice(0)) {
        if (e.type !== "voice") continue;
        assert.is(e.payload.length, CODEC2_BUNDLE_OCTETS);
        assert.is(e.payload[0], e.timestamp20ms / UNITS, "each with its own octets");
        heard[i]?.push(e.timestamp20ms);
        lastUs = mesh.nowUs - startUs - (e.timestamp20ms / UNITS) * VOICE_BUNDLE_US;
      }
    return false;
  };
  for (let i = 0; i < bundles; i++) {
    const payload = new Uint8Array(CODEC2_BUNDLE_OCTETS).fill(i);
    mesh.node(0).core.sendVoice(mesh.nowUs, GROUP, 1, VoiceCodec.codec2_1300, i * UNITS, payload);
    mesh.drain(0);
    mesh.run(startUs + (i + 1) * VOICE_BUNDLE_US - mesh.nowUs, look);
  }
  mesh.run(2 * SECOND, look);
  return { packets, relayed, heard, lastUs };
}

const all = (bundles: number): number[] => Array.from({ length: bundles }, (_, i) => i * UNITS);

test("where all hear the talker each bundle goes at once", () => {
  const { packets, relayed, heard, lastUs } = speech(3, [], 20);
  assert.equal([packets, relayed], [20, 0]);
  assert.equal(heard, [[], all(20), all(20)]);
  assert.ok(lastUs < VOICE_BUNDLE_US);
});

test("where others have to say it again bundles go together, and arrive as they were spoken, the odd ones at the end as well", () => {
  for (const bundles of [20, 21, 22, 23]) {
    const { packets, relayed, heard } = speech(3, [[0, 2]], bundles);
    assert.ok(packets < bundles / 2 && packets >= bundles / MAX_VOICE_BUNDLES, `${packets} packets`);
    assert.is(relayed, packets);
    assert.equal(heard, [[], all(bundles), all(bundles)]);
  }
});

test("a single bundle is sent soon after, though none follows it", () => {
  const { packets, heard, lastUs } = speech(3, [[0, 2]], 1);
  assert.is(packets, 1);
  assert.equal(heard, [[], [0], [0]]);
  assert.ok(lastUs < 0.6 * SECOND, `${lastUs}`);
});

test("within a burst packets grow by a bundle each when somebody has to relay, and shrink at once", () => {
  const vhf: Medium = { name: "vhf", bearer: NARROW, members: [0], loss: 0 };
  const state = createState(new VirtualMesh(1, [vhf]).node(0).options);
  for (const port of state.ports) port.up = true;
  let transmissions = 1;
  const relays = { transmissions: () => transmissions } as unknown as MultipointRelays;
  const sent: number[] = [];
  const bundles = new VoiceBundles(state, relays, (_now, _group, _header, payload) =>
    sent.push(payload.length / CODEC2_BUNDLE_OCTETS),
  );
  let timestamp20ms = 0;
  const say = (count: number, burst: number): void => {
    for (let i = 0; i < count; i++, timestamp20ms += UNITS) {
      const nowUs = 60 * SECOND + (timestamp20ms / UNITS) * VOICE_BUNDLE_US;
      bundles.add(nowUs, GROUP, { talker: 1, codec: 1, burst, timestamp20ms }, new Uint8Array(CODEC2_BUNDLE_OCTETS));
    }
  };
  say(2, 1);
  transmissions = 2;
  say(8, 1);
  transmissions = 1;
  say(2, 1);
  transmissions = 2;
  say(3, 2);
  assert.equal(sent, [1, 1, 2, 3, 3, 1, 1, 3]);
});

test.run();
