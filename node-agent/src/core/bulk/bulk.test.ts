import { test } from "uvu";
import * as assert from "uvu/assert";
import { DISJOINT, ROUTED } from "../api.ts";
import { BULK_WINDOW_FIRST_OCTETS, BULK_WINDOW_OCTETS, MAX_BULK_SEND_OCTETS, MAX_BULK_STREAMS } from "../limits.ts";
import { Random } from "../random.ts";
import { type BulkEvent, BulkNode, ResetCode } from "./bulk-node.ts";
import { PathRate } from "./path-rate.ts";
import type { BulkStream } from "./streams.ts";
import { ADHOC, BURSTY, LTE, ParallelPaths, type PathModel, SATELLITE } from "./testing/parallel-paths.ts";

const ALL = [SATELLITE, LTE, ADHOC];
const S = 1_000_000;

function pattern(length: number, seed: number): Uint8Array {
  const octets = new Uint8Array(length);
  for (let i = 0; i < length; i++) octets[i] = (i * 31 + (i >>> 8) * seed) & 0xff;
  return octets;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Collects what both nodes are told, by node. */
function watch(lab: ParallelPaths): [BulkEvent[], BulkEvent[]] {
  const seen: [BulkEvent[], BulkEvent[]] = [[], []];
  lab.onEvent = (node, event) => void seen[node]?.push(event);
  return seen;
}

function octetsOf(events: readonly BulkEvent[], stream?: BulkStream): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const e of events)
    if (e.type === "octets" && (stream === undefined || e.stream.id === stream.id)) parts.push(e.octets);
  return join(parts);
}

function open(lab: ParallelPaths): BulkStream {
  const stream = lab.nodes[0].open(lab.nowUs, 2);
  assert.ok(stream);
  lab.nodes[0].setPaths(lab.nowUs, 2, lab.hints);
  return stream as BulkStream;
}

test("many streams both ways over paths that lose in bursts arrive whole and in order", () => {
  const lab = new ParallelPaths(BURSTY, 3);
  const seen = watch(lab);
  const streams = [1, 2, 3, 4].map((seed) => {
    const stream = open(lab);
    lab.nodes[0].write(lab.nowUs, stream, pattern(300_000 + seed, seed));
    lab.nodes[0].end(lab.nowUs, stream);
    return stream;
  });
  lab.run(lab.nowUs + S);
  const opened = seen[1].filter((e) => e.type === "opened").map((e) => e.stream);
  assert.is(opened.length, 4);
  for (const stream of opened) {
    lab.nodes[1].write(lab.nowUs, stream, pattern(100_000, stream.id));
    lab.nodes[1].end(lab.nowUs, stream);
  }
  lab.run(lab.nowUs + 10 * S);
  streams.forEach((stream, i) => {
    assert.equal(octetsOf(seen[1], stream), pattern(300_001 + i, i + 1));
    assert.equal(octetsOf(seen[0], stream), pattern(100_000, stream.id));
  });
  assert.is(lab.nodes[0].counters.finished, 4);
  assert.is(lab.nodes[1].counters.finished, 4);
});

test("one stream gets what all three paths have, and neither the slow nor the lossy one costs the others", () => {
  const rate = (models: readonly PathModel[]): number => {
    const lab = new ParallelPaths(models, 5);
    lab.pour(1e9);
    lab.run(12 * S);
    return lab.arrivals.goodputMbps(3 * S, 12 * S);
  };
  const whole = rate(ALL);
  assert.ok(whole >= 24.4, `${whole}`);
  assert.ok(whole >= rate([LTE, ADHOC]));
  assert.ok(whole >= rate([SATELLITE, LTE]));
});

test("a silent path holds the reader up for a fifth of a second at most, and nothing is lost", () => {
  const lab = new ParallelPaths(ALL, 4);
  const stream = lab.pour(20e6);
  lab.run(4 * S);
  lab.cut(1);
  lab.run(60 * S);
  assert.ok(lab.arrivals.longestGapMs(4 * S, 10 * S) <= 200);
  assert.is(lab.arrivals.octets, 20e6);
  assert.ok(stream.send.done);
});

