import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { erasureFactor, erasureInverse, MAX_ERASURE_PLACES, MAX_ERASURE_ROWS } from "./cauchy-code.ts";
import { galoisAddScaled, galoisInverse, galoisProduct } from "./galois-field.ts";

const element = fc.nat(255);

test("products are those of polynomials modulo x^8 + x^4 + x^3 + x^2 + 1", () => {
  const product = (a: number, b: number): number => {
    let sum = 0;
    for (let bit = 7; bit >= 0; bit--) {
      sum = (sum << 1) ^ ((b >>> bit) & 1 ? a : 0);
      if (sum > 255) sum ^= 0x11d;
    }
    return sum;
  };
  for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) assert.is(galoisProduct(a, b), product(a, b));
});

test("every element but 0 has an inverse", () => {
  for (let a = 1; a < 256; a++) assert.is(galoisProduct(a, galoisInverse(a)), 1);
});

test("golden factors", () => {
  const factors = [0, 1, 15].map((row) => [0, 1, 31, 63].map((place) => erasureFactor(row, place)));
  assert.equal(factors, GOLDEN_FACTORS);
});

/** The inverse of row ^ (16 + place), found by trying all, in another language. */
const GOLDEN_FACTORS = [
  [216, 114, 110, 147],
  [114, 216, 51, 69],
  [42, 75, 108, 54],
];

test("any rows bring back as many symbols as they are, wherever these stood", () => {
  const block = fc
    .record({
      symbols: fc.array(fc.uint8Array({ minLength: 12, maxLength: 12 }), { minLength: 1, maxLength: 32 }),
      lost: fc.integer({ min: 1, max: MAX_ERASURE_ROWS }),
      seed: fc.array(fc.nat(1_000_000), { minLength: 100, maxLength: 100 }),
    })
    .map(({ symbols, lost, seed }) => {
      // Places, rows and what is lost, drawn without repetition.
      const order = (count: number, from: number): number[] =>
        [...Array(count).keys()].sort((a, b) => (seed[from + (a % 50)] ?? 0) - (seed[from + (b % 50)] ?? 0) || a - b);
      const places = order(MAX_ERASURE_PLACES, 0).slice(0, symbols.length);
      const missing = Math.min(lost, symbols.length);
      return { symbols, places, missing, rows: order(MAX_ERASURE_ROWS, 50).slice(0, missing) };
    });
  fc.assert(
    fc.property(block, ({ symbols, places, missing, rows }) => {
      const rests = rows.map((row) => {
        const rest = new Uint8Array(12);
        const add = (i: number) =>
          galoisAddScaled(erasureFactor(row, places[i] as number), symbols[i] as Uint8Array, 0, 12, rest, 0);
        for (let i = 0; i < symbols.length; i++) add(i);
        // The last ones have come: taken out again.
        for (let i = missing; i < symbols.length; i++) add(i);
        return rest;
      });
      for (let i = 0; i < missing; i++) {
        const found = new Uint8Array(12);
        for (let j = 0; j < missing; j++)
          galoisAddScaled(
            erasureInverse(Uint8Array.from(rows), Uint8Array.from(places), missing, i, j),
            rests[j] as Uint8Array,
            0,
            12,
            found,
            0,
          );
        assert.equal(found, symbols[i]);
      }
    }),
  );
});

test("scaling adds to what is there, in its place", () => {
  fc.assert(
    fc.property(element, fc.uint8Array({ minLength: 4, maxLength: 4 }), (factor, octets) => {
      const out = Uint8Array.of(9, 9, 9, 9, 9, 9);
      galoisAddScaled(factor, octets, 1, 3, out, 2);
      const scaled = (i: number) => 9 ^ galoisProduct(factor, octets[i] as number);
      assert.equal([...out], [9, 9, scaled(1), scaled(2), 9, 9]);
    }),
  );
});

test.run();
