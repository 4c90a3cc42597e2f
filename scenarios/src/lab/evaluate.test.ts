import { GROUP_DESTINATION } from "@skein/node-agent/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OFF } from "../emulation/connectivity.ts";
import { evaluate, type Observations } from "./evaluate.ts";
import type { JournalEvent } from "./journal.ts";
import type { LabReport } from "./report.ts";

const S = 1e6;
const HQ = 0x101;
const A1 = 0x10b;
const B1 = 0x115;
const DELAY_US = 150_000;

/** Three nodes for twenty seconds: headquarters and A1 on IP radios, B1 on a serial one. */
const seen: Observations = {
  scenario: "small/1",
  nodes: [
    { name: "HQ", address: HQ, groups: [1], narrow: false },
    { name: "A1", address: A1, groups: [1], narrow: false },
    { name: "B1", address: B1, groups: [1], narrow: true },
  ],
  fromUs: 0,
  toUs: 20 * S,
  connectivity: [{ atUs: -S, labels: [0, 0, 0] }],
  cuts: [{ what: "a link goes", atUs: 10 * S }],
  agentsUp: 3,
  processes: 8,
  startupS: 3,
  allPairsReachableS: 2.5,
  bearers: { udp: 2, serial: 1 },
  bearersExpected: { udp: 2, serial: 1 },
  textsCommanded: 1,
  sosCommanded: 1,
  videoExpected: true,
  framesDecoded: null,
  incidents: [],
  notes: [],
};

type Change = (event: JournalEvent) => JournalEvent | undefined;

/** A run in which everything arrives, passed through `change`; what that turns to undefined never happened. */
function journal(change: Change = (event) => event): JournalEvent[] {
  const events: JournalEvent[] = [...speech(), ...video(), ...positions(), ...messages()];
  return events.flatMap((event) => change(event) ?? []).sort((a, b) => a.atUs - b.atUs);
}

/** A1 talks from 5 s to 15 s in frames of 40 ms. */
function* speech(): Generator<JournalEvent> {
  for (let i = 0; i < 250; i++) {
    const frame = { group: 1, burst: 3, timestamp20ms: 2 * i };
    const atUs = 5 * S + i * 40_000;
    yield { e: "voice-sent", atUs, node: A1, ...frame };
    for (const node of [HQ, B1]) yield { e: "voice-played", atUs: atUs + DELAY_US, node, talker: A1, ...frame };
  }
}

/** A1 sends headquarters 15 frames a second, two packets each. */
function* video(): Generator<JournalEvent> {
  for (let frame = 0; frame < 300; frame++) {
    const atUs = Math.floor((frame * S) / 15);
    for (const lastOfFrame of [false, true]) {
      yield { e: "video-out", atUs, node: A1, stream: 1, frame, lastOfFrame, to: HQ };
      yield { e: "video-in", atUs: atUs + DELAY_US, node: HQ, from: A1, stream: 1 };
    }
    yield { e: "video-frame", atUs: atUs + DELAY_US, node: HQ, from: A1, stream: 1, rtpTimestamp: 6000 * frame };
  }
}

/** Everyone reports every ten seconds. */
function* positions(): Generator<JournalEvent> {
  const addresses = [HQ, A1, B1];
  for (const [i, from] of addresses.entries()) {
    for (let sequence = 0; sequence < 2; sequence++) {
      const atUs = i * S + sequence * 10 * S;
      yield { e: "position-sent", atUs, node: from, sequence };
      for (const node of addresses.filter((other) => other !== from)) {
        yield { e: "position-received", atUs: atUs + DELAY_US, node, from, sequence };
      }
    }
  }
}

function* messages(): Generator<JournalEvent> {
  yield { e: "text-sent", atUs: 6 * S, node: HQ, to: B1, messageId: 77 };
  yield { e: "text-received", atUs: 7 * S, node: B1, from: HQ, to: B1, messageId: 77 };
  yield { e: "text-state", atUs: 8 * S, node: HQ, to: B1, messageId: 77, state: "delivered" };
  yield { e: "sos-raised", atUs: 11 * S, node: B1, sosId: 5 };
  yield { e: "sos-acknowledged", atUs: 12.5 * S, node: B1, from: B1, sosId: 5, by: HQ };
}

/** The only reason for a failure; anything else is itself one. */
function onlyReason(report: LabReport): string {
  assert.is(report.verdict, "fail");
  assert.is(report.reasons.length, 1, report.reasons.join("; "));
  return report.reasons[0] as string;
}

