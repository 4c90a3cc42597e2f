import { test } from "uvu";
import * as assert from "uvu/assert";
import { Precedence, TrafficClass } from "./api.ts";
import { MAX_CUSTODY } from "./limits.ts";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const TO_LAST = 0x103;

/** 0 - 1 - 2, all in touch; then the last link is cut, and everybody knows. */
function chainWithoutEnd(): { mesh: VirtualMesh; last: Medium } {
  const media = wires([
    [0, 1],
    [1, 2],
  ]);
  const mesh = new VirtualMesh(3, media);
  assert.ok(mesh.run(3 * SECOND, () => mesh.allReachable()));
  // They know each other's keys.
  send(mesh, TrafficClass.bulk);
  assert.ok(mesh.run(SECOND, () => arrived(mesh) === 1));
  mesh.node(2).events.length = 0;
  const last = media[1] as Medium;
  mesh.cut(1, 2, last);
  mesh.node(1).core.handleBearer(mesh.nowUs, 1, false);
  mesh.drain(1);
  assert.ok(mesh.run(2 * SECOND, () => !mesh.node(0).core.isReachable(TO_LAST)));
  return { mesh, last };
}

function send(mesh: VirtualMesh, trafficClass: TrafficClass, count = 1): void {
  for (let i = 0; i < count; i++) {
    mesh.node(0).core.sendIp(mesh.nowUs, TO_LAST, trafficClass, Precedence.routine, false, new Uint8Array(40), 0, 40);
    mesh.drain(0);
  }
}

function arrived(mesh: VirtualMesh): number {
  return mesh.node(2).events.filter((event) => event.type === "ip").length;
}

test("a packet for a node that is away is kept, and goes on as soon as there is a way", () => {
  const { mesh, last } = chainWithoutEnd();
  send(mesh, TrafficClass.bulk);
  mesh.run(4 * SECOND);
  assert.is(arrived(mesh), 0);
  mesh.restore(1, 2, last);
  mesh.node(1).core.handleBearer(mesh.nowUs, 1, true);
  mesh.drain(1);
  assert.ok(mesh.run(3 * SECOND, () => arrived(mesh) === 1));
});

test("what is kept ends at its time: voice at once, bulk later, each with a count", () => {
  const { mesh } = chainWithoutEnd();
  send(mesh, TrafficClass.voice);
  mesh.run(SECOND);
  assert.is(mesh.node(0).core.status(mesh.nowUs).drops["expired"], 1);
  send(mesh, TrafficClass.bulk);
  mesh.run(10 * SECOND);
  assert.is(mesh.node(0).core.status(mesh.nowUs).drops["expired"], 1);
  mesh.run(10 * SECOND);
  assert.is(mesh.node(0).core.status(mesh.nowUs).drops["expired"], 2);
});

test("no more is kept than there is room for; the rest is dropped with a count", () => {
  const { mesh } = chainWithoutEnd();
  send(mesh, TrafficClass.bulk, 3 * MAX_CUSTODY);
  mesh.run(2 * SECOND);
  let kept = 0;
  let dropped = 0;
  for (const { core } of mesh.nodes) {
    const { counters, drops } = core.status(mesh.nowUs);
    assert.ok((counters["kept"] ?? 0) <= MAX_CUSTODY);
    kept += counters["kept"] ?? 0;
    dropped += (drops["no-route"] ?? 0) + (drops["no-descent"] ?? 0);
  }
  assert.ok(kept >= MAX_CUSTODY, `${kept} kept`);
  assert.ok(dropped >= MAX_CUSTODY, `${dropped} dropped`);
});

test.run();
