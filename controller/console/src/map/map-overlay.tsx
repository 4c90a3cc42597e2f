import type { Map as MapLibreMap } from "maplibre-gl";
import type { ConsoleView } from "../components/console-context.ts";
import type { Translate } from "../i18n/context.ts";
import { GraticuleLines } from "./graticule-lines.tsx";
import { LinkLines } from "./link-lines.tsx";
import { MapPopup } from "./map-popup.tsx";
import { NodeMarkers } from "./node-markers.tsx";
import { spreadPoints } from "./spread-points.ts";

export interface Point {
  x: number;
  y: number;
}
export interface OverlayProps {
  map: MapLibreMap;
  view: ConsoleView;
  t: Translate;
  /** Where each node that has a position is drawn, by address: its place, moved a little off crowded spots. */
  points: ReadonlyMap<number, Point>;
}

/** Least distance between two symbols' centres, and from which displacement on a line leads to the true place. */
const SYMBOL_GAP_PX = 40;
const LEADER_FROM_PX = 9;

/** Everything above the map itself, drawn in screen coordinates each time the map moves. */
export function MapOverlay({ map, view, t }: Omit<OverlayProps, "points">) {
  const fixes = view.picture.nodes.flatMap(({ address, position }) => {
    if (position === null) return [];
    const { x, y } = map.project([position.longitudeDeg, position.latitudeDeg]);
    return [{ key: address, x, y }];
  });
  const points = spreadPoints(fixes, SYMBOL_GAP_PX);
  const props: OverlayProps = { map, view, t, points };
  return (
    <>
      <svg class="map-lines" aria-hidden="true">
        <GraticuleLines map={map} />
        <LinkLines {...props} />
        <g class="leaders">
          {fixes.map(({ key, x, y }) => {
            const shown = points.get(key)!;
            if (Math.hypot(shown.x - x, shown.y - y) < LEADER_FROM_PX) return null;
            return (
              <g key={key}>
                <line x1={x} y1={y} x2={shown.x} y2={shown.y} />
                <circle cx={x} cy={y} r="2" />
              </g>
            );
          })}
        </g>
      </svg>
      <NodeMarkers {...props} />
      <MapPopup {...props} />
    </>
  );
}
