import {
  DEFAULT_POLICY_RESERVE_PERCENT,
  MAX_POLICY_BEARERS,
  MAX_POLICY_CAP_MEGABYTES,
  MAX_POLICY_COPIES,
  MAX_POLICY_COST_CENTS_PER_MEGABYTE,
  MAX_POLICY_KBPS,
  MAX_POLICY_NAME_LENGTH,
  MAX_POLICY_PREFERENCE,
  POLICY_CLASSES,
  type PolicyClassName,
} from "@skein/codecs";
import { z } from "zod";

/** What bearers and classes have in common in a policy's file and in the document that is published. */
const bearerName = z.string().min(1).max(MAX_POLICY_NAME_LENGTH);
export const megabytes = z.number().min(0).max(MAX_POLICY_CAP_MEGABYTES);
export const capFields = {
  megabytes,
  /** begins anew at midnight, or on the first of the month, UTC */
  per: z.enum(["day", "month"]).default("month"),
  /** both: what is received is paid for as well */
  counts: z.enum(["both", "sent"]).default("both"),
};
export const bearerFields = {
  costCentsPerMegabyte: z.number().min(0).max(MAX_POLICY_COST_CENTS_PER_MEGABYTE).exactOptional(),
  /** milliseconds that it counts as quicker than it is */
  preference: z.number().min(-MAX_POLICY_PREFERENCE).max(MAX_POLICY_PREFERENCE).exactOptional(),
};
const copies = z.number().int().min(1).max(MAX_POLICY_COPIES);
const names = z.array(bearerName).max(MAX_POLICY_BEARERS);

export const classSchema = z.strictObject({
  /** ordinarily, and while a bearer to the same node is in doubt */
  copies: z.strictObject({ calm: copies.default(1), risk: copies }).exactOptional(),
  only: names.exactOptional(),
  never: names.exactOptional(),
  maxKbps: z.number().min(1).max(MAX_POLICY_KBPS).exactOptional(),
});
type ClassRules = z.infer<typeof classSchema>;
type Classes = { [N in PolicyClassName]?: ClassRules };

export const classesSchema = z.strictObject(
  Object.fromEntries(POLICY_CLASSES.map((name) => [name, classSchema.exactOptional()])) as {
    [N in PolicyClassName]: z.ZodExactOptional<typeof classSchema>;
  },
);

/** A record of bearers by name. */
export function bearersOf<T extends z.ZodType>(bearer: T): z.ZodRecord<typeof bearerName, T> {
  return z
    .record(bearerName, bearer)
    .refine((bearers) => Object.keys(bearers).length <= MAX_POLICY_BEARERS, `at most ${MAX_POLICY_BEARERS} bearers`);
}

/** What contradicts itself in the classes; `params.against` is the path of what each contradicts. */
export function checkClasses(
  policy: { bearers: Record<string, unknown>; classes: Classes },
  context: z.RefinementCtx,
): void {
  const known = Object.keys(policy.bearers);
  for (const name of POLICY_CLASSES) {
    const rule = policy.classes[name];
    if (rule === undefined) continue;
    const issue = (field: string, message: string, against: PropertyKey[]): void =>
      context.addIssue({ code: "custom", path: ["classes", name, field], message, params: { against } });
    const { only, never, copies: both } = rule;
    if (both !== undefined && both.risk < both.calm)
      issue(
        "copies",
        `${both.risk} copies at risk are fewer than ${both.calm} ordinarily: give risk at least as many`,
        [],
      );
    if (only !== undefined && never !== undefined)
      issue("never", "contradicts `only`: keep one of the two lists", ["classes", name, "only"]);
    for (const field of ["only", "never"] as const) {
      const unknown = rule[field]?.filter((bearer) => !known.includes(bearer)) ?? [];
      if (unknown.length > 0) {
        const message = `no bearer is called ${unknown.join(", ")}: correct it, or list it among the bearers ({} will do)`;
        issue(field, message, ["bearers"]);
      }
    }
    if (only?.length === 0) issue("only", `no bearer may carry ${name}: name one, or leave the list out`, ["bearers"]);
    if (never !== undefined && known.length > 0 && known.every((bearer) => never.includes(bearer)))
      issue("never", `no bearer of this policy may carry ${name}: take one off the list`, ["bearers"]);
    if (never?.length === 0) issue("never", "an empty list forbids nothing: leave it out", []);
  }
}

/** The document as controllers and agents exchange it. */
export const policyDocumentSchema = z
  .strictObject({
    /** 0: the next free one */
    version: z.number().int().min(0).max(0xffffffff),
    bearers: bearersOf(
      z.strictObject({
        ...bearerFields,
        cap: z
          .strictObject({
            ...capFields,
            /** share that only SOS and positions may use */
            reservePercent: z.number().min(0).max(100).default(DEFAULT_POLICY_RESERVE_PERCENT),
          })
          .exactOptional(),
      }),
    ),
    classes: classesSchema,
  })
  .superRefine(checkClasses);
