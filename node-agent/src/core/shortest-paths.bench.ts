/**
 * Paths to all destinations for four classes, with what alternates need, after each change of the database: a random
 * geometric graph of 254 nodes with 6 links a node on average. Prints one JSON object a line.
 */
import { encodeLinkVector, type LinkStateLink } from "@skein/codecs";
import { CLASSES } from "./link-cost.ts";
import { LinkStateDb } from "./link-state-db.ts";
import { Random } from "./random.ts";
import { ShortestPaths } from "./shortest-paths.ts";

const NODES = 254;
const DEGREE = 6;
const ROUNDS = 400;
const TARGET_MS = 1;

/** The nearest pairs of random places: as many as give the degree. */
function neighbours(random: Random): number[][] {
  const places = Array.from({ length: NODES }, () => [random.below(100_000), random.below(100_000)] as const);
  const pairs: [distance: number, a: number, b: number][] = [];
  for (const [a, [ax, ay]] of places.entries())
    for (const [b, [bx, by]] of places.entries()) if (a < b) pairs.push([Math.hypot(ax - bx, ay - by), a, b]);
  const lists: number[][] = places.map(() => []);
  for (const [, a, b] of pairs.sort((one, other) => one[0] - other[0]).slice(0, (NODES * DEGREE) / 2)) {
    lists[a]?.push(b);
    lists[b]?.push(a);
  }
  return lists;
}

/** Some radios are faster or lose more than others, both ways alike. */
function vectorBetween(a: number, b: number): number {
  const kind = (a * b) % 4;
  return encodeLinkVector({
    bitrateBps: 1_200_000 * 2 ** kind,
    latencyUs: 2_000 * (1 + kind),
    loss: kind === 3 ? 0.05 : 0,
    costCentsPerMegabyte: 0,
    closed: 0,
  });
}

function advertise(db: LinkStateDb, node: number, list: readonly number[], sequence: number): void {
  const links: LinkStateLink[] = list.map((to) => ({ neighbour: to + 1, channel: 0, vector: vectorBetween(node, to) }));
  db.applyFull(
    {
      originator: 0x101 + node,
      nodeId: 1 + node,
      bootEpoch: 1,
      sequence,
      role: 1,
      capabilities: 0,
      name: new Uint8Array(0),
      links,
      prefixes: [],
      areas: [],
    },
    0,
  );
}

/** All that forwarding asks for after a change: own distances, and those of each neighbour for alternates. */
function computeAll(paths: ShortestPaths, local: number, nextTo: readonly number[]): number {
  let check = 0;
  for (let trafficClass = 0; trafficClass < CLASSES; trafficClass++) {
    check += paths.from(local, trafficClass)[1] as number;
    for (const neighbour of nextTo) check += paths.from(neighbour, trafficClass)[1] as number;
  }
  return check;
}

const lists = neighbours(new Random(1, 254));
const db = new LinkStateDb(1);
for (const [node, list] of lists.entries()) advertise(db, node, list, 1);
const root = lists.findIndex((list) => list.length === DEGREE);
const nextTo = (lists[root] as number[]).map((to) => to + 1);
const paths = new ShortestPaths(db);
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const changed = (root + 1 + round) % NODES;
  advertise(db, changed, lists[changed] as number[], 2 + round);
  const start = process.hrtime.bigint();
  computeAll(paths, root + 1, nextTo);
  times.push(Number(process.hrtime.bigint() - start) / 1e6);
}
// The first half warms the compiler up.
const value = times.slice(ROUNDS / 2).sort((a, b) => a - b)[ROUNDS / 4] as number;
const line = { name: "routing.spf254.ms", value: Number(value.toPrecision(4)), unit: "ms", target: `<=${TARGET_MS}` };
process.stdout.write(`${JSON.stringify({ ...line, pass: value <= TARGET_MS })}\n`);
