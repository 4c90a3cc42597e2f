import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../core/random.ts";
import type { Battery } from "./battery.ts";
import { createFakeContext, type FakeContext } from "./fake-context.ts";
import { PositionService } from "./position-service.ts";
import { FixedSource } from "./position-source.ts";
import { reportPauseMs } from "./report-times.ts";

const INTERVAL_S = 10;
const REPORTS = 1000;
/** Two that begin within this time on a half-duplex channel do not hear each other. */
const TOGETHER_MS = 25;

test("two nodes that report in step do not stay in step, and keep the interval on the whole", () => {
  const random = new Random(1, 2);
  const unit = (): number => random.below(1_000_000) / 1_000_000;
  let [aMs, bMs, together] = [0, 0, 0];
  for (let i = 0; i < REPORTS; i++) {
    aMs += reportPauseMs(INTERVAL_S, unit());
    bMs += reportPauseMs(INTERVAL_S, unit());
    if (Math.abs(aMs - bMs) % (INTERVAL_S * 1000) < TOGETHER_MS) together++;
  }
  assert.ok(together < REPORTS / 50, `${together} of ${REPORTS} reports together`);
  assert.ok(Math.abs(aMs / REPORTS / 1000 - INTERVAL_S) < INTERVAL_S / 50, `${aMs / REPORTS} ms on average`);
});

/** A service that knows its place from the start, whose clock the test moves. */
function withService(
  intervalS: number,
  run: (rig: { context: FakeContext; clock: { us: number }; service: PositionService; reports: () => number }) => void,
): void {
  const context = createFakeContext({ position: { intervalS } });
  const clock = { us: 5_000_000 };
  context.nowUs = () => clock.us;
  const service = new PositionService(context, new FixedSource(31, 103.6, 900), { percent: 80 } as Battery);
  service.start();
  try {
    const reports = (): number => context.calls.filter(([name]) => name === "reportPosition").length;
    run({ context, clock, service, reports });
  } finally {
    service.stop();
    context.remove();
  }
}

for (const [intervalS, pauseS] of [
  [INTERVAL_S, INTERVAL_S],
  [3600, 30],
] as const) {
  test(`reports each ${intervalS} s: newcomers are told where the node is, each ${pauseS} s at most`, () => {
    withService(intervalS, ({ clock, service, reports }) => {
      service.onNewcomers();
      assert.is(reports(), 1);
      clock.us += (pauseS - 1) * 1e6;
      service.onNewcomers();
      assert.is(reports(), 1);
      clock.us += 1e6;
      service.onNewcomers();
      assert.is(reports(), 2);
    });
  });
}

test("a report that comes late is not where a node is", () => {
  withService(INTERVAL_S, ({ context, service }) => {
    const hear = (sequence: number, latitudeDeg: number, late: boolean): void => {
      const report = { ...service.own(), latitudeDeg };
      service.onEvent({ type: "position", from: 0x102, sequence, report, late }, context.nowUs());
    };
    hear(8, 31.2, false);
    hear(7, 31.1, true);
    const known = service.status(context.nowUs()).find(({ address }) => address === 0x102);
    assert.is(known?.report.latitudeDeg, 31.2);
    // What came is in the journal all the same.
    assert.is(context.lines.filter(([e]) => e === "position-received").length, 2);
  });
});

test.run();
