import { MAX_POLICY_BEARERS, MAX_POLICY_CLASSES, MAX_POLICY_COPIES, MAX_POLICY_PREFERENCE } from "@skein/codecs";
import type { PolicyDocument } from "@skein/node-agent/api";
import { z } from "zod";

/** Names and figures that a policy may carry; the version is the controller's to give. */
export const policyDraftSchema = z.strictObject({
  version: z.number().int().min(0).optional(),
  bearers: z
    .record(
      z.string().min(1).max(32),
      z.strictObject({
        costCentsPerMegabyte: z.number().min(0).max(100_000).optional(),
        preference: z.number().min(-MAX_POLICY_PREFERENCE).max(MAX_POLICY_PREFERENCE).optional(),
      }),
    )
    .refine((bearers) => Object.keys(bearers).length <= MAX_POLICY_BEARERS, `at most ${MAX_POLICY_BEARERS} bearers`),
  classes: z
    .record(
      z.string().min(1).max(16),
      z.strictObject({ copies: z.number().int().min(1).max(MAX_POLICY_COPIES).optional() }),
    )
    .refine((classes) => Object.keys(classes).length <= MAX_POLICY_CLASSES, `at most ${MAX_POLICY_CLASSES} classes`),
});
export type PolicyDraft = z.infer<typeof policyDraftSchema>;

/**
 * The document to publish: one version above the one in force, so that agents take it and two operators at one
 * controller can never publish two documents under one version. Absent fields stay absent.
 */
export function nextPolicy(draft: PolicyDraft, versionInForce: number): PolicyDocument {
  const bearers: PolicyDocument["bearers"] = {};
  for (const [name, { costCentsPerMegabyte, preference }] of Object.entries(draft.bearers)) {
    bearers[name] = {
      ...(costCentsPerMegabyte === undefined ? {} : { costCentsPerMegabyte }),
      ...(preference === undefined ? {} : { preference }),
    };
  }
  const classes: PolicyDocument["classes"] = {};
  for (const [name, rule] of Object.entries(draft.classes)) {
    classes[name] = rule.copies === undefined ? {} : { copies: rule.copies };
  }
  return { version: versionInForce + 1, bearers, classes };
}
