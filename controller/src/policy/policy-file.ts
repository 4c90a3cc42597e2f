import { readFileSync } from "node:fs";
import {
  encodePolicyEnvelope,
  MAX_POLICY_OCTETS,
  POLICY_SIGNATURE_OCTETS,
  type PolicyBearer,
  type PolicyDocument,
} from "@skein/codecs";
import {
  bearerFields,
  bearersOf,
  ConfigError,
  capFields,
  checkClasses,
  classesSchema,
  megabytes,
  parseYaml,
} from "@skein/node-agent/config";
import { z } from "zod";

/** Written before it is known to be short enough. */
const SCRATCH_OCTETS = 8192;
const RESERVE_WORDS = "expected a share, for example 5%, or megabytes";
const PERCENT = /^(\d+(?:\.\d+)?)\s*%$/;

const fileCap = z.strictObject({
  ...capFields,
  /** share of the cap that only SOS and positions may use */
  reserve: z.union([z.string().regex(PERCENT, RESERVE_WORDS), megabytes], RESERVE_WORDS).default("5%"),
});
type FileCap = z.infer<typeof fileCap>;

/** A policy as operators write it. Everything is optional. */
const policyFileSchema = z
  .strictObject({
    bearers: bearersOf(z.strictObject({ ...bearerFields, cap: fileCap.exactOptional() }).nullable()).default({}),
    classes: classesSchema.prefault({}),
  })
  .superRefine((policy, context) => {
    checkClasses(policy, context);
    for (const [name, bearer] of Object.entries(policy.bearers)) {
      const cap = bearer?.cap;
      if (cap === undefined || reservePercentOf(cap) <= 100) continue;
      const message = `a reserve of ${cap.reserve} is more than the cap of ${cap.megabytes} megabytes: make it less`;
      const at = (field: string): PropertyKey[] => ["bearers", name, "cap", field];
      context.addIssue({ code: "custom", path: at("reserve"), message, params: { against: at("megabytes") } });
    }
  });

/**
 * Reads and checks a policy's file. The version is 0: it is the controller's to give.
 * @throws ConfigError with a line for each problem; the file system's error if it cannot be read.
 */
export function loadPolicyFile(file: string): PolicyDocument {
  return parsePolicy(file, readFileSync(file, "utf8"));
}

/** The same from the text of a file. */
export function parsePolicy(file: string, text: string): PolicyDocument {
  const { bearers, classes } = parseYaml(file, text, policyFileSchema);
  const document: PolicyDocument = { version: 0, bearers: {}, classes };
  for (const [name, bearer] of Object.entries(bearers)) {
    const { cap, ...rest } = bearer ?? {};
    const ruled: PolicyBearer = rest;
    if (cap !== undefined) {
      const { reserve: _, ...limits } = cap;
      ruled.cap = { ...limits, reservePercent: reservePercentOf(cap) };
    }
    document.bearers[name] = ruled;
  }
  const octets = envelopeOctets(document);
  if (octets > MAX_POLICY_OCTETS) {
    const message = `${octets} octets on the air, ${MAX_POLICY_OCTETS} at most: use fewer bearers or shorter names`;
    throw new ConfigError(file, [{ line: 1, path: "", message }]);
  }
  return document;
}

/** How long a policy is on the air with its signature. */
export function envelopeOctets(document: PolicyDocument): number {
  const envelope = { publisher: 1, publishedS: 0, document, signed: false };
  return encodePolicyEnvelope(envelope, new Uint8Array(SCRATCH_OCTETS)) + POLICY_SIGNATURE_OCTETS;
}

function reservePercentOf({ reserve, megabytes: all }: FileCap): number {
  if (typeof reserve === "string") return Number(PERCENT.exec(reserve)?.[1]);
  return all === 0 ? (reserve === 0 ? 0 : Number.POSITIVE_INFINITY) : (100 * reserve) / all;
}
