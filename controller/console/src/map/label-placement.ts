export interface LabelRequest {
  key: number;
  xPx: number;
  yPx: number;
  widthPx: number;
}
export interface LabelPlace {
  dxPx: number;
  dyPx: number;
}
interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const HEIGHT_PX = 16;
const GAP_PX = 13;

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

/**
 * Puts each label below, right, left or above its symbol, where it covers least of the symbols and of the labels
 * placed before it. The offset is that of the label's top left corner from the symbol's centre.
 */
export function placeLabels(requests: readonly LabelRequest[]): Map<number, LabelPlace> {
  const taken: Box[] = requests.map(({ xPx, yPx }) => ({
    left: xPx - 11,
    top: yPx - 11,
    right: xPx + 11,
    bottom: yPx + 11,
  }));
  const places = new Map<number, LabelPlace>();
  for (const { key, xPx, yPx, widthPx } of requests) {
    const candidates: LabelPlace[] = [
      { dxPx: -widthPx / 2, dyPx: GAP_PX },
      { dxPx: GAP_PX, dyPx: -HEIGHT_PX / 2 },
      { dxPx: -GAP_PX - widthPx, dyPx: -HEIGHT_PX / 2 },
      { dxPx: -widthPx / 2, dyPx: -GAP_PX - HEIGHT_PX },
    ];
    const boxOf = ({ dxPx, dyPx }: LabelPlace): Box => ({
      left: xPx + dxPx,
      top: yPx + dyPx,
      right: xPx + dxPx + widthPx,
      bottom: yPx + dyPx + HEIGHT_PX,
    });
    const covered = (place: LabelPlace): number => taken.reduce((sum, box) => sum + overlap(boxOf(place), box), 0);
    const best = candidates.reduce((a, b) => (covered(b) < covered(a) ? b : a));
    places.set(key, best);
    taken.push(boxOf(best));
  }
  return places;
}
