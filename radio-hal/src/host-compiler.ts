import { setFlagsFromString } from "node:v8";

/** V8 takes 3000, and its compiler's threads then take the processor from the program for longer than that runs. */
const CALLS_BEFORE_TURBOFAN = 30_000;
/** V8 takes 400: while a mesh of 49 nodes comes up, 350 functions of an agent are called so often, and 90 ten times as often. */
const CALLS_BEFORE_MAGLEV = 4_000;

/** Has V8 compile with TurboFan only what is called often; to be called before the work begins. */
export function optimiseLate(): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS_BEFORE_TURBOFAN}`);
}

/**
 * The same with Maglev, for a process that is not alone on its machine: its compiling takes from the others, and from
 * the radio frames that wait. Who has a processor for itself and a second to run is quicker without.
 */
export function optimiseLittle(): void {
  optimiseLate();
  setFlagsFromString(`--invocation-count-for-maglev=${CALLS_BEFORE_MAGLEV}`);
}
