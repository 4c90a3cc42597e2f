import type { Random } from "../random.ts";

export type Edge = readonly [number, number];

/** All pairs of `n` nodes, in a fixed order: bit k of a graph's mask is pair k. */
function pairsOf(n: number): Edge[] {
  const pairs: Edge[] = [];
  for (let b = 1; b < n; b++) for (let a = 0; a < b; a++) pairs.push([a, b]);
  return pairs;
}

/** True if `n` nodes, without those in `gone`, hang together over `edges`. Only a and b need to when they are given. */
export function isConnected(n: number, edges: readonly Edge[], gone = 0, a = -1, b = -1): boolean {
  const near = new Int32Array(n);
  for (const [x, y] of edges) {
    near[x] = (near[x] as number) | (1 << y);
    near[y] = (near[y] as number) | (1 << x);
  }
  const all = ((1 << n) - 1) & ~gone;
  let reached = a >= 0 ? 1 << a : all & -all;
  for (let before = 0; before !== reached; ) {
    before = reached;
    for (let node = 0; node < n; node++) if ((reached >>> node) & 1) reached |= (near[node] as number) & all;
  }
  return b >= 0 ? ((reached >>> b) & 1) === 1 : reached === all;
}

/** One of each kind of connected graph of `n` nodes (no two isomorphic): 1, 1, 2, 6, 21, 112, 853 for n = 1..7. */
export function* connectedGraphs(n: number): Generator<Edge[]> {
  const pairs = pairsOf(n);
  const seen = new Set<number>();
  const orders = permutations(n).map((order) => {
    return pairs.map(([a, b]) => {
      const x = Math.min(order[a] as number, order[b] as number);
      const y = Math.max(order[a] as number, order[b] as number);
      return 1 << ((y * (y - 1)) / 2 + x);
    });
  });
  for (let mask = 0; mask < 1 << pairs.length; mask++) {
    if (seen.has(mask)) continue;
    const edges = pairs.filter((_, k) => (mask >>> k) & 1);
    if (edges.length < n - 1 || !isConnected(n, edges)) continue;
    for (const order of orders) {
      let image = 0;
      for (let k = 0; k < pairs.length; k++) if ((mask >>> k) & 1) image |= order[k] as number;
      seen.add(image);
    }
    yield edges;
  }
}

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((p) =>
    Array.from({ length: n }, (_, i) => [...p.slice(0, i), n - 1, ...p.slice(i)]),
  );
}

/** A connected random graph: a tree and `extra` more edges where there is room. */
export function randomGraph(n: number, extra: number, random: Random): Edge[] {
  const edges: Edge[] = [];
  const has = new Set<number>();
  const add = (a: number, b: number): void => {
    const key = Math.min(a, b) * n + Math.max(a, b);
    if (a === b || has.has(key)) return;
    has.add(key);
    edges.push([a, b]);
  };
  for (let i = 1; i < n; i++) add(random.below(i), i);
  for (let i = 0; i < extra; i++) add(random.below(n), random.below(n));
  return edges;
}
