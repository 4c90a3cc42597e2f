import { MAX_PREFIXES_PER_NODE, parseIpAddress, parseIpPrefix } from "@skein/codecs";
import { z } from "zod";
import { MAX_IP_OCTETS } from "../core/api.ts";

/** The agent's configuration file. Every field has a sane default except who the node is and how it is reached. */
const hostPort = z
  .string()
  .regex(
    /^(\[[0-9a-fA-F:.]+(%[\w.-]+)?\]|[\w.-]+):\d{1,5}$/,
    "expected HOST:PORT, for example 10.1.2.3:4700 or [fe80::1%eth0]:4700",
  );
/** `AREA.ID`, for example 1.7: area 0..254, id 1..254. */
export const addressText = z
  .string()
  .regex(/^\d{1,3}\.\d{1,3}$/, 'expected AREA.ID, for example "1.7" (in quotes: YAML reads 1.10 as a number)')
  .refine(
    (s) => Number(s.split(".")[0]) <= 254 && Number(s.split(".")[1]) >= 1 && Number(s.split(".")[1]) <= 254,
    "area is 0..254, id is 1..254",
  );

const bearerCommon = {
  name: z.string().min(1).max(32),
  /** cents per megabyte; routing prefers cheap bearers for everything but voice and SOS */
  costCentsPerMegabyte: z.number().min(0).max(100_000).default(0),
  /** nominal one-way latency */
  latencyMs: z.number().min(0).max(60_000).default(5),
  /** what it shares its fate with (operator, tower, mast, power): copies go over bearers that have none in common */
  sharedRisk: z.array(z.string().min(1).max(32)).max(8).default([]),
};
const udpBearer = z
  .strictObject({
    ...bearerCommon,
    type: z.literal("udp"),
    kind: z.enum(["udp", "satellite", "cellular"]).default("udp"),
    /** local address; `auto` with discovery binds every address of the interface */
    bind: hostPort.optional(),
    /** multicast discovery on these interfaces */
    discover: z
      .strictObject({ interfaces: z.array(z.string()).min(1), port: z.number().int().min(1).max(65535).default(4747) })
      .optional(),
    /** static neighbours */
    neighbours: z.array(hostPort).default([]),
    medium: z.enum(["shared", "point-to-point"]).default("point-to-point"),
    bitrateBps: z.number().int().positive().default(10_000_000),
    mtuOctets: z.number().int().min(256).max(1452).default(1400),
  })
  .refine(
    (b) => b.discover !== undefined || b.neighbours.length > 0,
    "needs `discover` or at least one entry in `neighbours`",
  );
const serialBearer = z.strictObject({
  ...bearerCommon,
  type: z.literal("serial"),
  device: z.string().min(1),
  baud: z.number().int().min(1200).max(921_600).default(9600),
  halfDuplex: z.boolean().default(true),
  /** time from the first octet at the radio to carrier on air */
  keyUpMs: z.number().min(0).max(2000).default(20),
  mtuOctets: z.number().int().min(64).max(1400).default(240),
});

/** RFC 8200 5: IPv6 does not work over less. */
const IPV6_MTU_OCTETS = 1280;
/** Groups 224.0.0.x never leave their link (RFC 5771 4). */
const GROUP_IPV4 = /^(22[4-9]|23\d)\.(?!0\.0\.)/;
const PORTS = /^(\d{1,5})(-(\d{1,5}))?$/;

/** `5004` or `5004-5010` as first and last port; undefined if it is neither. */
export function parsePorts(text: string): [first: number, last: number] | undefined {
  const match = PORTS.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[3] ?? match[1]);
  return first >= 1 && first <= last && last <= 65_535 ? [first, last] : undefined;
}

/** One kind of IP traffic, by ports, by mark (DSCP), or by both. */
const ipClass = z
  .strictObject({
    ports: z
      .union([z.string(), z.number().int().transform(String)])
      .refine((text) => parsePorts(text) !== undefined, "expected a port or a range, for example 5004-5010")
      .optional(),
    dscp: z.number().int().min(0).max(63).optional(),
    protocol: z.enum(["udp", "tcp", "any"]).default("any"),
    class: z.enum(["voice", "command", "video", "bulk"]),
    /** flash is for alarms */
    precedence: z.enum(["routine", "priority", "immediate"]).default("routine"),
    /** to be sent twice over disjoint paths */
    critical: z.boolean().default(false),
  })
  .refine((rule) => rule.ports !== undefined || rule.dscp !== undefined, "needs `ports`, `dscp`, or both");
type IpClassRule = z.infer<typeof ipClass>;

/** True if every packet that fits `b` fits `a`. */
function covers(a: IpClassRule, b: IpClassRule): boolean {
  if (a.protocol !== "any" && a.protocol !== b.protocol) return false;
  if (a.dscp !== undefined && a.dscp !== b.dscp) return false;
  if (a.ports === undefined) return true;
  const [outer, inner] = [parsePorts(a.ports), b.ports === undefined ? undefined : parsePorts(b.ports)];
  return outer !== undefined && inner !== undefined && outer[0] <= inner[0] && inner[1] <= outer[1];
}

