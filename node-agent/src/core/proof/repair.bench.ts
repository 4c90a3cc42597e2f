/**
 * Repair, exhaustively: all connected graphs of up to 7 nodes, every single link and node failure, all pairs, with
 * stale, withdrawn and half-spread knowledge; then random graphs. Prints one JSON object a line.
 */
import { Random } from "../random.ts";
import { connectedGraphs, type Edge, randomGraph } from "./graphs.ts";
import { createTally, type Failure, singleFailures, type Tally, tryFailure } from "./repair-trials.ts";
import { type Knowledge, StillMesh } from "./still-mesh.ts";

const KNOWLEDGE: Knowledge[] = ["silent", "withdrawn", "spreading"];
const RATES_BPS = [20_000_000, 2_000_000, 100_000, 9600];
const RANDOM_GRAPHS = 1_000_000;
const MAX_NODES = 14;
const ASKED_PER_GRAPH = 3;

function report(name: string, value: number, unit: string, target: string | null, pass: boolean): void {
  process.stdout.write(`${JSON.stringify({ name, value, unit, target, pass })}\n`);
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(60)}`);
}

function summarise(name: string, graphs: number, tally: Tally): void {
  progress("");
  if (tally.firstMiss !== "") process.stderr.write(`${name}: missed ${tally.firstMiss}\n`);
  const coverage = tally.delivered / tally.possible;
  report(`routing.repair.${name}.coverage`, coverage, "ratio", "1", coverage === 1);
  report(`routing.repair.${name}.graphs`, graphs, "graphs", null, true);
  report(`routing.repair.${name}.packets`, tally.possible + tally.impossible, "packets", null, true);
  report(`routing.repair.${name}.loops`, tally.loops, "packets", "0", tally.loops === 0);
}

function small(): void {
  const tally = createTally();
  const random = new Random(7, 5);
  let graphs = 0;
  for (let n = 2; n <= 7; n++) {
    const mesh = new StillMesh(n, RATES_BPS);
    for (const edges of connectedGraphs(n)) {
      if (++graphs % 20 === 0) progress(`graphs of up to ${n} nodes: ${graphs}`);
      const rates = edges.map(() => random.below(RATES_BPS.length));
      for (const failure of singleFailures(n, edges)) {
        for (const knowledge of KNOWLEDGE) {
          const knows = random.below(1 << n);
          const hasHeard = (node: number): boolean => ((knows >>> node) & 1) === 1;
          tryFailure(mesh, n, edges, rates, failure, knowledge, hasHeard, () => true, tally);
        }
      }
    }
  }
  summarise("small", graphs, tally);
}

function randomFailure(n: number, edges: readonly Edge[], random: Random): Failure {
  return random.below(2) === 0 ? { node: random.below(n) } : { link: edges[random.below(edges.length)] as Edge };
}

function random(): void {
  const tally = createTally();
  const dice = new Random(1_000_003, 5);
  const meshes = Array.from({ length: MAX_NODES + 1 }, (_, n) => (n >= 5 ? new StillMesh(n, RATES_BPS) : undefined));
  for (let run = 0; run < RANDOM_GRAPHS; run++) {
    if (run % 10_000 === 0) progress(`random graphs: ${run}`);
    const n = 5 + dice.below(MAX_NODES - 4);
    const mesh = meshes[n] as StillMesh;
    const edges = randomGraph(n, 1 + dice.below(n), dice);
    const rates = edges.map(() => dice.below(RATES_BPS.length));
    const knows = dice.below(1 << n);
    const asked = new Set(Array.from({ length: ASKED_PER_GRAPH }, () => dice.below(n * n)));
    tryFailure(
      mesh,
      n,
      edges,
      rates,
      randomFailure(n, edges, dice),
      KNOWLEDGE[run % KNOWLEDGE.length] as Knowledge,
      (node) => ((knows >>> node) & 1) === 1,
      (from, to) => asked.has(from * n + to),
      tally,
    );
  }
  summarise("random", RANDOM_GRAPHS, tally);
}

small();
random();
