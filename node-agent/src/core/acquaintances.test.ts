import { FrameKind, kindOf, SealFormat, SHARED_HEADER_OCTETS, sealFormat } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Acquaintances } from "./acquaintances.ts";
import type { Acquaintance } from "./api.ts";
import { ACQUAINTANCE_COUNTERS } from "./limits.ts";
import type { Port } from "./port.ts";
import { createState } from "./state.ts";
import { HERE } from "./testing/positions.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
/** A frame of a position is on the air for 0.05 s; hellos of a newcomer and their answers take longer. */
const AT_ONCE_US = 0.15 * SECOND;
const COUNTER_SPAN = 8192;

const channel = (members: number[]): Medium => ({ name: "vhf", bearer: NARROW, members, loss: 0 });

/** What the owner of a node has kept: the last of each address. */
function kept(mesh: VirtualMesh, node: number): Acquaintance[] {
  const last = new Map<number, Acquaintance>();
  for (const event of mesh.node(node).events)
    if (event.type === "acquaintance") last.set(event.acquaintance.address, event.acquaintance);
  return [...last.values()];
}

/** A report of a node reaches another one within the time that its frame takes. */
function understands(mesh: VirtualMesh, node: number, reporter: number): boolean {
  const sequence = mesh.node(reporter).core.reportPosition(mesh.nowUs, HERE);
  mesh.drain(reporter);
  return mesh.run(AT_ONCE_US, () =>
    mesh.node(node).events.some((event) => event.type === "position" && event.sequence === sequence),
  );
}

function settled(members: number): VirtualMesh {
  const mesh = new VirtualMesh(members, [channel(Array.from({ length: members }, (_, i) => i))]);
  assert.ok(mesh.run(60 * SECOND, () => mesh.allReachable()));
  mesh.run(60 * SECOND);
  return mesh;
}

test("who starts anew on a narrow channel understands at once whom it has heard before, and others as soon as they say hello", () => {
  const mesh = settled(3);
  const acquaintances = kept(mesh, 2);
  assert.equal(acquaintances.map(({ address }) => address).sort(), [0x101, 0x102]);
  mesh.restart(2, { acquaintances });
  assert.ok(understands(mesh, 2, 0));
  const without = settled(3);
  without.restart(2);
  assert.not(understands(without, 2, 0));
  without.run(10 * SECOND);
  assert.ok(understands(without, 2, 0));
});

test("so it does if those have started anew as well meanwhile", () => {
  const mesh = settled(3);
  const acquaintances = kept(mesh, 2);
  mesh.node(2).powered = false;
  mesh.restart(0);
  mesh.run(10 * SECOND);
  mesh.restart(0);
  mesh.run(30 * SECOND);
  mesh.restart(2, { acquaintances });
  assert.ok(understands(mesh, 2, 0));
});

test("whoever starts anew is understood from any of its frames, though its hellos are lost to some", () => {
  const mesh = settled(3);
  let hellos = 0;
  const heard = mesh.node(2).core.handleFrame;
  mesh.node(2).core.handleFrame = function (nowUs, bearer, endpoint, octets, length) {
    if (sealFormat(octets) === SealFormat.full) hellos++;
    else heard.call(this, nowUs, bearer, endpoint, octets, length);
  };
  mesh.restart(0);
  mesh.run(5 * SECOND);
  assert.ok(hellos > 0);
  assert.ok(understands(mesh, 2, 0));
});

test("who starts anew relays nothing within the channel for those of whom it does not know yet whom they reach", () => {
  const mesh = settled(5);
  const acquaintances = kept(mesh, 4);
  mesh.restart(4, { acquaintances });
  // Beside a talker link state comes late.
  const heard = mesh.node(4).core.handleFrame;
  mesh.node(4).core.handleFrame = function (nowUs, bearer, endpoint, octets, length) {
    const isLinkState = kindOf(octets[SHARED_HEADER_OCTETS] as number) === FrameKind.linkState;
    if (!isLinkState) heard.call(this, nowUs, bearer, endpoint, octets, length);
  };
  // Who sends it something is known to hear it.
  mesh.node(1).core.sendText(mesh.nowUs, 0x105, new Uint8Array(4));
  mesh.drain(1);
  assert.ok(
    mesh.run(20 * SECOND, () =>
      mesh
        .node(4)
        .core.status(mesh.nowUs)
        .neighbours.some((n) => n.bidirectional),
    ),
  );
  let reports = 0;
  for (let i = 0; i < 12; i++) {
    if (understands(mesh, 4, i % 4)) reports++;
    mesh.run(SECOND);
  }
  assert.ok(reports > 6, `${reports}`);
  assert.is(mesh.node(4).core.status(mesh.nowUs).counters["relayed"], 0);
});