test("all paths fall silent, one comes back and loses in bursts: everything arrives", () => {
  const lossy = { ...ADHOC, loss: 0.25, burst: 6 };
  const octets = 4_000_000;
  for (let seed = 1; seed <= 10; seed++) {
    const lab = new ParallelPaths([LTE, lossy], seed);
    lab.pour(octets);
    lab.run(S);
    lab.cut(0);
    lab.cut(1);
    lab.run(1.4 * S);
    lab.heal(1);
    lab.run(30 * S);
    const arrived = lab.arrivals.octets;
    assert.is(arrived, octets, `seed ${seed}`);
  }
});

test("paths come and go, now and then all of them: everything arrives", () => {
  const octets = 20_000_000;
  for (const seed of [3, 5, 9, 12]) {
    const lab = new ParallelPaths(BURSTY, seed);
    const random = new Random(seed, 0);
    const chance = (): number => random.below(1_000_000) / 1e6;
    lab.pour(octets);
    for (let change = 0; change < 25; change++) {
      lab.run(lab.nowUs + 1.2 * S * chance());
      const path = random.below(3);
      if (chance() < 0.55) lab.cut(path);
      else lab.heal(path);
      if (chance() < 0.1) for (const each of [0, 1, 2]) lab.cut(each);
    }
    for (const each of [0, 1, 2]) lab.heal(each);
    lab.cut(seed % 3);
    lab.run(lab.nowUs + 40 * S);
    const arrived = lab.arrivals.octets;
    assert.is(arrived, octets, `seed ${seed}`);
  }
});

test("a path that is back is used again", () => {
  const lab = new ParallelPaths([LTE, ADHOC], 4);
  lab.pour(1e9);
  lab.run(4 * S);
  lab.cut(0);
  lab.run(9 * S);
  assert.ok(lab.arrivals.goodputMbps(6 * S, 9 * S) < 5);
  lab.heal(0);
  lab.run(16 * S);
  assert.ok(lab.arrivals.goodputMbps(12 * S, 16 * S) > 20);
});

test("the queue that a stream keeps on a path is short", () => {
  const lab = new ParallelPaths(ALL, 6);
  lab.pour(1e9);
  lab.run(5 * S);
  for (let t = 0; t < 50; t++) {
    lab.run(lab.nowUs + S / 10);
    for (const path of lab.nodes[0].sessionTo(2)?.paths ?? []) assert.ok(path.rate.queueUs < 100_000);
  }
});

test("a dear path carries next to nothing while a cheap one will do, and everything when it is alone", () => {
  const lab = new ParallelPaths([{ ...SATELLITE, costCentsPerMegabyte: 5 }, ADHOC], 1);
  lab.pour(1e9);
  lab.run(10 * S);
  // Probes, and what went there while the cheap one seemed to be silent.
  const [dear = 0, cheap = 0] = lab.directions.map(([there]) => there.octets);
  assert.ok(dear < cheap / 200, `${dear} of ${cheap}`);
  lab.cut(1);
  lab.run(20 * S);
  assert.ok(lab.arrivals.goodputMbps(13 * S, 20 * S) > 1.5, `${lab.arrivals.goodputMbps(13 * S, 20 * S)}`);
});

test("what one path carries goes over the preferred one, though another is quicker", () => {
  const octetsBy = (preferenceUs: number): number[] => {
    const lab = new ParallelPaths([{ ...LTE, preferenceUs }, ADHOC], 2);
    const stream = open(lab);
    for (let part = 0; part < 100; part++) {
      lab.nodes[0].write(lab.nowUs, stream, pattern(20_000, part));
      lab.run(lab.nowUs + S / 10);
    }
    return lab.directions.map(([there]) => there.octets);
  };
  const [slow = 0, quick = 0] = octetsBy(0);
  assert.ok(slow < quick / 2, `${slow} on the slow one, ${quick} on the quick one`);
  const [preferred = 0, other = 0] = octetsBy(1_000_000);
  assert.ok(other < preferred / 20, `${preferred} on the preferred one, ${other} on the other`);
});

