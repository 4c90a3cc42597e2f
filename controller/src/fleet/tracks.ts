import type { AgentReport } from "./agent-status.ts";
import { MAX_TRACK_POINTS, TRACK_STEP_M, TRACK_STEP_MS } from "./limits.ts";
import type { TrackPoint } from "./picture.ts";

const METRES_PER_DEGREE = 111_320;

/** Metres between two points a short way apart (flat-earth: exact enough to thin a track). */
function distanceM(a: TrackPoint, b: TrackPoint): number {
  const northM = (b[2] - a[2]) * METRES_PER_DEGREE;
  const eastM = (b[1] - a[1]) * METRES_PER_DEGREE * Math.cos((a[2] * Math.PI) / 180);
  return Math.hypot(northM, eastM);
}

/** The track with one more point if the node moved or enough time passed; the oldest point leaves a full track. */
export function extendTrack(points: readonly TrackPoint[], point: TrackPoint): readonly TrackPoint[] {
  const last = points.at(-1);
  if (last !== undefined) {
    if (point[0] <= last[0]) return points;
    if (distanceM(last, point) < TRACK_STEP_M && point[0] - last[0] < TRACK_STEP_MS) return points;
  }
  return [...points, point].slice(-MAX_TRACK_POINTS);
}

export function extendTracks(
  tracks: ReadonlyMap<number, readonly TrackPoint[]>,
  status: AgentReport,
  nowMs: number,
): Map<number, readonly TrackPoint[]> {
  const next = new Map(tracks);
  for (const { address, report, ageS } of status.positions) {
    const { latitudeDeg, longitudeDeg } = report;
    if (latitudeDeg === null || longitudeDeg === null) continue;
    const point: TrackPoint = [Math.round(nowMs - ageS * 1000), longitudeDeg, latitudeDeg];
    next.set(address, extendTrack(next.get(address) ?? [], point));
  }
  return next;
}
