import { setPriority } from "node:os";

/** Before what else runs on the machine, behind what keeps the machine itself going. */
const FORWARDING_NICENESS = -8;
const ORDINARY_NICENESS = 0;

/**
 * Others wait for this process: a frame that is late misses its turn on a half-duplex channel. Needs the right to it
 * (root or CAP_SYS_NICE). False: it runs like everybody else.
 */
export function preferForwarding(): boolean {
  try {
    setPriority(FORWARDING_NICENESS);
    return true;
  } catch {
    return false;
  }
}

/** For children of a process that has preference: what codes and shows can wait. */
export function giveWay(): void {
  setPriority(ORDINARY_NICENESS);
}
