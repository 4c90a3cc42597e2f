import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PolicyGate } from "./api.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const radio = (name: string, members: number[]): Medium => ({ name, bearer: {}, members, loss: 0 });
const octets = (text: string, length = text.length): Uint8Array => {
  const out = new Uint8Array(length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
};
/** Takes what begins with an s as signed, and of that what goes on with a g as good. */
const gate: PolicyGate = {
  check: (_, envelope) => (envelope[0] !== 0x73 ? "unsigned" : envelope[1] === 0x67 ? "good" : "forged"),
};

function mesh(count: number, media: Medium[]): VirtualMesh {
  // Node 0 has no gate: it can say anything, as whoever has the mission key can.
  const made = new VirtualMesh(count, media, 3, (index, options) =>
    index === 0 ? options : { ...options, policyGate: gate },
  );
  assert.ok(made.run(60 * SECOND, () => made.allReachable()));
  return made;
}

function publish(m: VirtualMesh, version: number, policy: Uint8Array): void {
  m.node(0).core.publishPolicy(m.nowUs, version, policy);
  m.drain(0);
  m.run(2 * SECOND);
}

const versions = (m: VirtualMesh, node: number): number[] =>
  m.node(node).events.flatMap((event) => (event.type === "policy" ? [event.version] : []));
const drops = (m: VirtualMesh, node: number, reason: string): number | undefined =>
  m.node(node).core.status(m.nowUs).drops[reason];

test("what is unsigned, forged or stale is counted, not kept, and not handed to newcomers", () => {
  const m = mesh(3, [radio("uhf", [0, 1, 2])]);
  m.node(2).powered = false;
  publish(m, 4, octets("sg four"));
  publish(m, 5, octets("unsigned"));
  publish(m, 6, octets("s forged"));
  assert.equal(versions(m, 1), [4]);
  assert.ok((drops(m, 1, "policy-unsigned") ?? 0) >= 1);
  assert.ok((drops(m, 1, "policy-forged") ?? 0) >= 1);
  // The forger leaves; who comes then gets what the honest node has, octet for octet.
  m.node(0).powered = false;
  m.restart(2);
  m.run(5 * SECOND);
  const got = m.node(2).events.flatMap((event) => (event.type === "policy" ? [event] : []));
  assert.equal(got, [{ type: "policy", version: 4, octets: octets("sg four") }]);
});

test("an older policy is counted as stale and changes nothing", () => {
  const m = mesh(2, [radio("uhf", [0, 1])]);
  m.node(1).core.restorePolicy(9, octets("sg nine"));
  publish(m, 3, octets("sg three"));
  assert.is(drops(m, 1, "policy-stale"), 1);
  assert.equal(versions(m, 1), []);
});

test("after a false signature others are not looked at for a moment", () => {
  let checked = 0;
  const counting: PolicyGate = {
    check: () => {
      checked++;
      return "forged";
    },
  };
  const m = new VirtualMesh(2, [radio("uhf", [0, 1])], 3, (index, options) =>
    index === 0 ? options : { ...options, policyGate: counting },
  );
  assert.ok(m.run(5 * SECOND, () => m.allReachable()));
  for (let version = 1; version <= 20; version++) m.node(0).core.publishPolicy(m.nowUs, version, octets("s", 20));
  m.drain(0);
  m.run(SECOND);
  assert.ok(checked < 5, `${checked}`);
  assert.ok((drops(m, 1, "policy-flood") ?? 0) > 0);
});

test("the longest policy crosses a channel of 9600 bit/s, a longer one does not leave", () => {
  const m = mesh(3, [{ name: "vhf", bearer: NARROW, members: [0, 1, 2], loss: 0 }]);
  m.run(30 * SECOND);
  m.node(0).core.publishPolicy(m.nowUs, 1, octets("sg", 1025));
  assert.is(drops(m, 0, "too-long"), 1);
  m.node(0).core.publishPolicy(m.nowUs, 2, octets("sg", 1024));
  m.drain(0);
  assert.ok(m.run(60 * SECOND, () => versions(m, 1).length === 1 && versions(m, 2).length === 1));
});

test("a node hears which policy another one has", () => {
  const m = mesh(2, [radio("uhf", [0, 1])]);
  m.node(1).core.sendPolicyState(m.nowUs, 0x101, 7, true);
  m.drain(1);
  m.run(SECOND);
  assert.equal(
    m.node(0).events.filter((event) => event.type === "policy-state"),
    [{ type: "policy-state", from: 0x102, version: 7, ask: true }],
  );
});

/** A channel of 9600 bit/s. */
const channel = (name: string, members: number[]): Medium => ({ name, bearer: NARROW, members, loss: 0 });
const LONG = octets(`sg${"p".repeat(90)}`);

/** Notes from now on who transmits the long policy. */
function watch(m: VirtualMesh): number[] {
  const from: number[] = [];
  m.onFrame = (node, _, frame) => {
    if (frame.filter((octet) => octet === 0x70).length >= 90) from.push(node);
  };
  return from;
}

test("on a narrow channel one of those who have the policy tells it to who comes later", () => {
  const m = mesh(6, [channel("vhf", [0, 1, 2, 3, 4, 5])]);
  m.node(5).powered = false;
  m.run(60 * SECOND);
  publish(m, 4, LONG);
  m.run(30 * SECOND);
  const senders = watch(m);
  m.restart(5);
  assert.ok(m.run(20 * SECOND, () => versions(m, 5).length > 0));
  m.run(60 * SECOND);
  assert.equal(versions(m, 5), [4]);
  assert.is(senders.length, 1);
});

test("who comes back to a narrow channel with the policy asks for nothing", () => {
  const m = mesh(4, [channel("vhf", [0, 1, 2, 3])]);
  publish(m, 4, LONG);
  m.run(30 * SECOND);
  m.node(3).powered = false;
  m.run(60 * SECOND);
  const senders = watch(m);
  m.restart(3);
  m.node(3).core.restorePolicy(4, LONG);
  m.run(60 * SECOND);
  assert.ok(m.allReachable());
  assert.equal(senders, []);
  assert.is(m.node(3).core.status(m.nowUs).counters["policies-asked"], 0);
});

test("two teams that meet on a narrow channel: all have the newer policy, which is told a few of them", () => {
  const team = [0, 1, 2, 3, 4, 5, 6, 7];
  const others = team.map((node) => node + team.length);
  const ours = channel("vhf", [...team, ...others]);
  const m = new VirtualMesh(16, [ours]);
  for (const a of team) for (const b of others) m.cut(a, b, ours);
  m.run(60 * SECOND);
  publish(m, 4, LONG);
  for (const node of others) assert.equal(versions(m, node), []);
  m.run(30 * SECOND);
  const senders = watch(m);
  for (const a of team) for (const b of others) m.restore(a, b, ours);
  assert.ok(m.run(90 * SECOND, () => others.every((node) => versions(m, node).length > 0)));
  m.run(60 * SECOND);
  for (const node of others) {
    assert.equal(versions(m, node), [4]);
    assert.ok((m.node(node).core.status(m.nowUs).counters["policies-asked"] ?? 0) <= 3);
  }
  assert.ok(senders.length <= 3, `${senders}`);
});

test("who says that it has an older policy is sent the own one, who has the same is not", () => {
  const m = mesh(2, [channel("vhf", [0, 1])]);
  publish(m, 4, LONG);
  m.run(30 * SECOND);
  const senders = watch(m);
  m.node(1).core.sendPolicyState(m.nowUs, 0x101, 4, false);
  m.drain(1);
  m.run(5 * SECOND);
  assert.equal(senders, []);
  // However often it says so.
  for (let i = 0; i < 10; i++) m.node(1).core.sendPolicyState(m.nowUs, 0x101, 3, false);
  m.drain(1);
  m.run(5 * SECOND);
  assert.ok(senders.length > 0 && senders.length < 5, `${senders}`);
});

test("a neighbour that claims a newer policy and has none is asked ever more seldom", () => {
  const m = mesh(2, [channel("vhf", [0, 1])]);
  // The gate of node 1 does not let it pass.
  publish(m, 9, octets("unsigned"));
  m.run(600 * SECOND);
  assert.equal(versions(m, 1), []);
  const asked = m.node(1).core.status(m.nowUs).counters["policies-asked"] ?? 0;
  assert.ok(asked > 2 && asked < 16, `${asked}`);
});

test.run();
