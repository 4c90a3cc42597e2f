import { createTalkNotice } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Port } from "./port.ts";
import { Random } from "./random.ts";
import { memberPorts } from "./testing/member-ports.ts";
import { giveFirstTurn } from "./turn-order.ts";
import {
  accessUs,
  channelQuiet,
  diceUs,
  hasSentSince,
  mayFollow,
  noticeHiddenTalk,
  noticeVoice,
  sentOver,
  tellsOfTalk,
  weighHiddenTalk,
  writeTalk,
} from "./turn-taking.ts";

const BUNDLE_US = 120_000;
const BUNDLE_AIR_US = 66_000;
const TALKER = 9;
/** Number of its first bundle: they begin again at zero after 65,535. */
const FIRST = 65_530;
const MEMBERS = [1, 2, 3, 4, 5];
const DETECT_US = 3_000;
/** A bundle begins so long after the talker's timer at the latest. */
const LATE_US = 20_000;

/** A bundle of the talker, sent by `local`, comes whole: on air from `startUs` on. */
function heard(port: Port, startUs: number, local: number, sequence: number): void {
  noticeVoice(port, startUs, startUs + BUNDLE_AIR_US, local, TALKER, sequence, BUNDLE_US);
}

/** A channel as each of the members sees it that heard somebody talk from 0 on; it falls quiet at `quietUs`. */
function channels(quietUs: number): Port[] {
  const ports = memberPorts(MEMBERS, [TALKER]);
  for (const port of ports) {
    for (let i = 0; i * BUNDLE_US + 70_000 <= quietUs; i++) heard(port, i * BUNDLE_US, TALKER, FIRST + i);
    port.quietSinceUs = quietUs;
    port.turnSeed = 0x1234_5678;
  }
  return ports;
}

test("nobody begins when the talker's next bundle is due, whenever it finds something to say", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), fc.constantFrom("flash", "ordinary"), (laterUs, urgency) => {
      const quietUs = 10 * BUNDLE_US + 70_000;
      for (const [i, port] of channels(quietUs).entries()) {
        const beginsUs = accessUs(port, MEMBERS[i] as number, urgency as "flash", quietUs + laterUs);
        const phaseUs = beginsUs % BUNDLE_US;
        assert.ok(phaseUs > LATE_US && phaseUs <= BUNDLE_US - LATE_US, `${urgency} begins at ${phaseUs}`);
      }
    }),
  );
});

test("those who wait for their turn beside a talker do not begin together", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: BUNDLE_US }), (phaseUs) => {
      const quietUs = 10 * BUNDLE_US + 70_000 + phaseUs;
      const begin = channels(quietUs).map((port, i) => accessUs(port, MEMBERS[i] as number, "ordinary", quietUs));
      begin.sort((a, b) => a - b);
      for (let i = 1; i < begin.length; i++)
        assert.ok((begin[i] as number) - (begin[i - 1] as number) > DETECT_US, `at ${begin}`);
    }),
  );
});

test("what is flash does not begin together with a bundle that others' frames have held up", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 45_000, max: 69_000 }), (seed, lateUs) => {
      // The bundle that was due while others sent has not come.
      const quietUs = 11 * BUNDLE_US + lateUs;
      const ports = channels(quietUs);
      for (const port of ports) port.turnSeed = seed;
      const speaksUs = accessUs(ports[0] as Port, TALKER, "voice", quietUs);
      for (const [i, port] of ports.entries()) {
        const calls = accessUs(port, MEMBERS[i] as number, "flash", quietUs);
        assert.ok(Math.abs(calls - speaksUs) > DETECT_US && calls < quietUs + 20_000, `${calls} beside ${speaksUs}`);
      }
    }),
  );
});

test("two that call for help beside a talker whose bundles come in time are parted by a draw", () => {
  const quietUs = 10 * BUNDLE_US + 70_000;
  const halves = Array.from({ length: 20 }, (_, seed) => {
    const ports = channels(quietUs);
    for (const port of ports) port.turnSeed = seed * 0x9e37_79b9;
    return new Set(ports.map((port, i) => accessUs(port, MEMBERS[i] as number, "flash", quietUs))).size;
  });
  assert.ok(halves.filter((size) => size === 2).length > 10, `${halves}`);
});

