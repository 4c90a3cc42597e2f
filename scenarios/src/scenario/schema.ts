import { z } from "zod";
import { CHECK_FORMS, parseCheck } from "./check-syntax.ts";
import { durationUs } from "./duration.ts";
import { checkReferences } from "./references.ts";

/**
 * A scenario file: who is where, with which radios, who says what, what breaks, and what must hold.
 * Places are metres east and north of `origin`; times are microseconds after loading.
 */
const name = z.string().regex(/^[\w.-]{1,24}$/, "expected a name of letters, digits, dot, dash or underscore");
const nodeName = z.string().regex(/^[\w-]{1,12}$/, "expected a node name of at most 12 letters, digits, dashes");
const share = z.number().min(0).max(1);
const place = z.union([z.tuple([z.number(), z.number()]), z.tuple([z.number(), z.number(), z.number()])]);

const networkCommon = {
  name,
  /** One transmission reaches everyone in range, or each pair has its own pipe. */
  medium: z.enum(["shared", "point-to-point"]).default("shared"),
  /** One-way latency on top of the time on air. */
  latencyMs: z.number().min(0).max(60_000).default(0),
  /** Range between nodes on the ground; without it the medium has no limit (satellite, cellular). */
  rangeM: z.number().positive().optional(),
  /** Range where one end flies: a line of sight. Default: rangeM. */
  airborneRangeM: z.number().positive().optional(),
  /** Share of frames lost by each receiver beside the sender, and at the edge of the range. */
  loss: z.strictObject({ near: share.default(0), edge: share.optional() }).prefault({}),
  costCentsPerMegabyte: z.number().min(0).max(100_000).default(0),
  /** What the device queues before it drops, as time on air. */
  queueMs: z.number().positive().default(500),
};
const udpNetwork = z.strictObject({
  ...networkCommon,
  type: z.literal("udp"),
  kind: z.enum(["udp", "satellite", "cellular"]).default("udp"),
  bitrateBps: z.number().int().positive(),
  mtuOctets: z.number().int().min(256).max(1452).default(1400),
});
const serialNetwork = z.strictObject({
  ...networkCommon,
  type: z.literal("serial"),
  kind: z.literal("serial").default("serial"),
  baud: z.number().int().min(1200).max(921_600).default(9600),
  halfDuplex: z.boolean().default(true),
  keyUpMs: z.number().min(0).max(2000).default(20),
  mtuOctets: z.number().int().min(64).max(1400).default(240),
});

const mobility = z.union(
  [
    place,
    z.strictObject({
      orbit: z.strictObject({
        centre: place,
        radiusM: z.number().positive(),
        altitudeM: z.number().default(0),
        speedKmh: z.number().positive(),
        phaseDeg: z.number().default(0),
      }),
    }),
    z.strictObject({ waypoints: z.array(place).min(2), speedKmh: z.number().positive() }),
    z.strictObject({
      randomWaypoint: z.strictObject({
        centre: place,
        radiusM: z.number().positive(),
        speedKmh: z.number().positive(),
        pause: durationUs.default(0),
      }),
    }),
  ],
  "expected a place [east, north] or [east, north, altitude], or one of {orbit}, {waypoints, speedKmh}, {randomWaypoint}",
);

const node = z.strictObject({
  name: nodeName,
  /** AREA.ID, in quotes. */
  address: z
    .string()
    .regex(
      /^(25[0-4]|2[0-4]\d|1?\d?\d)\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])$/,
      'expected "AREA.ID" in quotes, for example "1.7"',
    ),
  /** 32-bit node id; default made from the address. */
  id: z.number().int().min(1).max(0xffffffff).optional(),
  role: z.enum(["terminal", "relay", "airborne", "vehicle", "headquarters"]),
  networks: z.array(name).min(1).max(16),
  at: mobility,
  battery: z
    .strictObject({ percent: z.number().min(0).max(100).default(100), percentPerHour: z.number().min(0).default(0) })
    .prefault({}),
  /** A controller runs beside this agent. */
  controller: z.boolean().default(false),
  /** The node acknowledges an SOS for the headquarters. */
  acknowledgesSos: z.boolean().default(false),
});

const group = z.strictObject({
  name,
  number: z.number().int().min(1).max(254),
  members: z.array(nodeName).min(2),
  /** Border nodes that carry the group between wide and narrow radios. */
  bridgedBy: z.array(nodeName).default([]),
});

