/**
 * Two partitions of 30 nodes meet: from the first frame that a border node of one hears from the other until a first
 * packet from an inner node of one side is with an inner node of the other. A packet is asked each 100 ms. On
 * 9600 bit/s each partition is one channel, and the border nodes meet on a third. On IP radios each is a random
 * graph, and a link between a node of each comes up. The worst of some seeds.
 */
import { RandomStream } from "../sim/random-streams.ts";
import { Asker, MIN_PAYLOAD_OCTETS } from "./asker.ts";
import { Field } from "./field.ts";
import { median } from "./figures.ts";
import { allPairs, connectedPlaces, linksInRange, type Pair, rangeForLinks } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);
const SIDE = 30;
const ASK_US = 100_000;
/** What has not happened by then is printed as this. */
const LIMIT_US = 120_000_000;
/** As dense as 50 nodes in 1 km2 with 150 links. */
const RANGE_M = rangeForLinks(50, 150, 1000);
const SIDE_M = 1000 * Math.sqrt(SIDE / 50);

interface Partitions {
  readonly field: Field;
  /** Where the border nodes meet. */
  readonly medium: number;
  readonly border: Pair;
  readonly settleUs: number;
}

function airPartitions(seed: number, random: RandomStream): Partitions {
  const sides = [0, SIDE].map((first) => Array.from({ length: SIDE }, (_, i) => first + i));
  const border: Pair = [random.uint32() % SIDE, SIDE + (random.uint32() % SIDE)];
  const field = new Field({
    nodes: 2 * SIDE,
    seed,
    signalled: true,
    media: [...sides, border].map((members, i) => ({ name: `air${i}`, kind: "air9600", members })),
  });
  for (const [medium, members] of sides.entries()) for (const [a, b] of allPairs(members)) field.join(medium, a, b);
  return { field, medium: 2, border, settleUs: 300_000_000 };
}

function ipPartitions(seed: number, random: RandomStream): Partitions {
  const field = new Field({ nodes: 2 * SIDE, seed, signalled: true, media: [{ name: "radio", kind: "radio" }] });
  for (const first of [0, SIDE]) {
    const places = connectedPlaces(SIDE, RANGE_M, SIDE_M, random);
    for (const [a, b] of linksInRange(places, RANGE_M)) field.join(0, first + a, first + b);
  }
  const border: Pair = [random.uint32() % SIDE, SIDE + (random.uint32() % SIDE)];
  return { field, medium: 0, border, settleUs: 30_000_000 };
}

/** A node of the side that is not its border. */
function innerNode(side: number, border: Pair, random: RandomStream): number {
  for (;;) {
    const node = side * SIDE + (random.uint32() % SIDE);
    if (!border.includes(node)) return node;
  }
}

function firstPacketUs(make: typeof airPartitions, seed: number): number {
  const random = new RandomStream(seed, "merge");
  const { field, medium, border, settleUs } = make(seed, random);
  const asker = new Asker(field, MIN_PAYLOAD_OCTETS, true);
  for (const node of field.cores.keys()) field.at(field.nowUs + random.unit() * 5e6, () => field.start(node));
  field.run(settleUs);
  let heardUs = Number.POSITIVE_INFINITY;
  field.onHeard = (node, on, from) => {
    if (on === medium && border.includes(node) && border.includes(from)) heardUs = Math.min(heardUs, field.nowUs);
  };
  const [from, to] = [innerNode(0, border, random), innerNode(1, border, random)];
  field.join(medium, ...border);
  const ask = (): void => {
    asker.ask(from, to);
    field.at(field.nowUs + ASK_US, ask);
  };
  ask();
  const arrivedUs = (): number => Math.min(...asker.deliveredUs);
  field.runUntil(() => arrivedUs() < Number.POSITIVE_INFINITY, ASK_US, LIMIT_US);
  return Math.min(LIMIT_US, arrivedUs() - heardUs);
}

function measure(kind: string, make: typeof airPartitions): number[] {
  const times = SEEDS.map((seed) => {
    progress(`merge over ${kind}: seed ${seed} of ${SEEDS.length}`);
    return firstPacketUs(make, seed);
  });
  endProgress();
  return times;
}

const air = measure("air9600", airPartitions);
printAtMost("routing.merge.air9600.firstPacketS", Math.max(...air) / 1e6, "s", 1);
printFigure("routing.merge.air9600.firstPacketMedianS", median(air) / 1e6, "s");
const ip = measure("ip", ipPartitions);
printAtMost("routing.merge.ip.firstPacketMs", Math.max(...ip) / 1e3, "ms", 300);
printFigure("routing.merge.ip.firstPacketMedianMs", median(ip) / 1e3, "ms");
