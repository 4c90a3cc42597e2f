import type { Network } from "../scenario/schema.ts";
import type { Point } from "./mobility.ts";

/** Loss shares are whole parts per million, so that every machine takes the same decisions. */
export const CERTAIN_PPM = 1_000_000;
/** Answer of `pathLossPpm` for nodes that cannot hear each other. */
export const OUT_OF_RANGE = -1;

/**
 * Share of frames lost over a distance, parts per million, or OUT_OF_RANGE.
 *
 * Free-space path loss (ITU-R P.525: 20 log10 d) relative to the loss at the edge of the range is the margin,
 * quantised to 0.01 dB before any decision. The share falls from `edge` tenfold per 10 dB of margin towards `near`:
 * a fading margin that halves with each 3 dB.
 */
export function pathLossPpm(network: Network, a: Point, b: Point, airborne: boolean): number {
  const near = Math.round(network.loss.near * CERTAIN_PPM);
  const rangeM = (airborne ? network.airborneRangeM : undefined) ?? network.rangeM;
  if (rangeM === undefined) return near;
  const distanceM = Math.max(1, Math.hypot(a.eastM - b.eastM, a.northM - b.northM, a.altitudeM - b.altitudeM));
  const marginDb = Math.round(2000 * Math.log10(rangeM / distanceM)) / 100;
  if (marginDb < 0) return OUT_OF_RANGE;
  const edge = Math.round((network.loss.edge ?? network.loss.near) * CERTAIN_PPM);
  return near + Math.round((edge - near) * 10 ** (-marginDb / 10));
}
