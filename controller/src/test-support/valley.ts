import type { AgentReport } from "../fleet/agent-status.ts";

/** A made-up mission for tests of the controller and its pages: fourteen nodes in a mountain valley. */
interface Member {
  name: string;
  role: number;
  northM: number;
  eastM: number;
  battery: number | null;
}
const CENTRE = { latitudeDeg: 31.06, longitudeDeg: 103.48 };
const METRES_PER_DEGREE = 111_320;
const MEMBERS: readonly Member[] = [
  { name: "HQ", role: 4, northM: -9000, eastM: 11000, battery: null },
  { name: "Vehicle", role: 3, northM: -3400, eastM: 4300, battery: 91 },
  { name: "UAV-1", role: 2, northM: -1200, eastM: -700, battery: 64 },
  { name: "UAV-2", role: 2, northM: 2900, eastM: -2600, battery: 47 },
  { name: "Relay-1", role: 1, northM: 200, eastM: 2300, battery: 83 },
  { name: "Relay-2", role: 1, northM: 2500, eastM: 600, battery: 78 },
  { name: "A-1", role: 0, northM: -200, eastM: -2900, battery: 71 },
  { name: "A-2", role: 0, northM: 500, eastM: -3500, battery: 58 },
  { name: "A-3", role: 0, northM: -1000, eastM: -3900, battery: 33 },
  { name: "A-4", role: 0, northM: -1500, eastM: -2900, battery: 80 },
  { name: "B-1", role: 0, northM: 4200, eastM: 1500, battery: 66 },
  { name: "B-2", role: 0, northM: 5000, eastM: 800, battery: 12 },
  { name: "B-3", role: 0, northM: 5300, eastM: 2100, battery: 52 },
  { name: "B-4", role: 0, northM: 4500, eastM: 2700, battery: 90 },
];
export const VALLEY_NODES = MEMBERS.length;

/** [from, to, kind, bit/s, delay ms, loss, cents per megabyte], local ids. */
const LINKS: readonly (readonly [number, number, number, number, number, number, number])[] = [
  [1, 2, 2, 512_000, 612, 0.01, 800],
  [1, 2, 3, 4_000_000, 48, 0.02, 30],
  [1, 3, 0, 6_000_000, 9, 0.03, 0],
  [2, 3, 0, 8_000_000, 6, 0.01, 0],
  [2, 5, 0, 5_000_000, 7, 0.04, 0],
  [3, 4, 0, 6_000_000, 8, 0.02, 0],
  [3, 5, 0, 5_000_000, 7, 0.06, 0],
  [3, 7, 0, 2_000_000, 12, 0.08, 0],
  [3, 10, 0, 2_000_000, 11, 0.05, 0],
  [4, 6, 0, 4_000_000, 8, 0.03, 0],
  [4, 8, 0, 2_000_000, 14, 0.17, 0],
  [4, 7, 0, 2_000_000, 13, 0.11, 0],
  [5, 6, 0, 3_000_000, 9, 0.09, 0],
  [7, 8, 0, 1_000_000, 10, 0.02, 0],
  [7, 9, 0, 1_000_000, 12, 0.24, 0],
  [7, 10, 0, 1_000_000, 11, 0.04, 0],
  [8, 9, 0, 1_000_000, 13, 0.07, 0],
  [9, 10, 0, 1_000_000, 12, 0.31, 0],
  [6, 11, 1, 9600, 240, 0.05, 0],
  [6, 12, 1, 9600, 250, 0.08, 0],
  [6, 13, 1, 9600, 260, 0.19, 0],
  [5, 14, 1, 9600, 250, 0.12, 0],
  [6, 14, 1, 9600, 250, 0.06, 0],
  [11, 12, 1, 9600, 240, 0.02, 0],
  [11, 13, 1, 9600, 240, 0.03, 0],
  [13, 14, 1, 9600, 240, 0.04, 0],
];