const traffic = z.strictObject({
  positions: z.strictObject({ every: durationUs }).optional(),
  talk: z
    .array(
      z.strictObject({
        by: nodeName,
        group: z.number().int(),
        from: durationUs,
        to: durationUs,
        /** Start over after this time, for as long as the run goes on. */
        repeatEvery: durationUs.optional(),
      }),
    )
    .default([]),
  video: z
    .array(
      z.strictObject({
        by: nodeName,
        to: nodeName,
        from: durationUs,
        until: durationUs.optional(),
        bitrateBps: z.number().int().min(8000).default(150_000),
        framesPerS: z.number().int().min(1).max(60).default(10),
      }),
    )
    .default([]),
  texts: z
    .array(
      z.strictObject({
        at: durationUs,
        by: nodeName,
        /** A node, or a group by its name. */
        to: z.string(),
        body: z.string().min(1).max(300),
        repeatEvery: durationUs.optional(),
      }),
    )
    .default([]),
  sos: z
    .array(z.strictObject({ at: durationUs, by: nodeName, kind: z.number().int().min(0).max(255).default(1) }))
    .default([]),
});

const target = z.string().min(1);
const FAULT_KINDS = ["cut", "degrade", "kill", "killController"] as const;
const fault = z
  .strictObject({
    at: durationUs,
    /** Undone after this time; for good without it. */
    for: durationUs.optional(),
    /** What happened, for people. */
    what: z.string().max(80).optional(),
    /** A network, all links of a node, a link `G1 - V`, or one way of it `G1 -> V`. */
    cut: target.optional(),
    degrade: target.optional(),
    /** Share of frames that a degraded link loses on top. */
    loss: share.optional(),
    /** The node loses power. */
    kill: nodeName.optional(),
    /** The controller process beside this node dies. */
    killController: nodeName.optional(),
    /** Only this network, for `cut` and `degrade`. */
    on: name.optional(),
  })
  .superRefine((f, context) => {
    const kinds = FAULT_KINDS.filter((kind) => f[kind] !== undefined);
    if (kinds.length !== 1) {
      context.addIssue({ code: "custom", message: `a fault has exactly one of ${FAULT_KINDS.join(", ")}` });
    }
    if ((f.degrade === undefined) !== (f.loss === undefined)) {
      context.addIssue({ code: "custom", message: "`degrade` and `loss` (0 to 1) go together" });
    }
    if (f.on !== undefined && f.cut === undefined && f.degrade === undefined) {
      context.addIssue({ code: "custom", path: ["on"], message: "`on` narrows `cut` or `degrade` only" });
    }
  });

const check = z.string().transform((text, context) => {
  const parsed = parseCheck(text);
  if (parsed) return { text: text.trim(), ...parsed };
  context.addIssue({ code: "custom", message: `unknown check; the forms are ${CHECK_FORMS.join("; ")}` });
  return z.NEVER;
});

export const scenarioSchema = z
  .strictObject({
    /** NAME/VERSION */
    scenario: z.string().regex(/^[\w-]+\/\d+$/, "expected NAME/VERSION, for example earthquake-valley/1"),
    description: z.string().optional(),
    seed: z.number().int().min(0).max(0xffffffff).default(1),
    duration: durationUs,
    origin: z.strictObject({ latitude: z.number().min(-85).max(85), longitude: z.number().min(-180).max(180) }),
    /** How often places, and so links, are worked out anew. */
    mobilityStep: durationUs.default(500_000),
    networks: z
      .array(z.discriminatedUnion("type", [udpNetwork, serialNetwork]))
      .min(1)
      .max(32),
    nodes: z.array(node).min(1).max(254),
    groups: z.array(group).default([]),
    traffic: traffic.prefault({}),
    faults: z.array(fault).default([]),
    checks: z.array(check).default([]),
  })
  .superRefine(checkReferences);

export type Scenario = z.output<typeof scenarioSchema>;
export type Network = Scenario["networks"][number];
export type ScenarioNode = Scenario["nodes"][number];
export type Fault = Scenario["faults"][number];
export type Mobility = ScenarioNode["at"];
export type Place = z.output<typeof place>;

/** JSON schema of the file format, for editors. */
export const scenarioJsonSchema = (): unknown =>
  z.toJSONSchema(scenarioSchema, { io: "input", unrepresentable: "any" });