const ipSection = z.strictObject({
  /** name of the interface that is made */
  tun: z
    .string()
    .regex(/^[\w.-]{1,15}$/, "expected the name of an interface: 1 to 15 letters and digits")
    .default("skein0"),
  mtuOctets: z
    .number()
    .int()
    .min(IPV6_MTU_OCTETS, `less than ${IPV6_MTU_OCTETS}: IPv6 does not work over it`)
    .max(MAX_IP_OCTETS, `more than ${MAX_IP_OCTETS}: a packet would not fit into a frame of the mesh`)
    .default(IPV6_MTU_OCTETS),
  /** TCP ends here and goes on as a stream of the mesh, over all bearers to the other node at once; that one has to do the same */
  splitTcp: z.boolean().default(false),
  /** networks behind this node, besides its own addresses; every node learns of them */
  prefixes: z
    .array(
      z
        .string()
        .refine(
          (text) => parseIpPrefix(text) !== undefined,
          "expected a network, for example 10.9.0.0/16 or 2001:db8:9::/48, without bits behind its length",
        ),
    )
    .max(MAX_PREFIXES_PER_NODE)
    .default([]),
  /** what the operator knows better than the packets' own marks; the first that fits decides */
  classes: z
    .array(ipClass)
    .max(32)
    .superRefine((rules, context) => {
      for (const [index, rule] of rules.entries()) {
        const before = rules.findIndex((other, at) => at < index && other.class !== rule.class && covers(other, rule));
        if (before === -1) continue;
        const message = `never applies: number ${before + 1} calls all of that ${rules[before]?.class} already`;
        context.addIssue({ code: "custom", path: [index], message });
      }
    })
    .default([]),
  /** calls and video that nobody has marked are known by the size and pace of their packets */
  recognise: z.boolean().default(true),
  /** groups that are carried to all nodes; those of ATAK always are */
  multicast: z
    .array(
      z
        .string()
        .refine(
          (text) => parseIpAddress(text)?.length === 4 && GROUP_IPV4.test(text),
          "expected an IPv4 group, for example 239.2.3.1; 224.0.0.x never leaves its link",
        ),
    )
    .max(32)
    .default([]),
});
export type IpConfig = z.infer<typeof ipSection>;

export const agentConfigSchema = z.strictObject({
  node: z.strictObject({
    name: z.string().min(1).max(12),
    address: addressText,
    /** 32-bit node id; unique in the mission */
    id: z.number().int().min(1).max(0xffffffff),
    role: z.enum(["terminal", "relay", "airborne", "vehicle", "headquarters"]).default("terminal"),
  }),
  mission: z
    .strictObject({
      /** 32 octets as 64 hexadecimal digits, or the path of a file that holds them */
      key: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, "expected 64 hexadecimal digits (make one with `skein init`)")
        .optional(),
      keyFile: z.string().optional(),
      /** the controller's public key (Ed25519), likewise: policies without its signature are not taken */
      controllerKey: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, "expected 64 hexadecimal digits (`skein init` makes controller.pub)")
        .optional(),
      controllerKeyFile: z.string().optional(),
    })
    .refine((m) => (m.key === undefined) !== (m.keyFile === undefined), "needs exactly one of `key` and `keyFile`")
    .refine(
      (m) => m.controllerKey === undefined || m.controllerKeyFile === undefined,
      "takes one of `controllerKey` and `controllerKeyFile`, not both",
    ),
  /** state folder (made if missing): boot epoch, messages, policy */
  state: z.string().min(1),
  bearers: z
    .array(z.discriminatedUnion("type", [udpBearer, serialBearer]))
    .min(1)
    .max(16),
  voice: z
    .strictObject({
      /** groups that this node listens to */
      groups: z.array(z.number().int().min(1).max(254)).max(16).default([]),
      /** groups that are carried between wide and narrow bearers here (transcoding) */
      bridge: z.array(z.number().int().min(1).max(254)).max(16).default([]),
      /** Groups whose speech passes here from one area to another, both ways. */
      across: z.array(z.number().int().min(1).max(254)).max(16).default([]),
    })
    .prefault({}),
  position: z
    .strictObject({
      /** NMEA file, replayed in a loop at the pace of its time stamps */
      nmea: z.string().optional(),
      gpsd: hostPort.optional(),
      fixed: z
        .strictObject({
          latitude: z.number().min(-90).max(90),
          longitude: z.number().min(-180).max(180),
          altitudeM: z.number().default(0),
        })
        .optional(),
      intervalS: z.number().min(1).max(3600).default(10),
    })
    .prefault({}),
  battery: z
    .strictObject({
      /** a file with 0..100, for example /sys/class/power_supply/BAT0/capacity */
      file: z.string().optional(),
    })
    .prefault({}),
  tak: z
    .strictObject({
      /** CoT on UDP multicast for TAK clients on this interface */
      interface: z.string(),
      group: hostPort.default("239.2.3.1:6969"),
    })
    .optional(),
  /** a network interface whose packets go through the mesh */
  ip: ipSection.optional(),
  api: z.strictObject({ listen: hostPort.default("127.0.0.1:4780") }).prefault({}),
  sos: z.strictObject({ acknowledge: z.boolean().default(false) }).prefault({}),
  /** append measured events (voice frames, positions, texts) as JSON lines to this file */
  journal: z.string().optional(),
  log: z.enum(["debug", "info", "warn"]).default("info"),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;
