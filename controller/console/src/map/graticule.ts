/** Spacings in degrees from which the grid takes the one that gives lines about TARGET_PX apart. */
const SPACINGS_DEG = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const TARGET_PX = 150;

export function gridSpacingDeg(degreesPerPixel: number): number {
  const wanted = degreesPerPixel * TARGET_PX;
  const larger = SPACINGS_DEG.filter((spacing) => spacing >= wanted);
  return larger.at(-1) ?? SPACINGS_DEG[0]!;
}

/** Multiples of the spacing between two values, without the error of adding up. */
export function gridLines(fromDeg: number, toDeg: number, spacingDeg: number): number[] {
  const lines: number[] = [];
  for (let index = Math.ceil(fromDeg / spacingDeg); index * spacingDeg <= toDeg; index++) {
    lines.push(Number((index * spacingDeg).toFixed(6)));
  }
  return lines;
}

/** `103.45° E`, with as many decimals as the spacing needs. */
export function gridLabel(valueDeg: number, spacingDeg: number, hemispheres: string): string {
  const decimals = spacingDeg >= 1 ? 0 : Math.min(3, Math.ceil(-Math.log10(spacingDeg)));
  const wrapped = hemispheres === "EW" ? ((((valueDeg + 180) % 360) + 360) % 360) - 180 : valueDeg;
  return `${Math.abs(wrapped).toFixed(decimals)}° ${hemispheres[wrapped < 0 ? 1 : 0]}`;
}