test("a run in which everything arrives passes, with its figures", () => {
  const report = evaluate(journal(), seen);
  assert.equal(report.reasons, []);
  assert.is(report.verdict, "pass");
  assert.equal(report.position, { expected: 12, delivered: 12, ageP95S: 10 });
  assert.equal(report.voice, {
    framesSent: 250,
    framesExpected: 500,
    framesPlayed: 500,
    mouthToEarP95Ms: 150,
    wide: { framesExpected: 250, framesPlayed: 250, mouthToEarP95Ms: 150 },
    narrow: { framesExpected: 250, framesPlayed: 250, mouthToEarP95Ms: 150 },
  });
  assert.equal(report.video, {
    packetsSent: 600,
    packetsReceived: 600,
    framesSent: 300,
    framesExpected: 300,
    framesComplete: 300,
    framesDecoded: null,
  });
  assert.equal(report.receivers["HQ"], { position: 100, voice: { A1: 100 } });
  assert.equal(report.receivers["A1"], { position: 100, voice: {} });
  assert.equal(report.text, { sent: 1, delivered: 1, duplicates: 0 });
  assert.equal(report.sos, { raised: 1, acknowledgedS: 1.5 });
  assert.equal(report.cuts, [{ what: "a link goes", atS: 10, voiceGapMs: 0, voiceGapSerialMs: 0 }]);
});

test("four voice frames of a hundred missing fail, and frames without a path do not count", () => {
  const lossy = journal((event) => {
    return event.e === "voice-played" && (event.timestamp20ms as number) % 50 === 0 ? undefined : event;
  });
  assert.match(onlyReason(evaluate(lossy, seen)), /^voice: 480 of 500 arrived, 96\.0 %/);
  const away = journal((event) => (event.e === "voice-played" && event.node === B1 ? undefined : event));
  const withoutB1 = { ...seen, connectivity: [{ atUs: -S, labels: [0, 0, 2] }], sosCommanded: 0, textsCommanded: 0 };
  const report = evaluate(
    away.filter((event) => !/text|sos/.test(event.e)),
    withoutB1,
  );
  assert.equal(report.reasons, []);
  assert.is(report.voice.framesExpected, 250);
});

test("a concealed, late or repeated frame is played once or not at all", () => {
  const twice = journal().flatMap((event) => (event.e === "voice-played" ? [event, event] : [event]));
  assert.is(evaluate(twice, seen).voice.framesPlayed, 500);
  const early = journal((event) => (event.e === "voice-played" ? { ...event, atUs: event.atUs - S } : event));
  assert.is(evaluate(early, seen).voice.framesPlayed, 0, "nothing is heard before it is said");
});

test("silence after a cut is a gap as long as it is, less the frame", () => {
  const quiet = (fromUs: number, toUs: number): JournalEvent[] =>
    journal((event) => {
      const isLost = event.e === "voice-played" && event.node === HQ && event.atUs >= fromUs && event.atUs < toUs;
      return isLost ? undefined : event;
    });
  assert.is(evaluate(quiet(10.15 * S, 10.35 * S), seen).cuts[0]?.voiceGapMs, 200);
  const long = evaluate(quiet(10.15 * S, 10.75 * S), seen);
  assert.is(long.cuts[0]?.voiceGapMs, 600);
  assert.ok(long.reasons.includes("a link goes: 600 ms without voice, at most 500"));
  const never = evaluate(quiet(10.15 * S, 20 * S), seen);
  assert.ok((never.cuts[0]?.voiceGapMs ?? 0) > 4_000, "voice that never comes back is no short gap");
  assert.is(never.verdict, "fail");
});

test("gaps on serial radios are told apart, and a listener without a path does not count", () => {
  const events = journal((event) => {
    const isLost = event.e === "voice-played" && event.node === B1 && event.atUs >= 10 * S && event.atUs < 11 * S;
    return isLost ? undefined : event;
  });
  const report = evaluate(events, seen);
  assert.is(report.cuts[0]?.voiceGapMs, 0);
  assert.is(report.cuts[0]?.voiceGapSerialMs, 1000);
  const connectivity = [
    { atUs: -S, labels: [0, 0, 0] },
    { atUs: 10 * S, labels: [0, 0, OFF] },
    { atUs: 11 * S, labels: [0, 0, 0] },
  ];
  assert.is(evaluate(events, { ...seen, connectivity }).cuts[0]?.voiceGapSerialMs, null);
});

test("a cut during which nobody speaks proves nothing", () => {
  const cuts = [{ what: "too late", atUs: 17 * S }];
  assert.is(
    onlyReason(evaluate(journal(), { ...seen, cuts })),
    "too late: nobody spoke over IP bearers, so the gap is unknown",
  );
});

