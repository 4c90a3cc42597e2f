import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { TextMessage, TextReceipt } from "./text-message.ts";
import { decodeTextPayload, encodeReceipt, encodeText, MAX_TEXT_BODY_OCTETS } from "./text-message.ts";
import { encodeUtf8 } from "./utf8.ts";

const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/text-message.json", import.meta.url), "utf8"),
  false,
);
const encode = (value: TextMessage | TextReceipt, out: Uint8Array): number =>
  value.service === "text" ? encodeText(value, out, 0) : encodeReceipt(value, out, 0);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 5);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    assert.equal(decodeTextPayload(octets, 0, octets.length), vector.value, vector.name);
    const out = new Uint8Array(64);
    const length = encode(vector.value as TextMessage | TextReceipt, out);
    assert.is(toHex(out, length), vector.hex, vector.name);
  }
});

test("texts come back as they went, and no part of one is a text with its whole body", () => {
  const ids = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(ids, fc.string({ unit: "binary", maxLength: 250 }), (messageId, body) => {
      const text: TextMessage = { service: "text", messageId, body: encodeUtf8(body) };
      const out = new Uint8Array(1100);
      const length = encodeText(text, out, 0);
      assert.equal(decodeTextPayload(out, 0, length), text);
      assert.is(decodeTextPayload(out, 0, 4), undefined);
    }),
  );
});

test("any octets decode to what encodes to them again, or to nothing", () => {
  const out = new Uint8Array(64);
  const octets = fc.tuple(fc.nat(4), fc.uint8Array({ maxLength: 30 })).map(([service, rest]) => {
    return new Uint8Array([service, ...rest]);
  });
  fc.assert(
    fc.property(octets, (received) => {
      const value = decodeTextPayload(received, 0, received.length);
      if (value !== undefined) assert.is(toHex(out, encode(value, out)), toHex(received));
    }),
    { numRuns: 2000 },
  );
});

test("a body over 1024 octets or not UTF-8 is refused by both sides", () => {
  const octets = new Uint8Array(5 + MAX_TEXT_BODY_OCTETS + 1);
  octets[0] = 1;
  assert.ok(decodeTextPayload(octets, 0, octets.length - 1));
  assert.is(decodeTextPayload(octets, 0, octets.length), undefined);
  octets[5] = 0xff;
  assert.is(decodeTextPayload(octets, 0, 6), undefined);
  const out = new Uint8Array(2000);
  assert.throws(() => encodeText({ messageId: 1, body: new Uint8Array(1025) }, out, 0), /1024/);
  assert.throws(() => encodeText({ messageId: 1, body: new Uint8Array([0xff]) }, out, 0), /UTF-8/);
  assert.throws(() => encodeText({ messageId: 2 ** 32, body: new Uint8Array(0) }, out, 0), /32 bits/);
});

test.run();
