import { readFileSync } from "node:fs";
import { Encoder } from "cbor-x";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import type { ControlValue } from "./control.ts";
import { decodeControl, encodeControl, MAX_CONTROL_DEPTH, MAX_CONTROL_OCTETS } from "./control.ts";

const vectors = parseGoldenVectors(readFileSync(new URL("../../vectors/control.json", import.meta.url), "utf8"), false);
const decodeHex = (hex: string) => decodeControl(fromHex(hex), 0, hex.length / 2);

test("golden vectors hold both ways", () => {
  assert.ok(vectors.length >= 4);
  for (const vector of vectors) {
    assert.equal(decodeHex(vector.hex), vector.value, vector.name);
    const out = new Uint8Array(256);
    const length = encodeControl(vector.value as ControlValue[], out, 0);
    assert.is(toHex(out, length), vector.hex, vector.name);
  }
});

const { value: values } = fc.letrec<{ value: ControlValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.integer({ min: -(2 ** 32), max: 2 ** 32 - 1 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
    fc.bigInt({ min: 2n ** 32n, max: 2n ** 64n - 1n }),
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 5 }),
    fc
      .dictionary(
        // uvu's deep comparison takes a key `constructor` for the class of the object; it has a test of its own.
        fc.string().filter((key) => key !== "__proto__" && key !== "constructor"),
        tie("value"),
        { maxKeys: 5 },
      )
      .map((value) => ({ ...value })),
  ) as fc.Arbitrary<ControlValue>,
}));

test("control values come back as they went", () => {
  const out = new Uint8Array(MAX_CONTROL_OCTETS);
  fc.assert(
    fc.property(fc.array(values, { maxLength: 4 }), (items) => {
      const length = encodeControl(items, out, 0);
      assert.equal(decodeControl(out, 0, length), items);
      for (const cut of [0, 1, length >> 1, length - 1]) {
        if (cut < length) assert.is(decodeControl(out, 0, cut), undefined);
      }
    }),
    { numRuns: 300 },
  );
});

test("keys that JavaScript has a use for are only keys", () => {
  const items = [{ constructor: { a: 1 }, toJSON: 2, hasOwnProperty: null, length: 3 }];
  const out = new Uint8Array(256);
  const length = encodeControl(items as unknown as ControlValue[], out, 0);
  assert.is(JSON.stringify(decodeControl(out, 0, length)), JSON.stringify(items));
});

test("never throws on any octets, and what it admits has one encoding only", () => {
  const out = new Uint8Array(MAX_CONTROL_OCTETS);
  const octets = fc.uint8Array({ maxLength: 40 }).map((rest) => new Uint8Array([0x80 | (rest.length % 8), ...rest]));
  fc.assert(
    fc.property(octets, (received) => {
      const items = decodeControl(received, 0, received.length);
      if (items === undefined) return;
      const length = encodeControl(items, out, 0);
      assert.equal(decodeControl(out, 0, length), items);
    }),
    { numRuns: 5000 },
  );
});

test("refuses what cbor-x would act on or what has a second spelling", () => {
  const refused: Record<string, string> = {
    "tag 0, date": "81c06a323031332d30332d3231",
    "tag 1, epoch date": "81c11a514b67b0",
    "tag 2, bignum": "81c249010000000000000000",
    "tag 27, Error": "81d81b82654572726f726161",
    "tag 28, shared": "81d81c80",
    "tag 29, reference": "81d81d00",
    "tag 105, record definition": "81d9dffe83194000816161f6",
    "tag 258, set": "81d90102820102",
    "indefinite array": "819fff",
    "indefinite array outside": "9f01ff",
    "indefinite text": "817f6161ff",
    undefined: "81f7",
    "simple value": "81f818",
    "half float": "81f93c00",
    "single float": "81fa3fc00000",
    NaN: "81fb7ff8000000000000",
    infinity: "81fb7ff0000000000000",
    "integer as a float": "81fb3ff0000000000000",
    "integer in two octets that fits one": "811817",
    "integer in eight octets that fits four": "811b00000000ffffffff",
    "length not shortest": "8158030102030405",
    "key twice": "81a2616101616102",
    "key that is no text": "81a10102",
    "key __proto__": "81a1695f5f70726f746f5f5f01",
    "text not UTF-8": "8161ff",
    "no array": "a0",
    "two items": "8080",
    "length beyond the end": "815affffffff00",
    "array longer than the message": "9affffffff",
    "reserved argument": "811c",
  };
  for (const [name, hex] of Object.entries(refused)) assert.is(decodeHex(hex), undefined, name);
});

test("records, shared references and extended types that cbor-x itself makes do not pass", () => {
  const twice = { a: 1 };
  const messages = [
    new Encoder({ useRecords: true }).encode([{ a: 1, b: 2 }]),
    new Encoder({ structuredClone: true }).encode([twice, twice, new Error("x")]),
    new Encoder({ useRecords: false }).encode([new Set([1]), new Date(0), /x/]),
  ];
  for (const message of messages) {
    const octets = new Uint8Array(message);
    assert.is(decodeControl(octets, 0, octets.length), undefined);
  }
});

test("depth and size have limits on both sides", () => {
  const nested = (depth: number): ControlValue[] => (depth === 1 ? [] : [nested(depth - 1)]);
  const out = new Uint8Array(MAX_CONTROL_OCTETS + 16);
  const length = encodeControl(nested(MAX_CONTROL_DEPTH), out, 0);
  assert.ok(decodeControl(out, 0, length));
  assert.throws(() => encodeControl(nested(MAX_CONTROL_DEPTH + 1), out, 0), /deep/);
  assert.is(decodeHex(`${"81".repeat(MAX_CONTROL_DEPTH)}80`), undefined);
  assert.throws(() => encodeControl([new Uint8Array(MAX_CONTROL_OCTETS)], out, 0), /8192/);
  assert.throws(() => encodeControl([undefined as unknown as null], out, 0), /control/);
  assert.throws(() => encodeControl([new Map() as unknown as null], out, 0), /plain/);
});

test.run();
