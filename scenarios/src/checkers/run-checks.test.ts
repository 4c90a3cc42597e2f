import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseCheck } from "../scenario/check-syntax.ts";
import type { Evidence } from "./evidence.ts";
import { runChecks } from "./run-checks.ts";

const GOOD: Evidence = {
  delivery: {
    voice: { expected: 1000, delivered: 970 },
    position: { expected: 100, delivered: 99 },
    text: { expected: 9, delivered: 9 },
    video: { expected: 500, delivered: 499 },
  },
  duplicates: { texts: 0, positions: 0 },
  airtime: { uhf: 0.6 },
  faults: [
    { what: "U1 dies", atUs: 1e6, voiceGapUs: 480_000 },
    { what: "nobody speaks", atUs: 9e6, voiceGapUs: undefined },
  ],
  sos: [
    { by: "B3", raisedUs: 1e6, withPathUs: 2.9e6, acknowledgedUs: 3.9e6 },
    { by: "B4", raisedUs: 1e6, withPathUs: 2.9e6, acknowledgedUs: 7.9e6 },
  ],
  longestQueueUs: 1e6,
  loops: [],
  packetsWatched: 10,
  unpoweredTransmissions: [],
};

/** Each check, and evidence that must make it fail. */
const PLANTED: [check: string, bad: Partial<Evidence>][] = [
  ["delivered(voice) >= 97%", { delivery: { ...GOOD.delivery, voice: { expected: 1000, delivered: 969 } } }],
  ["delivered(text) >= 100%", { delivery: { ...GOOD.delivery, text: { expected: 9, delivered: 8 } } }],
  ["delivered(video) >= 95%", { delivery: { ...GOOD.delivery, video: { expected: 0, delivered: 0 } } }],
  ["airtime(uhf) <= 60%", { airtime: { uhf: 0.61 } }],
  ["recover(voice) within 500ms", { faults: [{ what: "U1 dies", atUs: 1e6, voiceGapUs: 501_000 }] }],
  ["recover(voice) within 500ms", { faults: [] }],
  ["sos acknowledged within 3s", { sos: [{ by: "B3", raisedUs: 1e6, withPathUs: 3.1e6, acknowledgedUs: 4.1e6 }] }],
  ["sos acknowledged within 3s", { sos: [{ by: "B3", raisedUs: 1e6, withPathUs: 3.1e6, acknowledgedUs: 8.1e6 }] }],
  ["sos acknowledged within 3s", { sos: [{ by: "B3", raisedUs: 1e6, withPathUs: 2e6, acknowledgedUs: undefined }] }],
  ["sos acknowledged within 3s", { sos: [{ by: "B3", raisedUs: 1e6, withPathUs: 0, acknowledgedUs: undefined }] }],
  ["sos acknowledged within 3s", { sos: [] }],
  ["bounded_queues <= 2s", { longestQueueUs: 2_000_001 }],
  ["no_duplicates", { duplicates: { texts: 1 } }],
  ["no_forwarding_loop", { loops: ["packet 1"] }],
  ["no_forwarding_loop", { packetsWatched: 0 }],
  ["unpowered_silence", { unpoweredTransmissions: ["U1 at 5 us"] }],
];
for (const [text, bad] of PLANTED) {
  test(`${text} holds, and fails with ${JSON.stringify(bad)}`, () => {
    const check = parseCheck(text);
    assert.ok(check);
    const checks = [{ text, ...check }];
    assert.ok(runChecks(checks, GOOD)[0]?.pass);
    const [verdict] = runChecks(checks, { ...GOOD, ...bad });
    assert.is(verdict?.pass, false);
    assert.is(verdict?.check, text);
  });
}

test.run();
