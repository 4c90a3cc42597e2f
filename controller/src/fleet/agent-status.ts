import { policyDocumentSchema } from "@skein/node-agent/config";
import { z } from "zod";

/**
 * What the controller relies on in the agent's messages (node-agent/src/api/types.ts). JSON has no NaN: a value
 * that the sender does not know arrives as null. Anything beyond these fields is ignored, so that an agent may be
 * newer than its controller.
 */
const address = z.number().int().min(0).max(0xffff);
const unknown = z
  .number()
  .nullish()
  .transform((value) => value ?? null);

const position = z.object({
  latitudeDeg: unknown,
  longitudeDeg: unknown,
  altitudeM: unknown,
  speedKmh: unknown,
  courseDeg: unknown,
  batteryPercent: unknown,
});
const neighbour = z.object({
  bearerId: z.number(),
  address,
  bidirectional: z.boolean(),
  rxQuality: unknown,
  txQuality: unknown,
  rttMs: unknown,
  lastHeardMs: unknown,
});
const node = z.object({
  address,
  name: z.string(),
  role: z.number().int(),
  reachable: z.boolean(),
  lastHeardMs: unknown,
});
const link = z.object({
  from: address,
  to: address,
  kind: z.number().int(),
  bitrateBps: unknown,
  latencyMs: unknown,
  loss: unknown,
  costCentsPerMegabyte: unknown,
});
const routeClass = z.object({ nextHop: address, bearerId: z.number(), cost: unknown, alternate: address });
const bearer = z.object({
  id: z.number().int(),
  name: z.string(),
  up: z.boolean(),
  framesSent: z.number(),
  framesReceived: z.number(),
  octetsSent: z.number(),
  octetsReceived: z.number(),
  queuedFrames: z.number(),
  queuedMs: unknown,
  /** By class, in wire order. Agents before 0.2 do not tell. */
  queues: z.array(z.object({ frames: z.number(), ms: z.number() })).default([]),
  drops: z
    .array(z.object({ trafficClass: z.number().int().min(0).max(3).nullable(), reason: z.string(), count: z.number() }))
    .default([]),
  airtimeShare: unknown,
  costCentsPerMegabyte: z.number().optional(),
  bitrateBps: z.number().optional(),
  cap: z
    .object({ usedOctets: z.number(), capOctets: z.number(), reserveOctets: z.number(), level: z.number().int() })
    .nullable()
    .default(null),
});
const path = z.object({
  bearerId: z.number().int(),
  state: z.enum(["up", "suspect", "probation", "down"]),
  delayMs: z.number(),
  delayP95Ms: z.number(),
  delayShares: z.array(z.number()),
  loss: z.number(),
  lossRun: z.number(),
  bitrateBps: z.number(),
});
const pathSecond = z.object({
  atMs: z.number(),
  voiceGapMs: z.number(),
  bearers: z.array(
    z.object({
      cents: z.number(),
      classes: z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()])),
    }),
  ),
});
const pathEvent = z.object({
  sequence: z.number(),
  atMs: z.number(),
  bearerId: z.number().int(),
  address,
  change: z.enum(["missed", "suspected", "trusted", "down", "up"]),
  reason: z.string(),
  silentMs: z.number(),
});
const pathReport = z.object({
  bearers: z.array(z.string()),
  cents: z.array(z.number()),
  seconds: z.array(pathSecond),
  events: z.array(pathEvent),
});
const counters = z.record(z.string(), z.number());

const logEvent = z.object({
  sequence: z.number(),
  atMs: z.number(),
  level: z.enum(["info", "warn", "alarm"]),
  text: z.string(),
});

export const agentStatusSchema = z.object({
  name: z.string(),
  version: z.string(),
  core: z.object({
    address,
    neighbours: z.array(neighbour),
    nodes: z.array(node),
    links: z.array(link),
    routes: z.array(z.object({ to: address, classes: z.array(routeClass) })),
    bearers: z.array(bearer),
    drops: counters,
    counters,
  }),
  positions: z.array(z.object({ address, report: position, ageS: z.number() })),
  texts: z.array(
    z.object({
      id: z.string(),
      from: address,
      to: z.number().int(),
      body: z.string(),
      state: z.enum(["queued", "sent", "delivered", "failed", "received"]),
      atMs: z.number(),
    }),
  ),
  sos: z.array(
    z.object({
      id: z.string(),
      from: address,
      kind: z.number().int(),
      report: position,
      atMs: z.number(),
      acknowledgedBy: address.nullable(),
      confirmed: z.boolean(),
    }),
  ),
  voice: z.object({
    talkers: z.array(z.object({ talker: address, group: z.number().int(), sinceMs: z.number() })),
    groups: z.array(z.number().int()),
    talkingIn: z.number().int().nullable(),
    counters,
  }),
  video: z.array(z.object({ from: address, stream: z.number(), framesComplete: z.number(), lastFrameMs: z.number() })),
  /** Agents before 0.2 do not tell. */
  paths: z.array(z.object({ address, paths: z.array(path) })).default([]),
  battery: z.object({ percent: z.number().nullable() }),
  policy: z.object({
    version: z.number(),
    document: policyDocumentSchema.nullable().catch(null),
    publisher: z.number().default(0),
    publishedMs: z.number().default(0),
    signature: z.enum(["good", "unchecked", "none"]).default("none"),
    key: z.string().nullable().default(null),
    octets: z.number().default(0),
    nodes: z.array(z.object({ address, version: z.number() })).default([]),
  }),
  uptimeMs: z.number(),
  recentEvents: z.array(logEvent),
});
/** The agent's status as far as the controller understands it. */
export type AgentReport = z.infer<typeof agentStatusSchema>;

const commandReply = z.union([
  z.object({ ok: z.literal(true), result: z.unknown().optional() }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string() }),
]);

/** Everything the agent says in text on its WebSocket. */
export const agentMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("status"), status: agentStatusSchema }),
  z.object({ type: z.literal("event"), event: logEvent }),
  z.object({ type: z.literal("paths"), paths: pathReport }),
  z.object({ type: z.literal("reply"), id: z.number().int(), reply: commandReply }),
]);
export type AgentMessage = z.infer<typeof agentMessageSchema>;
