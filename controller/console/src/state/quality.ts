import type { Liveness, PictureChannel } from "../../../src/fleet/picture.ts";

export type Quality = "good" | "fair" | "poor" | "lost";

/** Loss at which voice is first heard to suffer, and at which it breaks up. */
const FAIR_LOSS = 0.08;
const POOR_LOSS = 0.2;

export function qualityOf(liveness: Liveness, channel: PictureChannel | undefined): Quality {
  if (liveness === "lost" || channel === undefined) return "lost";
  if (channel.loss >= POOR_LOSS) return "poor";
  return channel.loss >= FAIR_LOSS ? "fair" : "good";
}
