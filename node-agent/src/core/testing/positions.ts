import type { PositionReport } from "../api.ts";

/** A report of somebody, somewhere. */
export const HERE: PositionReport = {
  latitudeDeg: 31,
  longitudeDeg: 103.6,
  altitudeM: 900,
  speedKmh: 4,
  courseDeg: 90,
  batteryPercent: 80,
};
