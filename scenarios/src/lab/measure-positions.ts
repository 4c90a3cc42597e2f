import type { Observations, Paths } from "./evaluate.ts";
import type { JournalEvent } from "./journal.ts";
import { percentile } from "./percentile.ts";
import type { LabReport } from "./report.ts";

const SAMPLE_US = 1e6;
/** Sequence numbers wrap; a report that is this old has another's number. */
const SAME_REPORT_US = 120e6;

/**
 * Reports expected and delivered, and the age of what each node knows of each other one, sampled once a second
 * while the two have a path.
 */
export function measurePositions(
  events: readonly JournalEvent[],
  seen: Observations,
  paths: Paths,
): LabReport["position"] {
  const received = indexReceived(events);
  const ages: number[] = [];
  let expected = 0;
  let delivered = 0;
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
        expected++;
        if (receivedUs !== undefined) delivered++;
      }
      sampleAges(ages, arrivals, seen, (atUs) => paths.connected(source.address, listener.address, atUs));
    }
  }
  const ageP95Us = percentile(ages, 0.95);
  return { expected, delivered, ageP95S: ageP95Us === null ? null : Math.round(ageP95Us / 1e5) / 10 };
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
