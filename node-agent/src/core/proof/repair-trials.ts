import { type Edge, isConnected } from "./graphs.ts";
import type { Knowledge, StillMesh } from "./still-mesh.ts";

export interface Tally {
  /** Packets whose source and destination still had a path. */
  possible: number;
  delivered: number;
  /** Packets that had none. */
  impossible: number;
  loops: number;
  repaired: number;
  /** The first that was not delivered although it could have been, for people. */
  firstMiss: string;
}

export function createTally(): Tally {
  return { possible: 0, delivered: 0, impossible: 0, loops: 0, repaired: 0, firstMiss: "" };
}

/** What fails: one link, or all links of one node. */
export type Failure = { link: Edge } | { node: number };

export function* singleFailures(n: number, edges: readonly Edge[]): Generator<Failure> {
  for (const link of edges) yield { link };
  for (let node = 0; node < n; node++) yield { node };
}

/** All pairs (or those that `asks` picks) across one failure of a graph that `mesh` was set to. */
export function tryFailure(
  mesh: StillMesh,
  n: number,
  edges: readonly Edge[],
  rates: readonly number[],
  failure: Failure,
  knowledge: Knowledge,
  knows: (node: number) => boolean,
  asks: (from: number, to: number) => boolean,
  tally: Tally,
): void {
  const lost = "node" in failure ? failure.node : -1;
  const isDead = ([a, b]: Edge): boolean =>
    "node" in failure ? a === lost || b === lost : a === failure.link[0] && b === failure.link[1];
  const left = edges.filter((edge) => !isDead(edge));
  mesh.setGraph(edges, rates);
  mesh.fail(edges.filter(isDead), knowledge, knows);
  for (let from = 0; from < n; from++) {
    for (let to = 0; to < n; to++) {
      if (from === to || from === lost || to === lost || !asks(from, to)) continue;
      const trial = mesh.send(from, to, 1);
      if (trial.looped) tally.loops++;
      if (trial.repaired) tally.repaired++;
      if (!isConnected(n, left, 0, from, to)) {
        tally.impossible++;
        continue;
      }
      tally.possible++;
      if (trial.delivered) tally.delivered++;
      else if (tally.firstMiss === "") tally.firstMiss = describe(edges, failure, knowledge, from, to);
    }
  }
}

function describe(edges: readonly Edge[], failure: Failure, knowledge: Knowledge, from: number, to: number): string {
  const graph = edges.map(([a, b]) => `${a}-${b}`).join(" ");
  const what = "node" in failure ? `node ${failure.node}` : `link ${failure.link[0]}-${failure.link[1]}`;
  return `${from} to ${to} in ${graph}, ${what} lost, ${knowledge}`;
}
