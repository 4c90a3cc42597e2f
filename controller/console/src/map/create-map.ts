import { land } from "virtual:land-outline";
import { type GeoJSONSource, Map as MapLibreMap, ScaleControl, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { PictureNode, TrackPoint } from "../../../src/fleet/picture.ts";

// Absolute, because the map library resolves it against its own script.
setWorkerUrl(new URL(workerUrl, location.href).href);

const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** Sea, land and tracks; nodes, links and labels are drawn above by the overlay. Nothing is fetched. */
export function createMap(container: HTMLElement): MapLibreMap {
  const map = new MapLibreMap({
    container,
    attributionControl: false,
    center: [104, 32],
    zoom: 3.2,
    maxZoom: 18,
    maxPitch: 0,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    fadeDuration: 0,
    style: {
      version: 8,
      sources: {
        land: { type: "geojson", data: land, maxzoom: 10, tolerance: 0.6 },
        tracks: { type: "geojson", data: EMPTY },
      },
      layers: [
        { id: "sea", type: "background", paint: { "background-color": "#081019" } },
        { id: "land", type: "fill", source: "land", paint: { "fill-color": "#0f1b25", "fill-antialias": true } },
        { id: "shore", type: "line", source: "land", paint: { "line-color": "#2a4252", "line-width": 1 } },
        {
          id: "tracks",
          type: "line",
          source: "tracks",
          layout: { "line-join": "round", "line-cap": "round" },
          paint: { "line-color": ["get", "colour"], "line-width": 1.6, "line-opacity": 0.55 },
        },
      ],
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new ScaleControl({ maxWidth: 120, unit: "metric" }), "bottom-left");
  return map;
}

const TRACK_COLOURS: Record<number, string> = { 0: "#57a5e0", 1: "#c9a25a", 2: "#38d3c4", 3: "#b99bea", 4: "#e8f3f7" };

/** Draws where the nodes have been. */
export function showTracks(
  map: MapLibreMap,
  nodes: readonly PictureNode[],
  tracks: ReadonlyMap<number, readonly TrackPoint[]>,
): void {
  const source = map.getSource<GeoJSONSource>("tracks");
  if (source === undefined) return;
  const features = nodes.flatMap((node): GeoJSON.Feature[] => {
    const coordinates = (tracks.get(node.address) ?? []).map(([, longitude, latitude]) => [longitude, latitude]);
    if (coordinates.length < 2) return [];
    const colour = node.liveness === "live" ? TRACK_COLOURS[node.role] : "#5d6b76";
    return [{ type: "Feature", properties: { colour }, geometry: { type: "LineString", coordinates } }];
  });
  source.setData({ type: "FeatureCollection", features });
}
