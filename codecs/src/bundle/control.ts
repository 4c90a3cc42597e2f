/**
 * Control messages: CBOR (RFC 8949) in array form, by cbor-x behind a strict gate. A walk over the octets admits
 * only what the list below names; cbor-x sees nothing else, so that none of its extensions (records, shared
 * references, Error, Date, Set, regular expressions, bundled strings) can be reached from the wire.
 *
 *   initial octet: 7 6 5 | 4 3 2 1 0
 *                  major   0..23 value, 24..27 value in the next 1, 2, 4, 8 octets, shortest form only
 *
 *   major  0 unsigned   1 negative   number up to 2^32 in magnitude, bigint above
 *          2 octets     3 UTF-8      definite length
 *          4 array      5 map        definite length; keys are text, each once, never `__proto__`
 *          6 tag                     refused
 *          7 false, true, null, 64-bit float; a float is never an integer below 2^32 and never NaN or infinite
 */
import { Decoder, Encoder } from "cbor-x";
import { assert } from "../assert.ts";
import { decodeUtf8, isWellFormed, utf8Length } from "../text/utf8.ts";

export type ControlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly ControlValue[]
  | { readonly [key: string]: ControlValue };

/** Largest control message; it has to pass the mesh in few fragments. */
export const MAX_CONTROL_OCTETS = 8192;
/** Arrays and maps inside each other, the outermost counted. */
export const MAX_CONTROL_DEPTH = 8;
/** Values in one message, keys counted. */
export const MAX_CONTROL_ITEMS = 2048;

const OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  structuredClone: false,
  tagUint8Array: false,
  variableMapSize: true,
  bundleStrings: false,
  pack: false,
} as const;
const encoder = new Encoder(OPTIONS);
const decoder = new Decoder(OPTIONS);

/** What the gate has seen so far of one message. */
interface Walk {
  readonly octets: Uint8Array;
  readonly end: number;
  at: number;
  items: number;
  /** Argument of the last initial octet that was read. */
  argument: number;
}

/** Writes `items` as one CBOR array at `offset` and returns the octets written. */
export function encodeControl(items: readonly ControlValue[], out: Uint8Array, offset: number): number {
  assertControlValue(items, 1);
  const octets = encoder.encode(items) as Uint8Array;
  assert(octets.length <= MAX_CONTROL_OCTETS, "control message over 8192 octets");
  assert(offset >= 0 && offset + octets.length <= out.length, "control message does not fit");
  assert(isStrict(octets, 0, octets.length), "control message holds what receivers refuse");
  out.set(octets, offset);
  return octets.length;
}

/** Reads one CBOR array that fills `length` octets exactly; undefined for anything the gate does not admit. */
export function decodeControl(octets: Uint8Array, offset: number, length: number): ControlValue[] | undefined {
  if (!isStrict(octets, offset, length)) return undefined;
  try {
    // A copy, since cbor-x hangs its own view on the array that it is given and hands out parts of it.
    return decoder.decode(octets.slice(offset, offset + length)) as ControlValue[];
  } catch {
    return undefined;
  }
}

function isStrict(octets: Uint8Array, offset: number, length: number): boolean {
  if (offset < 0 || length < 1 || length > MAX_CONTROL_OCTETS || offset + length > octets.length) return false;
  if ((octets[offset] as number) >> 5 !== 4) return false;
  const walk: Walk = { octets, end: offset + length, at: offset, items: 0, argument: 0 };
  return admit(walk, 1) && walk.at === walk.end;
}

/** Steps over one value; false as soon as something is not admitted. */
function admit(walk: Walk, depth: number): boolean {
  if (walk.at >= walk.end || ++walk.items > MAX_CONTROL_ITEMS) return false;
  const initial = walk.octets[walk.at++] as number;
  const major = initial >> 5;
  if (major === 7) return admitSimple(walk, initial & 0x1f);
  if (!readArgument(walk, initial & 0x1f, major < 2)) return false;
  switch (major) {
    case 0:
    case 1:
      return true;
    case 2:
      return skip(walk, walk.argument);
    case 3:
      return readText(walk) !== undefined;
    case 4:
      return depth <= MAX_CONTROL_DEPTH && admitArray(walk, depth);
    case 5:
      return depth <= MAX_CONTROL_DEPTH && admitMap(walk, depth);
    default:
      return false;
  }
}

