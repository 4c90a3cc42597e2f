import { TrafficClass } from "@skein/node-agent/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Field } from "../routing-bench/field.ts";
import { deliveredShare, type FlowPlan, Load } from "./load.ts";

const SECOND_US = 1_000_000;
const [FIRST, SECOND, THIRD, FLOODER] = [0, 1, 2, 3];

/** Shares that arrive of what three of four members of a serial channel send, an eighth of the channel each. */
function shares(flood: FlowPlan | undefined): number[] {
  const field = new Field({ nodes: 4, seed: 1, media: [{ name: "air", kind: "air9600" }] });
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 2],
    [1, 3],
    [2, 3],
  ] as const)
    field.join(0, a, b);
  for (const node of field.cores.keys()) field.start(node);
  field.run(60 * SECOND_US);
  const load = new Load(field);
  const flows = [FIRST, SECOND, THIRD].map((from) =>
    load.send(
      { from, to: from + 1, trafficClass: TrafficClass.bulk, octets: 200, intervalUs: 2 * SECOND_US },
      80 * SECOND_US,
    ),
  );
  if (flood !== undefined) load.send(flood, 80 * SECOND_US);
  field.run(90 * SECOND_US);
  return flows.map(deliveredShare);
}

test("a voice call over IP that wants twice a serial channel leaves the others theirs", () => {
  assert.equal(shares(undefined), [1, 1, 1]);
  const call = { from: FLOODER, to: FIRST, trafficClass: TrafficClass.voice, octets: 100, intervalUs: SECOND_US / 16 };
  const flooded = shares(call);
  assert.ok(Math.min(...flooded) > 0.75, `${flooded}`);
});

test.run();
