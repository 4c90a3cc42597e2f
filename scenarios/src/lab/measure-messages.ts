import { GROUP_DESTINATION } from "@skein/node-agent/core";
import type { EvaluatedNode, Observations } from "./evaluate.ts";
import type { JournalEvent } from "./journal.ts";
import type { LabReport } from "./report.ts";

/**
 * Texts count as delivered when the receiver has them and the sender knows, those to a group when all its members have them (there
 * are no receipts); an SOS when its raiser knows.
 */
export function measureMessages(events: readonly JournalEvent[], seen: Observations): Pick<LabReport, "text" | "sos"> {
  const inTime = events.filter((event) => event.atUs >= seen.fromUs && event.atUs < seen.toUs);
  return {
    text: measureTexts(
      inTime.filter((event) => event.e === "text-sent"),
      events,
      seen.nodes,
    ),
    sos: measureSos(
      inTime.filter((event) => event.e === "sos-raised"),
      events,
    ),
  };
}

function measureTexts(
  texts: readonly JournalEvent[],
  events: readonly JournalEvent[],
  nodes: readonly EvaluatedNode[],
): LabReport["text"] {
  let delivered = 0;
  let duplicates = 0;
  for (const text of texts) {
    const isSame = (event: JournalEvent): boolean => event.messageId === text.messageId && event.atUs >= text.atUs;
    const to = text.to as number;
    const isToGroup = to >= GROUP_DESTINATION;
    const arrivals = (isToGroup ? membersBeside(text.node, to - GROUP_DESTINATION, nodes) : [to]).map(
      (node) =>
        events.filter(
          (event) => event.e === "text-received" && event.node === node && event.from === text.node && isSame(event),
        ).length,
    );
    const isConfirmed = events.some(
      (event) => event.e === "text-state" && event.state === "delivered" && event.node === text.node && isSame(event),
    );
    if (arrivals.every((times) => times > 0) && (isToGroup || isConfirmed)) delivered++;
    for (const times of arrivals) duplicates += Math.max(0, times - 1);
  }
  return { sent: texts.length, delivered, duplicates };
}

function membersBeside(sender: number, group: number, nodes: readonly EvaluatedNode[]): number[] {
  const members = nodes.filter(({ address, groups }) => address !== sender && groups.includes(group));
  return members.map(({ address }) => address);
}

function measureSos(calls: readonly JournalEvent[], events: readonly JournalEvent[]): LabReport["sos"] {
  let slowestUs = 0;
  for (const call of calls) {
    const answer = events.find(
      (event) =>
        event.e === "sos-acknowledged" &&
        event.node === call.node &&
        event.from === call.node &&
        event.sosId === call.sosId &&
        event.atUs >= call.atUs,
    );
    slowestUs = Math.max(slowestUs, answer === undefined ? Number.POSITIVE_INFINITY : answer.atUs - call.atUs);
  }
  const isAnswered = calls.length > 0 && slowestUs < Number.POSITIVE_INFINITY;
  return { raised: calls.length, acknowledgedS: isAnswered ? Math.round(slowestUs / 1e4) / 100 : null };
}
