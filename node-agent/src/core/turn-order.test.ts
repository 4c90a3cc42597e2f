import { encodeFlowHeader, encodeSharedHeader, FrameKind, kindOctet } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { FIRST_TURN_KEPT_US } from "./limits.ts";
import type { Port } from "./port.ts";
import { memberPorts } from "./testing/member-ports.ts";
import {
  addresseeOf,
  drawOrder,
  giveFirstTurn,
  isVoiceFrame,
  keepFirstTurn,
  noticeTurn,
  placeInOrder,
} from "./turn-order.ts";

const MEMBERS = [1, 2, 3, 4, 5, 9];
const TALKER = 9;
const TAG_AT = 20;

function channels(): Port[] {
  const ports = memberPorts(MEMBERS);
  for (const n of ports.flatMap((port) => port.neighbours)) n.alive = true;
  return ports;
}

function frame(transmitter: number, counter: number, tag: number): Uint8Array {
  const octets = new Uint8Array(TAG_AT + 6);
  encodeSharedHeader(transmitter, counter, 0, octets);
  new DataView(octets.buffer).setUint32(TAG_AT, tag);
  return octets;
}

/** Members in the order of their turns; each reckons its own place, and no two have one place. */
function order(ports: readonly Port[]): number[] {
  const places = ports.map((port, i) => placeInOrder(port, MEMBERS[i] as number));
  assert.equal(places.toSorted(), [0, 1, 2, 3, 4, 5], `places ${places}`);
  return MEMBERS.toSorted((a, b) => (places[MEMBERS.indexOf(a)] as number) - (places[MEMBERS.indexOf(b)] as number));
}

test("the tag of a frame makes a new order each time, on which all agree", () => {
  const ports = channels();
  const orders = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const heard = frame(3, i, i * 0x9e37_79b9);
    for (const port of ports) drawOrder(port, heard, TAG_AT, false);
    orders.add(order(ports).join());
  }
  assert.ok(orders.size > 40, `${orders.size} orders`);
});

test("beside a talker each member is first once in as many bundles, and all agree who is, whatever they have missed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), (round) => {
      const ports = channels();
      const counters = Array.from({ length: MEMBERS.length }, (_, i) => 32 * round + i);
      const firsts = counters.map((counter, i) => {
        // Each misses a bundle, but the last one that was heard is the same.
        for (const [at, port] of ports.entries())
          if (at !== i) drawOrder(port, frame(TALKER, counter - 1, 7 * at), TAG_AT, true);
        for (const port of ports) drawOrder(port, frame(TALKER, counter, 11), TAG_AT, true);
        return order(ports)[0];
      });
      assert.equal(firsts.toSorted(), MEMBERS.toSorted());
    }),
  );
});

test("who is first comes before all others, who keep their order", () => {
  const ports = channels();
  for (const counter of [0, 5, 40]) {
    for (const port of ports) drawOrder(port, frame(TALKER, counter, 11), TAG_AT, true);
    const usual = order(ports);
    for (const first of MEMBERS) {
      for (const port of ports) giveFirstTurn(port, first, 0);
      assert.equal(order(ports), [first, ...usual.filter((member) => member !== first)]);
      for (const port of ports) giveFirstTurn(port, 0, 0);
    }
  }
  const [port] = ports as [Port];
  const usual = placeInOrder(port, 1);
  giveFirstTurn(port, 77, 0);
  assert.is(placeInOrder(port, 1), usual, "nobody waits for one who is not there");
});

test("the first turn ends when it is taken, or was let pass, and not by voice or in the transmission that gave it", () => {
  const [port] = channels() as [Port];
  const isFirst = (by: number, isVoice: boolean, beganUs: number, quietUs: number): boolean => {
    giveFirstTurn(port, 3, 1_000_000);
    noticeTurn(port, by, isVoice, beganUs, quietUs);
    return port.turnFirst === 3;
  };
  assert.not(isFirst(3, false, 1_022_000, 22_000), "it has sent something");
  assert.ok(isFirst(3, true, 1_022_000, 22_000), "voice is no turn");
  assert.ok(isFirst(TALKER, true, 1_012_000, 12_000), "there was no time to begin");
  assert.not(isFirst(TALKER, true, 1_054_000, 54_000), "it could have begun");
  assert.not(isFirst(2, false, 1_050_000, 50_000), "the next one in the order took its turn");
  assert.ok(isFirst(2, false, 950_000, 50_000), "what follows in the transmission that gave it");
});

test("who is to bring something that others have yet to hand to it stays first for a while, but for one turn only", () => {
  const [port] = channels() as [Port];
  const isFirst = (by: number, beganUs: number): boolean => {
    keepFirstTurn(port, 3, 1_000_000);
    noticeTurn(port, by, false, beganUs, 100_000);
    return port.turnFirst === 3;
  };
  assert.ok(isFirst(2, 1_200_000), "another one has said hello meanwhile");
  assert.not(isFirst(3, 1_200_000), "it has brought it");
  assert.not(isFirst(2, 1_000_000 + FIRST_TURN_KEPT_US), "nothing came");
});

test("voice and addressees are told by open frames, and of a flow by neither", () => {
  const shared = (kind: FrameKind, trafficClass: TrafficClass, to: number): Uint8Array => {
    const octets = Uint8Array.of(0, 0, 0, kindOctet(kind, trafficClass, Precedence.routine), to);
    encodeSharedHeader(2, 77, 0, octets);
    return octets;
  };
  const { voice, command } = TrafficClass;
  assert.ok(isVoiceFrame(shared(FrameKind.groupNarrow, voice, 0)));
  assert.ok(isVoiceFrame(shared(FrameKind.unicast, voice, 5)));
  assert.not(isVoiceFrame(shared(FrameKind.unicast, command, 5)));
  assert.not(isVoiceFrame(shared(FrameKind.hello, voice, 0)), "the class of control frames says nothing");
  const flow = shared(FrameKind.unicast, voice, 5);
  encodeFlowHeader(1, 0, 0, 77, 0, flow);
  assert.not(isVoiceFrame(flow));
  for (const kind of [FrameKind.unicast, FrameKind.datagram, FrameKind.repairedUnicast, FrameKind.fragment])
    assert.is(addresseeOf(shared(kind, command, 5)), 5);
  for (const kind of [FrameKind.report, FrameKind.groupAll, FrameKind.hello])
    assert.is(addresseeOf(shared(kind, command, 5)), 0);
});

test.run();