test("a bundle that another's long frame held up does not pass for an early one", () => {
  const quietUs = 12 * BUNDLE_US + 70_000;
  const [expected, port] = channels(quietUs) as [Port, Port];
  // It is 96 ms late: 24 ms before the next is due.
  heard(port, 12 * BUNDLE_US + 96_000, TALKER, FIRST + 12);
  port.quietSinceUs = quietUs + BUNDLE_US;
  expected.quietSinceUs = port.quietSinceUs;
  heard(expected, 13 * BUNDLE_US, TALKER, FIRST + 13);
  for (let laterUs = 0; laterUs < BUNDLE_US; laterUs += 5_000) {
    const atUs = port.quietSinceUs + laterUs;
    const [one, other] = [expected, port].map((p) => accessUs(p, 2, "flash", atUs));
    assert.is(one, other);
  }
});

test("a talker whose first bundles had to wait is let speak until one comes in time; then the others know when", () => {
  const dueUs = (bundle: number): number => 60_000_000 + bundle * BUNDLE_US;
  for (const waitedUs of [
    [140_000, 90_000, 40_000],
    [0, 0, 0],
  ]) {
    const all = channels(0);
    const allHear = (bundle: number, lateUs: number, quietBeforeUs: number): void => {
      for (const port of all) {
        port.quietBeforeUs = quietBeforeUs;
        heard(port, dueUs(bundle) + lateUs, TALKER, (65_534 + bundle) % 65_536);
        port.quietSinceUs = dueUs(bundle) + lateUs + 66_000;
      }
    };
    const begin = (urgency: "flash" | "ordinary"): number[] =>
      all.map((port, i) => accessUs(port, MEMBERS[i] as number, urgency, port.quietSinceUs));
    for (const [bundle, lateUs] of waitedUs.entries()) {
      allHear(bundle, lateUs, 10_000);
      for (const urgency of ["flash", "ordinary"] as const)
        assert.ok(Math.min(...begin(urgency)) > dueUs(bundle + 1) + LATE_US, `${urgency} beside ${bundle}`);
    }
    allHear(3, 0, 54_000);
    const flash = begin("flash");
    assert.ok(Math.min(...flash) > dueUs(3) + 66_000 && Math.max(...flash) <= dueUs(4) - LATE_US, "in the next gap");
  }
});

test("when another member speaks on in a silent one's place, its bundles are kept free from the first", () => {
  const [port] = channels(10 * BUNDLE_US + 70_000) as [Port];
  const takesOverUs = 13 * BUNDLE_US + 50_000;
  heard(port, takesOverUs, 3, FIRST + 13);
  port.quietSinceUs = takesOverUs + 70_000;
  for (let laterUs = 0; laterUs < BUNDLE_US; laterUs += 5_000) {
    const beginsUs = accessUs(port, 1, "ordinary", port.quietSinceUs + laterUs);
    const phaseUs = (beginsUs - takesOverUs) % BUNDLE_US;
    assert.ok(phaseUs > LATE_US && phaseUs <= BUNDLE_US - LATE_US, `begins at ${phaseUs}`);
  }
});

test("who does not hear the talker begins when its packets are at their end, as one who hears it tells", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 70_000, max: 115_000 }),
      fc.integer({ min: 0, max: 4_000_000 }),
      fc.constantFrom("flash", "ordinary"),
      (bundles, besideUs, laterUs, urgency) => {
        const stepUs = bundles * BUNDLE_US;
        const airUs = 40_000 + bundles * 22_000;
        const [teller, hidden] = memberPorts([1, 2], [TALKER]) as [Port, Port];
        for (let i = 0; i <= 12; i++) {
          teller.quietBeforeUs = BUNDLE_US;
          noticeVoice(teller, i * stepUs, i * stepUs + airUs, TALKER, TALKER, FIRST + i, stepUs);
        }
        const startUs = 12 * stepUs + Math.max(airUs, besideUs);
        assert.ok(tellsOfTalk(teller, startUs));
        const notice = createTalkNotice();
        writeTalk(teller, startUs, notice);
        noticeHiddenTalk(hidden, startUs, notice, startUs + 50_000);
        hidden.quietSinceUs = startUs + 50_000;
        const beginsUs = accessUs(hidden, 2, urgency as "flash", hidden.quietSinceUs + laterUs);
        const phaseUs = beginsUs % stepUs;
        // To a 64th of the step.
        assert.ok(phaseUs >= airUs && phaseUs <= airUs + 8_000 + stepUs / 64, `${phaseUs} of ${airUs}`);
      },
    ),
  );
});

