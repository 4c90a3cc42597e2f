import type { RandomStream } from "../sim/random-streams.ts";

/** Places, moves and the links that follow from them. Metres. */
export interface Place {
  x: number;
  y: number;
}
export type Pair = readonly [number, number];

/**
 * Range at which `nodes` places drawn evenly from a square have `links` links on average. Two such places are at most
 * r sides apart (r <= 1) with the probability r^2 (pi - 8r/3 + r^2/2): Philip, The probability distribution of the
 * distance between two random points in a box, 2007.
 */
export function rangeForLinks(nodes: number, links: number, sideM: number): number {
  const wanted = links / ((nodes * (nodes - 1)) / 2);
  let low = 0;
  let high = 1;
  while (high - low > 1e-9) {
    const r = (low + high) / 2;
    if (r * r * (Math.PI - (8 * r) / 3 + (r * r) / 2) < wanted) low = r;
    else high = r;
  }
  return low * sideM;
}

export function randomPlaces(count: number, sideM: number, random: RandomStream): Place[] {
  return Array.from({ length: count }, () => ({ x: random.unit() * sideM, y: random.unit() * sideM }));
}

/** Moves everyone by 0..`atMostM` in a random direction; who would leave the square draws again. */
export function moveAll(places: readonly Place[], atMostM: number, sideM: number, random: RandomStream): void {
  const inside = (v: number): boolean => v >= 0 && v <= sideM;
  for (const place of places) {
    for (;;) {
      const distance = random.unit() * atMostM;
      const direction = random.unit() * 2 * Math.PI;
      const x = place.x + distance * Math.cos(direction);
      const y = place.y + distance * Math.sin(direction);
      if (!inside(x) || !inside(y)) continue;
      place.x = x;
      place.y = y;
      break;
    }
  }
}

export function linksInRange(places: readonly Place[], rangeM: number): Pair[] {
  const pairs: Pair[] = [];
  for (const [a, one] of places.entries()) {
    for (let b = a + 1; b < places.length; b++) {
      const other = places[b] as Place;
      if (Math.hypot(one.x - other.x, one.y - other.y) <= rangeM) pairs.push([a, b]);
    }
  }
  return pairs;
}

/** A grid of `side` x `side` nodes, each joined to its neighbours in the four directions. */
export function gridLinks(side: number): Pair[] {
  const pairs: Pair[] = [];
  for (let node = 0; node < side * side; node++) {
    if (node % side < side - 1) pairs.push([node, node + 1]);
    if (node + side < side * side) pairs.push([node, node + side]);
  }
  return pairs;
}

/** Node 0 with everyone else. */
export function starLinks(ends: number): Pair[] {
  return Array.from({ length: ends }, (_, i) => [0, i + 1] as const);
}

/** Everyone with everyone. */
export function allPairs(nodes: readonly number[]): Pair[] {
  return nodes.flatMap((a, i) => nodes.slice(i + 1).map((b) => [a, b] as const));
}

/** Of each node, the smallest node that it has a path to. */
export function partsOf(nodes: number, pairs: readonly Pair[]): Int32Array {
  const parts = Int32Array.from({ length: nodes }, (_, node) => node);
  const root = (node: number): number => {
    let at = node;
    while (parts[at] !== at) at = parts[at] as number;
    return at;
  };
  for (const [a, b] of pairs) {
    const low = Math.min(root(a), root(b));
    parts[root(a)] = low;
    parts[root(b)] = low;
  }
  return parts.map((_, node) => root(node));
}

/** Places that can all reach each other over links of the range, drawn until they do. */
export function connectedPlaces(count: number, rangeM: number, sideM: number, random: RandomStream): Place[] {
  for (;;) {
    const places = randomPlaces(count, sideM, random);
    if (partsOf(count, linksInRange(places, rangeM)).every((part) => part === 0)) return places;
  }
}

/** An ordered pair of different numbers below `count`. */
export function randomPair(count: number, random: RandomStream): Pair {
  const a = random.uint32() % count;
  const b = random.uint32() % (count - 1);
  return [a, b < a ? b : b + 1];
}
