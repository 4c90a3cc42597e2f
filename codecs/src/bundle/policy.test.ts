import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { ControlValue } from "./control.ts";
import { encodeControl } from "./control.ts";
import type { PolicyDocument } from "./policy.ts";
import { decodePolicy, encodePolicy } from "./policy.ts";
import {
  decodePolicyEnvelope,
  encodePolicyEnvelope,
  isSignedPolicy,
  MAX_POLICY_OCTETS,
  type PolicyEnvelope,
  signedPolicyPart,
} from "./policy-envelope.ts";
import { decodePolicyState, encodePolicyState, isLaterPolicy, type PolicyState, policyMark } from "./policy-state.ts";

const file = (name: string): string => readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8");

test("golden vectors hold both ways", () => {
  const vectors = parseGoldenVectors(file("policy"), false);
  assert.ok(vectors.length >= 3);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    const envelope = vector.value as PolicyEnvelope;
    const { version } = envelope.document;
    assert.equal(decodePolicyEnvelope(version, octets), envelope, vector.name);
    const out = new Uint8Array(2048);
    const length = encodePolicyEnvelope(envelope, out);
    // The signature is somebody else's work.
    const kept = envelope.signed ? length - 64 : length;
    assert.is(toHex(out, kept), vector.hex.slice(0, 2 * kept), vector.name);
    assert.is(length, octets.length, vector.name);
    assert.is(isSignedPolicy(octets), envelope.signed, vector.name);
  }
  for (const vector of parseGoldenVectors(file("policy-state"), false)) {
    const octets = fromHex(vector.hex);
    assert.equal(decodePolicyState(octets, 0, octets.length), vector.value, vector.name);
    const out = new Uint8Array(8);
    assert.is(toHex(out, encodePolicyState(vector.value as PolicyState, out, 0)), vector.hex, vector.name);
  }
});

/** The same policy with the fields of each entry in one order, lists of names in the order of the bearers. */
function sorted({ version, bearers, classes }: PolicyDocument): unknown[] {
  const names = Object.keys(bearers);
  const list = (wanted: string[] | undefined) => wanted && names.filter((name) => wanted.includes(name));
  return [
    version,
    Object.entries(bearers).map(([name, { costCentsPerMegabyte, preference, cap }]) => [
      name,
      costCentsPerMegabyte,
      preference,
      cap && [cap.megabytes, cap.per, cap.reservePercent, cap.counts],
    ]),
    ["voice", "command", "video", "bulk"].map((name) => {
      const rule = classes[name as "voice"];
      const { copies, only, never, maxKbps } = rule ?? {};
      return rule && [copies?.calm, copies?.risk, list(only), list(never), maxKbps];
    }),
  ];
}

const names = fc.string({ minLength: 1, maxLength: 30 }).filter((name) => name !== "__proto__");
const cap = fc.record({
  megabytes: fc.oneof(fc.nat(10_000_000), fc.double({ min: 0.001, max: 1000, noNaN: true })),
  per: fc.constantFrom("day", "month"),
  reservePercent: fc.nat(100),
  counts: fc.constantFrom("both", "sent"),
});
const bearer = fc.record(
  { costCentsPerMegabyte: fc.nat(100_000), preference: fc.integer({ min: -1000, max: 1000 }), cap },
  { requiredKeys: [] },
);
const policies = fc
  .record({
    version: fc.nat(0xffffffff),
    bearers: fc.dictionary(names, bearer, { minKeys: 1, maxKeys: 32, noNullPrototype: true }),
  })
  .chain(({ version, bearers }) => {
    const some = fc.subarray(Object.keys(bearers), { minLength: 1 });
    const common = {
      copies: fc.constantFrom({ calm: 1, risk: 2 }, { calm: 4, risk: 4 }),
      maxKbps: fc.integer({ min: 1, max: 9999 }),
    };
    const rule = fc.oneof(
      fc.record({ ...common, only: some }, { requiredKeys: [] }),
      fc.record({ ...common, never: some }, { requiredKeys: [] }),
    );
    const classes = fc.record({ voice: rule, command: rule, video: rule, bulk: rule }, { requiredKeys: [] });
    return classes.map((some) => ({ version, bearers, classes: some }) as PolicyDocument);
  });

test("policies come back as they went, and not without their last octet", () => {
  // As text, since uvu's deep comparison takes a key `constructor` for the class of the object.
  const plain = (value: unknown): string => JSON.stringify(value);
  const odd = { version: 1, bearers: { constructor: { preference: 1 }, toString: {} }, classes: {} };
  fc.assert(
    fc.property(policies, (policy) => {
      const out = new Uint8Array(8192);
      const length = encodePolicy(policy, out, 0);
      const back = decodePolicy(policy.version, out, 0, length) as PolicyDocument;
      assert.is(plain(sorted(back)), plain(sorted(policy)));
      assert.is(decodePolicy(policy.version, out, 0, length - 1), undefined);
    }),
    { numRuns: 200, examples: [[odd]] },
  );
});

