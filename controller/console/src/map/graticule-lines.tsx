import type { Map as MapLibreMap } from "maplibre-gl";
import { gridLabel, gridLines, gridSpacingDeg } from "./graticule.ts";

/** Meridians and parallels with their degrees at the edge. The map is never rotated, so they are straight. */
export function GraticuleLines({ map }: { map: MapLibreMap }) {
  const bounds = map.getBounds();
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const spacing = gridSpacingDeg((bounds.getEast() - bounds.getWest()) / width);
  return (
    <g class="graticule">
      {gridLines(bounds.getWest(), bounds.getEast(), spacing).map((longitude) => {
        const { x } = map.project([longitude, map.getCenter().lat]);
        return (
          <g key={`x${longitude}`}>
            <line x1={x} x2={x} y1={0} y2={height} />
            <text x={x + 4} y={12}>
              {gridLabel(longitude, spacing, "EW")}
            </text>
          </g>
        );
      })}
      {gridLines(bounds.getSouth(), bounds.getNorth(), spacing).map((latitude) => {
        const { y } = map.project([map.getCenter().lng, latitude]);
        return (
          <g key={`y${latitude}`}>
            <line x1={0} x2={width} y1={y} y2={y} />
            <text x={6} y={y - 4}>
              {gridLabel(latitude, spacing, "NS")}
            </text>
          </g>
        );
      })}
    </g>
  );
}
