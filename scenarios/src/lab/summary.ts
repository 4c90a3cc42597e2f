import type { LabView } from "./lab.ts";
import type { LabReport } from "./report.ts";

const HOME_AND_CLEAR = "\u001b[H\u001b[2J";
const EVENTS_SHOWN = 10;

/** The live picture at a terminal. */
export function formatView(scenario: string, view: LabView): string {
  const down = view.nodes.filter((node) => !node.isUp).map((node) => node.name);
  const hq = view.headquarters;
  const lines = [
    `Skein lab  ${scenario}  ${view.phase}  ${view.timeS.toFixed(0)} s`,
    `console    ${view.console === "" ? "(not yet)" : view.console}`,
    "",
    `nodes      ${view.nodes.length - down.length} of ${view.nodes.length} up${down.length > 0 ? `, down: ${down.join(" ")}` : ""}`,
    `voice      ${view.talking.map(({ name, group }) => `${name} talks in group ${group}`).join(", ") || "quiet"}`,
    `broken     ${view.broken.join(", ") || "nothing"}`,
  ];
  if (hq !== undefined) {
    const reachable = hq.core.nodes.filter((node) => node.reachable).length;
    const video = hq.video.map(({ framesComplete }) => `${framesComplete} frames`).join(", ");
    const calls = hq.sos.map((sos) => (sos.acknowledgedBy === null ? "open" : "acknowledged")).join(", ");
    lines.push(
      `at HQ      ${reachable} nodes reachable, ${hq.positions.length} positions, ${hq.texts.length} texts`,
      `           video ${video || "none"}, SOS ${calls || "none"}`,
    );
  }
  lines.push("", ...view.events.slice(-EVENTS_SHOWN), "", "Ctrl-C ends it.");
  return `${HOME_AND_CLEAR}${lines.join("\n")}\n`;
}

/** A report for people. */
export function formatReport(report: LabReport): string {
  const { position, voice, video, text, sos } = report;
  const reached = report.allPairsReachableS === null ? "never" : `after ${report.allPairsReachableS} s`;
  return [
    `${report.scenario}: ${report.verdict}`,
    `  ${report.nodes} nodes, ${report.processes} processes, all pairs reachable ${reached}`,
    `  bearers   ${report.bearers.udp} udp, ${report.bearers.serial} serial`,
    `  position  ${position.delivered} of ${position.expected}, 95 % younger than ${position.ageP95S ?? "?"} s`,
    `  voice     ${voice.framesPlayed} of ${voice.framesExpected}, mouth to ear ${voice.mouthToEarP95Ms ?? "?"} ms (95 %)`,
    `  video     ${video.framesComplete} of ${video.framesExpected} frames whole`,
    `  text      ${text.delivered} of ${text.sent}`,
    `  sos       ${sos.acknowledgedS === null ? "none acknowledged" : `acknowledged after ${sos.acknowledgedS} s`}`,
    ...report.cuts.map((cut) => `  cut       ${cut.atS} s ${cut.what}: voice gap ${cut.voiceGapMs ?? "?"} ms`),
    ...report.notes.map((note) => `  note      ${note}`),
    ...report.reasons.map((reason) => `  FAIL      ${reason}`),
  ].join("\n");
}
