import { createDataHeader, FrameKind } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CoreBearer, Precedence, TrafficClass } from "./api.ts";
import { BearerQueue } from "./bearer-queue.ts";
import { Counters } from "./counters.ts";
import { MAX_QUEUED_PER_BEARER } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { PacketPool } from "./packet-pool.ts";
import { payerOf } from "./payer.ts";
import type { CoreState } from "./state.ts";

const BEARER: CoreBearer = {
  id: 2,
  name: "uhf",
  kind: 0,
  medium: "point-to-point",
  layout: "wide",
  mtuOctets: 1400,
  bitrateBps: 8_000_000,
  latencyUs: 1000,
  costCentsPerMegabyte: 0,
  keyUpUs: 0,
  halfDuplex: false,
};
const { voice, command, video, bulk } = TrafficClass;
const { routine, priority, immediate, flash } = Precedence;

/** A queue whose packets are told apart by their sequence. */
class Rig {
  readonly pool = new PacketPool();
  readonly counters = new Counters();
  readonly queue: BearerQueue;
  nowUs = 1_000_000;
  #next = 0;

  constructor(bearer: Partial<CoreBearer> = {}) {
    this.queue = new BearerQueue(this.pool, this.counters, { ...BEARER, ...bearer });
  }

  /** Queues a packet of an account; returns its number. */
  push(payer: number, trafficClass: number, precedence: number = routine, octets = 1000, patienceUs = 1e9): number {
    const header = { ...createDataHeader(), kind: FrameKind.unicast, trafficClass, precedence, sequence: this.#next++ };
    this.pool.payerNow = payer;
    const slot = this.pool.allocate(header, undefined, new Uint8Array(octets), 0, octets);
    assert.not.equal(slot, -1);
    this.pool.neighbour[slot] = 0;
    this.pool.deadlineUs[slot] = this.nowUs + patienceUs;
    this.queue.push(slot);
    return header.sequence;
  }

  /** Sends the next packet: time goes on by its time on air. Undefined if nothing waits. */
  pop(): { sequence: number; payer: number; trafficClass: number } | undefined {
    const slot = this.queue.pop(this.nowUs, undefined);
    if (slot === -1) return undefined;
    const { sequence, payer, trafficClass, length } = this.pool;
    const packet = {
      sequence: sequence[slot] as number,
      payer: payer[slot] as number,
      trafficClass: trafficClass[slot] as number,
    };
    this.nowUs += length[slot] as number;
    this.pool.release(slot);
    return packet;
  }

  /** Sequences of all that waits, in the order in which it goes. */
  all(): number[] {
    const order: number[] = [];
    for (let packet = this.pop(); packet !== undefined; packet = this.pop()) order.push(packet.sequence);
    return order;
  }
}

test("flash of any class goes first, then voice, command, video and bulk, and in each the higher precedence", () => {
  const rig = new Rig();
  const pushed = [
    rig.push(1, bulk),
    rig.push(1, video),
    rig.push(1, command),
    rig.push(1, command, priority),
    rig.push(1, command, immediate),
    rig.push(1, voice),
    rig.push(1, bulk, flash),
    rig.push(1, command, flash),
  ];
  assert.equal(rig.all(), pushed.toReversed());
});

test("whoever has sent least is next, whatever the others have waiting and however long their packets are", () => {
  const rig = new Rig();
  const sent = new Map([
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
  const sizes = new Map([
    [1, 100],
    [2, 400],
    [3, 1200],
  ]);
  for (const [payer, octets] of sizes) for (let i = 0; i < 10 * payer; i++) rig.push(payer, bulk, routine, octets);
  for (let i = 0; i < 3000; i++) {
    const payer = rig.pop()?.payer as number;
    rig.push(payer, bulk, routine, sizes.get(payer));
    // What is on air is a frame: headers count.
    sent.set(payer, (sent.get(payer) as number) + (sizes.get(payer) as number) + 20);
  }
  const [a, b, c] = [...sent.values()] as [number, number, number];
  assert.ok(Math.max(a, b, c) / Math.min(a, b, c) < 1.05, `${a} ${b} ${c}`);
});

test("silence saves up no turns, and talk costs none later than two seconds of it", () => {
  const rig = new Rig();
  for (let i = 0; i < 50; i++) rig.push(1, bulk);
  for (let i = 0; i < 20; i++) rig.pop();
  // The newcomer is level with the other from now on, not twenty packets ahead.
  for (let i = 0; i < 20; i++) rig.push(2, bulk);
  const payers = Array.from({ length: 20 }, () => rig.pop()?.payer);
  const own = payers.filter((payer) => payer === 2).length;
  assert.ok(own >= 9 && own <= 11, `${payers}`);
});

test("a flood of alarms loses its privilege, and others' alarms keep theirs", () => {
  const rig = new Rig();
  for (let i = 0; i < 100; i++) rig.push(7, command, flash);
  const first = Array.from({ length: 60 }, () => rig.pop()?.payer);
  assert.ok(
    first.every((payer) => payer === 7),
    "alone it has the bearer to itself",
  );
  const calls = [rig.push(1, bulk), rig.push(2, voice), rig.push(3, command, flash)];
  // The flood may still have its share of a quarter.
  const next = Array.from({ length: 5 }, () => rig.pop()?.sequence as number);
  assert.equal(
    next.filter((sequence) => calls.includes(sequence)),
    calls.toReversed(),
  );
});

test("privilege comes back with time", () => {
  const rig = new Rig();
  for (let i = 0; i < 100; i++) rig.push(7, command, flash, 1200);
  while (rig.pop() !== undefined);
  rig.nowUs += 60_000_000;
  rig.push(1, voice);
  const alarm = rig.push(7, command, flash);
  assert.is(rig.pop()?.sequence, alarm);
});

test("bulk is sent a little while everything else never ends", () => {
  const rig = new Rig();
  for (let i = 0; i < 10; i++) rig.push(9, bulk);
  const sent = [0, 0, 0, 0];
  for (let i = 0; i < 1000; i++) {
    // Ten accounts that keep to their privileged shares and fill the bearer all the same.
    while (rig.queue.countOf(command) < 20) rig.push(10 + (i % 10), command, immediate, 800);
    const { trafficClass } = rig.pop() as { trafficClass: number };
    sent[trafficClass] = (sent[trafficClass] as number) + 1;
    if (rig.queue.countOf(bulk) === 0) rig.push(9, bulk);
  }
  assert.ok((sent[bulk] as number) >= 20 && (sent[bulk] as number) <= 80, `${sent}`);
});

test("when video takes longer than it may get old, the oldest goes", () => {
  const rig = new Rig({ bitrateBps: 1_000_000 });
  const pushed = Array.from({ length: 100 }, () => rig.push(1, video));
  const left = rig.all();
  assert.ok(left.length < 100);
  assert.equal(left, pushed.slice(-left.length));
  assert.equal(rig.counters.dropsOn(BEARER.id), [
    { trafficClass: video, reason: "queue-full", count: 100 - left.length },
  ]);
});

test("who holds most of a full queue makes room, and nobody's video goes for the sake of its own bulk", () => {
  const rig = new Rig();
  const own = rig.push(1, bulk, routine, 100);
  while (rig.queue.count < MAX_QUEUED_PER_BEARER) rig.push(2, video, routine, 100);
  const newcomer = rig.push(3, bulk, routine, 100);
  rig.push(2, bulk, routine, 100);
  assert.is(rig.queue.count, MAX_QUEUED_PER_BEARER);
  assert.is(rig.queue.countOf(video), MAX_QUEUED_PER_BEARER - 2);
  const left = rig.all();
  assert.ok(left.includes(own) && left.includes(newcomer));
  assert.is(rig.counters.drops["queue-full"], 2);
});

test("a queue that is full of one account's alarms takes another's bulk", () => {
  const rig = new Rig();
  for (let i = 0; i < 60; i++) rig.push(7, command, flash, 1200);
  while (rig.pop() !== undefined);
  while (rig.queue.count < MAX_QUEUED_PER_BEARER) rig.push(7, voice, routine, 100);
  const packet = rig.push(1, bulk, routine, 100);
  assert.ok(rig.all().includes(packet));
});

test("what got too old in the queue is dropped by class, and costs its account nothing", () => {
  const rig = new Rig();
  rig.push(1, video, routine, 1000, 10);
  rig.push(1, bulk, routine, 1000, 10);
  rig.nowUs += 1000;
  const packet = rig.push(1, bulk);
  assert.equal(rig.all(), [packet]);
  assert.equal(rig.counters.dropsOn(BEARER.id), [
    { trafficClass: video, reason: "expired", count: 1 },
    { trafficClass: bulk, reason: "expired", count: 1 },
  ]);
  assert.is(rig.pool.freeCount, new PacketPool().freeCount);
});

test("a packet that waits is known by its source, class and sequence, and whom it waits for", () => {
  const rig = new Rig();
  const header = { ...createDataHeader(), trafficClass: command, sequence: rig.push(1, command) };
  rig.push(1, video);
  assert.ok(rig.queue.holds(header, 0));
  assert.not.ok(rig.queue.holds(header, 1));
  assert.not.ok(rig.queue.holds({ ...header, sequence: header.sequence + 1 }, 0));
  assert.not.ok(rig.queue.holds({ ...header, trafficClass: voice }, 0));
  assert.not.ok(rig.queue.holds({ ...header, source: 9 }, 0));
  rig.all();
  assert.not.ok(rig.queue.holds(header, 0));
});

/** Distances between nodes 1 - 2 - 3 - 4 in a row; node 2 looks. */
function chain(): CoreState {
  const from = (root: number): Uint16Array => Uint16Array.from({ length: 256 }, (_, node) => Math.abs(node - root));
  return { area: 1, local: 2, paths: { from } } as unknown as CoreState;
}

test("a neighbour speaks for the nodes behind it and for nobody else", () => {
  const neighbour = { local: 3, area: 1, foreign: false } as Neighbour;
  assert.is(payerOf(chain(), neighbour, 0x104, bulk), 4, "it is on the way from there");
  assert.is(payerOf(chain(), neighbour, 0x103, bulk), 3);
  assert.is(payerOf(chain(), neighbour, 0x101, bulk), 3, "node 1 is on the other side: that is a lie, or a detour");
  assert.is(payerOf(chain(), neighbour, 0x204, bulk), 3, "other areas have no accounts here");
  const border = { local: 9, area: 2, foreign: true } as Neighbour;
  assert.is(payerOf(chain(), border, 0x104, bulk), 0);
});

test("what is like a packet that was taken out, and in time, can be taken with it in its order; all else stays", () => {
  const rig = new Rig();
  const { pool, queue } = rig;
  const like = (changes: Partial<Record<"kind" | "destination" | "neighbour", number>> = {}): number => {
    const sequence = rig.push(1, command, routine, 11);
    const slot = pool.sequence.lastIndexOf(sequence);
    for (const [name, value] of Object.entries(changes))
      pool[name as "kind" | "destination" | "neighbour"][slot] = value;
    return sequence;
  };
  const first = like();
  const others = [
    like({ kind: FrameKind.groupAll }),
    like({ destination: 7 }),
    like({ neighbour: 3 }),
    rig.push(1, command, routine, 12),
    rig.push(1, command, priority, 11),
  ];
  const late = rig.push(1, command, routine, 11, -1);
  const alike = [like(), like()];
  const taken = queue.pop(rig.nowUs, undefined);
  assert.is(pool.sequence[taken], others.pop());
  const next = queue.pop(rig.nowUs, undefined);
  assert.is(pool.sequence[next], first);
  const together: number[] = [];
  for (let slot = queue.popLike(rig.nowUs, next); slot !== -1; slot = queue.popLike(rig.nowUs, next))
    together.push(pool.sequence[slot] as number);
  assert.equal(together, alike);
  assert.is(queue.count, others.length + 1);
  assert.equal(rig.all(), others);
  assert.is(rig.counters.drops["expired"], 1, `only number ${late} was late`);
});

test.run();
