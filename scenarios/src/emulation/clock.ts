/**
 * CLOCK_MONOTONIC in integer microseconds, the clock of the journals: comparable between all processes of a machine.
 * `performance.now()` runs on the same clock from another zero and allocates nothing; the offset is taken once.
 */
const offsetUs = Number(process.hrtime.bigint() / 1000n) - Math.floor(performance.now() * 1000);

export function monotonicUs(): number {
  return offsetUs + Math.floor(performance.now() * 1000);
}