test("video: less than 95 % whole fails, and so does too little of it", () => {
  const torn = journal((event) => {
    return event.e === "video-frame" && (event.rtpTimestamp as number) % 60_000 === 0 ? undefined : event;
  });
  assert.match(onlyReason(evaluate(torn, seen)), /^video: 270 of 300/);
  const brief = journal((event) => (event.e.startsWith("video") && event.atUs > 7 * S ? undefined : event));
  assert.ok(evaluate(brief, seen).reasons.some((reason) => /whole frames, more than 111$/.test(reason)));
  const none = journal((event) => (event.e.startsWith("video") ? undefined : event));
  assert.ok(evaluate(none, seen).reasons.includes("video: nothing was sent"));
});

test("a text without receipt, lost, doubled or never taken fails", () => {
  const without = (e: string): JournalEvent[] => journal((event) => (event.e === e ? undefined : event));
  assert.is(onlyReason(evaluate(without("text-state"), seen)), "text: 0 of 1 delivered");
  assert.is(onlyReason(evaluate(without("text-received"), seen)), "text: 0 of 1 delivered");
  assert.is(onlyReason(evaluate(without("text-sent"), seen)), "text: 0 of 1 were taken for sending");
  const doubled = journal().flatMap((event) => (event.e === "text-received" ? [event, event] : [event]));
  assert.is(onlyReason(evaluate(doubled, seen)), "text: 1 delivered twice");
});

test("a text to a group is delivered when all its members have it, without a receipt", () => {
  const toGroup = (receivers: readonly number[]): JournalEvent[] => [
    ...journal((event) => (event.e.startsWith("text") ? undefined : event)),
    { e: "text-sent", atUs: 6 * S, node: A1, to: GROUP_DESTINATION + 1, messageId: 78 },
    ...receivers.map((node) => ({
      e: "text-received",
      atUs: 7 * S,
      node,
      from: A1,
      to: GROUP_DESTINATION + 1,
      messageId: 78,
    })),
  ];
  assert.equal(evaluate(toGroup([HQ, B1]), seen).text, { sent: 1, delivered: 1, duplicates: 0 });
  assert.is(onlyReason(evaluate(toGroup([HQ]), seen)), "text: 0 of 1 delivered");
  assert.is(onlyReason(evaluate(toGroup([HQ, B1, B1]), seen)), "text: 1 delivered twice");
});

test("an SOS that is late, never answered or never raised fails", () => {
  const late = journal((event) => (event.e === "sos-acknowledged" ? { ...event, atUs: 14.5 * S } : event));
  assert.is(onlyReason(evaluate(late, seen)), "sos: acknowledged after 3.5 s, under 3");
  const without = (e: string): JournalEvent[] => journal((event) => (event.e === e ? undefined : event));
  assert.is(onlyReason(evaluate(without("sos-acknowledged"), seen)), "sos: not acknowledged");
  assert.is(onlyReason(evaluate(without("sos-raised"), seen)), "sos: 0 of 1 raised");
});

test("positions: a lost one in twelve fails; none at all fails too", () => {
  const lost = journal((event) => {
    return event.e === "position-received" && event.node === B1 && event.from === HQ && event.sequence === 1
      ? undefined
      : event;
  });
  assert.match(onlyReason(evaluate(lost, seen)), /^position: 11 of 12/);
  assert.is(evaluate(lost, seen).receivers["B1"]?.position, 75);
  const none = journal((event) => (event.e.startsWith("position") ? undefined : event));
  assert.is(onlyReason(evaluate(none, seen)), "position: nothing was sent");
});

test("what went wrong at the start or on the way fails", () => {
  const reasonOf = (change: Partial<Observations>): string => onlyReason(evaluate(journal(), { ...seen, ...change }));
  assert.is(reasonOf({ agentsUp: 2 }), "2 of 3 nodes came up");
  assert.is(reasonOf({ allPairsReachableS: 5.1 }), "all pairs reachable after 5.1 s, at most 5");
  assert.is(reasonOf({ allPairsReachableS: null }), "not every node found every other one");
  assert.is(reasonOf({ bearers: { udp: 2, serial: 0 } }), "0 of 1 serial bearers are up");
  assert.is(reasonOf({ incidents: ["agent A1 ended with SIGSEGV"] }), "agent A1 ended with SIGSEGV");
});

test("an empty journal fails on every count", () => {
  const report = evaluate([], seen);
  assert.is(report.verdict, "fail");
  for (const what of ["position", "voice", "video", "text", "sos", "a link goes"]) {
    assert.ok(
      report.reasons.some((reason) => reason.startsWith(what)),
      what,
    );
  }
});

test.run();