test("what was recorded before a new start is not taken for new after it", () => {
  const mesh = settled(2);
  const recorded: Uint8Array[] = [];
  mesh.onFrame = (from, _, octets) => {
    if (from === 0 && sealFormat(octets) !== SealFormat.full) recorded.push(octets.slice());
  };
  assert.ok(understands(mesh, 1, 0));
  mesh.run(5 * SECOND);
  const last = kept(mesh, 1)[0] as Acquaintance;
  // As if the counter had been kept a moment ago.
  const acquaintances = [{ ...last, counter: last.counter + 200 }];
  mesh.node(0).powered = false;
  mesh.node(1).powered = false;
  mesh.run(SECOND);
  mesh.restart(1, { acquaintances });
  const before = mesh.node(1).events.length;
  for (const octets of recorded) mesh.inject(mesh.nowUs, 1, 0, octets);
  mesh.run(SECOND);
  assert.equal(
    mesh
      .node(1)
      .events.slice(before)
      .filter(({ type }) => type === "position"),
    [],
  );
  assert.ok((mesh.node(1).core.status(mesh.nowUs).drops["unknown-transmitter"] ?? 0) > 0);
});

test("the owner is told of each once a boot, and again after many frames", () => {
  const mesh = settled(2);
  const told = (): number => mesh.node(1).events.filter(({ type }) => type === "acquaintance").length;
  assert.is(told(), 1);
  mesh.run(600 * SECOND);
  assert.is(told(), 1);
  mesh.restart(0);
  mesh.run(10 * SECOND);
  assert.is(told(), 2);
  for (let i = 0; i < ACQUAINTANCE_COUNTERS; i++) {
    mesh.node(0).core.reportPosition(mesh.nowUs, HERE);
    mesh.drain(0);
    mesh.run(0.1 * SECOND);
  }
  assert.is(told(), 3);
});

test("a bearer knows how many were heard on it before this start", () => {
  const state = createState(new VirtualMesh(1, [channel([0]), channel([0])]).node(0).options);
  const known = { nodeId: 9, bootEpoch: 5, remoteBearerId: 3, counter: 1 };
  const heard = [0, 1, 0].map((bearerId, i) => ({ ...known, bearerId, address: 0x107 + i }));
  // The same one may have been kept twice.
  const acquaintances = [...heard, ...heard];
  new Acquaintances({ ...state, options: { ...state.options, acquaintances } });
  assert.equal(
    state.ports.map(({ membersBefore }) => membersBefore),
    [2, 1],
  );
});

test("a counter is found as long as its bits have not begun anew four times since it was kept", () => {
  const state = createState(new VirtualMesh(1, [channel([0])]).node(0).options);
  const port = state.ports[0] as Port;
  fc.assert(
    fc.property(fc.nat(1 << 20), fc.integer({ min: 1, max: 3 * COUNTER_SPAN }), (counter, more) => {
      const known = { bearerId: 0, address: 0x107, nodeId: 9, bootEpoch: 5, remoteBearerId: 3, counter };
      const options = { ...state.options, acquaintances: [known] };
      const now = counter + more;
      const guesses = new Acquaintances({ ...state, options }).guesses(port, 7, now % COUNTER_SPAN);
      assert.ok(
        guesses.some((g) => g.counter === now && g.nodeId === 9 && g.bootEpoch === 5 && g.bearerId === 3),
        `${counter} + ${more}: ${guesses.map((g) => g.counter)}`,
      );
      assert.ok(guesses.every((g) => g.bootEpoch > 5 || g.counter > counter));
      assert.equal(new Acquaintances({ ...state, options }).guesses(port, 8, 0), []);
    }),
  );
});

test.run();
