import { policyDocumentSchema } from "@skein/node-agent/config";
import { z } from "zod";

const group = z.number().int().min(1).max(254);
const address = z.number().int().min(1).max(0xffff);
const groupDestination = z.number().int().min(0x10001).max(0x100fe);

const commandSchema = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("text"), to: address.or(groupDestination), body: z.string().min(1).max(1024) }),
  z.strictObject({ do: z.literal("sos"), kind: z.number().int().min(0).max(14) }),
  z.strictObject({ do: z.literal("sos-confirm"), id: z.string().min(1).max(32) }),
  z.strictObject({ do: z.literal("ptt"), on: z.boolean(), group }),
  z.strictObject({ do: z.literal("listen"), groups: z.array(group).max(16) }),
  z.strictObject({ do: z.literal("policy"), document: policyDocumentSchema }),
  z.strictObject({ do: z.literal("video-to"), to: address }),
  z.strictObject({ do: z.literal("video-stop") }),
]);

/** A browser's message; anything else is rubbish and counted. */
export const clientMessageSchema = z.strictObject({
  type: z.literal("command"),
  id: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  command: commandSchema,
});
export type ValidCommand = z.infer<typeof commandSchema>;
