/** Named maxima of everything that the controller keeps. */
export const MAX_NODES = 1024;
export const MAX_LINKS = 4096;
export const MAX_TRACK_POINTS = 600;
export const MAX_EVENTS = 500;
export const MAX_TEXTS = 500;
/** Seconds and events of the paths, twice what an agent keeps. */
export const MAX_PATH_SECONDS = 600;
export const MAX_PATH_EVENTS = 1000;
/** A track grows when the node moved this far or this long has passed, metres and milliseconds. */
export const TRACK_STEP_M = 5;
export const TRACK_STEP_MS = 30_000;
/** Silence after which something is no longer shown as live, and after which it counts as lost. */
export const STALE_AFTER_S = 30;
export const LOST_AFTER_S = 90;
/** A link that either end has ceased to advertise is lost after this long. */
export const LINK_LOST_AFTER_S = 3;
/** The same on serial radios, where an advertisement waits for a turn on the channel; until then it is stale. */
export const SERIAL_LINK_LOST_AFTER_S = 20;
/** Lost links stay visible this long, so that an operator sees what is missing. */
export const LINK_FORGET_AFTER_S = 600;
/** Video without a new complete frame for this long is not live. */
export const VIDEO_LIVE_S = 3;
