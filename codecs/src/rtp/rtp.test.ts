import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { RtpHeader } from "./rtp.ts";
import { createRtpHeader, decodeRtpHeader, encodeRtpHeader, RTP_HEADER_OCTETS } from "./rtp.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/rtp-header.json", import.meta.url), "utf8"),
  false,
);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 2);
  for (const vector of vectors) {
    const value = { ...createRtpHeader(), ...(vector.value as RtpHeader) };
    const out = new Uint8Array(RTP_HEADER_OCTETS);
    encodeRtpHeader(value, out, 0);
    assert.is(toHex(out), vector.hex, vector.name);
    assert.equal(decodeRtpHeader(fromHex(vector.hex), 0, 12), { ...value, payloadOffset: 12 });
  }
});

test("contributing sources, extension and padding are read over", () => {
  // V=2 P X CC=1, extension of one word, payload aabb, padding of 3.
  const octets = fromHex(`b1600001${"00000002"}${"00000003"}${"11111111"}${"bede0001"}${"22222222"}aabb000003`);
  const header = decodeRtpHeader(octets, 0, octets.length) as RtpHeader;
  assert.is(toHex(octets.slice(header.payloadOffset, header.payloadOffset + header.payloadOctets)), "aabb");
});

test("wrong version, cut lists and impossible padding are refused", () => {
  const rest = "600001" + "0000000200000003";
  for (const hex of [`40${rest}`, `81${rest}`, `90${rest}`, `a0${rest}`, `a0${rest}00`, `a0${rest}02`]) {
    assert.is(decodeRtpHeader(fromHex(hex), 0, hex.length / 2), undefined, hex);
  }
  assert.is(decodeRtpHeader(fromHex(`90${rest}bede0001`), 0, 16), undefined);
});

test("never throws on any octets, and the payload lies inside them", () => {
  const octets = fc.uint8Array({ maxLength: 80 }).map((rest) => new Uint8Array([0x80 | (rest.length & 0x3f), ...rest]));
  fc.assert(
    fc.property(octets, (received) => {
      const header = decodeRtpHeader(received, 0, received.length);
      if (header === undefined) return;
      assert.ok(header.payloadOffset >= 12 && header.payloadOctets >= 0);
      assert.ok(header.payloadOffset + header.payloadOctets <= received.length);
    }),
    { numRuns: 3000 },
  );
});

test.run();
