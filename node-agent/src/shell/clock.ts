/** Looks at both clocks; where a process was interrupted between the two, the difference comes out too small. */
const LOOKS = 32;

function clockOffsetUs(): number {
  let offsetUs = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < LOOKS; i++)
    offsetUs = Math.max(offsetUs, Number(process.hrtime.bigint() / 1000n) - Math.floor(performance.now() * 1000));
  return offsetUs;
}

const offsetUs = clockOffsetUs();

/**
 * CLOCK_MONOTONIC in integer microseconds, comparable between all processes of a machine. `performance.now()` runs on the
 * same clock from another zero and, unlike `process.hrtime.bigint()`, allocates nothing; the offset is taken once.
 */
export function monotonicUs(): number {
  return offsetUs + Math.floor(performance.now() * 1000);
}
