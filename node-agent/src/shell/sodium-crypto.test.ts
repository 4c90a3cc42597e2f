import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import sodium from "libsodium-wrappers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createSodiumCrypto, SUBKEYS_MAX } from "./sodium-crypto.ts";

const missionKey = new Uint8Array(32).map((_, i) => 255 - i);
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

for (const native of [true, false]) {
  const crypto = await createSodiumCrypto(missionKey, native);
  const by = native ? "OpenSSL" : "libsodium";

  test(`${by}: RFC 8439 2.8.2: the published AEAD example, sealed and opened`, () => {
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const key = crypto.addKey(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i));
    const nonce = bytes("07000000 4041424344454647");
    const associated = bytes("50515253 c0c1c2c3c4c5c6c7");
    const plain = new TextEncoder().encode(text);
    const end = associated.length + plain.length;
    const frame = new Uint8Array(end + 16);
    frame.set(associated);
    frame.set(plain, associated.length);
    crypto.seal(key, nonce, frame, associated.length, end, 16);
    assert.is(Buffer.from(frame.subarray(end)).toString("hex"), "1ae10b594f09e26a7e902ecbd0600691");
    assert.is(Buffer.from(frame.subarray(12, 28)).toString("hex"), "d31a8d34648e60db7b86afbc53ef7ec2");
    assert.ok(crypto.open(key, nonce, frame, associated.length, end, 16));
    assert.is(new TextDecoder().decode(frame.subarray(associated.length, end)), text);
  });

  test(`${by}: agrees with node:crypto for any lengths, keys and nonces, tag truncated`, () => {
    const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
    fc.assert(
      fc.property(
        octets(12, 12),
        octets(0, 40),
        octets(0, 300),
        fc.constantFrom(6, 8, 16),
        (nonce, ad, plain, tagLength) => {
          const subkey = sodium.crypto_generichash(
            32,
            Buffer.concat([Buffer.from("skein hop 1"), bytes("00 00000007")]),
            missionKey,
          );
          const cipher = createCipheriv("chacha20-poly1305", subkey, nonce, { authTagLength: 16 });
          cipher.setAAD(ad, { plaintextLength: plain.length });
          const expected = Buffer.concat([cipher.update(plain), cipher.final()]);
          const end = ad.length + plain.length;
          const frame = new Uint8Array(end + tagLength);
          frame.set(ad);
          frame.set(plain, ad.length);
          const key = crypto.senderKey(7, 0);
          crypto.seal(key, nonce, frame, ad.length, end, tagLength);
          assert.equal(frame.slice(ad.length, end), Uint8Array.from(expected));
          assert.equal(frame.slice(end), Uint8Array.from(cipher.getAuthTag().subarray(0, tagLength)));
          assert.ok(crypto.open(key, nonce, frame, ad.length, end, tagLength));
          assert.equal(frame.slice(ad.length, end), plain);
        },
      ),
      { numRuns: 200 },
    );
  });

  test(`${by}: a change in any bit of header, ciphertext, tag or nonce is refused, and the frame stays as it was`, () => {
    const nonce = bytes("000000010000000000000001");
    const key = crypto.senderKey(0xdeadbeef, 1);
    const frame = new Uint8Array(1500);
    for (let i = 0; i < 58; i++) frame[i] = i * 5;
    crypto.seal(key, nonce, frame, 12, 50, 8);
    for (let at = 0; at < 58; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const forged = frame.slice();
        forged[at] = (forged[at] as number) ^ (1 << bit);
        const before = forged.slice();
        assert.not.ok(crypto.open(key, nonce, forged, 12, 50, 8), `octet ${at} bit ${bit}`);
        assert.equal(forged, before);
      }
    }
    for (let at = 0; at < 12; at++) {
      const other = nonce.slice();
      other[at] = (other[at] as number) ^ 1;
      assert.not.ok(crypto.open(key, other, frame, 12, 50, 8));
    }
    assert.not.ok(crypto.open(crypto.senderKey(0xdeadbeef, 2), nonce, frame, 12, 50, 8), "another key phase");
    assert.not.ok(crypto.open(crypto.senderKey(0xdeadbeee, 1), nonce, frame, 12, 50, 8), "another sender");
    assert.not.ok(crypto.open(key, nonce, frame, 12, 1499, 8), "tag beyond the buffer");
    assert.ok(crypto.open(key, nonce, frame, 12, 50, 8));
  });

  test(`${by}: another mission key opens nothing`, async () => {
    const other = await createSodiumCrypto(new Uint8Array(32).fill(1), native);
    const frame = new Uint8Array(64);
    const nonce = new Uint8Array(12);
    crypto.seal(crypto.senderKey(5, 0), nonce, frame, 8, 40, 8);
    assert.not.ok(other.open(other.senderKey(5, 0), nonce, frame, 8, 40, 8));
  });

  test(`${by}: a frame longer than the library's area is refused, a buffer longer than it is taken`, () => {
    const long = new Uint8Array(4096);
    const nonce = new Uint8Array(12);
    const key = crypto.senderKey(9, 0);
    assert.not.ok(crypto.open(key, nonce, long, 0, 3000, 8));
    crypto.seal(key, nonce, long, 4, 200, 8);
    assert.ok(crypto.open(key, nonce, long, 4, 200, 8));
  });

  test(`${by}: claimed node ids without end take no memory and no member's subkey`, async () => {
    const fresh = await createSodiumCrypto(missionKey, native);
    const frame = new Uint8Array(64);
    const nonce = new Uint8Array(12);
    const member = fresh.senderKey(42, 0);
    fresh.seal(member, nonce, frame, 4, 40, 8);
    for (let id = 1000; id < 1000 + 2 * SUBKEYS_MAX; id++) fresh.senderKey(id, 0);
    assert.is(fresh.senderKey(42, 0), member);
    assert.ok(fresh.open(member, nonce, frame, 4, 40, 8));
  });
}

test("what one seals the other opens", async () => {
  const one = await createSodiumCrypto(missionKey, true);
  const other = await createSodiumCrypto(missionKey, false);
  const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
  fc.assert(
    fc.property(octets(12, 12), octets(0, 40), octets(0, 1400), fc.boolean(), (nonce, ad, plain, swap) => {
      const [from, to] = swap ? [other, one] : [one, other];
      const end = ad.length + plain.length;
      const frame = Uint8Array.from([...ad, ...plain, ...new Uint8Array(8)]);
      from.seal(from.senderKey(3, 1), nonce, frame, ad.length, end, 8);
      assert.ok(to.open(to.senderKey(3, 1), nonce, frame, ad.length, end, 8));
      assert.equal(frame.slice(0, end), Uint8Array.from([...ad, ...plain]));
    }),
    { numRuns: 200 },
  );
});

test.run();
