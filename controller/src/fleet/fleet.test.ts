import { test } from "uvu";
import * as assert from "uvu/assert";
import { valleyStatus } from "../test-support/valley.ts";
import { agentMessageSchema, agentStatusSchema } from "./agent-status.ts";
import { emptyFleet, type FleetState, pictureOf, reduceFleet, tracksOf } from "./fleet.ts";
import { LINK_FORGET_AFTER_S, LOST_AFTER_S, MAX_EVENTS, STALE_AFTER_S } from "./limits.ts";
import type { Picture } from "./picture.ts";

const T0 = 1_800_000_000_000;
const HQ = 0x101;
const VEHICLE = 0x102;
const UAV = 0x103;

type Options = Parameters<typeof valleyStatus>[1];
function afterStatus(state: FleetState, nowMs: number, options: Options = {}): FleetState {
  return reduceFleet(state, { type: "status", status: valleyStatus(nowMs, { startedMs: T0, ...options }), nowMs });
}
function picture(state: FleetState, nowMs: number): Picture {
  return pictureOf(state, nowMs, false, { badJson: 3 });
}
function node(of: Picture, address: number): Picture["nodes"][number] {
  const found = of.nodes.find((one) => one.address === address);
  assert.ok(found, `node ${address} is in the picture`);
  return found!;
}
function link(of: Picture, from: number, to: number): Picture["links"][number] | undefined {
  return of.links.find((one) => one.from === from && one.to === to);
}

test("before the first status the picture is empty and says that the agent is missing", () => {
  const first = picture(emptyFleet(), T0);
  assert.equal(first.nodes, []);
  assert.is(first.agent.connected, false);
  assert.is(first.agent.ageS, null);
});

test("a status brings nodes, links, routes and counters; the given state stays as it was", () => {
  const empty = emptyFleet();
  const now = picture(afterStatus(empty, T0), T0);
  assert.is(empty.nodes.size, 0);
  assert.is(now.nodes.length, 14);
  assert.ok(now.nodes.every((one) => one.liveness === "live"));
  assert.equal(node(now, UAV).route, { nextHop: UAV, bearer: "mesh", alternate: VEHICLE });
  assert.is(node(now, HQ).route, null);
  assert.is(now.counters["controller.badJson"], 3);
  assert.is(now.counters["drop.replay"], 2);
});

test("both directions and all channels of a pair are one link, the cheapest channel first, the worse loss shown", () => {
  const pair = link(picture(afterStatus(emptyFleet(), T0), T0), HQ, VEHICLE)!;
  assert.equal(
    pair.channels.map((channel) => [channel.kind, channel.costCentsPerMegabyte, channel.loss]),
    [
      [3, 30, 0.02],
      [2, 800, 0.01],
    ],
  );
});

test("a link that only one end advertises is not up", () => {
  const status = valleyStatus(T0);
  status.core.links = status.core.links.filter((one) => !(one.from === UAV && one.to === HQ));
  const now = picture(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0);
  assert.is(link(now, HQ, UAV), undefined);
  assert.ok(link(now, HQ, VEHICLE));
});

test("a link that was cut is shown as lost, keeps its last figures, and is forgotten at last", () => {
  const cut = { cut: new Set(["1-3"]) };
  let state = afterStatus(emptyFleet(), T0);
  state = afterStatus(state, T0 + 5000, cut);
  const lost = link(picture(state, T0 + 5000), HQ, UAV)!;
  assert.is(lost.liveness, "lost");
  assert.is(lost.channels.length, 1);
  assert.is(link(picture(state, T0 + 5000), HQ, VEHICLE)!.liveness, "live");
  const laterMs = T0 + LINK_FORGET_AFTER_S * 1000 + 1000;
  assert.is(link(picture(afterStatus(state, laterMs, cut), laterMs), HQ, UAV), undefined);
});

test("a position is a sign of life where routing has long heard nothing", () => {
  const status = valleyStatus(T0);
  for (const one of status.core.nodes) one.lastHeardMs = 80_000;
  status.positions = status.positions.filter((one) => one.address !== VEHICLE);
  const now = picture(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0);
  assert.is(node(now, UAV).liveness, "live");
  assert.is(node(now, VEHICLE).liveness, "stale", "a path leads there, but nothing was heard");
});

test("a node of another area is where it says, and lost when it says nothing any more", () => {
  const far = 0x205;
  const state = (ageS: number, nowMs: number, before = emptyFleet()): FleetState => {
    const status = valleyStatus(nowMs, { startedMs: T0 });
    const { report } = status.positions[0]!;
    status.positions.push({ address: far, report: { ...report, latitudeDeg: 31.5 }, ageS });
    return reduceFleet(before, { type: "status", status, nowMs });
  };
  const first = state(2, T0);
  const seen = node(picture(first, T0), far);
  assert.is(seen.liveness, "live");
  assert.is(seen.position?.latitudeDeg, 31.5);
  assert.is(seen.route, null);
  const laterMs = T0 + LOST_AFTER_S * 1000;
  const later = picture(state(2 + LOST_AFTER_S, laterMs, first), laterMs);
  assert.is(node(later, far).liveness, "lost");
  // A position of the own area is that of a node that link state knows, or of nobody.
  const status = valleyStatus(T0);
  status.positions.push({ ...status.positions[0]!, address: 0x1f0 });
  const ours = picture(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0);
  assert.is(ours.nodes.length, 14);
});

