import { RandomStream } from "../sim/random-streams.ts";
import { Asker, askAll, type Tally } from "./asker.ts";
import { Field } from "./field.ts";
import { sum } from "./figures.ts";
import { linksInRange, moveAll, type Pair, partsOf, randomPair, randomPlaces, rangeForLinks } from "./geometry.ts";

/**
 * The mobility runs of meshnet-lab (github.com/mwarning/meshnet-lab): 50 nodes in a square of 1 km, 150 links on
 * average at the start (range 217.6 m), everyone moves at once every `stepS`. Packets are as large as those of ping.
 */
const NODES = 50;
const SIDE_M = 1000;
const LINKS = 150;
const PAIRS = 200;
const PAYLOAD_OCTETS = 56;
const SETTLE_US = 20_000_000;
const DEADLINE_US = 2_000_000;
/** Questions are spread over this time, which ends at the time at which they are said to be asked. */
const SPREAD_US = 100_000;

export interface MobilityOptions {
  readonly seed: number;
  readonly signalled: boolean;
  readonly steps: number;
  readonly stepS: number;
  readonly moveM: number;
  /** When to ask, seconds after each move; an answer counts within 2 s. */
  readonly askS: readonly number[];
  readonly onStep?: (step: number) => void;
}

export interface MobilityResult {
  /** By time of asking. Pairs without any path at that moment are not asked. */
  readonly tallies: Tally[];
  readonly octetsPerNodeS: number;
  readonly controlOctetsPerNodeS: number;
  readonly meanLinks: number;
}

export function playMobility(options: MobilityOptions): MobilityResult {
  const random = new RandomStream(options.seed, "mobility");
  const places = randomPlaces(NODES, SIDE_M, random);
  const rangeM = rangeForLinks(NODES, LINKS, SIDE_M);
  const field = new Field({
    nodes: NODES,
    seed: options.seed,
    signalled: options.signalled,
    media: [{ name: "radio", kind: "radio" }],
  });
  const asker = new Asker(field, PAYLOAD_OCTETS);
  field.setLinks(0, linksInRange(places, rangeM));
  for (let node = 0; node < NODES; node++) field.at(field.nowUs + random.unit() * 200_000, () => field.start(node));
  field.run(SETTLE_US);
  field.octets.control.fill(0);
  field.octets.user.fill(0);

  const asked: number[][][] = options.askS.map(() => []);
  let links = 0;
  for (let step = 0; step < options.steps; step++) {
    options.onStep?.(step);
    moveAll(places, options.moveM, SIDE_M, random);
    const pairs = linksInRange(places, rangeM);
    links += pairs.length;
    field.setLinks(0, pairs);
    const startUs = field.nowUs;
    for (const [i, seconds] of options.askS.entries()) {
      field.run(startUs + seconds * 1e6 - SPREAD_US - field.nowUs);
      asked[i]?.push(askAll(field, asker, joinedPairs(pairs, random), SPREAD_US));
    }
    field.run(startUs + options.stepS * 1e6 - field.nowUs);
  }
  const nodeSeconds = NODES * options.steps * options.stepS;
  const control = sum(field.octets.control);
  return {
    tallies: asked.map((ids) => asker.tally(ids.flat(), DEADLINE_US)),
    octetsPerNodeS: (control + sum(field.octets.user)) / nodeSeconds,
    controlOctetsPerNodeS: control / nodeSeconds,
    meanLinks: links / options.steps,
  };
}

/** Of some random ordered pairs, those with a path. */
function joinedPairs(links: readonly Pair[], random: RandomStream): Pair[] {
  const parts = partsOf(NODES, links);
  const pairs = Array.from({ length: PAIRS }, () => randomPair(NODES, random));
  return pairs.filter(([a, b]) => parts[a] === parts[b]);
}
