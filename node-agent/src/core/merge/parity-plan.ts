import { MAX_PARITY_ROWS, VIDEO_PARITY_SHARE, VIDEO_RESIDUAL_LOSS } from "../limits.ts";

/** More tries than this make no difference. */
const MAX_REPETITIONS = 8;

/** A path as far as it matters how much of what is sent there never comes in time. */
export interface PathLoss {
  /** Share that is lost at the first try, and the mean length of a run of losses, frames. */
  loss: number;
  run: number;
  /** How long a frame may still be repeated, and the time between two tries, microseconds. */
  timeUs: number;
  tryUs: number;
  /** Frames that the path carries between two tries. */
  framesPerTry: number;
}

/** Tries that a frame on the path has. */
function triesOn(path: PathLoss): number {
  return 1 + Math.min(MAX_REPETITIONS, Math.max(0, Math.floor(path.timeUs / path.tryUs)));
}

/**
 * Share that repetition cannot mend in time. Losses are those of a Gilbert channel: what follows a loss within the same
 * run is lost, too, and that wears off with each frame in between.
 */
export function residualLoss(path: PathLoss): number {
  if (path.loss <= 0) return 0;
  const inRun = (1 - 1 / Math.max(1, path.run)) ** Math.max(1, path.framesPerTry);
  const again = path.loss + (1 - path.loss) * inRun;
  return Math.min(1, path.loss * again ** (triesOn(path) - 1));
}

/** Mean length of a run of what is lost at every try: where several runs that have nothing to do with each other overlap. */
export function residualRun(path: PathLoss): number {
  return 1 + (Math.max(1, path.run) - 1) / triesOn(path);
}

const chances = new Float64Array(MAX_PARITY_ROWS + 1);

/**
 * Rows of parity for a block of so many packets of which `lost` are expected not to come in time, in runs of this mean
 * length: as few as leave VIDEO_RESIDUAL_LOSS, and no more than VIDEO_PARITY_SHARE of the block. `lossOfRows`: share of
 * the parity itself that is lost. Runs begin independently and end with the same chance after each packet, so that what is lost
 * of a block has a Pólya-Aeppli distribution.
 */
export function parityRows(packets: number, lost: number, run: number, lossOfRows: number): number {
  const bearable = VIDEO_RESIDUAL_LOSS * packets;
  const most = Math.min(MAX_PARITY_ROWS, Math.max(1, Math.floor(VIDEO_PARITY_SHARE * packets)));
  const goesOn = 1 - 1 / Math.max(1, run);
  const runs = lost * (1 - goesOn);
  let beyond = lost;
  let rows = 0;
  chances[0] = Math.exp(-runs);
  while (beyond > bearable && rows < most) {
    rows++;
    let sum = 0;
    let weight = 1 - goesOn;
    for (let j = 1; j <= rows; j++) {
      sum += j * weight * (chances[rows - j] as number);
      weight *= goesOn;
    }
    chances[rows] = (runs * sum) / rows;
    beyond -= rows * (chances[rows] as number);
  }
  return Math.min(most, Math.ceil(rows / (1 - Math.min(0.5, lossOfRows))));
}
