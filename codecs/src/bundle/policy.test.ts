import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { ControlValue } from "./control.ts";
import { encodeControl } from "./control.ts";
import type { PolicyDocument } from "./policy.ts";
import { decodePolicy, encodePolicy } from "./policy.ts";

const vectors = parseGoldenVectors(readFileSync(new URL("../../vectors/policy.json", import.meta.url), "utf8"), false);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 2);
  for (const vector of vectors) {
    const octets = fromHex(vector.hex);
    assert.equal(decodePolicy(octets, 0, octets.length), vector.value, vector.name);
    const out = new Uint8Array(256);
    const length = encodePolicy(vector.value as PolicyDocument, out, 0);
    assert.is(toHex(out, length), vector.hex, vector.name);
  }
});

/** The same policy with the fields of each entry in one order. */
function sorted(policy: PolicyDocument): unknown[] {
  const bearers = Object.entries(policy.bearers).map(([name, bearer]) => [
    name,
    bearer.costCentsPerMegabyte,
    bearer.preference,
  ]);
  return [policy.version, bearers, Object.entries(policy.classes)];
}

test("policies come back as they went", () => {
  const names = fc.string({ minLength: 1, maxLength: 30 }).filter((name) => name !== "__proto__");
  const bearer = fc.record(
    { costCentsPerMegabyte: fc.nat(1_000_000), preference: fc.integer({ min: -1000, max: 1000 }) },
    { requiredKeys: [] },
  );
  const trafficClass = fc.record({ copies: fc.integer({ min: 1, max: 8 }) }, { requiredKeys: [] });
  const policies = fc.record({
    version: fc.nat(0xffffffff),
    bearers: fc.dictionary(names, bearer, { maxKeys: 20, noNullPrototype: true }),
    classes: fc.dictionary(names, trafficClass, { maxKeys: 10, noNullPrototype: true }),
  });
  // As text, since uvu's deep comparison takes a key `constructor` for the class of the object.
  const plain = (value: unknown): string => JSON.stringify(value);
  const odd = { version: 1, bearers: { constructor: { preference: 1 }, toString: {} }, classes: {} };
  fc.assert(
    fc.property(policies, (policy) => {
      const out = new Uint8Array(8192);
      const length = encodePolicy(policy as PolicyDocument, out, 0);
      const back = decodePolicy(out, 0, length) as PolicyDocument;
      assert.is(plain(sorted(back)), plain(sorted(policy as PolicyDocument)));
      assert.is(decodePolicy(out, 0, length - 1), undefined);
    }),
    { numRuns: 200, examples: [[odd]] },
  );
});

test("anything that is not exactly a policy is refused", () => {
  const refused: [string, ControlValue[]][] = [
    ["other format", [2, 1, [], []]],
    ["a field more", [1, 1, [], [], []]],
    ["a field less", [1, 1, []]],
    ["negative version", [1, -1, [], []]],
    ["version in halves", [1, 1.5, [], []]],
    ["maps instead of arrays", [1, 1, {}, {}]],
    ["bearer without name", [1, 1, [["", 1, 1]], []]],
    [
      "bearer twice",
      [
        1,
        1,
        [
          ["a", 1, 1],
          ["a", 2, 2],
        ],
        [],
      ],
    ],
    ["negative cost", [1, 1, [["a", -1, 1]], []]],
    ["cost as text", [1, 1, [["a", "1", 1]], []]],
    ["cost too large for a number", [1, 1, [["a", 2n ** 60n, 1]], []]],
    ["bearer of two fields", [1, 1, [["a", 1]], []]],
    ["no copies", [1, 1, [], [["voice", 0]]]],
    ["half a copy", [1, 1, [], [["voice", 1.5]]]],
    ["a name too long", [1, 1, [], [["v".repeat(65), 1]]]],
    ["too many classes", [1, 1, [], Array.from({ length: 17 }, (_, index) => [`c${index}`, 1])]],
  ];
  const out = new Uint8Array(8192);
  for (const [name, items] of refused) {
    const length = encodeControl(items, out, 0);
    assert.is(decodePolicy(out, 0, length), undefined, name);
  }
  assert.throws(() => encodePolicy({ version: -1, bearers: {}, classes: {} }, out, 0), /limits/);
});

test("never throws on any octets", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (rest) => {
      const octets = new Uint8Array([0x84, 0x01, ...rest]);
      decodePolicy(octets, 0, octets.length);
    }),
    { numRuns: 3000 },
  );
});

test.run();
