/** Position reports as CoT events and back. */
import type { PositionReport } from "../position/position-report.ts";
import type { CotDetail } from "./cot-detail.ts";
import { formatCotDetail, readCotDetail } from "./cot-detail.ts";
import type { CotEvent } from "./cot-event.ts";

/** CoT types (MIL-STD-2525 in CoT spelling) of friends, by what they are. */
export const CotType = {
  /** Ground unit, combat: what TAK clients show as a team member. */
  person: "a-f-G-U-C",
  relay: "a-f-G-U-U-S",
  /** Rotary-wing drone. */
  airborne: "a-f-A-M-H-Q",
  vehicle: "a-f-G-E-V",
  headquarters: "a-f-G-U-H",
} as const;

export interface CotPosition {
  uid: string;
  type: string;
  callsign: string;
  /** Colour of the team, such as `Cyan`; empty for none. */
  groupName: string;
  /** Such as `Team Member`; empty for none. */
  groupRole: string;
  /** When the position was taken, milliseconds since 1970. */
  timeMs: number;
  /** When it is to be shown as stale. */
  staleMs: number;
  report: PositionReport;
}

const KMH_PER_MPS = 3.6;

/** Undefined if the place is unknown: CoT has no event without one. The altitude goes out as height unchanged. */
export function positionToCot(position: CotPosition): CotEvent | undefined {
  const { report } = position;
  if (Number.isNaN(report.latitudeDeg) || Number.isNaN(report.longitudeDeg)) return undefined;
  const detail: CotDetail = { callsign: position.callsign };
  if (position.groupName !== "") {
    detail.groupName = position.groupName;
    detail.groupRole = position.groupRole === "" ? "Team Member" : position.groupRole;
  }
  if (!Number.isNaN(report.courseDeg)) detail.courseDeg = report.courseDeg;
  if (!Number.isNaN(report.speedKmh)) detail.speedMps = report.speedKmh / KMH_PER_MPS;
  if (!Number.isNaN(report.batteryPercent)) detail.batteryPercent = report.batteryPercent;
  return {
    uid: position.uid,
    type: position.type,
    how: "m-g",
    timeMs: position.timeMs,
    startMs: position.timeMs,
    staleMs: position.staleMs,
    latitudeDeg: report.latitudeDeg,
    longitudeDeg: report.longitudeDeg,
    heightM: report.altitudeM,
    circularErrorM: Number.NaN,
    linearErrorM: Number.NaN,
    attributes: [],
    detail: formatCotDetail(detail),
  };
}

/** Undefined if the event is no atom (`a-...`), that is, nothing that stands somewhere. */
export function cotToPosition(event: CotEvent): CotPosition | undefined {
  if (!event.type.startsWith("a-")) return undefined;
  const detail = readCotDetail(event.detail);
  return {
    uid: event.uid,
    type: event.type,
    callsign: detail.callsign ?? event.uid,
    groupName: detail.groupName ?? "",
    groupRole: detail.groupRole ?? "",
    timeMs: event.timeMs,
    staleMs: event.staleMs,
    report: {
      latitudeDeg: event.latitudeDeg,
      longitudeDeg: event.longitudeDeg,
      altitudeM: event.heightM,
      speedKmh: detail.speedMps === undefined ? Number.NaN : detail.speedMps * KMH_PER_MPS,
      courseDeg: detail.courseDeg ?? Number.NaN,
      batteryPercent: detail.batteryPercent ?? Number.NaN,
    },
  };
}