test("a lost agent ages everything: stale, then lost; never live again by itself", () => {
  const state = reduceFleet(afterStatus(emptyFleet(), T0), { type: "agent", connected: false, nowMs: T0 });
  const at = (seconds: number) => node(picture(state, T0 + seconds * 1000), HQ).liveness;
  assert.equal([0, STALE_AFTER_S - 1, STALE_AFTER_S, LOST_AFTER_S].map(at), ["stale", "stale", "stale", "lost"]);
});

test("without a connection nothing is live and nobody talks", () => {
  const state = reduceFleet(afterStatus(emptyFleet(), T0), { type: "agent", connected: false, nowMs: T0 });
  const now = picture(state, T0 + 1000);
  assert.not(now.nodes.some((one) => one.liveness === "live"));
  assert.not(now.links.some((one) => one.liveness === "live"));
  assert.not(now.bearers.some((one) => one.up));
  assert.not(now.video.some((one) => one.live));
  assert.equal(now.voice.talkers, []);
  assert.is(now.nodes.length, 14, "what was known stays to be seen");
});

test("a node that the mesh has forgotten stays known and is lost", () => {
  const status = valleyStatus(T0 + 1000);
  status.core.nodes = status.core.nodes.filter((one) => one.address !== UAV);
  const state = reduceFleet(afterStatus(emptyFleet(), T0), { type: "status", status, nowMs: T0 + 1000 });
  assert.is(node(picture(state, T0 + 1000), UAV).liveness, "lost");
  assert.is(node(picture(state, T0 + 1000), UAV).name, "UAV-1");
});

test("rates are differences of counters, and a restart of the agent gives no negative ones", () => {
  let state = afterStatus(emptyFleet(), T0 + 10_000);
  state = afterStatus(state, T0 + 12_000);
  const mesh = picture(state, T0 + 12_000).bearers[0]!;
  assert.is(Math.round(mesh.sentBps), 22 * 1000 * 8);
  state = afterStatus(state, T0 + 13_000, { startedMs: T0 + 13_000 });
  assert.is(picture(state, T0 + 13_000).bearers[0]!.sentBps, 0);
});

test("a delay that was not measured is the advertised one, and unknown where that could be of another bearer", () => {
  const status = valleyStatus(T0);
  for (const neighbour of status.core.neighbours) neighbour.rttMs = 0;
  const now = picture(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0);
  const delays = now.bearers.map((bearer) => [bearer.name, bearer.delayMs]);
  assert.equal(delays, [
    ["mesh", 9],
    ["lte", null],
    ["satellite", null],
  ]);
});

test("queues and drops of a bearer stand by class, and are empty for an agent that does not tell", () => {
  const lte = picture(afterStatus(emptyFleet(), T0), T0).bearers[1]!;
  assert.equal(lte.queuesMs, [2, 0, 10, 30]);
  assert.equal(lte.drops, [{ trafficClass: 2, reason: "expired", count: 7 }]);
  const { queues: _, drops: __, ...older } = valleyStatus(T0).core.bearers[1]!;
  const status = agentStatusSchema.parse({
    ...valleyStatus(T0),
    core: { ...valleyStatus(T0).core, bearers: [older] },
  });
  const [bearer] = picture(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0).bearers;
  assert.equal([bearer!.queuesMs, bearer!.drops], [[], []]);
});

test("events come once, whether pushed or in a status, and the list is bounded", () => {
  let state = afterStatus(emptyFleet(), T0);
  const count = state.events.length;
  state = afterStatus(state, T0 + 1000);
  assert.is(state.events.length, count);
  const event = { sequence: 9, atMs: T0, level: "warn" as const, text: "x" };
  state = reduceFleet(reduceFleet(state, { type: "event", event, nowMs: T0 }), { type: "event", event, nowMs: T0 });
  assert.is(state.events.length, count + 1);
  for (let i = 0; i < MAX_EVENTS + 5; i++)
    state = reduceFleet(state, { type: "note", level: "info", text: "n", nowMs: T0 });
  assert.is(state.events.length, MAX_EVENTS);
  const sequences = state.events.map((one) => one.sequence);
  assert.equal(
    sequences,
    [...sequences].sort((a, b) => a - b),
  );
});

test("tracks grow while a node moves and are the same for a repeated fix", () => {
  let state = afterStatus(emptyFleet(), T0);
  for (let second = 1; second <= 5; second++) state = afterStatus(state, T0 + second * 1000);
  const points = (address: number) => tracksOf(state).find((track) => track.address === address)!.points;
  assert.is(points(UAV).length, 6, "an aircraft at 25 m/s leaves a point a second");
  assert.is(points(VEHICLE).length, 1, "a parked vehicle leaves none");
});

test("a position that nobody knows is no position", () => {
  const status = valleyStatus(T0);
  for (const one of status.positions) one.report.latitudeDeg = null;
  const now = picture(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0);
  assert.ok(now.nodes.every((one) => one.position === null));
});

test("messages of the agent survive JSON; rubbish is refused without an exception", () => {
  const report = valleyStatus(T0);
  report.positions[0]!.report.altitudeM = Number.NaN;
  const wire: unknown = JSON.parse(JSON.stringify({ type: "status", status: { ...report, later: { field: 1 } } }));
  assert.ok(agentMessageSchema.safeParse(wire).success);
  for (const rubbish of [
    null,
    7,
    [],
    {},
    { type: "status" },
    { type: "status", status: { core: 1 } },
    { type: "reply" },
  ]) {
    assert.not(agentMessageSchema.safeParse(rubbish).success);
  }
});

test.run();
