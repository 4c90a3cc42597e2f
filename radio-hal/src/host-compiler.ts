import { setFlagsFromString } from "node:v8";

/** V8 takes 3000, and its compiler's threads then take the processor from the program for longer than that runs. */
const CALLS_BEFORE_TURBOFAN = 30_000;

/** Has V8 compile with TurboFan only what is called often; to be called before the work begins. */
export function optimiseLate(): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS_BEFORE_TURBOFAN}`);
}
