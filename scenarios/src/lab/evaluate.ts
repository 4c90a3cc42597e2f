import { type Connectivity, OFF } from "../emulation/connectivity.ts";
import type { JournalEvent } from "./journal.ts";
import { measureMessages } from "./measure-messages.ts";
import { measurePositions } from "./measure-positions.ts";
import { measureVideo } from "./measure-video.ts";
import { heardBy, measureCuts, measureVoice, voicePairs } from "./measure-voice.ts";
import type { LabReport } from "./report.ts";

export interface EvaluatedNode {
  name: string;
  address: number;
  groups: readonly number[];
  /** True for nodes on serial radios alone. */
  narrow: boolean;
}

/** What the lab knows beside journals. */
export interface Observations {
  scenario: string;
  nodes: readonly EvaluatedNode[];
  /** Measured from here to here, monotonic microseconds. */
  fromUs: number;
  toUs: number;
  connectivity: readonly Connectivity[];
  cuts: readonly { what: string; atUs: number }[];
  agentsUp: number;
  processes: number;
  startupS: number;
  allPairsReachableS: number | null;
  bearers: { udp: number; serial: number };
  bearersExpected: { udp: number; serial: number };
  textsCommanded: number;
  sosCommanded: number;
  videoExpected: boolean;
  framesDecoded: number | null;
  /** What went wrong while playing: refused commands, agents that died by themselves. */
  incidents: readonly string[];
  notes: readonly string[];
}

/** What must hold. */
const REACHABLE_MAX_S = 5;
const POSITION_MIN = 0.99;
const VOICE_MIN = 0.97;
const VIDEO_MIN = 0.95;
/** More than this many whole frames in 90 s, and in proportion. */
const VIDEO_FRAMES_PER_S = 500 / 90;
const SOS_MAX_S = 3;
const GAP_MAX_MS = 500;

/** Who had a path to whom, and when. */
export class Paths {
  readonly #timeline: readonly Connectivity[];
  readonly #index: Map<number, number>;

  constructor(timeline: readonly Connectivity[], nodes: readonly EvaluatedNode[]) {
    this.#timeline = timeline;
    this.#index = new Map(nodes.map((node, i) => [node.address, i]));
  }

  /** True if both were on and a path joined them at that moment. */
  connected(a: number, b: number, atUs: number): boolean {
    const labels = this.#labelsAt(atUs);
    const labelA = labels?.[this.#index.get(a) ?? -1] ?? OFF;
    return labelA !== OFF && labelA === labels?.[this.#index.get(b) ?? -1];
  }

  #labelsAt(atUs: number): readonly number[] | undefined {
    let low = 0;
    let high = this.#timeline.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timeline[middle] as Connectivity).atUs <= atUs) low = middle + 1;
      else high = middle;
    }
    return this.#timeline[low - 1]?.labels;
  }
}

/** Judges a run from the agents' journals and the truth about who had a path to whom. Pure. */
export function evaluate(events: readonly JournalEvent[], seen: Observations): LabReport {
  const paths = new Paths(seen.connectivity, seen.nodes);
  const pairs = voicePairs(events, seen, paths);
  const positions = measurePositions(events, seen, paths);
  const report: LabReport = {
    scenario: seen.scenario,
    durationS: Math.round((seen.toUs - seen.fromUs) / 1e5) / 10,
    nodes: seen.agentsUp,
    processes: seen.processes,
    startupS: seen.startupS,
    allPairsReachableS: seen.allPairsReachableS,
    bearers: seen.bearers,
    position: positions.total,
    voice: measureVoice(pairs),
    video: measureVideo(events, seen, paths),
    ...measureMessages(events, seen),
    cuts: measureCuts(pairs, seen),
    receivers: Object.fromEntries(
      seen.nodes.map((node) => [node.name, { position: positions.percentOf(node), voice: heardBy(node, pairs) }]),
    ),
    notes: [...seen.notes],
    verdict: "pass",
    reasons: [],
  };
  report.reasons.push(...seen.incidents, ...judge(report, seen));
  if (report.reasons.length > 0) report.verdict = "fail";
  return report;
}

function judge(report: LabReport, seen: Observations): string[] {
  return [
    ...judgeStart(report, seen),
    ...judgeShare("position", report.position.delivered, report.position.expected, POSITION_MIN),
    ...judgeShare("voice", report.voice.framesPlayed, report.voice.framesExpected, VOICE_MIN),
    ...(seen.videoExpected ? judgeVideo(report) : []),
    ...judgeMessages(report, seen),
    ...report.cuts.flatMap(judgeCut),
  ];
}

function judgeStart(report: LabReport, seen: Observations): string[] {
  const reasons: string[] = [];
  if (report.nodes !== seen.nodes.length) reasons.push(`${report.nodes} of ${seen.nodes.length} nodes came up`);
  const reachableS = report.allPairsReachableS;
  if (reachableS === null) reasons.push("not every node found every other one");
  else if (reachableS > REACHABLE_MAX_S)
    reasons.push(`all pairs reachable after ${reachableS} s, at most ${REACHABLE_MAX_S}`);
  for (const kind of ["udp", "serial"] as const) {
    const expected = seen.bearersExpected[kind];
    if (report.bearers[kind] < expected) reasons.push(`${report.bearers[kind]} of ${expected} ${kind} bearers are up`);
  }
  return reasons;
}

function judgeShare(what: string, part: number, whole: number, least: number): string[] {
  if (whole === 0) return [`${what}: nothing was sent`];
  const share = part / whole;
  if (share >= least) return [];
  return [`${what}: ${part} of ${whole} arrived, ${percent(share)}, at least ${percent(least)}`];
}

function judgeVideo(report: LabReport): string[] {
  const { framesComplete, framesExpected } = report.video;
  const reasons = judgeShare("video", framesComplete, framesExpected, VIDEO_MIN);
  const least = Math.floor(report.durationS * VIDEO_FRAMES_PER_S);
  if (framesComplete <= least) reasons.push(`video: ${framesComplete} whole frames, more than ${least}`);
  return reasons;
}

function judgeMessages(report: LabReport, seen: Observations): string[] {
  const { text, sos } = report;
  const reasons: string[] = [];
  if (text.sent < seen.textsCommanded)
    reasons.push(`text: ${text.sent} of ${seen.textsCommanded} were taken for sending`);
  if (text.delivered < text.sent) reasons.push(`text: ${text.delivered} of ${text.sent} delivered`);
  if (text.duplicates > 0) reasons.push(`text: ${text.duplicates} delivered twice`);
  if (sos.raised < seen.sosCommanded) reasons.push(`sos: ${sos.raised} of ${seen.sosCommanded} raised`);
  if (sos.raised > 0 && sos.acknowledgedS === null) reasons.push("sos: not acknowledged");
  else if (sos.acknowledgedS !== null && sos.acknowledgedS >= SOS_MAX_S) {
    reasons.push(`sos: acknowledged after ${sos.acknowledgedS} s, under ${SOS_MAX_S}`);
  }
  return reasons;
}

function judgeCut(cut: LabReport["cuts"][number]): string[] {
  if (cut.voiceGapMs === null) return [`${cut.what}: nobody spoke over IP bearers, so the gap is unknown`];
  if (cut.voiceGapMs <= GAP_MAX_MS) return [];
  return [`${cut.what}: ${cut.voiceGapMs} ms without voice, at most ${GAP_MAX_MS}`];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
