import { encodeLinkVector } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ClassRoute, RouteHop } from "./api.ts";
import { explainRoute } from "./explain-route.ts";
import type { Choice } from "./forwarding.ts";
import { LinkStateDb } from "./link-state-db.ts";
import { ShortestPaths } from "./shortest-paths.ts";
import { VirtualMesh, wires } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const AREA = 1;

function vector(latencyMs: number, loss = 0): number {
  const rest = { bitrateBps: 1e7, costCentsPerMegabyte: 0, closed: 0 };
  return encodeLinkVector({ ...rest, latencyUs: latencyMs * 1000, loss });
}

/** A database of links a - b with what a says of it and, if that differs, what b says. */
function databaseOf(...links: [a: number, b: number, atA: number, atB?: number][]): LinkStateDb {
  const db = new LinkStateDb(AREA);
  for (const local of new Set(links.map(([a]) => a).concat(links.map(([, b]) => b)))) {
    const mine = links.flatMap(([a, b, atA, atB = atA]) => {
      if (a === local) return [{ neighbour: b, channel: 0, vector: atA }];
      return b === local ? [{ neighbour: a, channel: 0, vector: atB }] : [];
    });
    const name = new Uint8Array(0);
    const rest = { bootEpoch: 1, sequence: 1, role: 0, capabilities: 0, name, prefixes: [], areas: [] };
    db.applyFull({ ...rest, originator: (AREA << 8) | local, nodeId: local, links: mine }, 0);
  }
  return db;
}

/** What class voice is told of the ways from 1 if forwarding chooses these hops. */
function explain(db: LinkStateDb, to: number, first: number, second?: number, route?: number[]): ClassRoute {
  const choice = (local: number): Choice => ({
    local,
    address: (AREA << 8) | local,
    bearerId: 0,
    route: local === second ? route : undefined,
  });
  const choices = { first: choice(first), second: second === undefined ? undefined : choice(second) };
  const never = (): never => assert.unreachable("there is a path") as never;
  return explainRoute(db, new ShortestPaths(db), 1, to, () => choices, never)[0] as ClassRoute;
}

function detours({ hops }: ClassRoute): unknown[] {
  return hops.map(
    ({ alternate }) => alternate && [alternate.way.map((to) => to & 0xff), alternate.carried, alternate.protects],
  );
}

/** 1 - 2 - 4 is short, 1 - 3 - 4 long; 5 hangs on 4. */
const diamond = (): LinkStateDb =>
  databaseOf([1, 2, vector(2)], [2, 4, vector(2)], [1, 3, vector(8)], [3, 4, vector(8)], [4, 5, vector(2)]);

test("a way is told hop by hop, with what each node would do instead", () => {
  const way = explain(diamond(), 5, 2);
  assert.equal(
    way.hops.map(({ from, to, latencyMs }) => [from, to, latencyMs]),
    [
      [0x101, 0x102, 2],
      [0x102, 0x104, 2],
      [0x104, 0x105, 2],
    ],
  );
  assert.is(way.latencyMs, 6);
  assert.is(
    way.cost,
    way.hops.reduce((sum, { cost }) => sum + cost, 0),
  );
  assert.equal(detours(way), [
    null,
    // All leads through 4, so that only the link can be avoided, and node 1 must be told not to send it back.
    [[1, 3, 4, 5], true, "link"],
    null,
  ]);
});

test("the alternate of the first hop is what forwarding would do", () => {
  assert.equal(detours(explain(diamond(), 5, 2, 3))[0], [[3, 4, 5], false, "node"]);
  assert.equal(detours(explain(diamond(), 2, 2, 3, [4, 2]))[0], [[3, 4, 2], true, "link"], "2 is where it is to go");
});

test("a neighbour on the way that is nearer and passes the next hop by needs nothing carried", () => {
  // From 2 on: 3 and 4 both lead to 5.
  const db = databaseOf([1, 2, vector(2)], [2, 3, vector(2)], [2, 4, vector(4)], [3, 5, vector(2)], [4, 5, vector(2)]);
  assert.equal(detours(explain(db, 5, 2)), [null, [[4, 5], false, "node"], [[2, 4, 5], true, "link"]]);
});

test("what the ends of a hop say is told as the worse of both", () => {
  const db = databaseOf([1, 2, vector(2, 0.2), vector(32)]);
  const [hop] = explain(db, 2, 2).hops as [RouteHop];
  assert.is(hop.latencyMs, 32);
  assert.is(hop.loss, 0.2);
  assert.ok(hop.cost > 128, `${hop.cost} x 0.25 ms`);
});

/** 0 to 4 by 1 or 2, then 3. */
function fork(): VirtualMesh {
  const edges: [number, number][] = [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 3],
    [3, 4],
  ];
  const mesh = new VirtualMesh(5, wires(edges));
  assert.ok(mesh.run(3 * SECOND, () => mesh.allReachable()));
  mesh.run(2 * SECOND);
  return mesh;
}

function waysOf(mesh: VirtualMesh, to: number): ClassRoute[] {
  return mesh.node(0).core.explainRoute(mesh.nowUs, 0x101 + to).classes;
}

test("a node at work tells the way, the alternate when the next hop is gone, and then that there is none", () => {
  const mesh = fork();
  const [before] = waysOf(mesh, 4) as [ClassRoute];
  assert.is(before.hops.length, 3);
  assert.equal(detours(before)[0], [[3, 4, 5], false, "node"]);
  assert.is(before.hops[0]?.to, 0x102);
  mesh.node(1).powered = false;
  mesh.run(20 * SECOND);
  const [after] = waysOf(mesh, 4) as [ClassRoute];
  assert.is(after.hops[0]?.to, 0x103);
  assert.equal(detours(after), [null, null, null]);
  mesh.node(2).powered = false;
  mesh.run(20 * SECOND);
  for (const { hops, noPath } of waysOf(mesh, 4)) {
    assert.is(hops.length, 0);
    assert.is(noPath?.reason, "no-neighbour");
  }
  assert.equal(
    waysOf(mesh, 4).map(({ noPath }) => noPath?.keptMs),
    [250, 5000, 600, 15_000],
  );
});

test("whom nobody has told of, and oneself", () => {
  const mesh = fork();
  assert.is(waysOf(mesh, 77)[0]?.noPath?.reason, "unknown-node");
  assert.is(waysOf(mesh, 77)[0]?.noPath?.searched, 2);
  assert.equal(waysOf(mesh, 0)[0], { cost: 0, latencyMs: 0, carried: false, hops: [], areas: [], noPath: null });
});

test.run();
