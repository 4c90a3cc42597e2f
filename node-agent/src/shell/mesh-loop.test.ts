import { setTimeout, setImmediate as turn } from "node:timers/promises";
import type { Bearer, BearerEvents } from "@skein/radio-hal";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MeshCore, NodeEvent, TransmitSlot } from "../core/api.ts";
import { monotonicUs } from "./clock.ts";
import { MeshLoop } from "./mesh-loop.ts";

/** What the loop asked of the core and told its owner, in order. */
interface Bench {
  calls: string[];
  events: NodeEvent[];
  /** Frames that `pollTransmit` still has to give. */
  transmits: number;
  timeoutUs: number;
  bearer: BearerEvents;
  loop: MeshLoop;
}

function fakeCore(bench: Bench): MeshCore {
  const core: Partial<MeshCore> = {
    handleFrame: (_nowUs, id, endpoint, _octets, length) => void bench.calls.push(`frame ${id} ${endpoint} ${length}`),
    handleTimeout: () => {
      bench.calls.push("timeout");
      bench.timeoutUs = Number.POSITIVE_INFINITY;
    },
    nextTimeoutUs: () => bench.timeoutUs,
    pollTransmit: (_nowUs, slot: TransmitSlot) => {
      if (bench.transmits === 0) return false;
      bench.transmits--;
      slot.bearerId = 0;
      slot.endpoint = 3;
      slot.length = 7;
      return true;
    },
    pollEvent: () => bench.events.shift(),
    handleBearer: (_nowUs, id, up) => void bench.calls.push(`bearer ${id} ${up}`),
    handleCarrier: (_nowUs, id, busy) => void bench.calls.push(`carrier ${id} ${busy}`),
  };
  return core as MeshCore;
}

async function start(downAtOpen = false): Promise<Bench> {
  const bench = { calls: [], events: [], transmits: 0, timeoutUs: Number.POSITIVE_INFINITY } as unknown as Bench;
  const bearer: Partial<Bearer> = {
    info: { name: "b", kind: "mock", medium: "shared", mtuOctets: 200, bitrateBps: 1, halfDuplex: true },
    open: async (events) => {
      bench.bearer = events;
      if (downAtOpen) events.down("no such device");
    },
    send: (endpoint, _octets, length) => bench.calls.push(`send ${endpoint} ${length}`) > 0,
    close: async () => void bench.calls.push("close"),
  };
  bench.loop = new MeshLoop(fakeCore(bench), [bearer as Bearer], {
    event: (event) => void bench.calls.push(`event ${event.type}`),
    eventsDone: () => void bench.calls.push("done"),
    bearer: (_bearer, up, reason) => void bench.calls.push(`told ${up} ${reason}`),
  });
  await bench.loop.start();
  await turn();
  await turn();
  return bench;
}

const routes: NodeEvent = { type: "routes", version: 1 };

test("events are made durable before anything that depends on them is transmitted", async () => {
  const bench = await start();
  bench.calls.length = 0;
  bench.events.push(routes);
  bench.transmits = 2;
  bench.bearer.frame(5, new Uint8Array(9), 9);
  bench.bearer.frame(5, new Uint8Array(9), 9);
  await turn();
  await turn();
  await bench.loop.stop();
  const caused = bench.calls.filter((call) => !call.startsWith("frame"));
  assert.equal(caused.slice(0, 5), ["event routes", "done", "send 3 7", "send 3 7", "done"]);
});

test("after a pause a frame is answered at once", async () => {
  const bench = await start();
  await setTimeout(5);
  bench.calls.length = 0;
  bench.transmits = 1;
  bench.bearer.frame(5, new Uint8Array(9), 9);
  assert.equal(bench.calls, ["frame 0 5 9", "done", "send 3 7", "done"]);
  await bench.loop.stop();
});

test("a bearer that works is up after opening, one whose device is missing is not", async () => {
  const good = await start();
  assert.equal(good.calls.slice(0, 3), ["bearer 0 false", "bearer 0 true", "told true "]);
  await good.loop.stop();
  const missing = await start(true);
  assert.equal(missing.calls.slice(0, 2), ["bearer 0 false", "told false no such device"]);
  assert.not.ok(missing.calls.includes("bearer 0 true"));
  missing.bearer.up();
  missing.bearer.up();
  assert.equal(missing.calls.filter((call) => call === "bearer 0 true").length, 1);
  await missing.loop.stop();
});

test("carrier sense reaches the core", async () => {
  const bench = await start();
  bench.bearer.carrier(true);
  bench.bearer.carrier(false);
  assert.equal(bench.calls.slice(-2), ["carrier 0 true", "carrier 0 false"]);
  await bench.loop.stop();
});

test("the timer fires when the core wants it, and not before", async () => {
  const bench = await start();
  const dueUs = monotonicUs() + 20_000;
  bench.timeoutUs = dueUs;
  const fired = new Promise<number>((resolve) => {
    const push = bench.calls.push.bind(bench.calls);
    bench.calls.push = (...calls) => {
      if (calls[0] === "timeout") resolve(monotonicUs());
      return push(...calls);
    };
  });
  bench.loop.touch();
  assert.ok((await fired) >= dueUs);
  await bench.loop.stop();
});

test("many frames go out in slices, and nothing after the stop", async () => {
  const bench = await start();
  bench.transmits = 1000;
  bench.loop.touch();
  await turn();
  await turn();
  const first = 1000 - bench.transmits;
  assert.ok(first > 0 && first < 1000, `${first} in the first slices`);
  await bench.loop.stop();
  const left = bench.transmits;
  bench.bearer.frame(0, new Uint8Array(1), 1);
  await turn();
  await turn();
  assert.is(bench.transmits, left);
});

test.run();
