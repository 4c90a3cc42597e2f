import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import {
  type BitrateRequest,
  decodeBitrateRequest,
  encodeBitrateRequest,
  encodeKeyFrameRequest,
  isKeyFrameRequest,
} from "./rtcp.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/rtcp-bitrate-request.json", import.meta.url), "utf8"),
  false,
);

test("golden vectors hold both ways", () => {
  assert.is(toHex(encodeKeyFrameRequest()), "81ce00020000000000000000");
  assert.ok(vectors.length >= 2);
  for (const { hex, name, value } of vectors) {
    assert.is(toHex(encodeBitrateRequest(value as BitrateRequest)), hex, name);
    assert.equal(decodeBitrateRequest(fromHex(hex)), value, name);
  }
});

test("any rate comes back as it is or a little less, never more", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (bps, ssrc) => {
      const back = decodeBitrateRequest(encodeBitrateRequest({ bitrateBps: bps, ssrc })) as BitrateRequest;
      assert.is(back.ssrc, ssrc);
      assert.ok(back.bitrateBps <= bps && back.bitrateBps >= bps * (1 - 2 ** -17), `${bps} -> ${back.bitrateBps}`);
    }),
  );
});

test("each is told from the other, from RTP, and from what was cut or changed", () => {
  const rate = encodeBitrateRequest({ bitrateBps: 1e6, ssrc: 1 });
  const key = encodeKeyFrameRequest();
  assert.ok(isKeyFrameRequest(key) && !isKeyFrameRequest(rate));
  assert.is(decodeBitrateRequest(key), undefined);
  assert.is(decodeBitrateRequest(rate.subarray(0, 20)), undefined);
  assert.not.ok(isKeyFrameRequest(key.subarray(1)));
  for (const at of [0, 1, 3, 12, 15, 16]) {
    const other = rate.slice();
    other[at] = (other[at] as number) ^ 1;
    assert.is(decodeBitrateRequest(other), undefined, `octet ${at}`);
  }
  // More than 32 bits hold: an exponent of 63.
  const huge = rate.slice();
  huge[17] = 0xff;
  assert.is(decodeBitrateRequest(huge), undefined);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), (octets) => void decodeBitrateRequest(octets)));
});

test.run();
