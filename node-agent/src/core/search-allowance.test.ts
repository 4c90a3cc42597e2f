import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import {
  MAX_SOUGHT,
  SEARCH_BURST,
  SEARCH_FORGOTTEN_US,
  SEARCH_GAP_US,
  SEARCH_PAUSE_US,
  SEARCH_WINDOW_US,
} from "./limits.ts";
import { SearchAllowance } from "./search-allowance.ts";
import { type Medium, VirtualMesh, wire } from "./testing/virtual-mesh.ts";

const PACKET_US = 20_000;
const OCTETS = 400;

/** Searches for a destination, asked for every 20 ms. */
function taken(allowance: SearchAllowance, fromUs: number, forUs: number, destination: number): number {
  let count = 0;
  for (let us = 0; us < forUs; us += PACKET_US) if (allowance.take(fromUs + us, destination)) count++;
  return count;
}

test("who is not found soon is searched for now and then only, and again in earnest after a while", () => {
  const allowance = new SearchAllowance();
  const first = taken(allowance, 0, SEARCH_WINDOW_US, 7);
  const usual = SEARCH_WINDOW_US / SEARCH_GAP_US;
  assert.ok(first >= usual && first <= usual + SEARCH_BURST + 1, `${first}`);
  const later = taken(allowance, SEARCH_WINDOW_US + PACKET_US, 10 * SEARCH_PAUSE_US, 7);
  assert.ok(later >= 8 && later <= 10, `${later}`);
  const otherUs = SEARCH_WINDOW_US + 10 * SEARCH_PAUSE_US;
  assert.ok(taken(allowance, otherUs, SEARCH_WINDOW_US / 2, 8) > 5, "another one is another matter");
  const againUs = otherUs + 2 * SEARCH_FORGOTTEN_US;
  assert.ok(taken(allowance, againUs, SEARCH_WINDOW_US, 7) >= 20);
});

test("many destinations are not remembered for ever", () => {
  const allowance = new SearchAllowance();
  for (let i = 0; i <= MAX_SOUGHT; i++) assert.ok(allowance.take(i * 100_000, i));
  const untilUs = (MAX_SOUGHT + 1) * 100_000;
  assert.ok(untilUs < SEARCH_FORGOTTEN_US);
  assert.ok(taken(allowance, untilUs, SEARCH_WINDOW_US, 0) >= 20, "the first one has made room");
});

/** Five nodes that hear each other, and a sixth behind the second, which goes; frames that packets to it take then. */
function framesForTheLost(trafficClass: TrafficClass): number {
  const air: Medium = { name: "air", bearer: {}, members: [0, 1, 2, 3, 4], loss: 0 };
  const behind = wire("15", [1, 5]);
  const mesh = new VirtualMesh(6, [air, behind]);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.cut(1, 5, behind);
  const { core } = mesh.node(0);
  assert.ok(mesh.run(10_000_000, () => !core.isReachable(0x106)));
  let frames = 0;
  mesh.onFrame = (_, __, octets) => {
    if (octets.length > OCTETS) frames++;
  };
  for (let i = 0; i < 250; i++) {
    core.sendIp(mesh.nowUs, 0x106, trafficClass, Precedence.routine, false, new Uint8Array(OCTETS), 0, OCTETS);
    mesh.drain(0);
    mesh.run(PACKET_US);
  }
  mesh.run(1_000_000);
  return frames;
}

test("packets to somebody who is gone leave the air to the others", () => {
  assert.is(framesForTheLost(TrafficClass.video), 0);
  // Without a limit 50 packets a second would be searched for by five nodes.
  const frames = framesForTheLost(TrafficClass.voice);
  assert.ok(frames > 0 && frames < 1400, `${frames}`);
});

test.run();
