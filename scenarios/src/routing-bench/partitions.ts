import { RandomStream } from "../sim/random-streams.ts";
import { Asker, MIN_PAYLOAD_OCTETS } from "./asker.ts";
import { Field } from "./field.ts";
import { allPairs, connectedPlaces, linksInRange, type Pair, rangeForLinks } from "./geometry.ts";

/**
 * Two partitions of some nodes each, which are about to meet. A serial radio does not tell its node that a station is there:
 *
 *   air      each is one channel of 9600 bit/s, and a border node of each meet on a third
 *   gateway  each is one channel of 9600 bit/s, and a node of the second has a radio for that of the first, too: it comes into
 *            range of all there at once
 *   teams    each is on the same channel of 9600 bit/s, and all come into range of all others at once
 *   ip       each is a random graph of IP radios, and a link between a node of each comes up
 */
export type Meeting = "air" | "gateway" | "teams" | "ip";

const ASK_US = 100_000;
/** As dense as 50 nodes in 1 km2 with 150 links. */
const RANGE_M = rangeForLinks(50, 150, 1000);
const SETTLE_US = { air: 300_000_000, gateway: 300_000_000, teams: 300_000_000, ip: 30_000_000 } as const;

export class Partitions {
  readonly field: Field;
  /** Where they meet, and who; the first of a pair belongs to the first partition, or whoever is there. */
  readonly #medium: number;
  readonly #across: Pair[];
  readonly #border: Pair;
  readonly #side: number;
  readonly #random: RandomStream;

  /** `side`: nodes of each. They have known each other for long. */
  constructor(meeting: Meeting, side: number, seed: number) {
    const random = new RandomStream(seed, "merge");
    const ways = meeting === "ip" ? ipWays(side, random) : [];
    const border: Pair = [random.uint32() % side, side + (random.uint32() % side)];
    const sides = [0, side].map((first) => Array.from({ length: side }, (_, i) => first + i)) as [number[], number[]];
    this.field = makeField(meeting, seed, sides, border);
    if (meeting === "ip") for (const [a, b] of ways) this.field.join(0, a, b);
    else
      for (const [i, members] of sides.entries())
        for (const [a, b] of allPairs(members)) this.field.join(meeting === "teams" ? 0 : i, a, b);
    this.#medium = meeting === "air" ? 2 : 0;
    this.#across = acrossOf(meeting, sides, border);
    this.#border = border;
    this.#side = side;
    this.#random = random;
    for (const node of this.field.cores.keys())
      this.field.at(this.field.nowUs + random.unit() * 5e6, () => this.field.start(node));
    this.field.run(SETTLE_US[meeting]);
  }

  /**
   * They meet, and a packet is asked each 100 ms from an inner node of the first for one of the second. @returns microseconds
   * from the first frame that is heard across until one of them is there, `limitUs` if none is by then
   */
  meet(limitUs: number): number {
    const { field } = this;
    const asker = new Asker(field, MIN_PAYLOAD_OCTETS, true);
    let heardUs = Number.POSITIVE_INFINITY;
    field.onHeard = (node, on, from) => {
      if (on === this.#medium && node < this.#side !== from < this.#side) heardUs = Math.min(heardUs, field.nowUs);
    };
    const [from, to] = [this.#inner(0), this.#inner(1)];
    for (const [a, b] of this.#across) field.join(this.#medium, a, b);
    const ask = (): void => {
      asker.ask(from, to);
      field.at(field.nowUs + ASK_US, ask);
    };
    ask();
    const arrivedUs = (): number => Math.min(...asker.deliveredUs);
    field.runUntil(() => arrivedUs() < Number.POSITIVE_INFINITY, ASK_US, limitUs);
    return arrivedUs() === Number.POSITIVE_INFINITY ? limitUs : arrivedUs() - heardUs;
  }

  /** A node of a side that is not its border. */
  #inner(side: 0 | 1): number {
    for (;;) {
      const node = side * this.#side + (this.#random.uint32() % this.#side);
      if (!this.#border.includes(node)) return node;
    }
  }
}

function acrossOf(meeting: Meeting, [first, second]: [number[], number[]], border: Pair): Pair[] {
  if (meeting === "gateway") return first.map((node) => [node, border[1]]);
  if (meeting === "teams") return first.flatMap((a) => second.map((b): Pair => [a, b]));
  return [border];
}

function makeField(meeting: Meeting, seed: number, [first, second]: [number[], number[]], border: Pair): Field {
  const nodes = first.length + second.length;
  if (meeting === "ip") return new Field({ nodes, seed, signalled: true, media: [{ name: "radio", kind: "radio" }] });
  const channels = {
    air: [first, second, border],
    gateway: [[...first, border[1]], second],
    teams: [[...first, ...second]],
  }[meeting];
  const media = channels.map((members, i) => ({ name: `air${i}`, kind: "air9600" as const, members }));
  return new Field({ nodes, seed, media });
}

function ipWays(side: number, random: RandomStream): Pair[] {
  const ways: Pair[] = [];
  for (const first of [0, side]) {
    const places = connectedPlaces(side, RANGE_M, 1000 * Math.sqrt(side / 50), random);
    for (const [a, b] of linksInRange(places, RANGE_M)) ways.push([first + a, first + b]);
  }
  return ways;
}
