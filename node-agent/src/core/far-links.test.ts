import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Medium, VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const FIX = { latitudeDeg: 31, longitudeDeg: 103.5, altitudeM: 900, speedKmh: 4, courseDeg: 0, batteryPercent: 50 };
const SATELLITE = { kind: 2, latencyUs: 300_000, bitrateBps: 2_000_000 };

function pair(bearer: object, seed = 1): { mesh: VirtualMesh; medium: Medium } {
  const media = wires([[0, 1]], bearer);
  const mesh = new VirtualMesh(2, media, seed);
  assert.ok(mesh.run(10_000_000, () => mesh.allReachable()));
  return { mesh, medium: media[0] as Medium };
}

test("a satellite that loses a fifth each way is not given up, and brings every position within five seconds", () => {
  let lost = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { mesh, medium } = pair(SATELLITE, seed);
    mesh.run(3_000_000);
    medium.loss = 0.2;
    for (let n = 0; n < 5; n++) {
      mesh.node(1).events.length = 0;
      const sequence = mesh.node(0).core.reportPosition(mesh.nowUs, FIX);
      mesh.drain(0);
      const came = (): boolean => mesh.node(1).events.some((e) => e.type === "position" && e.sequence === sequence);
      if (!mesh.run(5_000_000, came)) lost++;
      mesh.run(3_000_000);
    }
    for (const { events } of mesh.nodes) {
      const down = events.filter((event) => event.type === "neighbour" && !event.up);
      assert.equal(down, [], `seed ${seed}`);
    }
  }
  assert.is(lost, 0);
});

test("a satellite that is silent is given up after its probes had time to be answered", () => {
  const { mesh, medium } = pair(SATELLITE);
  mesh.run(3_000_000);
  medium.loss = 1;
  mesh.node(0).core.reportPosition(mesh.nowUs, FIX);
  mesh.drain(0);
  const down = (): boolean => mesh.node(0).events.some((event) => event.type === "neighbour" && !event.up);
  assert.ok(mesh.run(10_000_000, down));
});

test("two nodes meet within seconds over a link that loses most of what they say", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const media = wires([[0, 1]]);
    (media[0] as Medium).loss = 0.6;
    const mesh = new VirtualMesh(2, media, seed);
    const hears = (node: number): boolean =>
      mesh
        .node(node)
        .core.status(mesh.nowUs)
        .neighbours.some((n) => n.bidirectional);
    assert.ok(
      mesh.run(8_000_000, () => hears(0) && hears(1)),
      `${seed}`,
    );
  }
});

test.run();