test("what is signed is the version and every octet before the signature", () => {
  fc.assert(
    fc.property(policies, fc.nat(), (document, place) => {
      const out = new Uint8Array(8192);
      const length = encodePolicyEnvelope({ publisher: 0x101, publishedS: 5, document, signed: true }, out);
      const octets = out.slice(0, length);
      const part = signedPolicyPart(document.version, octets);
      assert.is.not(
        toHex(signedPolicyPart((document.version + 1) >>> 0, octets), part.length),
        toHex(part, part.length),
      );
      const at = place % (length - 64);
      octets[at] = (octets[at] as number) ^ 1;
      assert.is.not(toHex(signedPolicyPart(document.version, octets), part.length), toHex(part, part.length));
    }),
    { numRuns: 50 },
  );
});

test("anything that is not exactly a policy is refused", () => {
  const refused: [string, ControlValue[]][] = [
    ["other format", [1, [], []]],
    ["a field more", [2, [], [], []]],
    ["a field less", [2, []]],
    ["maps instead of arrays", [2, {}, {}]],
    ["bearer without name", [2, [["", 1]], []]],
    ["bearer twice", [2, [["a"], ["a"]], []]],
    ["an entry that ends in null", [2, [["a", null]], []]],
    ["an empty entry", [2, [[]], []]],
    ["negative cost", [2, [["a", -1]], []]],
    ["cost as text", [2, [["a", "1"]], []]],
    ["cost too large for a number", [2, [["a", 2n ** 60n]], []]],
    ["a name too long", [2, [["v".repeat(33)]], []]],
    ["too many bearers", [2, Array.from({ length: 33 }, (_, index) => [`b${index}`]), []]],
    ["a reserve of more than all", [2, [["a", null, null, [10, 0, 101]]], []]],
    ["a flag that nobody knows", [2, [["a", null, null, [10, 4]]], []]],
    ["a cap below nothing", [2, [["a", null, null, [-1, 0]]], []]],
    ["a class that nobody knows", [2, [], [[4]]]],
    ["a class twice", [2, [], [[0], [0]]]],
    ["no copies", [2, [], [[0, [0, 1]]]]],
    ["half a copy", [2, [], [[0, [1, 1.5]]]]],
    ["less copies at risk than ordinarily", [2, [], [[0, [2, 1]]]]],
    ["both lists", [2, [["a"], ["b"]], [[0, null, 1, 2]]]],
    ["an empty list", [2, [["a"]], [[0, null, 0]]]],
    ["a bearer that is not there", [2, [["a"]], [[0, null, 2]]]],
    ["no rate", [2, [], [[0, null, null, null, 0]]]],
  ];
  const out = new Uint8Array(8192);
  for (const [name, items] of refused) {
    const length = encodeControl(items, out, 0);
    assert.is(decodePolicy(1, out, 0, length), undefined, name);
  }
  assert.throws(() => encodePolicy({ version: -1, bearers: {}, classes: {} }, out, 0), /limits/);
  assert.throws(() => encodePolicy({ version: 1, bearers: {}, classes: { bulk: { never: ["a"] } } }, out, 0), /names/);
});

test("an envelope that is too long, of another scheme, from nobody, or cut is none", () => {
  const out = new Uint8Array(8192);
  const document = { version: 1, bearers: { lte: {} }, classes: {} };
  const length = encodePolicyEnvelope({ publisher: 1, publishedS: 0, document, signed: false }, out);
  const good = out.slice(0, length);
  assert.ok(decodePolicyEnvelope(1, good));
  assert.is(decodePolicyEnvelope(1, good.slice(0, 7)), undefined);
  assert.is(decodePolicyEnvelope(1, new Uint8Array(0)), undefined);
  const long = new Uint8Array(MAX_POLICY_OCTETS + 1);
  long.set(good);
  assert.is(decodePolicyEnvelope(1, long), undefined);
  assert.is(decodePolicyEnvelope(1, Uint8Array.of(2, ...good.slice(1))), undefined);
  assert.is(decodePolicyEnvelope(1, Uint8Array.of(0, 0, 0, ...good.slice(3))), undefined);
});

test("marks tell which of two versions is later, as long as they are less than 128 apart", () => {
  assert.is(policyMark(0), 0);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xffffffff - 127 }), fc.integer({ min: 0, max: 127 }), (version, more) => {
      const [old, mark] = [policyMark(version), policyMark(version + more)];
      assert.ok(old > 0 && old < 256);
      assert.is(isLaterPolicy(mark, old), more > 0);
      assert.not(isLaterPolicy(old, mark));
      assert.ok(isLaterPolicy(old, 0));
      assert.not(isLaterPolicy(0, old));
    }),
  );
});

test("never throws on any octets", () => {
  fc.assert(
    fc.property(fc.nat(1), fc.uint8Array({ maxLength: 120 }), (scheme, rest) => {
      decodePolicyEnvelope(1, Uint8Array.of(scheme, 1, 1, 0, 0, 0, 1, 0x83, 0x02, ...rest));
      decodePolicyState(rest, 0, rest.length);
    }),
    { numRuns: 3000 },
  );
});

test.run();