test("each half ends by itself", () => {
  const lab = new ParallelPaths(ALL, 1);
  const seen = watch(lab);
  const stream = open(lab);
  lab.nodes[0].write(0, stream, pattern(10, 1));
  lab.nodes[0].end(0, stream);
  lab.run(S);
  assert.equal(
    seen[1].map((e) => e.type),
    ["opened", "octets", "ended"],
  );
  const theirs = (seen[1][0] as BulkEvent).stream;
  lab.nodes[1].write(lab.nowUs, theirs, pattern(20, 2));
  lab.run(2 * S);
  assert.is(octetsOf(seen[0]).length, 20);
  assert.is(lab.nodes[0].streamCount, 1);
  lab.nodes[1].end(lab.nowUs, theirs);
  lab.run(3 * S);
  assert.is(seen[0].at(-1)?.type, "ended");
  assert.is(lab.nodes[0].streamCount + lab.nodes[1].streamCount, 0);
});

test("a reset reaches the other end with its reason, though packets are lost", () => {
  const lab = new ParallelPaths([{ ...ADHOC, loss: 0.4 }], 2);
  const seen = watch(lab);
  const stream = open(lab);
  lab.nodes[0].write(0, stream, pattern(1000, 1));
  lab.run(S);
  lab.nodes[1].reset((seen[1][0] as BulkEvent).stream, ResetCode.refused);
  lab.run(5 * S);
  const last = seen[0].at(-1);
  assert.is(last?.type, "reset");
  assert.is(last?.type === "reset" ? last.code : -1, ResetCode.refused);
  assert.is(lab.nodes[0].streamCount, 0);
});

test("what a node knew before it started anew is over for its peers", () => {
  const lab = new ParallelPaths([ADHOC], 1);
  const seen = watch(lab);
  const stream = open(lab);
  lab.nodes[0].write(0, stream, pattern(1000, 1));
  lab.run(S);
  const again = new BulkNode(2, 2);
  lab.nodes[1] = again;
  lab.nodes[0].write(lab.nowUs, stream, pattern(1000, 1));
  lab.run(10 * S);
  const last = seen[0].at(-1);
  assert.is(last?.type, "reset");
  // And new streams work.
  const next = open(lab);
  lab.nodes[0].write(lab.nowUs, next, pattern(500, 7));
  lab.run(11 * S);
  assert.equal(octetsOf(seen[1], next), pattern(500, 7));
});

test("a reader that takes nothing stops its writer, and is served when it goes on", () => {
  const lab = new ParallelPaths([LTE], 1);
  const stream = open(lab);
  const taken: number[] = [];
  lab.consume = false;
  lab.onEvent = (_node, event) => void (event.type === "octets" && taken.push(event.octets.length));
  let given = 0;
  while (given < 8e6) {
    given += 50_000;
    if (!lab.nodes[0].write(lab.nowUs, stream, new Uint8Array(50_000))) break;
  }
  assert.ok(given <= MAX_BULK_SEND_OCTETS + 50_000);
  lab.run(10 * S);
  const first = taken.reduce((a, b) => a + b, 0);
  assert.ok(first <= BULK_WINDOW_FIRST_OCTETS && first > BULK_WINDOW_FIRST_OCTETS - 2000);
  const theirs = lab.nodes[1].streamsOf(1)[0] as BulkStream;
  lab.nodes[1].consumed(theirs, first);
  lab.run(20 * S);
  const second = taken.reduce((a, b) => a + b, 0);
  assert.ok(second > 2 * first && second <= BULK_WINDOW_OCTETS);
});

test("there are only so many streams, and the one too many is told so", () => {
  const lab = new ParallelPaths([LTE], 1);
  for (let i = 0; i < MAX_BULK_STREAMS; i++) assert.ok(lab.nodes[0].open(0, 2));
  assert.is(lab.nodes[0].open(0, 2), undefined);
  assert.is(lab.nodes[0].counters.dropStreamsFull, 1);
});

test("nothing is sent when there is nothing to do", () => {
  const lab = new ParallelPaths(ALL, 1);
  const stream = open(lab);
  lab.nodes[0].write(0, stream, pattern(1000, 1));
  lab.run(10 * S);
  const before = lab.directions.map(([there, back]) => there.octets + back.octets);
  lab.run(1000 * S);
  assert.equal(
    lab.directions.map(([there, back]) => there.octets + back.octets),
    before,
  );
});

