/**
 * What a controller rules, as one control message:
 *
 *   [ 2, [bearer, ...], [class, ...] ]
 *
 *   bearer  [ name, costCentsPerMegabyte|null, preference|null, cap|null ]
 *   cap     [ megabytes, flags, reservePercent|null ]     flags: 1 per month (else per day), 2 counts what is sent only
 *   class   [ number, copies|null, only|null, never|null, maxKbps|null ]
 *   copies  [ calm, risk ]
 *
 * The leading 2 is the format; a receiver drops any other. `number` is the traffic class's wire value. `only` and `never`
 * are sets of bearers: bit n is the n-th bearer of the message. Nulls at the end of an entry are left out. The version
 * stands outside (`policy-envelope.ts`).
 */
import { assert } from "../assert.ts";
import type { ControlValue } from "./control.ts";
import { decodeControl, encodeControl } from "./control.ts";

/** Traffic classes by their wire value. */
export const POLICY_CLASSES = ["voice", "command", "video", "bulk"] as const;
export type PolicyClassName = (typeof POLICY_CLASSES)[number];

/** How much a bearer may carry. */
export interface PolicyCap {
  /** Millions of octets. */
  megabytes: number;
  /** Begins anew at midnight, or on the first of the month, UTC. */
  per: "day" | "month";
  /** Share that only SOS and positions may use. */
  reservePercent: number;
  /** What is counted: both directions, or what this end sends. */
  counts: "both" | "sent";
}
export interface PolicyBearer {
  costCentsPerMegabyte?: number;
  /** Milliseconds that it counts as quicker than it is. */
  preference?: number;
  cap?: PolicyCap;
}
export interface PolicyClass {
  /** Copies of each packet over bearers to the same node: ordinarily, and while one of them is in doubt. */
  copies?: { calm: number; risk: number };
  /** Bearers that may carry it; all that the other list does not name if it is left out. */
  only?: string[];
  never?: string[];
  /** Highest rate of what a node itself sends, kbit/s. */
  maxKbps?: number;
}
/** Every bearer that a class names stands among `bearers`. */
export interface PolicyDocument {
  version: number;
  bearers: Record<string, PolicyBearer>;
  classes: Partial<Record<PolicyClassName, PolicyClass>>;
}

export const MAX_POLICY_BEARERS = 32;
/** Characters. */
export const MAX_POLICY_NAME_LENGTH = 32;
export const MAX_POLICY_COST_CENTS_PER_MEGABYTE = 100_000;
export const MAX_POLICY_PREFERENCE = 1000;
export const MAX_POLICY_COPIES = 4;
export const MAX_POLICY_CAP_MEGABYTES = 10_000_000;
export const MAX_POLICY_KBPS = 10_000_000;
export const DEFAULT_POLICY_RESERVE_PERCENT = 5;

const FORMAT = 2;
const PER_MONTH = 1;
const SENT_ONLY = 2;

/** Writes the policy without its version as CBOR at `offset` and returns the octets written. */
export function encodePolicy(policy: PolicyDocument, out: Uint8Array, offset: number): number {
  const names = Object.keys(policy.bearers);
  const bearers = Object.entries(policy.bearers).map(([name, { costCentsPerMegabyte, preference, cap }]) =>
    trimmed([name, costCentsPerMegabyte ?? null, preference ?? null, cap === undefined ? null : capItems(cap)]),
  );
  const classes = POLICY_CLASSES.flatMap((name, number) => {
    const rule = policy.classes[name];
    if (rule === undefined) return [];
    const { copies, only, never, maxKbps } = rule;
    const lists = [maskOf(names, only), maskOf(names, never)];
    return [trimmed([number, copies === undefined ? null : [copies.calm, copies.risk], ...lists, maxKbps ?? null])];
  });
  const items = [FORMAT, bearers, classes];
  assert(readPolicy(policy.version, items) !== undefined, "policy outside its limits");
  return encodeControl(items, out, offset);
}

/** Reads a policy; undefined on anything that is not exactly one, within the limits above. */
export function decodePolicy(
  version: number,
  octets: Uint8Array,
  offset: number,
  length: number,
): PolicyDocument | undefined {
  const items = decodeControl(octets, offset, length);
  return items === undefined ? undefined : readPolicy(version, items);
}

function capItems({ megabytes, per, reservePercent, counts }: PolicyCap): ControlValue[] {
  const flags = (per === "month" ? PER_MONTH : 0) | (counts === "sent" ? SENT_ONLY : 0);
  return trimmed([megabytes, flags, reservePercent === DEFAULT_POLICY_RESERVE_PERCENT ? null : reservePercent]);
}

function maskOf(names: readonly string[], wanted: readonly string[] | undefined): number | null {
  if (wanted === undefined) return null;
  let mask = 0;
  for (const name of wanted) {
    const at = names.indexOf(name);
    assert(at !== -1, "a class names a bearer that the policy does not");
    mask += 2 ** at;
  }
  return mask;
}

function trimmed(items: readonly ControlValue[]): ControlValue[] {
  let end = items.length;
  while (items[end - 1] === null) end--;
  return items.slice(0, end);
}

