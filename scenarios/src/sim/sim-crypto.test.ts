import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SimCrypto } from "./sim-crypto.ts";

const nonce = Uint8Array.from({ length: 12 }, (_, i) => i);

test("what was sealed opens; a changed octet, nonce, key or mission does not", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat(),
      fc.constantFrom(6, 8),
      (text, place, tagLength) => {
        const crypto = new SimCrypto(1);
        const key = crypto.senderKey(42, 0);
        const octets = new Uint8Array(text.length + tagLength);
        octets.set(text);
        crypto.seal(key, nonce, octets, 0, text.length, tagLength);
        assert.ok(crypto.open(key, nonce, octets, 0, text.length, tagLength));
        assert.not.ok(crypto.open(crypto.senderKey(43, 0), nonce, octets, 0, text.length, tagLength));
        assert.not.ok(crypto.open(crypto.senderKey(42, 1), nonce, octets, 0, text.length, tagLength));
        assert.not.ok(crypto.open(key, nonce.toReversed(), octets, 0, text.length, tagLength));
        const other = new SimCrypto(2);
        assert.not.ok(other.open(other.senderKey(42, 0), nonce, octets, 0, text.length, tagLength));
        const at = place % octets.length;
        octets[at] = (octets[at] as number) ^ (1 << (place % 8));
        assert.not.ok(crypto.open(key, nonce, octets, 0, text.length, tagLength));
      },
    ),
  );
});

test("a sender keeps its handle", () => {
  const crypto = new SimCrypto(1);
  assert.is(crypto.senderKey(42, 0), crypto.senderKey(42, 0));
  assert.is.not(crypto.senderKey(42, 0), crypto.senderKey(42, 1));
});

test.run();
