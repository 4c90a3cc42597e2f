import type { NodeEvent } from "@skein/node-agent/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Trace } from "./trace.ts";

const frame = Uint8Array.from({ length: 1400 }, (_, i) => i & 255);
const report = { latitudeDeg: 31, longitudeDeg: 103, altitudeM: 0, speedKmh: 0, courseDeg: 0, batteryPercent: 50 };
const EVENTS: NodeEvent[] = [
  { type: "neighbour", bearerId: 1, address: 0x102, up: true, reason: "heard" },
  { type: "routes", version: 3 },
  { type: "text", from: 1, to: 2, messageId: 3, body: frame.slice(0, 40) },
  { type: "text-state", messageId: 3, to: 2, state: "delivered" },
  { type: "position", from: 1, sequence: 9, report, late: false },
  { type: "sos", from: 1, sosId: 2, kind: 1, report },
  { type: "sos-acknowledged", from: 1, sosId: 2, by: 3 },
  {
    type: "voice",
    talker: 1,
    group: 2,
    burst: 3,
    codec: 0,
    timestamp20ms: 4,
    payload: frame.slice(0, 40),
    bridge: false,
    again: false,
  },
  { type: "video", from: 1, stream: 0, octets: frame.slice(0, 1100) },
  { type: "address-conflict", address: 0x102, nodeId: 1, other: 2 },
  { type: "policy", version: 1, octets: frame.slice(0, 96) },
];

/** A trace of more than one chunk, with something changed by `change`. */
function digest(
  change: Partial<{
    timeUs: number;
    node: number;
    bearer: number;
    endpoint: number;
    octet: number;
    event: NodeEvent;
  }> = {},
): string {
  const trace = new Trace();
  const octets = frame.slice();
  octets[1399] = change.octet ?? 7;
  for (let i = 0; i < 60; i++) trace.transmission(i, 0, 0, -1, frame, frame.length);
  trace.transmission(change.timeUs ?? 100, change.node ?? 1, change.bearer ?? 0, change.endpoint ?? -1, octets, 1400);
  for (const event of EVENTS) trace.event(200, 1, event.type === change.event?.type ? change.event : event);
  return trace.digest();
}

test("the same happenings give the same digest", () => assert.is(digest(), digest()));

test("every field of a transmission counts", () => {
  const changed = [{ timeUs: 101 }, { node: 2 }, { bearer: 1 }, { endpoint: 0 }, { octet: 8 }].map(digest);
  assert.is(new Set([digest(), ...changed]).size, 6);
});

test("every event counts", () => {
  const later: NodeEvent[] = [
    { type: "neighbour", bearerId: 1, address: 0x102, up: false, reason: "silent" },
    { type: "routes", version: 4 },
    { type: "text", from: 1, to: 2, messageId: 3, body: frame.slice(1, 41) },
    { type: "text-state", messageId: 3, to: 2, state: "failed" },
    { type: "position", from: 1, sequence: 9, report: { ...report, latitudeDeg: 31.0001 }, late: false },
    { type: "sos", from: 1, sosId: 2, kind: 2, report },
    { type: "sos-acknowledged", from: 1, sosId: 2, by: 4 },
    {
      type: "voice",
      talker: 1,
      group: 2,
      burst: 3,
      codec: 0,
      timestamp20ms: 4,
      payload: frame.slice(0, 40),
      bridge: true,
      again: false,
    },
    { type: "video", from: 1, stream: 0, octets: frame.slice(1, 1101) },
    { type: "address-conflict", address: 0x102, nodeId: 1, other: 3 },
    { type: "policy", version: 2, octets: frame.slice(0, 96) },
  ];
  assert.equal(
    later.map((e) => e.type),
    EVENTS.map((e) => e.type),
  );
  assert.is(new Set([digest(), ...later.map((event) => digest({ event }))]).size, later.length + 1);
});

test("that a position comes late, and that newcomers are told of, counts", () => {
  const late = digest({ event: { type: "position", from: 1, sequence: 9, report, late: true } });
  const trace = new Trace();
  const before = new Trace();
  trace.event(200, 1, { type: "newcomers" });
  assert.is.not(late, digest());
  assert.is.not(trace.digest(), before.digest());
});

test.run();
