/**
 * Packets that loop while nobody knows how things are: graphs of 40 nodes in which everyone moves 0..30 m each 0.3 s,
 * silently, so that what a node believes is always old. First on a shared radio, then on point-to-point wires.
 * As many packets as fit into the time; how many that was is printed. Every run begins with the same ones.
 */
import { RandomStream } from "../sim/random-streams.ts";
import { Asker, MIN_PAYLOAD_OCTETS } from "./asker.ts";
import { Field } from "./field.ts";
import { nextHopOf } from "./frame-view.ts";
import { linksInRange, moveAll, partsOf, randomPair, randomPlaces, rangeForLinks } from "./geometry.ts";
import { LoopWatch } from "./loop-watch.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const NODES = 40;
const SIDE_M = 1000;
const LINKS = 120;
const MOVE_M = 30;
/** News that does not arrive makes knowledge older still. */
const LOSS = 0.1;
const STEP_US = 300_000;
const STEPS_PER_GRAPH = 40;
const SETTLE_US = 2_000_000;
/** All nodes together; those that find no way at their source are not counted. A shared radio's window fills sooner. */
const PACKETS_PER_S = { radio: 2_000, wires: 20_000 };
const BUDGET_MS = { radio: 50_000, wires: 65_000 };
const FAST = { bitrateBps: 100_000_000, latencyUs: 200 };

interface Total {
  packets: number;
  delivered: number;
  /** Asked while there was a path, and delivered of those. */
  possible: number;
  arrived: number;
  hops: number;
  loops: number;
  revisits: number;
  resent: number;
  overlong: number;
}
const total: Total = {
  packets: 0,
  delivered: 0,
  possible: 0,
  arrived: 0,
  hops: 0,
  loops: 0,
  revisits: 0,
  resent: 0,
  overlong: 0,
};

function playGraph(kind: "radio" | "wires", seed: number): void {
  const random = new RandomStream(seed, `loops/${kind}`);
  const places = randomPlaces(NODES, SIDE_M, random);
  const rangeM = rangeForLinks(NODES, LINKS, SIDE_M);
  const field = new Field({ nodes: NODES, seed, media: [{ name: kind, kind, bearer: FAST }] });
  const asker = new Asker(field, MIN_PAYLOAD_OCTETS, true);
  const watch = new LoopWatch();
  field.onFrame = (node, _medium, endpoint, octets, length) =>
    // On a radio the header says for whom it is; addresses are 1.1, 1.2 ... by index.
    watch.transmitted(node, kind === "wires" ? endpoint : nextHopOf(octets) - 1, octets, length);
  field.onHeard = (node, _medium, _from, octets, length) => {
    if (kind === "radio" && nextHopOf(octets) - 1 !== node) watch.overheard(node, octets, length);
  };
  field.setLinks(0, linksInRange(places, rangeM), LOSS);
  for (let node = 0; node < NODES; node++) field.start(node);
  field.run(SETTLE_US);
  const possible: number[] = [];
  const gapUs = 1e6 / PACKETS_PER_S[kind];
  for (let step = 0; step < STEPS_PER_GRAPH; step++) {
    moveAll(places, MOVE_M, SIDE_M, random);
    const links = linksInRange(places, rangeM);
    field.setLinks(0, links, LOSS);
    const parts = partsOf(NODES, links);
    for (let us = 0; us < STEP_US; us += gapUs) {
      field.at(field.nowUs + us, () => {
        const [a, b] = randomPair(NODES, random);
        const id = asker.ask(a, b);
        if (parts[a] === parts[b]) possible.push(id);
      });
    }
    field.run(STEP_US);
  }
  field.run(SETTLE_US);
  total.packets += watch.packets;
  total.delivered += asker.deliveredUs.filter(Number.isFinite).length;
  total.possible += possible.length;
  total.arrived += asker.tally(possible, Number.MAX_VALUE).delivered;
  total.hops += watch.hops;
  total.loops += watch.loops;
  total.revisits += watch.revisits;
  total.resent += watch.resent;
  total.overlong += watch.overlong;
  if (watch.first !== "") console.error(`${kind}, seed ${seed}: ${watch.first}`);
}

for (const kind of ["radio", "wires"] as const) {
  const endMs = process.uptime() * 1000 + BUDGET_MS[kind];
  for (let seed = 1; process.uptime() * 1000 < endMs; seed++) {
    progress(`loops over ${kind}, graph ${seed}: ${total.packets} packets, ${total.loops} loops`);
    playGraph(kind, seed);
  }
}
endProgress();
printAtMost("routing.loops.count", total.loops, "packets", 0, total.delivered > 0 && total.overlong === 0);
printFigure("routing.loops.packets", total.packets, "packets");
printFigure("routing.loops.hops", total.hops, "hops");
printFigure("routing.loops.deliveredShare", total.delivered / total.packets, "ratio");
printFigure("routing.loops.deliveredOfPossible", total.arrived / total.possible, "ratio");
printFigure("routing.loops.revisits", total.revisits, "crossings");
printFigure("routing.loops.resent", total.resent, "crossings");