function admitArray(walk: Walk, depth: number): boolean {
  for (let left = walk.argument; left > 0; left--) {
    if (!admit(walk, depth + 1)) return false;
  }
  return true;
}

function admitMap(walk: Walk, depth: number): boolean {
  const keys = new Set<string>();
  for (let left = walk.argument; left > 0; left--) {
    if (walk.at >= walk.end || ++walk.items > MAX_CONTROL_ITEMS) return false;
    const initial = walk.octets[walk.at++] as number;
    if (initial >> 5 !== 3 || !readArgument(walk, initial & 0x1f, false)) return false;
    const key = readText(walk);
    if (key === undefined || key === "__proto__" || keys.has(key)) return false;
    keys.add(key);
    if (!admit(walk, depth + 1)) return false;
  }
  return true;
}

function admitSimple(walk: Walk, low: number): boolean {
  if (low >= 20 && low <= 22) return true;
  if (low !== 27 || walk.end - walk.at < 8) return false;
  const view = new DataView(walk.octets.buffer, walk.octets.byteOffset + walk.at, 8);
  const value = view.getFloat64(0);
  walk.at += 8;
  if (!Number.isFinite(value)) return false;
  return !Number.isInteger(value) || Math.abs(value) >= 2 ** 32 || Object.is(value, -0);
}

/** Reads the argument of an initial octet in its shortest form; 8 octets only for integers. */
function readArgument(walk: Walk, low: number, wide: boolean): boolean {
  if (low < 24) {
    walk.argument = low;
    return true;
  }
  if (low > 27 || (low === 27 && !wide)) return false;
  const size = 1 << (low - 24);
  if (walk.end - walk.at < size) return false;
  let argument = 0;
  for (let index = 0; index < size; index++) argument = argument * 256 + (walk.octets[walk.at++] as number);
  walk.argument = argument;
  const shortest = [24, 0x100, 0x10000, 0x100000000][low - 24] as number;
  return argument >= shortest;
}

function skip(walk: Walk, length: number): boolean {
  if (length > walk.end - walk.at) return false;
  walk.at += length;
  return true;
}

function readText(walk: Walk): string | undefined {
  const from = walk.at;
  if (!skip(walk, walk.argument)) return undefined;
  return decodeUtf8(walk.octets, from, walk.argument);
}

/** A value that a receiver would refuse is the sender's own mistake. */
function assertControlValue(value: unknown, depth: number): void {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "number") {
    assert(Number.isFinite(value), "NaN and infinity have no place in a control message");
  } else if (typeof value === "bigint") {
    const magnitude = value < 0n ? -1n - value : value;
    assert(magnitude >= 2n ** 32n && magnitude < 2n ** 64n, "bigint only from 2^32 up to 2^64");
  } else if (typeof value === "string") {
    assert(utf8Length(value) <= MAX_CONTROL_OCTETS && isWellFormed(value), "text too long or not well formed");
  } else if (!(value instanceof Uint8Array)) {
    assertContainer(value, depth);
  }
}

function assertContainer(value: unknown, depth: number): void {
  assert(depth <= MAX_CONTROL_DEPTH, "control message too deep");
  assert(typeof value === "object" && value !== null, "not a control value");
  if (Array.isArray(value)) {
    for (const item of value) assertControlValue(item, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  assert(prototype === Object.prototype || prototype === null, "only plain objects in a control message");
  for (const [key, item] of Object.entries(value)) {
    assert(key !== "__proto__" && isWellFormed(key), "key not allowed in a control message");
    assertControlValue(item, depth + 1);
  }
}
