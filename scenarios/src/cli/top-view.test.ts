import type { AgentStatus } from "@skein/node-agent/api";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FIRST_VIEW, formatTop, keysIn, pressKey, type Sample, sortedBearers, type View } from "./top-view.ts";

const plain = (_: string, text: string): string => text;
const NO_QUEUES = Array.from({ length: 4 }, () => ({ frames: 0, ms: 0 }));

type Bearer = AgentStatus["core"]["bearers"][number];

function bearer(id: number, name: string, change: Partial<Bearer> = {}): Bearer {
  return {
    id,
    name,
    up: true,
    framesSent: 0,
    framesReceived: 0,
    octetsSent: 0,
    octetsReceived: 0,
    classes: [],
    queuedFrames: 0,
    queuedMs: 0,
    queues: NO_QUEUES,
    drops: [],
    airtimeShare: 0,
    ...change,
  };
}

function sample(atMs: number, bearers: Bearer[], bootEpoch = 1): Sample {
  const neighbours = [
    {
      bearerId: 1,
      address: 0x102,
      bidirectional: true,
      suspected: false,
      rxQuality: 0.9,
      txQuality: 1,
      rttMs: 3,
      lastHeardMs: 0,
    },
  ];
  const nodes = [{ address: 0x102, nodeId: 2, name: "V", role: 3, reachable: true, lastHeardMs: 0 }];
  const core = { address: 0x101, nodeId: 1, bootEpoch, neighbours, nodes, links: [], routes: [], bearers };
  return { atMs, status: { name: "A1", uptimeMs: 5000, sos: [], core } as unknown as AgentStatus };
}

function press(view: View, ...keys: string[]): View {
  return keys.reduce((v, key) => pressKey(v, key, [0, 1]) as View, view);
}

const before = sample(1000, [bearer(0, "uhf"), bearer(1, "lte", { octetsSent: 1000 })]);
const now = sample(3000, [
  bearer(0, "uhf", {
    queuedMs: 400,
    queues: [{ frames: 1, ms: 90 }, ...NO_QUEUES.slice(0, 2), { frames: 2, ms: 310 }],
  }),
  bearer(1, "lte", {
    octetsSent: 251_000,
    framesSent: 400,
    drops: [
      { trafficClass: 2, reason: "expired", count: 4 },
      { trafficClass: null, reason: "authentication", count: 1 },
    ],
  }),
]);

test("rates are since the status before", () => {
  const line = formatTop(now, before, FIRST_VIEW, plain).find((text) => text.includes("lte")) as string;
  assert.match(line, /lte +up +1000\.0 +0\.0 +200 /);
  assert.match(line, /4 +2\.0$/, "drops in all and each second, without what was not taken");
});

test("without a status before, or after a restart, there are no rates", () => {
  for (const text of [
    formatTop(now, undefined, FIRST_VIEW, plain),
    formatTop({ ...now, status: sample(0, now.status.core.bearers, 2).status }, before, FIRST_VIEW, plain),
  ])
    assert.match(text.find((line) => line.includes("lte")) as string, /lte +up +- +- +- /);
});

test("queues stand by class", () => {
  const line = formatTop(now, before, FIRST_VIEW, plain).find((text) => text.includes("uhf ")) as string;
  assert.match(line, /400 +90 +0 +0 +310/);
});

test("the chosen bearer's drops are listed by class and reason, and its neighbours", () => {
  assert.ok(formatTop(now, before, { ...FIRST_VIEW, selected: 0 }, plain).includes("uhf: no drops"));
  const chosen = formatTop(now, before, press(FIRST_VIEW, "\u001b[B"), plain).join("\n");
  assert.match(chosen, /> +lte/);
  assert.match(chosen, /video +expired +4 +2\.0\n- +authentication +1 +0\.5/);
  assert.match(chosen, /V +90 +100 +3\.0 +both ways/);
});

test("arrows choose and sort, and stop at the ends", () => {
  assert.is(press(FIRST_VIEW, "\u001b[B", "\u001b[B", "\u001b[B").selected, 1);
  assert.is(press(FIRST_VIEW, "\u001b[B", "\u001b[A", "\u001b[A").selected, 0);
  assert.equal(sortedBearers(now, before, FIRST_VIEW), [1, 0], "by name");
  assert.equal(sortedBearers(now, before, press(FIRST_VIEW, "r")), [0, 1]);
  const byRate = press(FIRST_VIEW, "\u001b[C", "\u001b[C");
  assert.equal(sortedBearers(now, before, byRate), [0, 1]);
  assert.is(press(FIRST_VIEW, "\u001b[D", "\u001b[C").sort, 0, "round and round");
});

test("keys that come at once are told apart", () => {
  assert.equal(keysIn("j\u001b[Aq"), ["j", "\u001b[A", "q"]);
  assert.equal(keysIn("\u001b["), ["\u001b["]);
});

test("p pauses, ? helps, q and Ctrl-C leave, other keys do nothing", () => {
  assert.ok(press(FIRST_VIEW, "p").paused);
  assert.not(press(FIRST_VIEW, "p", " ").paused);
  assert.match(formatTop(now, before, press(FIRST_VIEW, "?"), plain).join("\n"), /Left, Right +sort/);
  assert.is(pressKey(FIRST_VIEW, "q", []), undefined);
  assert.is(pressKey(FIRST_VIEW, "\u0003", []), undefined);
  assert.is(pressKey(FIRST_VIEW, "x", []), FIRST_VIEW);
});

test("a small screen gets what fits, and an agent without bearers an empty table", () => {
  assert.is(formatTop(now, before, FIRST_VIEW, plain, 3).length, 3);
  assert.match(formatTop(sample(0, []), undefined, FIRST_VIEW, plain).join("\n"), /bearer/);
  assert.is(pressKey(FIRST_VIEW, "\u001b[B", [])?.selected, -1);
});

test.run();
