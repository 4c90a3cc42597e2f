import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../random.ts";
import { connectedGraphs, type Edge, randomGraph } from "./graphs.ts";
import { createTally, singleFailures, tryFailure } from "./repair-trials.ts";
import { type Knowledge, StillMesh } from "./still-mesh.ts";

const KNOWLEDGE: Knowledge[] = ["silent", "withdrawn", "spreading"];
const RATES = [20_000_000, 2_000_000, 100_000, 9600];

test("the number of connected graphs is the known one (OEIS A001349)", () => {
  assert.equal(
    [1, 2, 3, 4, 5, 6].map((n) => [...connectedGraphs(n)].length),
    [1, 1, 2, 6, 21, 112],
  );
});

test("every connected graph of up to 5 nodes, every link and node lost: what has a path arrives, nothing loops", () => {
  const tally = createTally();
  const random = new Random(5, 5);
  for (let n = 2; n <= 5; n++) {
    const mesh = new StillMesh(n, RATES);
    for (const edges of connectedGraphs(n)) {
      const rates = edges.map(() => random.below(RATES.length));
      for (const failure of singleFailures(n, edges)) {
        for (const knowledge of KNOWLEDGE) {
          const knows = random.below(1 << n);
          tryFailure(
            mesh,
            n,
            edges,
            rates,
            failure,
            knowledge,
            (x) => ((knows >>> x) & 1) === 1,
            () => true,
            tally,
          );
        }
      }
    }
  }
  assert.is(tally.firstMiss, "");
  assert.is(tally.loops, 0);
  assert.ok(tally.possible > 2000 && tally.repaired > 100, JSON.stringify(tally));
});

test("a search finds what only nodes two hops away know of", () => {
  // 0 - 1 - 2 and, unknown to 0 and 1, a new link 2 - 3.
  const mesh = new StillMesh(4);
  mesh.setGraph([
    [0, 1],
    [1, 2],
  ]);
  assert.not(mesh.send(0, 3, 1).delivered);
  mesh.discover(2, 3);
  const trial = mesh.send(0, 3, 1);
  assert.ok(trial.delivered);
  assert.not(trial.looped);
});

test("random graphs with several links lost and news half spread: nothing loops", () => {
  const random = new Random(11, 5);
  const mesh = new StillMesh(12, RATES);
  let delivered = 0;
  for (let run = 0; run < 300; run++) {
    const edges = randomGraph(12, 10, random);
    mesh.setGraph(
      edges,
      edges.map(() => random.below(RATES.length)),
    );
    const dead: Edge[] = edges.filter(() => random.below(4) === 0);
    const knows = random.below(1 << 12);
    mesh.fail(dead, KNOWLEDGE[run % 3] as Knowledge, (x) => ((knows >>> x) & 1) === 1);
    for (let i = 0; i < 20; i++) {
      const from = random.below(12);
      const to = random.below(12);
      if (from === to) continue;
      const trial = mesh.send(from, to, i & 3);
      assert.not(trial.looped, `run ${run}`);
      if (trial.delivered) delivered++;
    }
  }
  assert.ok(delivered > 3000, `${delivered}`);
});

test.run();
