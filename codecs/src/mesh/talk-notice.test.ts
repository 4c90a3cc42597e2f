import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseGoldenVectors, toHex } from "../testing/golden.ts";
import { FrameKind, kindOctet } from "./frame-kind.ts";
import {
  createTalkNotice,
  hasTalkNotice,
  insertTalkNotice,
  mayFollowTalkNotice,
  TALK_NOTICE_OCTETS,
  type TalkNotice,
  takeTalkNotice,
} from "./talk-notice.ts";

const FROM = 3;
const TAG = [0xaa, 0xbb];
const COMMAND = 1;
const REPORT = kindOctet(FrameKind.report, COMMAND, 2);

/** Octets with a header of three, the plaintext, and a tag, with room for a notice. */
function frame(plaintext: readonly number[]): { octets: Uint8Array; end: number } {
  const octets = new Uint8Array(FROM + plaintext.length + TALK_NOTICE_OCTETS + TAG.length);
  octets.set(plaintext, FROM);
  return { octets, end: FROM + plaintext.length };
}

test("golden vectors of talk notices, and back", () => {
  const text = readFileSync(new URL("../../vectors/talk-notice.json", import.meta.url), "utf8");
  for (const { name, hex, value } of parseGoldenVectors(text, false)) {
    const notice = value as TalkNotice;
    const { octets, end } = frame([REPORT, 1, 2]);
    const newEnd = insertTalkNotice(notice, octets, FROM, end);
    assert.is(toHex(octets.slice(FROM), newEnd - FROM), `${hex}${toHex(Uint8Array.of(REPORT, 1, 2), 3)}`, name);
    assert.ok(hasTalkNotice(octets[FROM] as number));
    octets.set(TAG, newEnd);
    const read = createTalkNotice();
    assert.is(takeTalkNotice(octets, FROM, newEnd, newEnd + TAG.length, read), end, name);
    assert.equal(read, notice, name);
    assert.equal(
      [...octets.slice(FROM, end + TAG.length)],
      [REPORT, 1, 2, ...TAG],
      "the tag stands behind the plaintext again",
    );
  }
});

test("voice, flash, unicast and parts of what is unicast go without a notice, and what such a thing follows is refused", () => {
  const refused = [
    kindOctet(FrameKind.groupNarrow, 0, 0),
    kindOctet(FrameKind.groupAll, COMMAND, 3),
    kindOctet(FrameKind.unicast, COMMAND, 1),
    kindOctet(FrameKind.repairedDatagram, 2, 0),
    kindOctet(FrameKind.fragment, COMMAND, 2),
    kindOctet(FrameKind.talkNotice, COMMAND, 2),
  ];
  for (const octet of refused) {
    assert.not(mayFollowTalkNotice(octet));
    const { octets, end } = frame([octet, 0, 0]);
    const newEnd = insertTalkNotice(createTalkNotice(), octets, FROM, end);
    assert.is(takeTalkNotice(octets, FROM, newEnd, newEnd, createTalkNotice()), 0);
  }
  for (const kind of [FrameKind.hello, FrameKind.linkState, FrameKind.report, FrameKind.positions])
    assert.ok(mayFollowTalkNotice(kindOctet(kind, COMMAND, 2)));
});

test("random octets behind the kind are a notice with something behind it, or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), (rest) => {
      const octets = Uint8Array.of(0, 0, 0, kindOctet(FrameKind.talkNotice, COMMAND, 2), ...rest);
      const notice = createTalkNotice();
      const end = takeTalkNotice(octets, FROM, octets.length, octets.length, notice);
      if (rest.length < TALK_NOTICE_OCTETS) return assert.is(end, 0);
      if (end > 0) assert.is(end, octets.length - TALK_NOTICE_OCTETS);
      if (end > 0) assert.ok(notice.bundles >= 1 && notice.bundles <= 4 && notice.phase < 64);
    }),
  );
});

test.run();
