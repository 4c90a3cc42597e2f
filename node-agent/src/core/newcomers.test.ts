import { SealFormat, SHARED_HEADER_OCTETS, sealFormat } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeEvent } from "./api.ts";
import { HERE } from "./testing/positions.ts";
import { type Medium, NARROW, VirtualMesh, wire, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;

function radio(members: number[]): Medium {
  return { name: "uhf", bearer: {}, members, loss: 0 };
}
function serial(members: number[]): Medium {
  return { name: "serial", bearer: NARROW, members, loss: 0 };
}
function report(mesh: VirtualMesh, node: number): number {
  const sequence = mesh.node(node).core.reportPosition(mesh.nowUs, HERE);
  mesh.drain(node);
  return sequence;
}
function count(mesh: VirtualMesh, node: number, type: NodeEvent["type"]): number {
  return mesh.node(node).events.filter((event) => event.type === type).length;
}
function hasReport(mesh: VirtualMesh, node: number, sequence: number): boolean {
  return mesh.node(node).events.some((event) => event.type === "position" && event.sequence === sequence);
}
function cutOff(mesh: VirtualMesh, node: number, medium: Medium): void {
  for (const other of medium.members) if (other !== node) mesh.cut(node, other, medium);
}
function letIn(mesh: VirtualMesh, node: number, medium: Medium): void {
  for (const other of medium.members) if (other !== node) mesh.restore(node, other, medium);
}

test("what a node says of itself as soon as it starts anew reaches everybody, over radio and wire", () => {
  const uhf = radio([0, 1, 2, 3]);
  for (const media of [[uhf], [uhf, wire("lte", [3, 4])]]) {
    const nodes = media.length === 1 ? 4 : 5;
    const mesh = new VirtualMesh(nodes, media);
    assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
    // The last one has the wire alone.
    mesh.restart(nodes - 1);
    const sequence = report(mesh, nodes - 1);
    mesh.run(SECOND);
    for (let i = 0; i < nodes - 1; i++) assert.ok(hasReport(mesh, i, sequence), `node ${i} of ${nodes}`);
  }
});

test("nobody in sight: a report goes out after a while, for who hears but is not heard; an SOS at once", () => {
  const uhf = radio([0, 1]);
  const mesh = new VirtualMesh(2, [uhf]);
  assert.ok(mesh.run(SECOND, () => mesh.allReachable()));
  // Its receiver has failed.
  mesh.node(0).core.handleFrame = () => undefined;
  mesh.run(20 * SECOND);
  const sequence = report(mesh, 0);
  mesh.run(1.5 * SECOND);
  assert.not.ok(hasReport(mesh, 1, sequence));
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(0);
  mesh.run(0.2 * SECOND);
  assert.is(count(mesh, 1, "sos"), 1);
  mesh.run(SECOND);
  assert.ok(hasReport(mesh, 1, sequence));
});

test("who was there is told once of those who come together, and those of who was there", () => {
  const uhf = radio([0, 1, 2, 3]);
  const mesh = new VirtualMesh(4, [uhf]);
  for (const late of [2, 3]) mesh.node(late).powered = false;
  mesh.run(10 * SECOND);
  for (let i = 0; i < 2; i++) assert.is(count(mesh, i, "newcomers"), 1, `node ${i} at the start`);
  mesh.restart(2);
  mesh.run(0.3 * SECOND);
  mesh.restart(3);
  mesh.run(10 * SECOND);
  for (let i = 0; i < 2; i++) assert.is(count(mesh, i, "newcomers"), 2, `node ${i} later`);
  for (let i = 2; i < 4; i++) assert.is(count(mesh, i, "newcomers"), 1, `node ${i}, a newcomer`);
});

test("a node that starts anew so quickly that nobody misses it is a newcomer", () => {
  const mesh = new VirtualMesh(3, [radio([0, 1, 2])]);
  mesh.run(10 * SECOND);
  mesh.restart(2);
  mesh.run(5 * SECOND);
  for (let i = 0; i < 2; i++) assert.is(count(mesh, i, "newcomers"), 2, `node ${i}`);
});

test("partitions that meet are newcomers to each other; a link more or less is nobody", () => {
  const uhf = radio([0, 1, 2, 3]);
  const mesh = new VirtualMesh(4, [uhf, wire("lte", [0, 1])]);
  mesh.run(5 * SECOND);
  mesh.cut(0, 2, uhf);
  mesh.run(10 * SECOND);
  mesh.restore(0, 2, uhf);
  mesh.run(10 * SECOND);
  for (let i = 0; i < 4; i++) assert.is(count(mesh, i, "newcomers"), 1, `node ${i}, whole`);
  cutOff(mesh, 3, uhf);
  mesh.run(20 * SECOND);
  letIn(mesh, 3, uhf);
  mesh.run(10 * SECOND);
  for (let i = 0; i < 4; i++) assert.is(count(mesh, i, "newcomers"), 2, `node ${i}, whole again`);
});

test("twenty-four slow radios that come one by one are told of as one", () => {
  const members = [...Array(24).keys()];
  const mesh = new VirtualMesh(24, [{ name: "vhf", bearer: NARROW, members, loss: 0 }], 3);
  mesh.run(60 * SECOND);
  assert.equal(
    members.map((i) => count(mesh, i, "newcomers")),
    members.map(() => 1),
  );
});

const ALL = 0x1_0000;

function tellAll(mesh: VirtualMesh, node: number, body: string): number {
  const messageId = mesh.node(node).core.sendText(mesh.nowUs, ALL, new TextEncoder().encode(body));
  mesh.drain(node);
  return messageId;
}
function texts(mesh: VirtualMesh, node: number): string[] {
  return mesh
    .node(node)
    .events.flatMap((event) => (event.type === "text" ? [new TextDecoder().decode(event.body)] : []));
}
function saidForNewcomers(mesh: VirtualMesh, node: number): number {
  return mesh.node(node).core.status(mesh.nowUs).counters["said-for-newcomers"] as number;
}

test("a text to all reaches who was out of reach, once, and costs nothing when who has had it goes and comes", () => {
  const uhf = radio([0, 1, 2, 3]);
  const mesh = new VirtualMesh(4, [uhf]);
  mesh.run(10 * SECOND);
  cutOff(mesh, 3, uhf);
  mesh.run(10 * SECOND);
  tellAll(mesh, 0, "Leave the valley");
  mesh.run(60 * SECOND);
  assert.equal(texts(mesh, 3), []);
  letIn(mesh, 3, uhf);
  mesh.run(10 * SECOND);
  for (let i = 1; i < 4; i++) assert.equal(texts(mesh, i), ["Leave the valley"], `node ${i}`);
  assert.is(saidForNewcomers(mesh, 0), 1);
  cutOff(mesh, 2, uhf);
  mesh.run(20 * SECOND);
  letIn(mesh, 2, uhf);
  mesh.run(10 * SECOND);
  assert.is(saidForNewcomers(mesh, 0), 1);
});

test("a node that goes while a text to all is said gets it when it comes back", () => {
  const uhf = radio([0, 1, 2]);
  const mesh = new VirtualMesh(3, [uhf]);
  mesh.run(10 * SECOND);
  cutOff(mesh, 2, uhf);
  tellAll(mesh, 0, "Bridge is down");
  mesh.run(30 * SECOND);
  letIn(mesh, 2, uhf);
  mesh.run(10 * SECOND);
  assert.equal(texts(mesh, 2), ["Bridge is down"]);
});

test("a node that comes back for a moment, and is not there when the text is said for it, gets it later", () => {
  const uhf = radio([0, 1, 2]);
  const mesh = new VirtualMesh(3, [uhf]);
  mesh.run(10 * SECOND);
  cutOff(mesh, 2, uhf);
  tellAll(mesh, 0, "Bridge is down");
  mesh.run(60 * SECOND);
  letIn(mesh, 2, uhf);
  assert.ok(mesh.run(5 * SECOND, () => mesh.node(0).core.isReachable(0x103)));
  cutOff(mesh, 2, uhf);
  mesh.run(60 * SECOND);
  assert.is(saidForNewcomers(mesh, 0), 1);
  assert.equal(texts(mesh, 2), []);
  letIn(mesh, 2, uhf);
  mesh.run(10 * SECOND);
  assert.equal(texts(mesh, 2), ["Bridge is down"]);
});

test("of two texts to all the one that a node has had is not said again for it", () => {
  const uhf = radio([0, 1, 2]);
  const mesh = new VirtualMesh(3, [uhf]);
  mesh.run(10 * SECOND);
  tellAll(mesh, 0, "Bridge is down");
  mesh.run(10 * SECOND);
  cutOff(mesh, 2, uhf);
  mesh.run(30 * SECOND);
  tellAll(mesh, 0, "Bridge is up");
  mesh.run(30 * SECOND);
  letIn(mesh, 2, uhf);
  mesh.run(10 * SECOND);
  assert.equal(texts(mesh, 2), ["Bridge is down", "Bridge is up"]);
  // The first one it had.
  assert.is(saidForNewcomers(mesh, 0), 1);
});

test("who is some hops away has had a text when it says something afterwards, and silence tells nothing", () => {
  const told = [true, false].map((reports) => {
    const mesh = new VirtualMesh(
      3,
      wires([
        [0, 1],
        [1, 2],
      ]),
    );
    mesh.run(10 * SECOND);
    tellAll(mesh, 0, "Water at the church");
    mesh.run(10 * SECOND);
    if (reports) report(mesh, 2);
    mesh.run(10 * SECOND);
    const wire = mesh.node(2).media[0] as Medium;
    mesh.cut(1, 2, wire);
    mesh.run(60 * SECOND);
    mesh.restore(1, 2, wire);
    mesh.run(10 * SECOND);
    assert.equal(texts(mesh, 2), ["Water at the church"]);
    return saidForNewcomers(mesh, 0);
  });
  assert.equal(told, [0, 1]);
});

test("who is back before anybody has missed it gets what was said to all meanwhile", () => {
  for (const medium of [radio([0, 1, 2]), serial([0, 1, 2])]) {
    const mesh = new VirtualMesh(3, [medium]);
    mesh.run(30 * SECOND);
    mesh.node(2).powered = false;
    mesh.run(SECOND);
    tellAll(mesh, 0, "The bridge is closed");
    mesh.run(8 * SECOND);
    assert.ok(mesh.node(0).core.isReachable(0x103), "as far as node 0 knows");
    mesh.restart(2);
    mesh.run(30 * SECOND);
    assert.equal(texts(mesh, 2), ["The bridge is closed"], medium.name);
  }
});

test("a text goes again as soon as whom it is for has started anew, not at its next try", () => {
  const mesh = new VirtualMesh(3, [serial([0, 1, 2])]);
  mesh.run(60 * SECOND);
  mesh.node(2).powered = false;
  mesh.run(SECOND);
  mesh.node(0).core.sendText(mesh.nowUs, 0x103, new TextEncoder().encode("Come to the bridge"));
  mesh.drain(0);
  // Tries after 5 and 15 s, and the next one after 35.
  mesh.run(17 * SECOND);
  mesh.restart(2);
  mesh.run(12 * SECOND);
  assert.equal(texts(mesh, 2), ["Come to the bridge"]);
});

test("an SOS that nobody answers goes on, less often after two minutes", () => {
  const mesh = new VirtualMesh(2, [radio([0, 1])]);
  mesh.run(10 * SECOND);
  let calls = 0;
  mesh.onFrame = (from, _, octets) => {
    const isFlash = sealFormat(octets) === SealFormat.shared && ((octets[SHARED_HEADER_OCTETS] as number) & 3) === 3;
    if (from === 0 && isFlash) calls++;
  };
  const callsIn = (us: number): number => {
    calls = 0;
    mesh.run(us);
    return calls;
  };
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(0);
  assert.is(callsIn(5 * SECOND), 3, "beside the first one");
  assert.is(callsIn(60 * SECOND), 10);
  mesh.run(75 * SECOND);
  assert.is(callsIn(60 * SECOND), 4);
});

test("an SOS is said again as soon as somebody comes who may answer", () => {
  const mesh = new VirtualMesh(3, [radio([0, 1, 2])], 1, (index, options) => ({
    ...options,
    acknowledgesSos: index === 2,
  }));
  mesh.run(10 * SECOND);
  mesh.node(2).powered = false;
  mesh.run(10 * SECOND);
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(0);
  // Every 6 s from 5.4 s on; every 15 after two minutes.
  mesh.run(126 * SECOND);
  mesh.restart(2);
  mesh.run(6 * SECOND);
  assert.is(count(mesh, 0, "sos-acknowledged"), 1);
});

test("a caller whom nobody else has heard calls again with the link to who comes back", () => {
  const mesh = new VirtualMesh(2, [radio([0, 1])], 1, (index, options) => ({
    ...options,
    acknowledgesSos: index === 1,
  }));
  mesh.run(10 * SECOND);
  mesh.node(1).powered = false;
  mesh.run(10 * SECOND);
  mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
  mesh.drain(0);
  mesh.run(126 * SECOND);
  mesh.restart(1);
  assert.ok(mesh.run(0.5 * SECOND, () => count(mesh, 0, "sos-acknowledged") === 1));
});

test("an SOS that nobody has answered is told to who comes back by those who have heard it, also when the caller is gone", () => {
  const members = Array.from({ length: 10 }, (_, i) => i);
  for (const medium of [radio(members), serial(members)]) {
    const mesh = new VirtualMesh(10, [medium], 1, (index, options) => ({ ...options, acknowledgesSos: index === 2 }));
    assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
    mesh.run(30 * SECOND);
    mesh.node(2).powered = false;
    mesh.run(SECOND);
    let sosOctets = 0;
    let calls = 0;
    mesh.onFrame = (from, _, octets) => {
      const isFlash = sealFormat(octets) === SealFormat.shared && ((octets[SHARED_HEADER_OCTETS] as number) & 3) === 3;
      if (isFlash && from === 0) sosOctets = octets.length;
      if (isFlash && octets.length === sosOctets) calls++;
    };
    mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
    mesh.drain(0);
    mesh.run(2 * SECOND);
    mesh.node(0).powered = false;
    mesh.run(10 * SECOND);
    calls = 0;
    mesh.restart(2);
    assert.ok(
      mesh.run(2 * SECOND, () => count(mesh, 2, "sos") === 1),
      medium.name,
    );
    mesh.run(2 * SECOND);
    for (const node of [1, 3, 9]) assert.is(count(mesh, node, "sos-acknowledged"), 1, `${medium.name}, node ${node}`);
    assert.ok(calls <= 3, `${medium.name}: ${calls} of the nine that have heard it`);
    const saidAgain = (): number =>
      members.reduce((sum, i) => sum + (mesh.node(i).core.status(mesh.nowUs).counters["sos-said-again"] ?? 0), 0);
    mesh.run(10 * SECOND);
    mesh.restart(5);
    const before = saidAgain();
    mesh.run(10 * SECOND);
    assert.is(saidAgain(), before, "what has been answered is not said again, nor its answer after a while");
  }
});

test("a call that nobody is heard to take goes out at many moments, once, and only on serial channels", () => {
  const callsOf = (medium: Medium, middle: boolean): number[] => {
    const mesh = new VirtualMesh(3, [medium]);
    // With somebody in the middle the other two do not hear each other.
    if (middle) mesh.cut(0, 2, medium);
    assert.ok(mesh.run(120 * SECOND, () => mesh.allReachable()));
    mesh.run(20 * SECOND);
    let calls = 0;
    mesh.onFrame = (from, _, octets) => {
      if (from !== 0 || sealFormat(octets) !== SealFormat.shared) return;
      if (((octets[SHARED_HEADER_OCTETS] as number) & 3) === 3) calls++;
    };
    mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
    mesh.drain(0);
    mesh.run(8 * SECOND);
    const first = calls;
    mesh.run(60 * SECOND);
    return [first, calls - first];
  };
  assert.equal(callsOf(serial([0, 1, 2]), false), [25, 10]);
  const [passedOn = 0] = callsOf(serial([0, 1, 2]), true);
  assert.ok(passedOn < 12, `${passedOn} calls, one of which was heard to be passed on`);
  assert.equal(callsOf(radio([0, 1, 2]), false), [5, 10]);
});

test("an answer that came while its way back was gone is told to the caller when that is there again, for a while", () => {
  for (const [awaySeconds, told] of [
    [4, 1],
    [15, 0],
  ] as const) {
    const [lte, fibre] = [wire("lte", [0, 1]), wire("fibre", [1, 2])];
    const mesh = new VirtualMesh(3, [lte, fibre], 1, (index, options) => ({
      ...options,
      acknowledgesSos: index === 2,
    }));
    assert.ok(mesh.run(5 * SECOND, () => mesh.allReachable()));
    mesh.node(0).core.raiseSos(mesh.nowUs, 1, HERE);
    mesh.onFrame = (from) => {
      if (from === 2) mesh.cut(0, 1, lte);
    };
    mesh.drain(0);
    assert.ok(mesh.run(SECOND, () => count(mesh, 1, "sos-acknowledged") === 1));
    mesh.node(2).powered = false;
    mesh.run(awaySeconds * SECOND);
    assert.is(count(mesh, 0, "sos-acknowledged"), 0);
    mesh.restore(0, 1, lte);
    mesh.run(3 * SECOND);
    assert.is(count(mesh, 0, "sos-acknowledged"), told, `after ${awaySeconds} s`);
  }
});

test("a sender that starts anew says what it had said to who has not had it", () => {
  const uhf = radio([0, 1, 2]);
  const mesh = new VirtualMesh(3, [uhf]);
  mesh.run(10 * SECOND);
  cutOff(mesh, 2, uhf);
  mesh.run(30 * SECOND);
  const messageId = tellAll(mesh, 0, "Leave the valley");
  mesh.run(30 * SECOND);
  mesh.restart(0);
  const body = new TextEncoder().encode("Leave the valley");
  mesh.node(0).core.keepText(mesh.nowUs, ALL, body, messageId, 30 * SECOND);
  mesh.node(0).core.keepText(mesh.nowUs, ALL, body, messageId + 1, 3601 * SECOND);
  mesh.run(30 * SECOND);
  letIn(mesh, 2, uhf);
  mesh.run(10 * SECOND);
  for (const i of [1, 2]) assert.equal(texts(mesh, i), ["Leave the valley"], `node ${i}`);
});

test("texts to all are kept for an hour", () => {
  const mesh = new VirtualMesh(3, [radio([0, 1, 2])]);
  for (const late of [1, 2]) mesh.node(late).powered = false;
  mesh.run(SECOND);
  tellAll(mesh, 0, "First tents at the school");
  mesh.run(3500 * SECOND);
  mesh.restart(1);
  mesh.run(200 * SECOND);
  mesh.restart(2);
  mesh.run(20 * SECOND);
  assert.equal(texts(mesh, 1), ["First tents at the school"]);
  assert.equal(texts(mesh, 2), []);
});

test("of many texts to all the last 32 are kept, and each is said for newcomers 16 times", () => {
  const members = [...Array(19).keys()];
  const mesh = new VirtualMesh(19, [radio(members)]);
  for (const late of members.slice(1)) mesh.node(late).powered = false;
  for (let i = 0; i < 33; i++) {
    tellAll(mesh, 0, `${i}`);
    mesh.run(10 * SECOND);
  }
  for (const late of members.slice(1)) {
    mesh.restart(late);
    mesh.run(40 * SECOND);
  }
  for (const late of [1, 16]) {
    const expected = [...Array(32).keys()].map((i) => `${i + 1}`);
    assert.equal(texts(mesh, late), expected, `node ${late}`);
  }
  assert.equal(texts(mesh, 17), []);
  assert.is(saidForNewcomers(mesh, 0), 32 * 16);
});

test.run();