/** A member that has been told of a talker whose packets end at zero, 120 ms and so on, and hears others from `busyUs` to `quietUs`. */
function hearsOthers(port: Port, busyUs: number, quietUs: number): void {
  port.busySinceUs = busyUs;
  weighHiddenTalk(port, quietUs);
  port.quietSinceUs = quietUs;
}

test("a talker at the end of whose packets others are heard to send, time and again, is not there, whoever says so", () => {
  const [port, expected] = memberPorts([1, 3], [TALKER]) as [Port, Port];
  const tell = (atUs: number): void => noticeHiddenTalk(port, atUs, createTalkNotice(), atUs);
  const begins = (of: Port): number => accessUs(of, 1, "ordinary", of.quietSinceUs);
  tell(0);
  for (let i = 1; i <= 8; i++) {
    expected.quietSinceUs = i * BUNDLE_US + 50_000;
    assert.is.not(begins(port), begins(expected), `still believed after ${i - 1}`);
    hearsOthers(port, i * BUNDLE_US - 30_000, expected.quietSinceUs);
  }
  assert.is(begins(port), begins(expected));
  const doubtedUs = port.quietSinceUs;
  for (const [laterS, isBelieved] of [
    [1, false],
    [14.9, false],
    [15.1, true],
  ] as const) {
    port.quietSinceUs = expected.quietSinceUs = doubtedUs + laterS * 1e6;
    tell(port.quietSinceUs);
    assert.is(begins(port) !== begins(expected), isBelieved, `told again after ${laterS} s`);
  }
});

test("what was heard of one talker does not count against the next", () => {
  const [port, expected] = memberPorts([1, 3], [TALKER]) as [Port, Port];
  noticeHiddenTalk(port, 0, createTalkNotice(), 0);
  for (let i = 1; i <= 7; i++) hearsOthers(port, i * BUNDLE_US - 30_000, i * BUNDLE_US + 50_000);
  const laterUs = 60 * BUNDLE_US;
  noticeHiddenTalk(port, laterUs, createTalkNotice(), laterUs);
  port.quietSinceUs = laterUs + BUNDLE_US - 35_000;
  hearsOthers(port, laterUs + BUNDLE_US - 30_000, laterUs + BUNDLE_US + 50_000);
  expected.quietSinceUs = port.quietSinceUs;
  assert.is.not(accessUs(port, 1, "ordinary", port.quietSinceUs), accessUs(expected, 1, "ordinary", port.quietSinceUs));
});

test("one whose packets end in quiet now and then is there, however much is sent beside it", () => {
  const [port, expected] = memberPorts([1, 3], [TALKER]) as [Port, Port];
  noticeHiddenTalk(port, 0, createTalkNotice(), 4_000_000);
  for (let i = 1; i <= 30; i++) {
    // Long frames take two ends with them, a third comes in the quiet between two.
    const endsInQuiet = i % 3 === 0;
    hearsOthers(port, i * BUNDLE_US + (endsInQuiet ? 10_000 : -30_000), i * BUNDLE_US + 60_000);
  }
  expected.quietSinceUs = port.quietSinceUs;
  assert.is.not(accessUs(port, 1, "ordinary", port.quietSinceUs), accessUs(expected, 1, "ordinary", port.quietSinceUs));
});

test("who has heard the talker itself needs nobody to tell it, and nobody tells of a talk that is over or has just begun", () => {
  const quietUs = 10 * BUNDLE_US + 70_000;
  const [told, expected] = channels(quietUs) as [Port, Port];
  noticeHiddenTalk(told, quietUs + 33_000, createTalkNotice(), quietUs);
  heard(told, 11 * BUNDLE_US, TALKER, FIRST + 11);
  heard(expected, 11 * BUNDLE_US, TALKER, FIRST + 11);
  for (const port of [told, expected]) port.quietSinceUs = 11 * BUNDLE_US + 70_000;
  for (const urgency of ["flash", "ordinary"] as const)
    assert.is(accessUs(told, 3, urgency, told.quietSinceUs), accessUs(expected, 3, urgency, told.quietSinceUs));
  assert.ok(tellsOfTalk(told, told.quietSinceUs));
  const overUs = told.quietSinceUs + 1_050_000;
  assert.not(tellsOfTalk(told, overUs), "over");
  assert.is(accessUs(told, 3, "ordinary", overUs), overUs, "nobody talks any more");
  const [begun] = channels(2 * BUNDLE_US) as [Port];
  assert.not(tellsOfTalk(begun, 2 * BUNDLE_US), "begun");
});

