import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");

/** The `skein` command, run with this process's own Node. */
export const skeinCommand = resolve(root, "scenarios/bin/skein.mjs");
/** The short VP8 clip that stands for a camera. */
export const videoClip = resolve(root, "scenarios/catalogue/media/clip.ivf");
