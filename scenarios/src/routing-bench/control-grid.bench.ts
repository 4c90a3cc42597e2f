/**
 * Control octets of Skein's frames, a broadcast counted once, in grids where nobody says anything: 120 s after 60 s
 * of settling. The grid of 784 nodes is 4 areas of 14 x 14; how many random pairs are delivered stands beside it,
 * because silence is cheap.
 */
import { RandomStream } from "../sim/random-streams.ts";
import { Asker, askAll } from "./asker.ts";
import { Field } from "./field.ts";
import { sum } from "./figures.ts";
import { gridLinks, randomPair } from "./geometry.ts";
import { endProgress, printAtLeast, printAtMost, progress } from "./print.ts";

const SETTLE_S = 60;
const MEASURE_S = 120;
const PAIRS = 1000;
const PAYLOAD_OCTETS = 56;
const SEED = 1;

/** Quarters of the large grid are areas 1..4; local ids count along the rows of a quarter. */
function quarterAddress(node: number, side: number): number {
  const half = side / 2;
  const [x, y] = [node % side, Math.floor(node / side)];
  const area = 1 + (x < half ? 0 : 1) + (y < half ? 0 : 2);
  return area * 256 + 1 + (y % half) * half + (x % half);
}

function pass(field: Field, seconds: number, text: string): void {
  for (let s = 0; s < seconds; s++) {
    progress(`${text}: ${s}/${seconds} s`);
    field.run(1_000_000);
  }
}

function measure(side: number, bound: number, leastDelivered: number, address?: (node: number) => number): void {
  const nodes = side * side;
  const field = new Field({
    nodes,
    seed: SEED,
    signalled: true,
    media: [{ name: "radio", kind: "radio" }],
    ...(address && { address }),
  });
  const random = new RandomStream(SEED, `grid${nodes}`);
  const asker = new Asker(field, PAYLOAD_OCTETS);
  field.setLinks(0, gridLinks(side));
  for (let node = 0; node < nodes; node++) field.at(field.nowUs + random.unit() * 200_000, () => field.start(node));
  pass(field, SETTLE_S, `grid${nodes} settles`);
  field.octets.control.fill(0);
  pass(field, MEASURE_S, `grid${nodes}`);
  const octets = sum(field.octets.control) / nodes / MEASURE_S;
  const pairs = Array.from({ length: PAIRS }, () => randomPair(nodes, random));
  const ids = askAll(field, asker, pairs, 10_000_000);
  pass(field, 12, `grid${nodes} is asked`);
  endProgress();
  const tally = asker.tally(ids, 2_000_000);
  const delivered = tally.delivered / tally.asked;
  printAtMost(`routing.control.grid${nodes}.octetsPerNodeS`, octets, "octets/s", bound, delivered >= leastDelivered);
  printAtLeast(`routing.control.grid${nodes}.delivered`, delivered, "ratio", leastDelivered);
}

measure(7, 5, 0.999);
measure(10, 5, 0.999);
measure(28, 8, 0.999, (node) => quarterAddress(node, 28));
