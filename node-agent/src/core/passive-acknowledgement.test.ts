import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const PACKETS = 100;
const PACKET_US = 50_000;

interface Sent {
  /** By packet: how many times it arrived. */
  arrivals: number[];
  /** Of the relay, and of the destination. */
  reports: number[];
  /** Of the source. */
  repeated: number;
}

/** Node 0 sends to node 2 over node 1, all on one radio; node 0 does not hear the first `deafFrames` frames of the relay. */
function send(deafFrames: number): Sent {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1, 2], loss: 0 };
  const mesh = new VirtualMesh(3, [radio]);
  mesh.cut(0, 2, radio);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  const counter = (node: number, name: string): number => mesh.node(node).core.status(mesh.nowUs).counters[name] ?? 0;
  const before = [1, 2].map((node) => counter(node, "reports-sent"));
  const repeatedBefore = counter(0, "repeated");
  let deaf = 0;
  mesh.onFrame = (from) => {
    if (from === 1 && deaf++ < deafFrames) mesh.cut(0, 1, radio);
    else mesh.restore(0, 1, radio);
  };
  const arrivals = new Array<number>(PACKETS).fill(0);
  const startUs = mesh.nowUs;
  const look = (): boolean => {
    for (const event of mesh.node(2).events.splice(0)) {
      if (event.type !== "ip") continue;
      const nth = event.octets[0] as number;
      arrivals[nth] = (arrivals[nth] as number) + 1;
    }
    return false;
  };
  for (let nth = 0; nth < PACKETS; nth++) {
    const payload = new Uint8Array(40).fill(nth);
    const { core } = mesh.node(0);
    core.sendIp(mesh.nowUs, 0x103, TrafficClass.video, Precedence.routine, false, payload, 0, payload.length);
    mesh.drain(0);
    mesh.run(startUs + (nth + 1) * PACKET_US - mesh.nowUs, look);
  }
  mesh.run(2_000_000, look);
  return {
    arrivals,
    reports: [1, 2].map((node, i) => counter(node, "reports-sent") - (before[i] as number)),
    repeated: counter(0, "repeated") - repeatedBefore,
  };
}

test("a relay that is heard to pass a packet on sends no report of it, the destination does", () => {
  const { arrivals, reports, repeated } = send(0);
  assert.ok(arrivals.every((times) => times === 1));
  assert.ok((reports[0] as number) <= PACKETS / 20, `${reports[0]} reports of the relay`);
  assert.ok((reports[1] as number) >= PACKETS, `${reports[1]} reports of the destination`);
  assert.is(repeated, 0);
});

test("who has not heard it repeats, is answered, and nothing comes twice", () => {
  const { arrivals, reports, repeated } = send(3);
  assert.ok(arrivals.every((times) => times === 1));
  assert.ok(repeated >= 1 && repeated <= 10, `${repeated} repeated`);
  assert.ok((reports[0] as number) >= 1);
});

test.run();
