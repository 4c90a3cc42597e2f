/**
 * The field with 256 elements, GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1 (RFC 5510 8.1): sums are exclusive ors, products
 * are looked up.
 */
const POLYNOMIAL = 0x11d;
const ORDER = 255;

/** Powers of the generator x, twice over so that a sum of two logarithms needs no remainder. */
const POWER = new Uint8Array(2 * ORDER);
const LOGARITHM = new Uint8Array(256);
/** Product of a and b at 256 a + b. */
const PRODUCT = new Uint8Array(256 * 256);

for (let exponent = 0, power = 1; exponent < ORDER; exponent++) {
  POWER[exponent] = power;
  POWER[exponent + ORDER] = power;
  LOGARITHM[power] = exponent;
  power <<= 1;
  if (power > ORDER) power ^= POLYNOMIAL;
}
for (let a = 1; a < 256; a++)
  for (let b = 1; b < 256; b++)
    PRODUCT[256 * a + b] = POWER[(LOGARITHM[a] as number) + (LOGARITHM[b] as number)] as number;

export function galoisProduct(a: number, b: number): number {
  return PRODUCT[256 * a + b] as number;
}

/** Of an element that is not 0. */
export function galoisInverse(a: number): number {
  return POWER[ORDER - (LOGARITHM[a] as number)] as number;
}

/** Adds `factor` times octets[from, end) to what stands at out[at]. */
export function galoisAddScaled(
  factor: number,
  octets: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  at: number,
): void {
  const row = 256 * factor;
  for (let i = from, o = at; i < end; i++, o++)
    out[o] = (out[o] as number) ^ (PRODUCT[row + (octets[i] as number)] as number);
}
