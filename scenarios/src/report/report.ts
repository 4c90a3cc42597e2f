import type { SimulationResult } from "../sim/result.ts";
import { painter } from "./painter.ts";

interface Delivery {
  expected: number;
  delivered: number;
  delayP95Ms: number;
}

/** The run for people: verdicts, what was delivered and how late, and what each fault did to speech. */
export function formatReport(result: SimulationResult, colour: boolean): string {
  const { paint, verdict } = painter(colour);
  const widest = Math.max(0, ...result.checks.map((c) => c.check.length));
  const lines = [
    paint(
      1,
      `${result.scenario}, seed ${result.seed}: ${result.simulatedS} s in ${result.wallS} s (${result.cpuS} s of processor), ${result.timesRealTime} x real time`,
    ),
    "",
    ...result.checks.map((c) => `  ${verdict(c.pass)}  ${c.check.padEnd(widest)}  ${c.found}`),
    "",
    ...serviceLines(result),
    "",
    ...receiverLines(result),
    "",
    ...faultLines(result),
    "",
    `trace ${result.traceSha256}`,
    `${verdict(result.verdict === "pass")}  ${result.checks.filter((c) => c.pass).length} of ${result.checks.length} checks hold`,
  ];
  return lines.join("\n");
}

function serviceLines(result: SimulationResult): string[] {
  const voice = result.metrics.voice as { expected: number; played: number; late: number; mouthToEarP95Ms: number };
  const row = (name: string, sent: number, got: number, delayMs: number): string =>
    `  ${name.padEnd(10)}${String(sent).padStart(9)}${String(got).padStart(10)}${percent(got, sent).padStart(10)}${String(delayMs).padStart(9)}`;
  const delivery = result.metrics.position as Delivery;
  const text = result.metrics.text as { sent: number; delivered: number; delayP95Ms: number };
  const video = result.metrics.video as { framesSent: number; framesComplete: number; delayP95Ms: number };
  return [
    "  service        owed   arrived     share   p95 ms",
    row("voice", voice.expected, voice.played, voice.mouthToEarP95Ms),
    row("position", delivery.expected, delivery.delivered, delivery.delayP95Ms),
    row("text", text.sent, text.delivered, text.delayP95Ms),
    row("video", video.framesSent, video.framesComplete, video.delayP95Ms),
  ];
}

/** One line a node: share of positions, then of speech by talker where some was lost. */
function receiverLines(result: SimulationResult): string[] {
  const receivers = result.metrics.receivers as Record<
    string,
    { position: number | null; voice: Record<string, number | null> }
  >;
  const lines = Object.entries(receivers).map(([name, { position, voice }]) => {
    const lost = Object.entries(voice).filter(([, share]) => share !== null && share < 99.95);
    const speech = lost.map(([talker, share]) => `${talker} ${share}`).join(", ");
    return `  ${name.padEnd(12)}${String(position ?? "-").padStart(6)}   ${speech || "all"}`;
  });
  return ["  node        positions %   speech % by talker", ...lines];
}

function faultLines(result: SimulationResult): string[] {
  const cuts = result.metrics.cuts as { what: string; atS: number; voiceGapMs: number | null }[];
  return cuts.map((c) => {
    const gap = c.voiceGapMs === null ? "nobody spoke" : `longest silence ${c.voiceGapMs} ms`;
    return `  ${c.atS.toFixed(1).padStart(6)} s  ${c.what}: ${gap}`;
  });
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(2)} %`;
}
