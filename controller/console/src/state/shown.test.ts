import { test } from "uvu";
import * as assert from "uvu/assert";
import { emptyFleet, pictureOf, reduceFleet } from "../../../src/fleet/fleet.ts";
import type { Picture } from "../../../src/fleet/picture.ts";
import { valleyStatus } from "../../../src/test-support/valley.ts";
import { agedPicture } from "./aged-picture.ts";
import { alarmsOf } from "./alarms.ts";
import { formatAge, formatDelay, formatPercent, formatPosition, formatRate, formatSpan } from "./format.ts";
import { qualityOf } from "./quality.ts";

const T0 = 1_800_000_000_000;

function valley(options: Parameters<typeof valleyStatus>[1] = {}): Picture {
  const status = valleyStatus(T0, options);
  return pictureOf(reduceFleet(emptyFleet(), { type: "status", status, nowMs: T0 }), T0, false, {});
}

test("a fresh picture is shown as it is", () => {
  const fresh = valley();
  assert.is(agedPicture(fresh, 0.9, true), fresh);
});

test("without a controller nothing is live, and ages go on", () => {
  const fresh = valley();
  const old = agedPicture(fresh, 5, false);
  assert.not(old.nodes.some((node) => node.liveness === "live"));
  assert.not(old.links.some((link) => link.liveness === "live"));
  assert.not(old.bearers.some((bearer) => bearer.up));
  assert.is(old.agent.connected, false);
  assert.equal(old.voice.talkers, []);
  assert.is(old.nodes[0]!.ageS, fresh.nodes[0]!.ageS + 5);
  assert.ok(agedPicture(fresh, 200, false).nodes.every((node) => node.liveness === "lost"));
});

test("alarms: SOS first, a lost node instead of its links, low batteries last", () => {
  const picture = valley({ sos: true });
  assert.equal(
    alarmsOf(picture).map((alarm) => alarm.id),
    ["sos:sos-12", `battery:${0x10c}`],
  );
  const lost: Picture = {
    ...picture,
    sos: [],
    nodes: picture.nodes.map((node) => (node.address === 0x103 ? { ...node, liveness: "lost" } : node)),
    links: picture.links.map((link) =>
      link.from === 0x103 || link.to === 0x103 || link.to === 0x10e ? { ...link, liveness: "lost" } : link,
    ),
  };
  assert.equal(
    alarmsOf(lost).map((alarm) => alarm.kind),
    ["node-lost", "link-lost", "link-lost", "link-lost", "low-battery"],
  );
});

test("quality follows loss, and a lost link is lost whatever it had", () => {
  const channel = { kind: 0, bitrateBps: 1e6, delayMs: 5, loss: 0, costCentsPerMegabyte: 0 };
  const at = (loss: number) => qualityOf("live", { ...channel, loss });
  assert.equal([0, 0.08, 0.081, 0.2, 0.201, 1].map(at), ["good", "good", "fair", "fair", "poor", "poor"]);
  assert.is(qualityOf("lost", channel), "lost");
  assert.is(qualityOf("live", undefined), "lost");
});

test("figures for people", () => {
  assert.equal([0.3, 1, 119.9, 120, 7199, 7200].map(formatAge), ["< 1 s", "1 s", "119 s", "2 min", "119 min", "2 h"]);
  assert.equal([0, 9600, 512_000, 4e6, 250e6].map(formatRate), [
    "0 bit/s",
    "9.6 kbit/s",
    "512 kbit/s",
    "4 Mbit/s",
    "250 Mbit/s",
  ]);
  assert.equal([0, 0.004, 0.05, 1].map(formatPercent), ["0 %", "< 1 %", "5 %", "100 %"]);
  assert.equal([0, 9.46, 612.4].map(formatDelay), ["0 ms", "9.5 ms", "612 ms"]);
  assert.equal([0, 65.9, 600, -3].map(formatSpan), ["0:00", "1:05", "10:00", "0:00"]);
  assert.is(formatPosition(-31.5, 103.25), "31.50000° S  103.25000° E");
});

test.run();