function readPolicy(version: number, items: readonly ControlValue[]): PolicyDocument | undefined {
  const [format, bearers, classes] = items;
  if (items.length !== 3 || format !== FORMAT || !isCount(version, 0xffffffff)) return undefined;
  if (!Array.isArray(bearers) || bearers.length > MAX_POLICY_BEARERS) return undefined;
  if (!Array.isArray(classes) || classes.length > POLICY_CLASSES.length) return undefined;
  const policy: PolicyDocument = { version, bearers: {}, classes: {} };
  for (const entry of bearers) if (!readBearer(entry, policy.bearers)) return undefined;
  for (const entry of classes) if (!readClass(entry, policy)) return undefined;
  return policy;
}

/** The fields of an entry, those that were left out as null; undefined if they are too many or end in a null. */
function fieldsOf(entry: ControlValue | undefined, most: number): readonly ControlValue[] | undefined {
  if (!Array.isArray(entry) || entry.length === 0 || entry.length > most || entry.at(-1) === null) return undefined;
  return [...(entry as readonly ControlValue[]), ...new Array<null>(most - entry.length).fill(null)];
}

function readBearer(entry: ControlValue, bearers: PolicyDocument["bearers"]): boolean {
  const fields = fieldsOf(entry, 4);
  if (fields === undefined) return false;
  const [name, cost, preference, cap] = fields;
  if (!isName(name) || Object.hasOwn(bearers, name)) return false;
  const bearer: PolicyBearer = {};
  if (cost !== null) {
    if (!isAmount(cost, 0, MAX_POLICY_COST_CENTS_PER_MEGABYTE)) return false;
    bearer.costCentsPerMegabyte = cost;
  }
  if (preference !== null) {
    if (!isAmount(preference, -MAX_POLICY_PREFERENCE, MAX_POLICY_PREFERENCE)) return false;
    bearer.preference = preference;
  }
  if (cap !== null) {
    const read = readCap(cap);
    if (read === undefined) return false;
    bearer.cap = read;
  }
  bearers[name] = bearer;
  return true;
}

function readCap(entry: ControlValue | undefined): PolicyCap | undefined {
  const fields = fieldsOf(entry, 3);
  if (fields === undefined) return undefined;
  const [megabytes, flags, reserve] = fields;
  const reservePercent = reserve === null ? DEFAULT_POLICY_RESERVE_PERCENT : reserve;
  if (!isAmount(megabytes, 0, MAX_POLICY_CAP_MEGABYTES) || !isCount(flags, PER_MONTH | SENT_ONLY)) return undefined;
  if (!isAmount(reservePercent, 0, 100)) return undefined;
  return {
    megabytes,
    per: (flags & PER_MONTH) !== 0 ? "month" : "day",
    reservePercent,
    counts: (flags & SENT_ONLY) !== 0 ? "sent" : "both",
  };
}

function readClass(entry: ControlValue, policy: PolicyDocument): boolean {
  const fields = fieldsOf(entry, 5);
  if (fields === undefined) return false;
  const [number, copies, only, never, maxKbps] = fields;
  if (!isCount(number, POLICY_CLASSES.length - 1)) return false;
  const name = POLICY_CLASSES[number] as PolicyClassName;
  if (policy.classes[name] !== undefined) return false;
  const rule: PolicyClass = {};
  if (copies !== null) {
    if (!Array.isArray(copies) || copies.length !== 2) return false;
    const [calm, risk] = copies as readonly ControlValue[];
    if (!isCount(calm, MAX_POLICY_COPIES) || !isCount(risk, MAX_POLICY_COPIES) || calm < 1 || risk < calm) return false;
    rule.copies = { calm, risk };
  }
  const names = Object.keys(policy.bearers);
  if (only !== null) {
    const listed = namesOf(names, only);
    if (listed === undefined || never !== null) return false;
    rule.only = listed;
  }
  if (never !== null) {
    const listed = namesOf(names, never);
    if (listed === undefined) return false;
    rule.never = listed;
  }
  if (maxKbps !== null) {
    if (!isAmount(maxKbps, 1, MAX_POLICY_KBPS)) return false;
    rule.maxKbps = maxKbps as number;
  }
  policy.classes[name] = rule;
  return true;
}

function namesOf(names: readonly string[], mask: ControlValue | undefined): string[] | undefined {
  if (!isCount(mask, 2 ** names.length - 1) || mask === 0) return undefined;
  return names.filter((_, at) => Math.floor(mask / 2 ** at) % 2 === 1);
}

function isName(value: ControlValue | undefined): value is string {
  if (typeof value !== "string" || value === "__proto__") return false;
  return value.length > 0 && value.length <= MAX_POLICY_NAME_LENGTH;
}

function isAmount(value: ControlValue | undefined, minimum: number, maximum: number): value is number {
  return typeof value === "number" && value >= minimum && value <= maximum;
}

function isCount(value: ControlValue | undefined, maximum: number): value is number {
  return isAmount(value, 0, maximum) && Number.isInteger(value);
}
