import type { Evidence, Verdict } from "../checkers/evidence.ts";
import { runChecks } from "../checkers/run-checks.ts";
import type { Simulation } from "./simulation.ts";

/** What was sent this shortly before the end may still be under way and is not counted. */
const TAIL_VOICE_US = 1_000_000;
const TAIL_VIDEO_US = 1_000_000;
const TAIL_POSITION_US = 3_000_000;

/** One run, ready to be printed. */
export interface SimulationResult {
  scenario: string;
  seed: number;
  verdict: "pass" | "fail";
  checks: Verdict[];
  traceSha256: string;
  simulatedS: number;
  wallS: number;
  /** Processor time of the thread that simulates: what `wallS` would be on a machine with nothing else to do. */
  cpuS: number;
  timesRealTime: number;
  metrics: Record<string, unknown>;
}

/** Holds a finished run against its checks. `wallS`, `cpuS`: time that the run took. */
export function resultOf(simulation: Simulation, seed: number, wallS: number, cpuS = wallS): SimulationResult {
  const evidence = evidenceOf(simulation);
  const checks = runChecks(simulation.scenario.checks, evidence);
  const simulatedS = simulation.durationUs / 1e6;
  return {
    scenario: simulation.scenario.scenario,
    seed,
    verdict: checks.every((c) => c.pass) ? "pass" : "fail",
    checks,
    traceSha256: simulation.traceSha256(),
    simulatedS,
    wallS: round(wallS, 3),
    cpuS: round(cpuS, 3),
    timesRealTime: round(simulatedS / wallS, 1),
    metrics: metricsOf(simulation, evidence),
  };
}

function evidenceOf(simulation: Simulation): Evidence {
  const { traffic, durationUs, world, medium } = simulation;
  const voice = traffic.voice.totals(0, durationUs - TAIL_VOICE_US);
  const airtime: Record<string, number> = {};
  for (const [i, network] of world.networks.entries()) airtime[network.name] = medium.airtimeShare(i, durationUs);
  return {
    delivery: {
      voice: { expected: voice.expected, delivered: voice.played },
      position: traffic.positions.reports.totals(0, durationUs - TAIL_POSITION_US),
      text: traffic.texts.ledger.totals(0, durationUs),
      video: traffic.video.frames.totals(0, durationUs - TAIL_VIDEO_US),
    },
    duplicates: {
      "voice frames": voice.duplicates,
      positions: traffic.positions.reports.duplicates,
      texts: traffic.texts.ledger.duplicates,
      "video packets": traffic.video.duplicatePackets,
    },
    airtime,
    faults: simulation.faultGaps(),
    sos: traffic.sos.calls.map(({ path, ...call }) => ({ ...call, withPathUs: path.withPathUs })),
    longestQueueUs: Math.max(simulation.longestQueueUs, medium.counters.longestQueueUs),
    loops: simulation.loops.loops,
    packetsWatched: simulation.loops.packets,
    unpoweredTransmissions: simulation.unpoweredTransmissions,
  };
}

function metricsOf(simulation: Simulation, evidence: Evidence): Record<string, unknown> {
  const { traffic, durationUs } = simulation;
  const voice = traffic.voice.totals(0, durationUs - TAIL_VOICE_US);
  const position = traffic.positions.reports.totals(0, durationUs - TAIL_POSITION_US);
  const video = traffic.video.frames.totals(0, durationUs - TAIL_VIDEO_US);
  const text = traffic.texts.ledger.totals(0, durationUs);
  const ms = (us: number | undefined): number | null => (us === undefined ? null : Math.round(us / 1000));
  return {
    nodes: simulation.scenario.nodes.length,
    kernelEvents: simulation.events,
    allPairsReachableS: simulation.allPairsReachableUs === undefined ? null : simulation.allPairsReachableUs / 1e6,
    voice: { ...voice, mouthToEarP95Ms: Math.round(voice.mouthToEarP95Ms) },
    position: { ...position, delayP95Ms: Math.round(position.delayP95Ms) },
    text: {
      sent: traffic.texts.addressed,
      delivered: text.delivered,
      confirmed: traffic.texts.confirmed,
      delayP95Ms: Math.round(text.delayP95Ms),
    },
    video: {
      packetsSent: traffic.video.packetsSent,
      packetsReceived: traffic.video.packetsReceived,
      framesSent: video.expected,
      framesComplete: video.delivered,
      delayP95Ms: Math.round(video.delayP95Ms),
    },
    receivers: receiversOf(simulation),
    sos: evidence.sos.map((s) => ({
      by: s.by,
      acknowledgedS: s.acknowledgedUs === undefined ? null : round((s.acknowledgedUs - s.raisedUs) / 1e6, 3),
    })),
    cuts: evidence.faults.map((f) => ({ what: f.what, atS: f.atUs / 1e6, voiceGapMs: ms(f.voiceGapUs) })),
    airtime: Object.fromEntries(Object.entries(evidence.airtime).map(([k, v]) => [k, round(v, 3)])),
    medium: simulation.medium.counters,
    core: simulation.coreTotals(),
  };
}

/** Per node, shares in percent: positions that came, and speech played by talker; null where nothing was owed. */
function receiversOf(simulation: Simulation): Record<string, unknown> {
  const { traffic, durationUs, world } = simulation;
  const percent = (part: number, whole: number): number | null => (whole === 0 ? null : round((100 * part) / whole, 1));
  const positions = traffic.positions.reports.byReceiver(0, durationUs - TAIL_POSITION_US);
  const voice = traffic.voice.byListener();
  const nameOf = (node: number): string => world.nodes[node]?.name ?? String(node);
  return Object.fromEntries(
    world.nodes.map(({ name }, node) => {
      const heard = [...(voice.get(node) ?? [])].map(([talker, c]) => [nameOf(talker), percent(c.played, c.expected)]);
      const row = positions[node];
      const position = percent(row?.delivered ?? 0, row?.expected ?? 0);
      return [name, { position, voice: Object.fromEntries(heard) }];
    }),
  );
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
