/**
 * A systematic erasure code: symbols (strings of octets) travel as they are, and each row of parity is a sum of all of
 * them with factors of a Cauchy matrix. Every square part of such a matrix has an inverse, in closed form, so that any
 * rows, as many as there are symbols missing, bring these back (Blömer et al., "An XOR-Based Erasure-Resilient Coding
 * Scheme", ICSI TR-95-048, 1995, clauses 4 and 5).
 */
import { galoisInverse, galoisProduct } from "./galois-field.ts";

/** Rows of parity, and places of symbols: 0 to 15, and 0 to 63. */
export const MAX_ERASURE_ROWS = 16;
export const MAX_ERASURE_PLACES = 64;

/** Element of the place that a symbol has: those of rows are their numbers. */
function elementOf(place: number): number {
  return MAX_ERASURE_ROWS + place;
}

/** What the symbol at a place is multiplied with in a row of parity. */
export function erasureFactor(row: number, place: number): number {
  return galoisInverse(row ^ elementOf(place));
}

/**
 * What is missing at `places[0, count)` is the sum over j of the rests of `rows[j]` times this: the element (i, j) of
 * the inverse of the matrix of these rows and places. A rest is a row of parity without the symbols that have come.
 */
export function erasureInverse(rows: Uint8Array, places: Uint8Array, count: number, i: number, j: number): number {
  const row = rows[j] as number;
  const element = elementOf(places[i] as number);
  let above = 1;
  let below = row ^ element;
  for (let k = 0; k < count; k++) {
    const otherRow = rows[k] as number;
    const otherElement = elementOf(places[k] as number);
    above = galoisProduct(above, galoisProduct(row ^ otherElement, otherRow ^ element));
    if (k !== j) below = galoisProduct(below, row ^ otherRow);
    if (k !== i) below = galoisProduct(below, element ^ otherElement);
  }
  return galoisProduct(above, galoisInverse(below));
}
