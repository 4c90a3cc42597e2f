import type { Liveness, PictureChannel } from "../../../src/fleet/picture.ts";

export type Quality = "good" | "fair" | "poor" | "lost";

/**
 * Loss above which voice is first heard to suffer, and above which it breaks up. Nodes advertise upper bounds of
 * steps (0.07, 0.12, 0.2, 0.32): a bound of just 0.2 is not yet poor.
 */
const FAIR_LOSS = 0.08;
const POOR_LOSS = 0.2;

export function qualityOf(liveness: Liveness, channel: PictureChannel | undefined): Quality {
  if (liveness === "lost" || channel === undefined) return "lost";
  if (channel.loss > POOR_LOSS) return "poor";
  return channel.loss > FAIR_LOSS ? "fair" : "good";
}
