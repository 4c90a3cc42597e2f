import { LngLatBounds, type Map as MapLibreMap } from "maplibre-gl";
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useConsole } from "../components/console-context.ts";
import { useTranslate } from "../i18n/context.ts";
import { createMap, showTracks } from "./create-map.ts";
import { MapLegend } from "./map-legend.tsx";
import { MapOverlay } from "./map-overlay.tsx";

/** Room for labels, buttons and the legend at the lower edge. */
const FIT_PADDING_PX = { top: 60, bottom: 96, left: 76, right: 76 };

export function MapView() {
  const t = useTranslate();
  const view = useConsole();
  const container = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<MapLibreMap>();
  const draw = useRef(() => {});
  const fittedNodes = useRef(0);
  const touched = useRef(false);
  const select = useRef(view.select);
  select.current = view.select;

  useEffect(() => {
    const made = createMap(container.current!);
    const host = document.createElement("div");
    host.className = "map-overlay";
    made.getCanvasContainer().append(host);
    draw.current = () => {};
    made.on("move", () => draw.current());
    made.on("resize", () => draw.current());
    made.on("click", () => select.current(undefined));
    for (const type of ["dragstart", "zoomstart"] as const) {
      made.on(type, (event) => {
        // Only what a person does: the map's own fitting has no original event.
        if ((event as { originalEvent?: unknown }).originalEvent !== undefined) touched.current = true;
      });
    }
    made.on("load", () => setMap(made));
    return () => {
      render(null, host);
      made.remove();
    };
  }, []);

  const positioned = view.picture.nodes.filter((node) => node.position !== null);
  const showAll = (): void => {
    if (map === undefined || positioned.length === 0) return;
    const bounds = new LngLatBounds();
    for (const { position } of positioned) bounds.extend([position!.longitudeDeg, position!.latitudeDeg]);
    map.fitBounds(bounds, { padding: FIT_PADDING_PX, maxZoom: 15, animate: false });
  };
  useEffect(() => {
    if (map === undefined) return;
    // New nodes come into sight by themselves until the operator has moved the map.
    if (!touched.current && positioned.length > fittedNodes.current) {
      fittedNodes.current = positioned.length;
      showAll();
    }
    const host = map.getCanvasContainer().querySelector(".map-overlay")!;
    draw.current = () => render(<MapOverlay map={map} view={view} t={t} />, host);
    draw.current();
  });
  const { picture } = view;
  useEffect(() => {
    if (map !== undefined) showTracks(map, picture.nodes, view.session.tracks);
  }, [map, view.state.picture]);

  return (
    <div class="map-frame" data-testid="map">
      <div class="map" ref={container} />
      <MapLegend />
      <div class="map-buttons">
        <button type="button" onClick={() => map?.zoomIn({ animate: false })}>
          +
        </button>
        <button type="button" onClick={() => map?.zoomOut({ animate: false })}>
          −
        </button>
        <button type="button" title={t("map.fit")} aria-label={t("map.fit")} data-testid="map-fit" onClick={showAll}>
          ⤢
        </button>
      </div>
    </div>
  );
}