test("a carrier that outlasts the own frame, and cannot have begun after it or is too short for one, shows that it was sent over another", () => {
  const [port] = channels(0) as [Port];
  port.accessUs = 1_000_000;
  for (const [beganUs, endedUs, over] of [
    [950_000, 1_030_000, true],
    [1_002_000, 1_030_000, true],
    [950_000, 990_000, false],
    [1_009_000, 1_090_000, false],
    [1_020_000, 1_020_100, true],
    [1_020_000, 1_039_000, true],
    [1_020_000, 1_045_000, false],
    [1_040_000, 1_040_100, false],
  ] as const) {
    port.busySinceUs = beganUs;
    assert.is(sentOver(port, endedUs), over, `from ${beganUs} to ${endedUs}`);
  }
});

test("what is missing of a talker, heard right before the own burst and right after it, was sent over", () => {
  const [port] = channels(10 * BUNDLE_US) as [Port];
  port.burstStartUs = 1_300_000;
  for (const [beforeUs, nowUs, over] of [
    [1_260_000, 1_500_000, true],
    // Nothing was sent in between.
    [1_310_000, 1_500_000, false],
    // It may have been missed at any other time.
    [1_100_000, 1_500_000, false],
  ] as const)
    assert.is(hasSentSince(port, beforeUs, nowUs), over, `${beforeUs} to ${nowUs}`);
});

test("a talker sends more behind its bundle only where the next turn is its own", () => {
  const [port] = channels(0) as [Port];
  for (const n of port.neighbours) n.alive = true;
  const nowUs = 5_000_000;
  port.burstStartUs = nowUs;
  const shareOfTurns = (): number => {
    let may = 0;
    for (let seed = 1; seed <= 600; seed++) {
      port.turnSeed = seed * 0x9e37_79b9;
      if (mayFollow(port, 1, nowUs)) may++;
    }
    return may / 600;
  };
  assert.is(shareOfTurns(), 1, "behind what is no voice");
  port.ownVoiceUs = nowUs;
  const share = shareOfTurns();
  assert.ok(share > 0.1 && share < 0.25, `${share} of its bundles among six`);
  port.burstStartUs = nowUs - 1_000_000;
  assert.is(shareOfTurns(), 0, "its burst is over");
});

test("whom nobody hears throws dice for its turn: more sides once that was in vain, and beside a talker it is sometimes urgent", () => {
  const random = new Random(1, 2);
  const draws = (port: Port, quietUs: number): { slots: number[]; urgent: number } => {
    const slots: number[] = [];
    let urgent = 0;
    for (let i = 0; i < 500; i++) {
      channelQuiet(port, quietUs, random);
      slots.push(port.turnExtraSlots);
      if (port.turnUrgent) urgent++;
    }
    return { slots, urgent };
  };
  const [talk] = channels(10 * BUNDLE_US + 70_000) as [Port];
  const beside = 10 * BUNDLE_US + 70_000;
  const [silent] = channels(0) as [Port];
  const later = 60_000_000;
  assert.equal(new Set(draws(silent, later).slots), new Set([0]), "it has said nothing yet that could be answered");
  const [newcomer] = channels(0) as [Port];
  newcomer.turnDiceUntilUs = later + 1;
  const sidesAtFirst = Math.max(...draws(newcomer, later).slots);
  for (const introductions of [1, 2, 3]) {
    silent.introductions = introductions;
    talk.introductions = introductions;
    const { slots, urgent } = draws(silent, later);
    const most = Math.max(...slots);
    assert.ok(Math.min(...slots) < 2 && most > sidesAtFirst, `${most} of ${introductions}`);
    assert.is(urgent, 0);
    const share = draws(talk, beside).urgent / 500;
    assert.ok(share > 0.01 && share < 0.2, `${share} urgent`);
  }
  for (const n of silent.neighbours) Object.assign(n, { alive: true, twoWay: true });
  assert.equal(new Set(draws(silent, later).slots), new Set([0]), "it has a place of its own");
});

test("a newcomer that most members are known to hear has its place in their order at once", () => {
  const random = new Random(1, 2);
  const [port] = memberPorts([1, 2, 3, 4, 5]) as [Port];
  port.turnDiceUntilUs = Number.POSITIVE_INFINITY;
  const throwsDice = port.neighbours.map((n) => {
    Object.assign(n, { alive: true, twoWay: true });
    channelQuiet(port, 60_000_000, random);
    return port.turnExtraSlots > 0;
  });
  assert.equal(throwsDice, [true, true, false, false]);
});

