import type { Map as MapLibreMap } from "maplibre-gl";
import type { ConsoleView } from "../components/console-context.ts";
import type { Translate } from "../i18n/context.ts";
import { GraticuleLines } from "./graticule-lines.tsx";
import { LinkLines } from "./link-lines.tsx";
import { MapPopup } from "./map-popup.tsx";
import { NodeMarkers } from "./node-markers.tsx";

export interface Point {
  x: number;
  y: number;
}
export interface OverlayProps {
  map: MapLibreMap;
  view: ConsoleView;
  t: Translate;
  /** Screen position of each node that has one, by address. */
  points: ReadonlyMap<number, Point>;
}

/** Everything above the map itself, drawn in screen coordinates each time the map moves. */
export function MapOverlay({ map, view, t }: Omit<OverlayProps, "points">) {
  const points = new Map<number, Point>();
  for (const { address, position } of view.picture.nodes) {
    if (position !== null) points.set(address, map.project([position.longitudeDeg, position.latitudeDeg]));
  }
  const props: OverlayProps = { map, view, t, points };
  return (
    <>
      <svg class="map-lines" aria-hidden="true">
        <GraticuleLines map={map} />
        <LinkLines {...props} />
      </svg>
      <NodeMarkers {...props} />
      <MapPopup {...props} />
    </>
  );
}
