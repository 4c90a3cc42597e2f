import { createDataHeader, createLabelOffer, END_TO_END_OCTETS, FrameKind } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Flow, FlowLabels } from "./flow-labels.ts";
import { createNeighbour } from "./neighbour.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const FLOW = 3;
/** Three nodes in a line on one channel; class "command": what is lost is repeated for seconds. */
function line(loss: number, seed = 1): VirtualMesh {
  const mesh = new VirtualMesh(3, [{ name: "serial", bearer: NARROW, members: [0, 1, 2], loss: 0 }], seed);
  mesh.cut(0, 2, mesh.node(0).media[0] as Medium);
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
  mesh.run(10 * SECOND);
  (mesh.node(0).media[0] as Medium).loss = loss;
  return mesh;
}

function send(mesh: VirtualMesh, value: number): void {
  mesh.node(0).core.sendIp(mesh.nowUs, 0x103, 1, 0, false, Uint8Array.of(value, 1, 2, 3), 0, 4);
  mesh.drain(0);
}

function received(mesh: VirtualMesh): number[] {
  return mesh.node(2).events.flatMap((e) => (e.type === "ip" ? [e.octets[0] as number] : []));
}

function counted(mesh: VirtualMesh, node: number, counter: string): number {
  return mesh.node(node).core.status(mesh.nowUs).counters[counter] ?? 0;
}

test("an established flow travels in frames of nine octets more than its sealed payload, over both hops", () => {
  const mesh = line(0);
  const lengths: number[] = [];
  mesh.onFrame = (_, __, octets) => {
    if ((octets[0] as number) >>> 6 === FLOW) lengths.push(octets.length);
  };
  for (let i = 0; i < 10; i++) {
    send(mesh, i);
    mesh.run(SECOND);
  }
  assert.equal(received(mesh), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(lengths.length >= 8, `${lengths.length} flow frames`);
  assert.ok(lengths.every((length) => length === 4 + 9 + END_TO_END_OCTETS));
});

test("when the relay has forgotten its labels, packets go with full headers again and all arrive", () => {
  const mesh = line(0);
  for (let i = 0; i < 6; i++) {
    send(mesh, i);
    mesh.run(SECOND);
  }
  const before = counted(mesh, 0, "flow-frames");
  assert.ok(before > 0);
  mesh.restart(1);
  mesh.run(15 * SECOND);
  for (let i = 6; i < 16; i++) {
    send(mesh, i);
    mesh.run(2 * SECOND);
  }
  mesh.run(20 * SECOND);
  assert.equal(
    received(mesh).sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, i) => i),
  );
  assert.ok(counted(mesh, 0, "flow-frames") > before, "and a label is given again");
});

test("whatever is lost, what arrives under a label is what was sent, and never twice", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 30 }), (seed, percent) => {
      const mesh = line(percent / 100, seed);
      for (let i = 0; i < 30; i++) {
        send(mesh, i);
        mesh.run(0.7 * SECOND);
      }
      mesh.run(60 * SECOND);
      const got = received(mesh);
      assert.is(new Set(got).size, got.length, "none twice");
      // Beyond that some are too old when their turn comes, under a label or not.
      if (percent <= 10) assert.ok(got.length >= 29, `${got.length} of 30 at ${percent} %`);
    }),
    { numRuns: 25 },
  );
});

/** A flow of which four packets from `first` on have come with full headers, in frames 10 to 13. */
function established(first: number): {
  flows: FlowLabels;
  flow: Flow;
  full: (sequence: number, counter: number) => void;
} {
  const flows = new FlowLabels();
  const header = { ...createDataHeader(), kind: FrameKind.unicast, source: 0x101, destination: 0x103 };
  const n = createNeighbour(0, 1001, 0x101, 0, 0, false);
  const full = (sequence: number, counter: number): void => {
    flows.notice(SECOND, n, { ...header, sequence }, counter, 7);
  };
  for (let i = 0; i < 4; i++) full(first + i, 10 + i);
  const offer = createLabelOffer();
  assert.ok(flows.nextOffer(offer));
  return { flows, flow: flows.incoming(offer.label) as Flow, full };
}

test("a repeated frame under a label brings what was missing, be it older than what came meanwhile or newer", () => {
  const missed = established(1);
  assert.is(missed.flows.take(SECOND, missed.flow, 6 & 3, 15), 6);
  assert.is(missed.flows.take(SECOND, missed.flow, 5 & 3, 14), 5);
  // A relay got 6 before 5: it sent 6 under the label and 5, whose turn it was not, with its full header.
  const overtaken = established(1);
  overtaken.full(5, 15);
  assert.is(overtaken.flows.take(SECOND, overtaken.flow, 6 & 3, 14), 6);
  assert.is(overtaken.flows.take(SECOND, overtaken.flow, 7 & 3, 16), 7);
});

test("under a label, too, sequences begin again at 0", () => {
  const { flows, flow } = established(0xfffc);
  assert.is(flows.take(SECOND, flow, 1, 15), 1);
  assert.is(flows.take(SECOND, flow, 0, 14), 0);
});

test("labels that others gave long ago are free again", () => {
  const flows = new FlowLabels();
  const header = { ...createDataHeader(), kind: FrameKind.unicast, source: 0x101, destination: 0x103 };
  const n = createNeighbour(0, 1001, 0x101, 0, 0, false);
  const offer = { ...createLabelOffer(), target: 9, source: 1, destination: 2 };
  for (let label = 1; label < 256; label++) flows.offered(0, n, { ...offer, label }, 2, { ...header });
  const give = (nowUs: number): boolean => [1, 2, 3, 4].map((i) => flows.notice(nowUs, n, header, i, 7)).includes(true);
  assert.not(give(SECOND));
  assert.ok(give(3600 * SECOND));
});

test("packets now and then are not offered a label: that would take longer than they save", () => {
  const flows = new FlowLabels();
  const header = { ...createDataHeader(), kind: FrameKind.unicast, source: 0x101, destination: 0x103 };
  const n = createNeighbour(0, 1001, 0x101, 0, 0, false);
  let nowUs = 0;
  const offersIn = (packets: number, everyUs: number): number => {
    let offers = 0;
    for (let i = 0; i < packets; i++, nowUs += everyUs) if (flows.notice(nowUs, n, header, i, 7)) offers++;
    return offers;
  };
  assert.is(offersIn(100, 20 * SECOND), 0);
  assert.is(offersIn(8, SECOND), 1);
});

test("rubbish that looks like flow frames is counted and changes nothing", () => {
  const mesh = line(0);
  for (let i = 0; i < 6; i++) {
    send(mesh, i);
    mesh.run(SECOND);
  }
  const { drops } = mesh.node(1).core.status(mesh.nowUs);
  const before = (drops["unknown-label"] ?? 0) + (drops.authentication ?? 0);
  for (let label = 0; label < 256; label++)
    mesh.inject(mesh.nowUs + label, 1, 0, Uint8Array.of(0xc0 | (label & 31), label, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  mesh.run(SECOND);
  const after = mesh.node(1).core.status(mesh.nowUs).drops;
  assert.is((after["unknown-label"] ?? 0) + (after.authentication ?? 0) - before, 256);
  send(mesh, 6);
  mesh.run(5 * SECOND);
  assert.equal(received(mesh), [0, 1, 2, 3, 4, 5, 6]);
});

test.run();
