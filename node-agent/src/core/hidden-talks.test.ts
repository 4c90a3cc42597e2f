import { createTalkNotice } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HiddenTalks } from "./hidden-talks.ts";
import type { Links } from "./links.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import { memberPorts } from "./testing/member-ports.ts";

const SECOND = 1_000_000;
const BUNDLE_US = 120_000;
const [OWN, TALKER] = [1, 2] as const;
const OTHERS = [3, 4];

interface Rig {
  readonly port: Port;
  readonly talker: Neighbour;
  /** Whom links were said to be lost to. */
  readonly gone: number[];
  /** At `atS` members tell, one after the other, that they have heard packet `sequence` of the talker. */
  tells(atS: number, sequence: number, bundles?: number, by?: readonly number[]): void;
}

function rig(): Rig {
  const [port] = memberPorts([OWN, TALKER, ...OTHERS]) as [Port];
  for (const n of port.neighbours) port.byLocal[n.local] = n;
  const talker = port.byLocal[TALKER] as Neighbour;
  const gone: number[] = [];
  const lost: Links["gone"] = (_nowUs, _port, n, _reason, hearsay) => {
    assert.ok(hearsay, "others say so");
    gone.push(n.local);
  };
  const links = { gone: lost } as Links;
  const talks = new HiddenTalks(links, OWN);
  const tells: Rig["tells"] = (atS, sequence, bundles = 1, by = OTHERS) => {
    const notice = { ...createTalkNotice(), talker: TALKER, sequenceLow: sequence & 0xff, bundles };
    for (const member of by) talks.told(atS * SECOND, port, member, notice, atS * SECOND);
  };
  return { port, talker, gone, tells };
}

/** The talker was heard last at `atS`, with packet `sequence`. */
function heard({ talker }: Rig, atS: number, sequence: number): void {
  talker.lastHeardUs = atS * SECOND;
  talker.talkUs = atS * SECOND;
  talker.talkSequence = sequence & 0xff;
}

test("a talker who has gone on for 0.7 s while nothing of it came is not heard here", () => {
  const one = rig();
  heard(one, 10, 250);
  one.tells(10.5, 254);
  one.tells(10.69, 255);
  assert.equal(one.gone, []);
  // Numbers begin again at zero.
  one.tells(10.75, 256);
  assert.equal(one.gone, [TALKER]);
});

test("one member alone is not believed, however often it says so, nor two of which one spoke before the talker was heard again", () => {
  const one = rig();
  heard(one, 10, 100);
  for (let i = 0; i < 10; i++) one.tells(11 + i, 108 + i, 1, [3]);
  assert.equal(one.gone, []);
  heard(one, 22, 120);
  one.tells(23, 128, 1, [4]);
  assert.equal(one.gone, []);
  one.tells(23.2, 129, 1, [3]);
  assert.equal(one.gone, [TALKER]);
});

test("what was told before it was last heard, and is said again, is no reason", () => {
  const one = rig();
  heard(one, 10, 100);
  one.tells(12, 96);
  one.tells(12.5, 100);
  assert.equal(one.gone, []);
});

test("packets with more speech in them count for more", () => {
  const one = rig();
  heard(one, 10, 100);
  one.tells(10.8, 102, 2);
  assert.equal(one.gone, []);
  one.tells(10.9, 103, 2);
  assert.equal(one.gone, [TALKER]);
});

test("of one who was silent for long the first that is told does not show how long it has talked", () => {
  const one = rig();
  heard(one, 10, 100);
  one.tells(60, 181);
  assert.equal(one.gone, []);
  one.tells(60 + (6 * BUNDLE_US) / SECOND, 187);
  assert.equal(one.gone, [TALKER]);
});

test("a talker who is heard here is not hidden, be it told of when it has just fallen silent", () => {
  const one = rig();
  heard(one, 10, 100);
  one.tells(10.5, 100);
  one.tells(10.6, 101);
  assert.ok(one.port.hiddenUntilUs < 10.6 * SECOND);
  one.tells(10.7, 104);
  assert.ok(one.port.hiddenUntilUs > 10.7 * SECOND, "half a second more than has come");
});

test("one that is heard otherwise meanwhile is there", () => {
  const one = rig();
  heard(one, 10, 100);
  one.talker.lastHeardUs = 10.9 * SECOND;
  one.tells(11, 108);
  assert.equal(one.gone, []);
  // It may say more than who overhears it can tell to be voice.
  assert.ok(one.port.hiddenUntilUs < 11 * SECOND);
  one.tells(11.3, 110);
  assert.ok(one.port.hiddenUntilUs > 11.3 * SECOND, "nothing has come since");
});

test.run();
