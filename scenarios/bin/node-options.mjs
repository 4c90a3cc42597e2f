/**
 * What Node is started with wherever Skein starts itself; the first line of `skein.mjs` says the same. V8 gets a thread
 * less than there are processors, not four: while code is new they compile all the time, and on two processors each
 * time one of them wakes it takes the processor from the program.
 */
export const nodeOptions = ["--v8-pool-size=0"];
