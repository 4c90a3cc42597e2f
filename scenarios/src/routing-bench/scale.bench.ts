/**
 * 1000 nodes: 20 areas of 50, each a random graph on one IP radio, with two border nodes that have a second radio for
 * the backbone. There the first ones of all areas form a ring, the second ones a ring with steps of 3 areas, and the
 * two of an area hear each other. Random pairs, asked from 60 s on, answered within 2 s.
 */
import { Role } from "@skein/node-agent/core";
import { RandomStream } from "../sim/random-streams.ts";
import { Asker, askAll } from "./asker.ts";
import { Field } from "./field.ts";
import { sum } from "./figures.ts";
import { connectedPlaces, linksInRange, randomPair, rangeForLinks } from "./geometry.ts";
import { endProgress, printAtLeast, printFigure, progress } from "./print.ts";

const SEED = 1;
const AREAS = 20;
const AREA_NODES = 50;
const NODES = AREAS * AREA_NODES;
const SIDE_M = 1000;
const SECOND_RING_STEP = 3;
const SETTLE_S = 60;
const PAIRS = 2000;
const PAYLOAD_OCTETS = 56;

function isBorder(node: number): boolean {
  return node % AREA_NODES < 2;
}

const random = new RandomStream(SEED, "scale");
const field = new Field({
  nodes: NODES,
  seed: SEED,
  signalled: true,
  media: [
    { name: "radio", kind: "radio" },
    {
      name: "backbone",
      kind: "radio",
      members: Array.from({ length: NODES }, (_, node) => node).filter(isBorder),
      bearer: { latencyUs: 5_000 },
    },
  ],
  address: (node) => (1 + Math.floor(node / AREA_NODES)) * 256 + 1 + (node % AREA_NODES),
  change: (node, options) => ({ ...options, role: isBorder(node) ? Role.airborne : Role.relay }),
});
const rangeM = rangeForLinks(AREA_NODES, 150, SIDE_M);
for (let area = 0; area < AREAS; area++) {
  const first = area * AREA_NODES;
  const places = connectedPlaces(AREA_NODES, rangeM, SIDE_M, random);
  for (const [a, b] of linksInRange(places, rangeM)) field.join(0, first + a, first + b);
  field.join(1, first, first + 1);
  field.join(1, first, ((area + 1) % AREAS) * AREA_NODES);
  field.join(1, first + 1, ((area + SECOND_RING_STEP) % AREAS) * AREA_NODES + 1);
}
const asker = new Asker(field, PAYLOAD_OCTETS);

function pass(seconds: number, text: string): void {
  for (let s = 0; s < seconds; s++) {
    progress(`scale1000 ${text}: ${s}/${seconds} s`);
    field.run(1_000_000);
  }
}

for (let node = 0; node < NODES; node++) field.at(field.nowUs + random.unit() * 1e6, () => field.start(node));
pass(SETTLE_S - 10, "settles");
field.octets.control.fill(0);
pass(10, "settles");
const control = sum(field.octets.control) / NODES / 10;
const pairs = Array.from({ length: PAIRS }, () => randomPair(NODES, random));
const ids = askAll(field, asker, pairs, 20_000_000);
pass(22, "is asked");
endProgress();
const { asked, delivered } = asker.tally(ids, 2_000_000);
printAtLeast("routing.scale1000.delivered", delivered / asked, "ratio", 0.999);
printFigure("routing.scale1000.controlOctetsPerNodeS", control, "octets/s");
