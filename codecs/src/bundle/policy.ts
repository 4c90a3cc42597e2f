/**
 * The policy that a controller sets and agents cache, as one control message:
 *
 *   [ 1, version, [[bearer, costCentsPerMegabyte|null, preference|null], ...], [[class, copies|null], ...] ]
 *
 * The leading 1 is the format of the message; a receiver drops any other.
 */
import { assert } from "../assert.ts";
import type { ControlValue } from "./control.ts";
import { decodeControl, encodeControl } from "./control.ts";

/** Cost and preference of bearers by name, number of copies by traffic class. */
export interface PolicyDocument {
  version: number;
  bearers: Record<string, { costCentsPerMegabyte?: number; preference?: number }>;
  classes: Record<string, { copies?: number }>;
}

export const MAX_POLICY_BEARERS = 64;
export const MAX_POLICY_CLASSES = 16;
export const MAX_POLICY_NAME_LENGTH = 64;
export const MAX_POLICY_COST_CENTS_PER_MEGABYTE = 1_000_000;
export const MAX_POLICY_PREFERENCE = 1000;
export const MAX_POLICY_COPIES = 8;

const FORMAT = 1;

/** Writes the policy as CBOR at `offset` and returns the octets written. */
export function encodePolicy(policy: PolicyDocument, out: Uint8Array, offset: number): number {
  const bearers = Object.entries(policy.bearers).map(([name, bearer]) => [
    name,
    bearer.costCentsPerMegabyte ?? null,
    bearer.preference ?? null,
  ]);
  const classes = Object.entries(policy.classes).map(([name, trafficClass]) => [name, trafficClass.copies ?? null]);
  const items = [FORMAT, policy.version, bearers, classes];
  assert(readPolicy(items) !== undefined, "policy outside its limits");
  return encodeControl(items, out, offset);
}

/** Reads a policy; undefined on anything that is not exactly one, within the limits above. */
export function decodePolicy(octets: Uint8Array, offset: number, length: number): PolicyDocument | undefined {
  const items = decodeControl(octets, offset, length);
  return items === undefined ? undefined : readPolicy(items);
}

function readPolicy(items: readonly ControlValue[]): PolicyDocument | undefined {
  const [format, version, bearers, classes] = items;
  if (items.length !== 4 || format !== FORMAT || !isCount(version, 0xffffffff)) return undefined;
  if (!Array.isArray(bearers) || bearers.length > MAX_POLICY_BEARERS) return undefined;
  if (!Array.isArray(classes) || classes.length > MAX_POLICY_CLASSES) return undefined;
  const policy: PolicyDocument = { version, bearers: {}, classes: {} };
  for (const entry of bearers) if (!readBearer(entry, policy.bearers)) return undefined;
  for (const entry of classes) if (!readClass(entry, policy.classes)) return undefined;
  return policy;
}

function readBearer(entry: ControlValue, bearers: PolicyDocument["bearers"]): boolean {
  if (!Array.isArray(entry) || entry.length !== 3) return false;
  const [name, cost, preference] = entry as readonly ControlValue[];
  if (!isName(name) || Object.hasOwn(bearers, name)) return false;
  const bearer: PolicyDocument["bearers"][string] = {};
  if (cost !== null) {
    if (!isAmount(cost, 0, MAX_POLICY_COST_CENTS_PER_MEGABYTE)) return false;
    bearer.costCentsPerMegabyte = cost;
  }
  if (preference !== null) {
    if (!isAmount(preference, -MAX_POLICY_PREFERENCE, MAX_POLICY_PREFERENCE)) return false;
    bearer.preference = preference;
  }
  bearers[name] = bearer;
  return true;
}

function readClass(entry: ControlValue, classes: PolicyDocument["classes"]): boolean {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [name, copies] = entry as readonly ControlValue[];
  if (!isName(name) || Object.hasOwn(classes, name)) return false;
  if (copies !== null && !(isCount(copies, MAX_POLICY_COPIES) && copies >= 1)) return false;
  classes[name] = copies === null ? {} : { copies };
  return true;
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
