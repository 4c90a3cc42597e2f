import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Loss, WhatIf } from "../api/types.ts";
import type { ClassRoute, CoreStatus, LinkStatus, RouteExplanation, RouteHop } from "../core/api.ts";
import { whatIf } from "./what-if.ts";

// 1 --lte, satellite-- 2 --- 4, 1 --radio-- 3 --radio-- 2
const [OWN, VEHICLE, RELAY, TEAM] = [1, 2, 3, 4];
const [RADIO, SATELLITE, LTE] = [0, 2, 3];

function status(): CoreStatus {
  const pairs = [
    [OWN, VEHICLE, LTE],
    [OWN, VEHICLE, SATELLITE],
    [OWN, RELAY, RADIO],
    [RELAY, VEHICLE, RADIO],
    [VEHICLE, TEAM, RADIO],
  ] as const;
  const links = pairs.flatMap(([a, b, kind]) => [
    { from: a, to: b, kind } as LinkStatus,
    { from: b, to: a, kind } as LinkStatus,
  ]);
  const nodes = [OWN, VEHICLE, RELAY, TEAM].map((address) => ({ address, reachable: true }));
  const neighbours = [
    { bearerId: 0, address: RELAY },
    { bearerId: 1, address: VEHICLE },
    { bearerId: 2, address: VEHICLE },
  ];
  return { address: OWN, links, nodes, neighbours } as unknown as CoreStatus;
}

function hop(from: number, to: number, channel: number, bearerId: number, way: number[] | null): RouteHop {
  const alternate = way && { way, carried: false, protects: "link" as const };
  return { from, to, channel, bearerId, alternate } as RouteHop;
}

function explain(to: number): RouteExplanation {
  const first = hop(OWN, VEHICLE, LTE, 1, to === VEHICLE ? [RELAY, VEHICLE] : [RELAY, VEHICLE, TEAM]);
  const ways: Record<number, RouteHop[]> = {
    [VEHICLE]: [first],
    [RELAY]: [hop(OWN, RELAY, RADIO, 0, null)],
    [TEAM]: [first, hop(VEHICLE, TEAM, RADIO, -1, null)],
  };
  const route = { hops: ways[to] } as ClassRoute;
  return { from: OWN, to, classes: [route, route, route, route] };
}

const ask = (loss: Loss, mayGoOn = () => true): WhatIf => whatIf(status(), loss, explain, mayGoOn);

test("without a bearer, what went over it takes forwarding's alternates", () => {
  const { classes, unreachable } = ask({ bearerId: 1, kind: LTE });
  assert.equal(unreachable, []);
  assert.is(classes.length, 4);
  assert.equal(classes[0]?.rerouted, [
    { to: VEHICLE, way: [RELAY, VEHICLE] },
    { to: TEAM, way: [RELAY, VEHICLE, TEAM] },
  ]);
  assert.equal(classes[0]?.kept, []);
});

test("another bearer to the same node is not lost with it", () => {
  assert.equal(ask({ bearerId: 2, kind: SATELLITE }).classes[0], { rerouted: [], kept: [] });
});

test("who hangs on a link alone cannot be reached without it", () => {
  const { classes, unreachable } = ask({ from: TEAM, to: VEHICLE });
  assert.equal(unreachable, [TEAM]);
  assert.equal(classes[0], { rerouted: [], kept: [] });
});

test("a node with another way but without an alternate waits for new routes", () => {
  const { classes, unreachable } = ask({ from: OWN, to: RELAY });
  assert.equal(unreachable, []);
  assert.equal(classes[3], { rerouted: [], kept: [RELAY] });
});

test("when packets wait, who is left is counted, and who cannot be reached is told all the same", () => {
  let left = 1;
  const { classes, unreachable, omitted } = ask({ from: TEAM, to: VEHICLE }, () => left-- > 0);
  assert.equal(unreachable, [TEAM]);
  assert.is(omitted, 1);
  assert.equal(classes[0], { rerouted: [], kept: [] });
});

test.run();
