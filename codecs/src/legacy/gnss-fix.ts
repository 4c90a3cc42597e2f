/** What a satellite receiver says, whatever its language. Degrees, metres, km/h; NaN where unknown. */
export interface GnssFix {
  /** UTC, milliseconds since 1970; NaN if the receiver gave no date. */
  timeMs: number;
  latitudeDeg: number;
  longitudeDeg: number;
  /** Above mean sea level. */
  altitudeM: number;
  speedKmh: number;
  /** Clockwise from true north. */
  courseDeg: number;
}