const NEXT_HOP: Record<number, number> = { 2: 2, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3, 8: 3, 9: 3, 10: 3 };

function addressOf(id: number): number {
  return 0x100 + id;
}

function positionOf(id: number, nowMs: number): { latitudeDeg: number; longitudeDeg: number; course: number } {
  const member = MEMBERS[id - 1]!;
  const airborne = member.role === 2;
  const radiusM = airborne ? 700 : member.role === 0 ? 60 : 0;
  const angle = ((nowMs / 1000) * (airborne ? 25 / radiusM : 0.01) + id) % (2 * Math.PI);
  const northM = member.northM + radiusM * Math.cos(angle);
  const eastM = member.eastM + radiusM * Math.sin(angle);
  return {
    latitudeDeg: CENTRE.latitudeDeg + northM / METRES_PER_DEGREE,
    longitudeDeg: CENTRE.longitudeDeg + eastM / (METRES_PER_DEGREE * Math.cos((CENTRE.latitudeDeg * Math.PI) / 180)),
    course: ((angle * 180) / Math.PI + 90) % 360,
  };
}

type Core = AgentReport["core"];

function coreStatus(cut: ReadonlySet<string>, startedMs: number, nowMs: number): Core {
  const octets = Math.max(0, nowMs - startedMs);
  const up = LINKS.filter(([a, b]) => !cut.has(`${a}-${b}`));
  const relayed = cut.has("1-3") ? 2 : 3;
  const bearer = (id: number, name: string, share: number, cost: number): Core["bearers"][number] => ({
    id,
    name,
    up: true,
    framesSent: Math.round(octets / 40),
    framesReceived: Math.round(octets / 35),
    octetsSent: Math.round(octets * share),
    octetsReceived: Math.round(octets * share * 1.6),
    queuedFrames: 0,
    queuedMs: 42,
    queues: [2, 0, 10, 30].map((ms) => ({ frames: ms > 0 ? 1 : 0, ms })),
    drops: [{ trafficClass: 2, reason: "expired", count: 7 * id }].filter(({ count }) => count > 0),
    airtimeShare: share / 40,
    costCentsPerMegabyte: cost,
    cap: cost === 0 ? null : { usedOctets: 1e6 * cost + octets, capOctets: 1e9, reserveOctets: 5e7, level: 0 },
  });
  return {
    address: addressOf(1),
    neighbours: up
      .filter(([a]) => a === 1)
      .map(([, b, kind, , delayMs, loss]) => ({
        bearerId: kind === 2 ? 2 : kind === 3 ? 1 : 0,
        address: addressOf(b),
        bidirectional: true,
        suspected: false,
        rxQuality: 1 - loss,
        txQuality: 1 - loss,
        rttMs: 2 * delayMs,
        lastHeardMs: 300,
      })),
    nodes: MEMBERS.map(({ name, role }, i) => ({
      address: addressOf(i + 1),
      name,
      role,
      reachable: true,
      lastHeardMs: i === 0 ? 0 : 200 + 431 * i,
    })),
    links: up.flatMap(([a, b, kind, bitrateBps, latencyMs, loss, costCentsPerMegabyte]) => [
      { from: addressOf(a), to: addressOf(b), kind, bitrateBps, latencyMs, loss, costCentsPerMegabyte },
      { from: addressOf(b), to: addressOf(a), kind, bitrateBps, latencyMs, loss: loss * 0.8, costCentsPerMegabyte },
    ]),
    routes: MEMBERS.slice(1).map((_, i) => {
      const nextHop = addressOf(relayed === 2 ? 2 : (NEXT_HOP[i + 2] ?? 3));
      const alternate = addressOf(nextHop === addressOf(2) ? 3 : 2);
      const way = { nextHop, bearerId: relayed === 2 ? 1 : 0, cost: 100 + i, alternate };
      return { to: addressOf(i + 2), classes: [way, way, way, way] };
    }),
    bearers: [bearer(0, "mesh", 22, 0), bearer(1, "lte", 9, 30), bearer(2, "satellite", 1.5, 800)],
    drops: { replay: 2, badTag: 1 },
    counters: {},
  };
}

