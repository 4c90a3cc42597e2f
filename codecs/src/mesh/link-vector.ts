/**
 * Link vector: what a link is like, in 2 octets.
 *
 *     15 14 13 12 | 11 10 9 8 | 7 6 5 | 4 3 2 | 1 0
 *     rate          latency     loss    cost    closed
 *
 *   rate     1200 bit/s x 2^code           1.2 kbit/s .. 39 Mbit/s (rounded down)
 *   latency  0.5 ms x 2^code, one way      0.5 ms .. 16 s (rounded up)
 *   loss     share of frames, upper bounds in LOSS_STEPS
 *   cost     cents per megabyte, upper bounds in COST_STEPS
 *   closed   what its end does not want there: 0 nothing, 1 bulk, 2 bulk and video, 3 all but SOS and positions
 *
 * VECTOR_GONE in a delta means that the link is no more.
 */
export const VECTOR_GONE = 0xffff;
export const LOSS_STEPS = [0.01, 0.03, 0.07, 0.12, 0.2, 0.32, 0.5, 1] as const;
export const COST_STEPS = [0, 1, 5, 20, 100, 500, 2000, 10_000] as const;

export interface LinkVector {
  bitrateBps: number;
  latencyUs: number;
  loss: number;
  costCentsPerMegabyte: number;
  /** 0..3, see above. */
  closed: number;
}

function stepOf(steps: readonly number[], value: number): number {
  for (let code = 0; code < steps.length; code++) if (value <= (steps[code] as number)) return code;
  return steps.length - 1;
}

export function lossCode(loss: number): number {
  return stepOf(LOSS_STEPS, loss);
}

export function encodeLinkVector(vector: LinkVector): number {
  const rate = Math.max(0, Math.min(15, Math.floor(Math.log2(vector.bitrateBps / 1200))));
  const latency = Math.max(0, Math.min(15, Math.ceil(Math.log2(Math.max(1, vector.latencyUs) / 500))));
  const packed =
    (rate << 12) |
    (latency << 8) |
    (lossCode(vector.loss) << 5) |
    (stepOf(COST_STEPS, vector.costCentsPerMegabyte) << 2) |
    (vector.closed & 3);
  // The all-ones vector is reserved; the worst real one is closed to bulk and video only.
  return packed === VECTOR_GONE ? packed - 1 : packed;
}

export function decodeLinkVector(packed: number): LinkVector {
  return {
    bitrateBps: 1200 * 2 ** (packed >>> 12),
    latencyUs: 500 * 2 ** ((packed >>> 8) & 15),
    loss: LOSS_STEPS[(packed >>> 5) & 7] as number,
    costCentsPerMegabyte: COST_STEPS[(packed >>> 2) & 7] as number,
    closed: packed & 3,
  };
}
