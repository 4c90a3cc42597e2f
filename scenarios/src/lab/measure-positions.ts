import type { EvaluatedNode, Observations, Paths } from "./evaluate.ts";
import type { JournalEvent } from "./journal.ts";
import { percentile } from "./percentile.ts";
import type { LabReport } from "./report.ts";

const SAMPLE_US = 1e6;
/** Sequence numbers wrap; a report that is this old has another's number. */
const SAME_REPORT_US = 120e6;

interface Tally {
  expected: number;
  delivered: number;
}
interface PositionMeasure {
  total: LabReport["position"];
  /** Share that a node got of what it was to get; null if that was nothing. */
  percentOf(node: EvaluatedNode): number | null;
}

/**
 * Reports expected and delivered, and the age of what each node knows of each other one, sampled once a second
 * while the two have a path.
 */
export function measurePositions(events: readonly JournalEvent[], seen: Observations, paths: Paths): PositionMeasure {
  const received = indexReceived(events);
  const ages: number[] = [];
  const tallies = new Map(seen.nodes.map((node) => [node, { expected: 0, delivered: 0 }]));
  for (const source of seen.nodes) {
    const reports = events.filter((event) => event.e === "position-sent" && event.node === source.address);
    for (const listener of seen.nodes) {
      if (listener === source) continue;
      const arrivals: { sentUs: number; receivedUs: number }[] = [];
      for (const report of reports) {
        const receivedUs = arrival(received, listener.address, report);
        if (receivedUs !== undefined) arrivals.push({ sentUs: report.atUs, receivedUs });
        if (report.atUs < seen.fromUs || report.atUs >= seen.toUs) continue;
        if (!paths.connected(source.address, listener.address, report.atUs)) continue;
        const tally = tallies.get(listener) as Tally;
        tally.expected++;
        if (receivedUs !== undefined) tally.delivered++;
      }
      sampleAges(ages, arrivals, seen, (atUs) => paths.connected(source.address, listener.address, atUs));
    }
  }
  const ageP95Us = percentile(ages, 0.95);
  const all = [...tallies.values()];
  const expected = all.reduce((sum, tally) => sum + tally.expected, 0);
  const delivered = all.reduce((sum, tally) => sum + tally.delivered, 0);
  const ageP95S = ageP95Us === null ? null : Math.round(ageP95Us / 1e5) / 10;
  return { total: { expected, delivered, ageP95S }, percentOf: (node) => percentOf(tallies.get(node)) };
}

function percentOf(tally: Tally | undefined): number | null {
  if (tally === undefined || tally.expected === 0) return null;
  return Math.round((1000 * tally.delivered) / tally.expected) / 10;
}

function indexReceived(events: readonly JournalEvent[]): Map<string, number[]> {
  const received = new Map<string, number[]>();
  for (const { e, node, from, sequence, atUs } of events) {
    if (e !== "position-received") continue;
    const key = `${node}/${from}/${sequence}`;
    const list = received.get(key);
    if (list) list.push(atUs);
    else received.set(key, [atUs]);
  }
  return received;
}

function arrival(received: Map<string, number[]>, listener: number, report: JournalEvent): number | undefined {
  const list = received.get(`${listener}/${report.node}/${report.sequence}`);
  return list?.find((atUs) => atUs >= report.atUs && atUs - report.atUs < SAME_REPORT_US);
}

function sampleAges(
  ages: number[],
  arrivals: readonly { sentUs: number; receivedUs: number }[],
  seen: Observations,
  hasPath: (atUs: number) => boolean,
): void {
  for (let atUs = seen.fromUs; atUs < seen.toUs; atUs += SAMPLE_US) {
    let freshestUs = Number.NEGATIVE_INFINITY;
    for (const { sentUs, receivedUs } of arrivals) if (receivedUs <= atUs) freshestUs = Math.max(freshestUs, sentUs);
    if (freshestUs > Number.NEGATIVE_INFINITY && hasPath(atUs)) ages.push(atUs - freshestUs);
  }
}
