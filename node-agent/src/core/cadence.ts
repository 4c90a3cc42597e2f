import { LONGEST_SILENCE_US, SILENCE_NARROW_US, SILENCE_PER_NEIGHBOUR_US } from "./limits.ts";
import type { Port } from "./port.ts";

/**
 * How far apart the frames of one transmitter are on a narrow channel, whatever they carry: the longest pause of late.
 * Both ends reckon it alike. A transmitter breaks a pause that gets longer by a hello of its own, so that hellos are
 * sent by those alone who say nothing else, ever less often (as in RFC 6206); a receiver knows from it what silence means.
 */
export function nextCadence(port: Port, cadenceUs: number, pauseUs: number): number {
  const leastUs = Math.max(SILENCE_NARROW_US, port.neighbours.length * SILENCE_PER_NEIGHBOUR_US);
  return Math.max(leastUs, pauseUs, cadenceUs - pauseUs / 4);
}

/** Longest pause that a transmitter allows itself. */
export function longestPauseUs(port: Port): number {
  // A position is not quite regular: it may be as late as this before a hello goes ahead of it.
  return Math.min(LONGEST_SILENCE_US, 1.5 * port.cadenceUs + 2_000_000);
}
