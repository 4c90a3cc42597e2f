import { createCipheriv, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import fc from "fast-check";
import sodium from "libsodium-wrappers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SessionEnd } from "../core/api.ts";
import { SessionCipher } from "./session-cipher.ts";
import { createSodiumIdentity, SodiumIdentity } from "./sodium-identity.ts";
import { SodiumSession } from "./sodium-session.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
// RFC 7748 6.1: key pairs and shared secret of Alice and Bob.
const ALICE = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
const ALICE_PUBLIC = bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
const BOB = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
const BOB_PUBLIC = bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
const TAG = 6;

const alice = await createSodiumIdentity(ALICE);
/** By libsodium alone, so that each test holds the two ciphers against each other where this machine has both. */
const bob = new SodiumIdentity(new SessionCipher(new SodiumSession()), BOB);

function end(identity: SodiumIdentity, nodeId: number, bootEpoch: number): SessionEnd {
  return { nodeId, bootEpoch, publicKey: identity.publicKey };
}

function pair(epochA = 1, epochB = 1): [number, number] {
  const a = end(alice, 1, epochA);
  const b = end(bob, 2, epochB);
  return [alice.agree(-1, a, b), bob.agree(-1, b, a)];
}

function jwk(privateKey: Uint8Array, publicKey: Uint8Array): KeyObject {
  const text = (octets: Uint8Array): string => Buffer.from(octets).toString("base64url");
  return createPrivateKey({
    key: { kty: "OKP", crv: "X25519", d: text(privateKey), x: text(publicKey) },
    format: "jwk",
  });
}

/** The keys of one direction as the documents say, by node:crypto as far as it goes. */
function referenceKeys(source: SessionEnd, destination: SessionEnd): Uint8Array {
  const privateKey = jwk(ALICE, ALICE_PUBLIC);
  const publicKey = createPublicKey(jwk(BOB, BOB_PUBLIC));
  const shared = diffieHellman({ privateKey, publicKey });
  const part = ({ nodeId, bootEpoch, publicKey: key }: SessionEnd): Buffer => {
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32BE(nodeId);
    numbers.writeUInt32BE(bootEpoch, 4);
    return Buffer.concat([key, numbers]);
  };
  const message = Buffer.concat([Buffer.from("skein end to end 1"), part(source), part(destination)]);
  return sodium.crypto_generichash(64, message, shared);
}

test("RFC 7748 6.1: public keys follow from private ones", () => {
  assert.equal(alice.publicKey, ALICE_PUBLIC);
  assert.equal(bob.publicKey, BOB_PUBLIC);
});

for (const [name, identity] of [
  ["", alice],
  [", in WebAssembly", new SodiumIdentity(new SessionCipher(new SodiumSession()), ALICE)],
] as const)
  test(`agrees with node:crypto's X25519 and ChaCha20, for any lengths${name}`, () => {
    const out = identity.agree(-1, end(identity, 1, 3), end(bob, 2, 4));
    const keys = referenceKeys(end(alice, 1, 3), end(bob, 2, 4));
    const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
    fc.assert(
      fc.property(octets(12, 50), octets(0, 300), fc.nat(20), (associated, text, from) => {
        const frame = new Uint8Array(from + text.length + 2 + TAG);
        frame.set(text, from);
        const to = from + text.length;
        identity.seal(out, associated, frame, from, to, to + 2, TAG);
        const tag = sodium.crypto_generichash(16, Buffer.concat([associated, text]), keys.slice(0, 32)).slice(0, TAG);
        const block = Buffer.from([1, 0, 0, 0]);
        const iv = Buffer.concat([block, tag, associated.slice(-6)]);
        const expected = createCipheriv("chacha20", keys.slice(32), iv).update(text);
        assert.equal(frame.slice(from, to), Uint8Array.from(expected));
        assert.equal(frame.slice(to + 2), Uint8Array.from(tag));
      }),
      { numRuns: 200 },
    );
  });

test("what was sealed opens at the other end, and a change of any bit does not, and leaves it as it was", () => {
  const [out, incoming] = pair();
  const associated = new Uint8Array(12).map((_, i) => i);
  const frame = new Uint8Array(60).map((_, i) => 7 * i);
  const text = frame.slice(10, 40);
  alice.seal(out, associated, frame, 10, 40, 42, TAG);
  assert.not.equal(frame.slice(10, 40), text);
  for (let at = 10; at < 48; at++) {
    if (at === 40 || at === 41) continue;
    for (let bit = 0; bit < 8; bit++) {
      const forged = frame.slice();
      forged[at] = (forged[at] as number) ^ (1 << bit);
      const before = forged.slice();
      assert.not(bob.open(incoming, associated, forged, 10, 40, 42, TAG), `octet ${at} bit ${bit}`);
      assert.equal(forged, before);
    }
  }
  for (let at = 0; at < 12; at++) {
    const other = associated.slice();
    other[at] = (other[at] as number) ^ 1;
    assert.not(bob.open(incoming, other, frame.slice(), 10, 40, 42, TAG), `associated ${at}`);
  }
  assert.ok(bob.open(incoming, associated, frame, 10, 40, 42, TAG));
  assert.equal(frame.slice(10, 40), text);
});

test("a session is for its two ends, their boots and one direction", async () => {
  const associated = new Uint8Array(12);
  const carol = await createSodiumIdentity(new Uint8Array(32).fill(9));
  const [out] = pair(1, 1);
  const frame = new Uint8Array(40);
  alice.seal(out, associated, frame, 0, 30, 32, TAG);
  const opens = (session: number, who: SodiumIdentity): boolean =>
    who.open(session, associated, frame.slice(), 0, 30, 32, TAG);
  const a = end(alice, 1, 1);
  const b = end(bob, 2, 1);
  assert.ok(opens(bob.agree(-1, b, a), bob));
  assert.not(opens(bob.agree(-1, b, { ...a, bootEpoch: 2 }), bob), "another boot of the source");
  assert.not(opens(bob.agree(-1, { ...b, bootEpoch: 2 }, a), bob), "another boot of the destination");
  assert.not(opens(bob.agree(-1, b, { ...a, nodeId: 3 }), bob), "another node id");
  assert.not(opens(carol.agree(-1, { ...b, publicKey: carol.publicKey }, a), carol), "another key");
  assert.not(opens(out, alice), "back to its sender");
  assert.ok(alice.open(out, associated, frame.slice(), 0, 30, 32, TAG, true), "who sealed it may open it again");
  assert.not(bob.open(bob.agree(-1, b, a), associated, frame.slice(), 0, 30, 32, TAG, true), "and nobody else so");
});

test("one counter twice shows no more than that two texts differ", () => {
  const [out] = pair();
  const associated = new Uint8Array(12);
  const seal = (fill: number): Uint8Array => {
    const frame = new Uint8Array(40).fill(fill, 0, 30);
    alice.seal(out, associated, frame, 0, 30, 32, TAG);
    return frame;
  };
  const one = seal(1);
  const two = seal(2);
  assert.equal(seal(1), one);
  const difference = one.slice(0, 30).map((octet, i) => octet ^ (two[i] as number));
  assert.not.equal(difference, new Uint8Array(30).fill(3), "their key streams differ");
});

test("a public key of small order is no key, and takes nothing away", () => {
  const [out, incoming] = pair();
  const peer = { nodeId: 2, bootEpoch: 1, publicKey: new Uint8Array(32) };
  assert.is(alice.agree(out, end(alice, 1, 1), peer), -1);
  const frame = new Uint8Array(40);
  const associated = new Uint8Array(12);
  alice.seal(out, associated, frame, 0, 30, 32, TAG);
  assert.ok(bob.open(incoming, associated, frame, 0, 30, 32, TAG));
});

test("a handle that is used again has the new keys", () => {
  const [, incoming] = pair(1, 1);
  const out = alice.agree(-1, end(alice, 1, 5), end(bob, 2, 1));
  assert.is(alice.agree(out, end(alice, 1, 1), end(bob, 2, 1)), out);
  const frame = new Uint8Array(40);
  const associated = new Uint8Array(12);
  alice.seal(out, associated, frame, 0, 30, 32, TAG);
  assert.ok(bob.open(incoming, associated, frame, 0, 30, 32, TAG));
});

test.run();