test("one that starts anew throws dice until half of those whom it knew are known to hear it", () => {
  const random = new Random(1, 2);
  const [port] = memberPorts([1, 2, 3, 4]) as [Port];
  port.membersBefore = 6;
  port.turnDiceUntilUs = diceUs(port);
  const throwsDice = (members: number, quietUs: number): boolean => {
    for (const [i, n] of port.neighbours.entries()) Object.assign(n, { alive: i < members, twoWay: i < members });
    channelQuiet(port, quietUs, random);
    return port.turnExtraSlots > 0;
  };
  assert.ok(throwsDice(1, 1_000_000));
  port.membersBefore = 7;
  assert.ok(throwsDice(3, 11_000_000), "three of seven");
  assert.not(throwsDice(3, 13_000_000), "the others are gone");
  port.membersBefore = 6;
  assert.not(throwsDice(3, 1_000_000), "three of six");
});

test("who hears one member only, which does not hear it, throws more and more, as one of many hidden from each other", () => {
  const random = new Random(1, 2);
  const most = (members: number[], introductions: number, isTalk = false): number => {
    const [port] = memberPorts(members) as [Port];
    port.introductions = introductions;
    if (isTalk) port.voiceStartUs = 60_000_000;
    let slots = 0;
    for (let i = 0; i < 500; i++) {
      channelQuiet(port, 60_000_000, random);
      slots = Math.max(slots, port.turnExtraSlots);
    }
    return slots;
  };
  const alone = [1, 2, 3, 4, 9].map((introductions) => most([1, 2], introductions));
  assert.ok((alone[4] as number) > 3 * (alone[0] as number), alone.join(" "));
  assert.ok(most([1, 2], 9, true) < 1.2 * (alone[0] as number), "beside a talker they would never come");
  const crowded = [1, 2, 3, 4, 9].map((introductions) => most([1, 2, 3], introductions));
  assert.ok(Math.max(...crowded) < 1.2 * (crowded[0] as number), crowded.join(" "));
});

test("who was addressed answers first, though it throws dice otherwise", () => {
  const [addressed, other] = memberPorts([1, 3], [TALKER]) as [Port, Port];
  addressed.turnExtraSlots = 9.5;
  const begins = (port: Port, local: number): number => accessUs(port, local, "ordinary", port.quietSinceUs);
  const dicedUs = begins(addressed, 1);
  for (const port of [addressed, other]) giveFirstTurn(port, 1, 0);
  assert.ok(begins(addressed, 1) < dicedUs);
  assert.ok(begins(addressed, 1) < begins(other, 3));
});

test("who has not heard all whom it knew before its start begins between the turns of the others", () => {
  const [complete, short] = memberPorts([1, 1], [TALKER]) as [Port, Port];
  for (const port of [complete, short]) port.turnDiceUntilUs = 10_000_000;
  complete.membersBefore = complete.neighbours.length;
  short.membersBefore = short.neighbours.length + 1;
  const begins = (port: Port, nowUs: number): number => accessUs(port, 1, "ordinary", nowUs);
  const [turnUs, asideUs] = [begins(complete, 0), begins(short, 0)];
  assert.ok(asideUs - turnUs > DETECT_US && asideUs - turnUs < 3 * DETECT_US, `${asideUs - turnUs}`);
  for (const port of [complete, short]) port.quietSinceUs = 10_000_000;
  assert.is(begins(short, 10_000_000), begins(complete, 10_000_000), "it has waited for them long enough");
  for (const port of [complete, short]) giveFirstTurn(port, 1, 0);
  assert.is(begins(short, 0), begins(complete, 0), "who was addressed has a place");
});

test("whoever throws dice never begins together with a member that has its turn", () => {
  const random = new Random(1, 2);
  const ports = channels(0);
  for (const port of ports) for (const n of port.neighbours) n.alive = true;
  const quietUs = 60_000_000;
  const [newcomer] = channels(0) as [Port];
  newcomer.turnDiceUntilUs = quietUs + 1;
  for (let i = 0; i < 200; i++) {
    channelQuiet(newcomer, quietUs, random);
    const beginsUs = accessUs(newcomer, 99, "ordinary", quietUs);
    for (const [index, port] of ports.entries()) {
      port.quietSinceUs = quietUs;
      port.turnSeed = i * 0x9e37_79b9;
      const memberUs = accessUs(port, MEMBERS[index] as number, "ordinary", quietUs);
      assert.ok(Math.abs(beginsUs - memberUs) > DETECT_US, `${beginsUs - memberUs} us apart`);
    }
  }
});

test.run();
