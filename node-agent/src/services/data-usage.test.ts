import type { PolicyDocument } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { BearerStatus } from "../core/api.ts";
import { DataUsage } from "./data-usage.ts";
import { createFakeContext, type FakeContext } from "./fake-context.ts";

const NOVEMBER = Date.UTC(2026, 10, 28, 12);
const DECEMBER = Date.UTC(2026, 11, 1);
const capped = (per: "day" | "month"): PolicyDocument => ({
  version: 1,
  bearers: { radio: { cap: { megabytes: 1, per, reservePercent: 5, counts: "both" } } },
  classes: {},
});

/** A context whose core says that so much has been used, and the usage that looks at it. */
function rig(folder?: string): { context: FakeContext; usage: DataUsage; use: (octets: number) => void } {
  const context = createFakeContext({}, folder);
  let used = 0;
  const core = new Proxy(context.core, {
    get: (target, name) =>
      name === "bearerStatus"
        ? () => [{ name: "radio", cap: { usedOctets: used } } as BearerStatus]
        : Reflect.get(target, name),
  });
  const usage = new DataUsage({ ...context, core });
  return { context, usage, use: (octets) => (used = octets) };
}
const told = ({ calls }: FakeContext): unknown[] =>
  calls.filter(([name]) => name === "setUsage").map(([, , , octets]) => octets);

test("what was used is there after a restart, and after a power cut rather too much", () => {
  const first = rig();
  first.usage.rule(capped("month"), NOVEMBER);
  first.use(1000);
  first.usage.look(NOVEMBER);
  first.use(1500);
  first.usage.look(NOVEMBER);
  // The power goes: up to as much again may have passed unseen.
  first.context.close();
  const second = rig(first.context.folder);
  second.usage.rule(capped("month"), NOVEMBER);
  assert.equal(told(second.context), [2000]);
  second.use(2100);
  second.usage.stop();
  second.context.close();
  const third = rig(first.context.folder);
  third.usage.rule(capped("month"), NOVEMBER);
  assert.equal(told(third.context), [2100]);
  third.context.remove();
});

test("a new month begins at nothing, while the node runs and while it is off", () => {
  const running = rig();
  running.usage.rule(capped("month"), NOVEMBER);
  running.use(700);
  running.usage.look(NOVEMBER);
  running.usage.look(DECEMBER);
  assert.equal(told(running.context), [0, 0]);
  running.usage.stop();
  running.context.close();
  const later = rig(running.context.folder);
  later.usage.rule(capped("month"), Date.UTC(2027, 0, 1));
  assert.equal(told(later.context), [0]);
  later.context.remove();
});

test("a clock that is not set, or goes back, begins no new period", () => {
  const first = rig();
  first.usage.rule(capped("day"), NOVEMBER);
  first.use(900);
  first.usage.stop();
  first.context.close();
  const unset = rig(first.context.folder);
  unset.usage.rule(capped("day"), 0);
  assert.equal(told(unset.context), [900]);
  unset.use(950);
  unset.usage.look(1000);
  assert.equal(told(unset.context), [900]);
  unset.context.remove();
});

test("people are told when a bearer comes to its limits", () => {
  const { context, usage } = rig();
  for (const level of [1, 2, 3, 0] as const) usage.onCap({ type: "cap", bearerId: 0, level });
  assert.match(
    context.announced.join("\n"),
    /^warn: .*four fifths.*\nwarn: .*reserve\nwarn: .*only SOS goes on\ninfo: /,
  );
  context.remove();
});

test.run();
