/**
 * 20 packets/s from one node to another behind relays on one shared radio, each receiver losing its share of the frames
 * by itself: delivered within 150 ms, how long it took, and what was sent. Two relays that hear both ends and each
 * other (`diamond`), and two pairs of them one behind the other (`ladder`).
 */
import { Asker } from "./asker.ts";
import { Field } from "./field.ts";
import { median, sum } from "./figures.ts";
import type { Pair } from "./geometry.ts";
import { printFigure } from "./print.ts";

const SEEDS = [1, 2, 3];
const PACKETS = 1500;
const PACKET_US = 50_000;
const PAYLOAD_OCTETS = 120;
const DEADLINE_US = 150_000;
const SETTLE_US = 20_000_000;
const LOSSES = [0, 0.1, 0.3];

const LAYOUTS: readonly (readonly [string, readonly Pair[]])[] = [
  [
    "diamond",
    [
      [0, 1],
      [0, 2],
      [1, 2],
      [1, 3],
      [2, 3],
    ],
  ],
  [
    "ladder",
    [
      [0, 1],
      [0, 2],
      [1, 2],
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
      [3, 4],
      [3, 5],
      [4, 5],
    ],
  ],
];

interface Run {
  delivered: number;
  delaysUs: number[];
  octets: number;
}

function send(links: readonly Pair[], loss: number, seed: number): Run {
  const nodes = 1 + Math.max(...links.flat());
  const field = new Field({ nodes, seed, media: [{ name: "radio", kind: "radio" }] });
  const asker = new Asker(field, PAYLOAD_OCTETS, true);
  field.setLinks(0, links, loss);
  for (let node = 0; node < nodes; node++) field.start(node);
  field.run(SETTLE_US);
  field.octets.user.fill(0);
  field.octets.control.fill(0);
  const ids: number[] = [];
  for (let i = 0; i < PACKETS; i++) field.at(field.nowUs + i * PACKET_US, () => ids.push(asker.ask(0, nodes - 1)));
  field.run(PACKETS * PACKET_US + 2_000_000);
  const delaysUs = ids.map((id) => (asker.deliveredUs[id] as number) - (asker.askedUs[id] as number));
  const octets = sum(field.octets.user) + sum(field.octets.control);
  return { delivered: asker.tally(ids, DEADLINE_US).delivered, delaysUs, octets };
}

for (const [name, links] of LAYOUTS) {
  for (const loss of LOSSES) {
    const runs = SEEDS.map((seed) => send(links, loss, seed));
    const packets = SEEDS.length * PACKETS;
    const what = `routing.overhearing.${name}.loss${100 * loss}`;
    printFigure(`${what}.delivered150ms`, sum(runs.map((run) => run.delivered)) / packets, "ratio");
    printFigure(`${what}.medianMs`, median(runs.flatMap((run) => run.delaysUs)) / 1000, "ms");
    printFigure(`${what}.octetsPerPacket`, sum(runs.map((run) => run.octets)) / packets, "octets");
  }
}
