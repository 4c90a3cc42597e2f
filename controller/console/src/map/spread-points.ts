export interface SpreadPoint {
  key: number;
  x: number;
  y: number;
}

const ROUNDS = 24;

/**
 * Moves symbols that would cover each other apart, to `gapPx` between centres, as little as it can: each round
 * pushes every pair that is too close by half of what is missing. The same points give the same places, so that
 * nothing dances; points that stand on one spot leave it in directions given by their order.
 */
export function spreadPoints(points: readonly SpreadPoint[], gapPx: number): Map<number, { x: number; y: number }> {
  const places = points.map(({ x, y }) => ({ x, y }));
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    for (let i = 0; i < places.length; i++) {
      for (let j = i + 1; j < places.length; j++) moved = pushApart(places[i]!, places[j]!, gapPx, i + j) || moved;
    }
    if (!moved) break;
  }
  return new Map(points.map(({ key }, index) => [key, places[index]!]));
}

function pushApart(a: { x: number; y: number }, b: { x: number; y: number }, gapPx: number, turn: number): boolean {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const distance = Math.hypot(dx, dy);
  if (distance >= gapPx - 0.5) return false;
  // The golden angle: no two orders point the same way.
  const direction = distance > 0.01 ? Math.atan2(dy, dx) : turn * 2.399963;
  const push = (gapPx - distance) / 2;
  a.x -= Math.cos(direction) * push;
  a.y -= Math.sin(direction) * push;
  b.x += Math.cos(direction) * push;
  b.y += Math.sin(direction) * push;
  return true;
}
