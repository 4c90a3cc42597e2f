import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseGoldenVectors, toHex } from "../testing/golden.ts";
import { decodeUtf8, encodeUtf8 } from "../text/utf8.ts";
import { formatCotDetail, readCotDetail } from "./cot-detail.ts";
import type { CotEvent } from "./cot-event.ts";
import { decodeCotEvent, encodeCotEvent, MAX_COT_OCTETS } from "./cot-event.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/cot-event.json", import.meta.url), "utf8"),
  true,
);
const decode = (xml: string): CotEvent | undefined => {
  const octets = encodeUtf8(xml);
  return decodeCotEvent(octets, 0, octets.length);
};
const textOf = (octets: Uint8Array): string => decodeUtf8(octets, 0, octets.length) ?? "?";

const TIMES = "time='2026-11-23T19:39:18Z' start='2026-11-23T19:39:18Z' stale='2026-11-23T19:45:33Z'";
const POINT = "<point lat='31' lon='103.4' hae='1326.5' ce='11' le='9999999.0'/>";

test("golden vectors: what arrives is read, and written again octet for octet", () => {
  assert.ok(vectors.length >= 3);
  for (const vector of vectors) {
    const { xml, event } = vector.value as { xml: string; event: CotEvent };
    assert.equal(decode(xml), event, vector.name);
    const out = new Uint8Array(4096);
    assert.is(toHex(out, encodeCotEvent(event, out, 0)), vector.hex, vector.name);
  }
});

test("detail that nobody knows survives a round trip to the octet", () => {
  const detail = "\n <x:odd  a = '1'\t>é &#x4e2d;<![CDATA[<&]]><!-- c --><?p?></x:odd ><contact callsign=\"A\"/>\r\n";
  const event = decode(`<event uid='u' type='a-f-G' ${TIMES}>${POINT}<detail>${detail}</detail></event>`) as CotEvent;
  assert.is(textOf(event.detail), detail);
  const out = new Uint8Array(4096);
  const length = encodeCotEvent(event, out, 0);
  assert.equal(decodeCotEvent(out, 0, length)?.detail, event.detail);
});

test("other attributes of the event survive; an event without detail or how is read", () => {
  const event = decode(`<event uid='u' type='t-x-c-t' ${TIMES} access='a&amp;b' opex=''>${POINT}<x><y/></x></event>`);
  assert.equal(event?.attributes, [
    ["access", "a&b"],
    ["opex", ""],
  ]);
  assert.is(event?.how, "");
  assert.is(event?.detail.length, 0);
  assert.is(decode(`<event uid='u' type='a' ${TIMES}>${POINT}<detail/></event>`)?.detail.length, 0);
});

test("malformed events are refused", () => {
  const refused: Record<string, string> = {
    "no point": `<event uid='u' type='a' ${TIMES}/>`,
    "two points": `<event uid='u' type='a' ${TIMES}>${POINT}${POINT}</event>`,
    "two details": `<event uid='u' type='a' ${TIMES}>${POINT}<detail/><detail/></event>`,
    "no uid": `<event type='a' ${TIMES}>${POINT}</event>`,
    "no type": `<event uid='u' ${TIMES}>${POINT}</event>`,
    "no time": `<event uid='u' type='a'>${POINT}</event>`,
    "latitude beyond the pole": `<event uid='u' type='a' ${TIMES}><point lat='90.1' lon='0'/></event>`,
    "longitude that is no number": `<event uid='u' type='a' ${TIMES}><point lat='1' lon='0x10'/></event>`,
    "empty latitude": `<event uid='u' type='a' ${TIMES}><point lat='' lon='0'/></event>`,
    NaN: `<event uid='u' type='a' ${TIMES}><point lat='NaN' lon='0'/></event>`,
    "other root": `<events uid='u' type='a' ${TIMES}>${POINT}</events>`,
    DTD: `<!DOCTYPE event><event uid='u' type='a' ${TIMES}>${POINT}</event>`,
    "two events": `<event uid='u' type='a' ${TIMES}>${POINT}</event><event/>`,
  };
  for (const [name, xml] of Object.entries(refused)) assert.is(decode(xml), undefined, name);
});

test("every cut of an event is refused, and so is one over a datagram", () => {
  const octets = encodeUtf8(`<event uid='u' type='a' ${TIMES}>${POINT}<detail><a b='c'/></detail></event>`);
  assert.ok(decodeCotEvent(octets, 0, octets.length));
  for (let length = 0; length < octets.length; length++) assert.is(decodeCotEvent(octets, 0, length), undefined);
  const long = encodeUtf8(`<event uid='u' type='a' ${TIMES}>${POINT}${" ".repeat(MAX_COT_OCTETS)}</event>`);
  assert.is(decodeCotEvent(long, 0, long.length), undefined);
});

test("an event that grows over a datagram when it is written gives nothing", () => {
  const event = decode(`<event uid='${'"'.repeat(20_000)}' type='a' ${TIMES}>${POINT}</event>`) as CotEvent;
  assert.is(encodeCotEvent(event, new Uint8Array(MAX_COT_OCTETS), 0), 0);
});

test("never throws on a damaged event, nor when one that was read is written again", () => {
  const out = new Uint8Array(MAX_COT_OCTETS);
  const whole = encodeUtf8(`<event uid='u' type='a' ${TIMES}>${POINT}<detail><a b='&lt;'/></detail></event>`);
  const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(changes, (list) => {
      const octets = whole.slice();
      for (const [at, value] of list) octets[at] = value;
      const event = decodeCotEvent(octets, 0, octets.length);
      if (event === undefined) return;
      readCotDetail(event.detail);
      const length = encodeCotEvent(event, out, 0);
      assert.equal(decodeCotEvent(out, 0, length)?.detail, event.detail);
    }),
    { numRuns: 3000 },
  );
});

test("known detail comes back as it was written", () => {
  const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => !/[^ -~]/.test(value));
  const details = fc.record(
    {
      callsign: text,
      endpoint: text,
      groupName: text,
      groupRole: text,
      courseDeg: fc.nat(3600).map((value) => value / 10),
      speedMps: fc.nat(10_000).map((value) => value / 100),
      batteryPercent: fc.nat(100),
      remarks: text,
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  fc.assert(fc.property(details, (detail) => assert.equal(readCotDetail(formatCotDetail(detail)), detail)));
});

test("rubbish in known detail is left out", () => {
  const detail =
    "<status battery='full'/><track course='720' speed=''/><contact callsign=''/><a><contact callsign='x'/></a>";
  assert.equal(readCotDetail(encodeUtf8(detail)), {});
  assert.equal(readCotDetail(encodeUtf8("<contact callsign='A'/></x>")), { callsign: "A" });
});

test.run();
