/**
 * Push-to-talk over 4 hops that lose 20 % of the frames in each direction, each receiver by itself: 50 Opus frames/s
 * for 60 s, delivered at the far end within 400 ms. Over a bare chain of 5 nodes, and over one whose hops have 3
 * relays each, all of which hear all of the next.
 */
import { VoiceCodec } from "@skein/node-agent/core";
import { Field } from "./field.ts";
import { mean, sum } from "./figures.ts";
import { allPairs, type Pair } from "./geometry.ts";
import { printAtLeast, printFigure } from "./print.ts";

const SEEDS = [1, 2, 3];
const HOPS = 4;
const LOSS = 0.2;
const FRAMES = 3000;
const FRAME_US = 20_000;
const FRAME_OCTETS = 60;
const DEADLINE_US = 400_000;
const SETTLE_US = 20_000_000;
const GROUP = 1;

/** Nodes in layers, the first and the last of one node; neighbouring layers hear each other, as do members of one. */
function layeredLinks(width: number): { nodes: number; links: Pair[] } {
  const layers: number[][] = [];
  let nodes = 0;
  for (let layer = 0; layer <= HOPS; layer++) {
    const size = layer === 0 || layer === HOPS ? 1 : width;
    layers.push(Array.from({ length: size }, () => nodes++));
  }
  const links = layers.flatMap((layer, i) => [
    ...allPairs(layer),
    ...layer.flatMap((a) => (layers[i + 1] ?? []).map((b) => [a, b] as const)),
  ]);
  return { nodes, links };
}

interface Voice {
  delivered: number;
  octetsPerFrame: number;
}

function talk(width: number, seed: number): Voice {
  const { nodes, links } = layeredLinks(width);
  const field = new Field({ nodes, seed, media: [{ name: "radio", kind: "radio" }] });
  field.setLinks(0, links, LOSS);
  for (let node = 0; node < nodes; node++) field.start(node);
  field.run(SETTLE_US);
  field.octets.user.fill(0);
  const startUs = field.nowUs;
  let delivered = 0;
  field.onEvent = (node, event) => {
    if (node !== nodes - 1 || event.type !== "voice") return;
    if (field.nowUs - startUs - event.timestamp20ms * FRAME_US <= DEADLINE_US) delivered++;
  };
  const payload = new Uint8Array(FRAME_OCTETS);
  for (let frame = 0; frame < FRAMES; frame++) {
    field.at(startUs + frame * FRAME_US, () =>
      field.use(0, (core, nowUs) => core.sendVoice(nowUs, GROUP, 1, VoiceCodec.opus, frame, payload)),
    );
  }
  field.run(FRAMES * FRAME_US + 2_000_000);
  return { delivered: delivered / FRAMES, octetsPerFrame: sum(field.octets.user) / FRAMES };
}

for (const [name, width] of [
  ["hops4loss20", 1],
  ["hops4loss20relays3", 3],
] as const) {
  const runs = SEEDS.map((seed) => talk(width, seed));
  const delivered = mean(runs.map((run) => run.delivered));
  if (width === 1) printAtLeast(`routing.group.${name}.delivered`, delivered, "ratio", 0.99);
  else printFigure(`routing.group.${name}.delivered`, delivered, "ratio");
  printFigure(`routing.group.${name}.octetsPerFrame`, mean(runs.map((run) => run.octetsPerFrame)), "octets");
}