test("random octets of a peer do no harm", () => {
  const node = new BulkNode(1, 1);
  const slot = { to: 0, path: 0, octets: new Uint8Array(2048), length: 0 };
  let state = 7;
  for (let i = 0; i < 20_000; i++) {
    const octets = new Uint8Array(i % 60);
    for (let j = 0; j < octets.length; j++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      octets[j] = state >>> 16;
    }
    if (octets.length > 2) octets[0] = (1 + (i % 5)) << 4;
    if (octets.length > 2) octets[2] = 1;
    node.handlePacket(i * 1000, 2 + (i % 50), 0, octets);
    while (node.pollEvent() !== undefined);
    if (node.nextTimeoutUs() <= i * 1000) node.handleTimeout(i * 1000);
    while (node.pollTransmit(i * 1000, slot));
  }
  assert.ok(node.streamCount <= MAX_BULK_STREAMS);
  assert.ok(node.peers().length <= 32);
});

test("loss that grows with the rate is a limit, loss that does not is none", () => {
  const follow = (limitBps: number, ownLoss: number): number => {
    const rate = new PathRate(1e6);
    for (let t = 0; t < 600; t++) {
      const sent = (rate.pacingBps * 0.1) / 8;
      const passed = Math.min(sent, (limitBps * 0.1) / 8);
      rate.sample(
        t * 100_000,
        {
          octets: sent,
          intervalUs: 100_000,
          arrivedOctets: passed * (1 - ownLoss),
          limited: false,
          leastDelayUs: 10_000,
          meanDelayUs: 10_000,
          lateUs: 0,
        },
        20_000,
      );
    }
    return rate.bps;
  };
  // A policer drops what is too much and delays nothing.
  assert.ok(follow(5e6, 0) < 10e6, `${follow(5e6, 0)}`);
  assert.ok(follow(1e9, 0.1) > 50e6);
});

test("what the hops of a way repeat is waited for, and not sent twice", () => {
  const way: PathModel = {
    name: "way",
    rateBps: 5e6,
    delayUs: 10_000,
    queueOctets: 62_500,
    loss: 0.1,
    repeatUs: 15_000,
  };
  const lab = new ParallelPaths(
    [
      { ...way, path: ROUTED },
      { ...way, path: DISJOINT },
    ],
    5,
  );
  lab.pour(4_000_000);
  lab.run(5 * S);
  const { sent, repeated } = lab.nodes[0].counters;
  assert.ok(sent > 2500);
  assert.ok(repeated < 0.01 * sent, `${repeated} of ${sent}`);
});

test("what is on its way over other nodes arrives when the way is taken back", () => {
  const way: PathModel = { name: "way", rateBps: 5e6, delayUs: 100_000, queueOctets: 62_500 };
  const lab = new ParallelPaths(
    [
      { ...way, path: ROUTED },
      { ...way, path: DISJOINT },
    ],
    5,
  );
  lab.pour(4_000_000);
  lab.run(2 * S);
  const [left] = lab.hints;
  const { repeated } = lab.nodes[0].counters;
  for (const node of lab.nodes)
    node.setPaths(lab.nowUs, node === lab.nodes[0] ? 2 : 1, [left as (typeof lab.hints)[0]]);
  lab.run(4 * S);
  assert.is(lab.nodes[0].counters.repeated, repeated);
});

test("acknowledgements of what came by the second way go back on one", () => {
  const way: PathModel = { name: "way", rateBps: 5e6, delayUs: 10_000, queueOctets: 62_500 };
  const lab = new ParallelPaths([{ ...way, path: DISJOINT }], 5);
  lab.pour(10_000);
  lab.run(S);
  // Both ends see it come however the mesh leads, and nothing else would carry an answer.
  assert.is(lab.nodes[0].sessionTo(2)?.isBusy, false);
});

test("acknowledgements go over the two quickest paths, and twice over one that no other is a match for", () => {
  const back = (models: readonly PathModel[]): number[] => {
    const lab = new ParallelPaths(models, 3);
    lab.pour(1e9);
    lab.run(5 * S);
    return lab.directions.map(([, direction]) => direction.octets);
  };
  const [overLte, besideLte] = back([LTE, ADHOC]) as [number, number];
  assert.ok(Math.abs(overLte - besideLte) < 0.2 * overLte, `${overLte} ${besideLte}`);
  const [overSatellite, besideSatellite] = back([SATELLITE, ADHOC]) as [number, number];
  assert.ok(besideSatellite > 1.5 * overSatellite, `${overSatellite} ${besideSatellite}`);
});

test.run();
