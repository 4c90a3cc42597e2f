import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { whyNoSplit } from "./namespace-harness.ts";

const run = promisify(execFile);
const script = new URL("./split-namespaces.ts", import.meta.url).pathname;
const TIMEOUT_MS = 200_000;

interface Outcome {
  whole: string;
  refused: string;
  aborted: string;
  preferred: number[];
  counters: Record<string, number>[];
  rulesWhileRunning: string;
  rulesAfterStop: string;
  toPlain: string[];
  leftAlone: number;
  log: string;
}

const skip = await whyNoSplit();

t.test("TCP is split at two agents that two cables join", { skip }, async (t) => {
  const { stdout } = await run("unshare", ["-rn", process.execPath, script], { timeout: TIMEOUT_MS });
  const outcome = JSON.parse(stdout) as Outcome;
  const [alpha, bravo] = outcome.counters as [Record<string, number>, Record<string, number>];
  t.equal(outcome.whole, "same", "what was sent came back after its half had ended");
  t.equal(outcome.refused, "ECONNRESET", "nobody listens there: the connection is cut");
  t.equal(outcome.aborted, "ECONNRESET", "a reset at one end is one at the other");
  for (const share of outcome.preferred) t.ok(share > 0.9, `a policy says which cable carries it: ${share}`);
  t.equal(alpha.toMesh, 5);
  t.equal(bravo.fromMesh, 5);
  t.equal(alpha.finished, 3);
  t.equal(bravo.streams, 0, "nothing is left of them");
  t.ok(bravo.octetsFromMesh! >= 3_000_000);
  t.match(outcome.rulesWhileRunning, /skein_skein0/);
  t.equal(outcome.rulesAfterStop, "", "the rules have gone with their agent");
  t.ok(outcome.leftAlone >= 1, "a node that does not split TCP is noticed");
  t.equal(outcome.toPlain.at(-1), "same", "and reached all the same");
  t.match(outcome.log, /TCP is not split: TCP cannot be redirected/);
  t.match(outcome.log, /on the air/, "who may not redirect carries the others' traffic all the same");
});
