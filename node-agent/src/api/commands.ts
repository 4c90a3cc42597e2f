import { MAX_POLICY_OCTETS } from "@skein/codecs";
import { z } from "zod";
import { policyDocumentSchema } from "../config/policy-schema.ts";
import { MAX_TEXT_OCTETS } from "../core/api.ts";
import type { ClientMessage, Command } from "./types.ts";

/** What a browser, the controller or a script may ask for; anything else is refused with a reason. */
const group = z.number().int().min(1).max(254);
const node = z.number().int().min(0).max(0xffff);
const destination = z.number().int().min(1).max(0x100fe);
const path = z.string().min(1).max(4096);
const body = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_TEXT_OCTETS, `longer than ${MAX_TEXT_OCTETS} octets of UTF-8`);

const commandSchema = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("text"), to: destination, body }),
  z.strictObject({ do: z.literal("sos"), kind: z.number().int().min(0).max(14) }),
  z.strictObject({ do: z.literal("sos-confirm"), id: z.string().min(1).max(32) }),
  z.strictObject({ do: z.literal("ptt"), on: z.boolean(), group }),
  z.strictObject({ do: z.literal("listen"), groups: z.array(group).max(16) }),
  z.strictObject({ do: z.literal("policy"), document: policyDocumentSchema }),
  z.strictObject({
    do: z.literal("policy-signed"),
    version: z.number().int().min(1).max(0xffffffff),
    octets: z.base64().max(Math.ceil(MAX_POLICY_OCTETS / 3) * 4),
  }),
  z.strictObject({ do: z.literal("talk-file"), group, path }),
  z.strictObject({ do: z.literal("talk-stop") }),
  z.strictObject({ do: z.literal("video-file"), to: node, path }),
  z.strictObject({ do: z.literal("video-to"), to: node }),
  z.strictObject({ do: z.literal("video-stop") }),
]);

const clientMessageSchema = z.strictObject({
  type: z.literal("command"),
  id: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  command: commandSchema,
});

const webrtcSchema = z.strictObject({
  direction: z.enum(["send", "receive"]),
  from: node.default(0),
  sdp: z
    .string()
    .min(1)
    .max(64 * 1024),
});
/** Body of POST /api/webrtc. */
export interface WebrtcOffer {
  direction: "send" | "receive";
  from: number;
  sdp: string;
}

/** What came in, or why it was refused, in words. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; message: string };

function parse<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, message: "not JSON" };
  }
  const result = schema.safeParse(json);
  if (result.success) return { ok: true, value: result.data };
  const issue = result.error.issues[0];
  return { ok: false, message: issue ? `${issue.path.join(".")}: ${issue.message}` : "not understood" };
}

export const parseCommand = (text: string): Parsed<Command> => parse(commandSchema, text);
export const parseClientMessage = (text: string): Parsed<ClientMessage> => parse(clientMessageSchema, text);
export const parseWebrtcOffer = (text: string): Parsed<WebrtcOffer> => parse(webrtcSchema, text);