export interface ValleyOptions {
  /** Links that are down, by local ids: `1-3`. */
  cut?: ReadonlySet<string>;
  sos?: boolean;
  startedMs?: number;
}

/** The status that the headquarters' agent would give. */
export function valleyStatus(nowMs: number, options: ValleyOptions = {}): AgentReport {
  const startedMs = options.startedMs ?? nowMs - 180_000;
  const report = (id: number): AgentReport["sos"][number]["report"] => {
    const { latitudeDeg, longitudeDeg, course } = positionOf(id, nowMs);
    const { role, battery } = MEMBERS[id - 1]!;
    const speedKmh = role === 2 ? 90 : role === 0 ? 3 : 0;
    const altitudeM = role === 2 ? 2450 : 1380;
    return { latitudeDeg, longitudeDeg, altitudeM, speedKmh, courseDeg: course, batteryPercent: battery };
  };
  const text = (index: number, from: number, to: number, body: string, state: "delivered" | "sent" | "received") => ({
    id: `t${index}`,
    from: addressOf(from),
    to,
    body,
    state,
    atMs: startedMs + index * 21_000,
  });
  return {
    name: "HQ",
    version: "0.1.0",
    core: coreStatus(options.cut ?? new Set(), startedMs, nowMs),
    positions: MEMBERS.map((_, i) => ({
      address: addressOf(i + 1),
      report: report(i + 1),
      ageS: i === 0 ? 0 : 1.5 + i / 3,
    })),
    texts: [
      text(1, 7, addressOf(1), "A-1: school building, two people trapped", "received"),
      text(2, 1, addressOf(7), "收到，派B队支援", "delivered"),
      text(3, 11, 0x10002, "B-1 at the bridge, road is gone", "received"),
      text(4, 1, 0x10002, "Hold there, UAV-2 is coming over", "sent"),
    ],
    sos: options.sos
      ? [
          {
            id: "sos-12",
            from: addressOf(12),
            kind: 1,
            report: report(12),
            atMs: nowMs - 14_000,
            acknowledgedBy: addressOf(1),
            confirmed: false,
          },
        ]
      : [],
    voice: {
      talkers: [{ talker: addressOf(7), group: 1, sinceMs: 3200 }],
      groups: [1, 2, 3],
      talkingIn: null,
      counters: { framesPlayed: Math.round((nowMs - startedMs) / 20), concealed: 4 },
    },
    video: [{ from: addressOf(3), stream: 0, framesComplete: Math.round((nowMs - startedMs) / 66), lastFrameMs: 40 }],
    paths: [],
    battery: { percent: 97 },
    policy: {
      version: 3,
      document: {
        version: 3,
        bearers: { satellite: { costCentsPerMegabyte: 800, preference: -10 }, lte: { costCentsPerMegabyte: 30 } },
        classes: { voice: { copies: { calm: 1, risk: 2 } }, bulk: { never: ["satellite"] } },
      },
      publisher: addressOf(1),
      publishedMs: startedMs,
      signature: "none",
      key: null,
      octets: 70,
      nodes: [
        { address: addressOf(2), version: 3 },
        { address: addressOf(3), version: 2 },
      ],
    },
    uptimeMs: nowMs - startedMs,
    recentEvents: [
      { sequence: 1, atMs: startedMs + 300, level: "info", text: "neighbour 1.3 up on mesh" },
      { sequence: 2, atMs: startedMs + 400, level: "info", text: "neighbour 1.2 up on satellite" },
      { sequence: 3, atMs: startedMs + 500, level: "info", text: "neighbour 1.2 up on lte" },
      { sequence: 4, atMs: startedMs + 61_000, level: "warn", text: "battery of 1.12 is low (12 %)" },
    ],
  };
}
