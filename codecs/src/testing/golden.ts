/**
 * Golden vectors: `codecs/vectors/<format>.json` holds [{name, spec, hex, value}]. In a value, null stands for NaN
 * (JSON has no NaN), and {"hex": "..."} for octets.
 */
export interface GoldenVector {
  readonly name: string;
  /** Document and clause that the octets follow. */
  readonly spec: string;
  readonly hex: string;
  readonly value: unknown;
}

/** Octets as lower-case hexadecimal. */
export function toHex(octets: Uint8Array, length: number = octets.length): string {
  let hex = "";
  for (let index = 0; index < length; index++) hex += (octets[index] as number).toString(16).padStart(2, "0");
  return hex;
}

/** Octets of a string of hexadecimal digits, two for each. */
export function fromHex(hex: string): Uint8Array {
  const octets = new Uint8Array(hex.length / 2);
  for (let index = 0; index < octets.length; index++) {
    octets[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  }
  return octets;
}

/** Reads a vector file; null becomes NaN where `nullIsNaN`. */
export function parseGoldenVectors(json: string, nullIsNaN: boolean): GoldenVector[] {
  return JSON.parse(json, (_key, value: unknown) => {
    if (value === null && nullIsNaN) return Number.NaN;
    if (typeof value !== "object" || value === null) return value;
    const keys = Object.keys(value);
    return keys.length === 1 && keys[0] === "hex" ? fromHex((value as { hex: string }).hex) : value;
  }) as GoldenVector[];
}
