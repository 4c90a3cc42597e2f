import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const PACKETS = 1200;
/** It takes so many until the loss of the links is known everywhere. */
const LEARNING = 800;
const PACKET_US = 50_000;

/** Node 0 sends to node 3 over 1 or 2, all on one radio that loses so much. */
function send(loss: number): { arrivals: number[]; sentOn: number; quick: number } {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1, 2, 3], loss: 0 };
  const mesh = new VirtualMesh(4, [radio]);
  mesh.cut(0, 3, radio);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  radio.loss = loss;
  const arrivals = new Array<number>(PACKETS).fill(0);
  const startUs = mesh.nowUs;
  let quick = 0;
  const look = (): boolean => {
    for (const event of mesh.node(3).events.splice(0)) {
      if (event.type !== "ip") continue;
      const packet = event.octets[0] as number;
      const nth = packet + 256 * (event.octets[1] as number);
      arrivals[nth] = (arrivals[nth] as number) + 1;
      if (mesh.nowUs - startUs - nth * PACKET_US <= 45_000 && nth >= LEARNING) quick++;
    }
    return false;
  };
  for (let nth = 0; nth < PACKETS; nth++) {
    const payload = new Uint8Array(40);
    payload[0] = nth & 0xff;
    payload[1] = nth >> 8;
    const { core } = mesh.node(0);
    core.sendIp(mesh.nowUs, 0x104, TrafficClass.video, Precedence.routine, false, payload, 0, payload.length);
    mesh.drain(0);
    mesh.run(startUs + (nth + 1) * PACKET_US - mesh.nowUs, look);
  }
  mesh.run(3_000_000, look);
  let sentOn = 0;
  for (const relay of [1, 2]) sentOn += mesh.node(relay).core.status(mesh.nowUs).counters["sent-on-overheard"] ?? 0;
  return { arrivals, sentOn, quick };
}

test("on a lossy radio the other relay sends on what the next hop has missed, and nothing comes twice", () => {
  const { arrivals, sentOn, quick } = send(0.3);
  const packets = PACKETS - LEARNING;
  assert.ok(sentOn > packets / 10, `${sentOn} sent on`);
  // Without that it would be the 49 % that are heard at once on both hops.
  assert.ok(quick > 0.6 * packets, `${quick} within 45 ms`);
  assert.is(Math.max(...arrivals), 1);
  assert.ok(arrivals.filter((times) => times === 1).length >= PACKETS - 2);
});

test("where nothing is lost nobody sends on what it overhears", () => {
  const { arrivals, sentOn } = send(0);
  assert.is(sentOn, 0);
  assert.ok(arrivals.every((times) => times === 1));
});

test.run();
