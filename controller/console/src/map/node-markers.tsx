import type { PictureNode } from "../../../src/fleet/picture.ts";
import { nodeName } from "../state/fleet-names.ts";
import { formatAge } from "../state/format.ts";
import { isSelectedNode } from "../state/selection.ts";
import { placeLabels } from "./label-placement.ts";
import type { OverlayProps } from "./map-overlay.tsx";
import { RoleSymbol } from "./role-symbol.tsx";

/** Mean advance of the label's font, pixels; wide characters count twice. */
const LABEL_CHARACTER_PX = 7;

function labelWidthPx(text: string): number {
  const columns = [...text].reduce((sum, character) => sum + (character > "\u2e7f" ? 2 : 1), 0);
  return columns * LABEL_CHARACTER_PX + 8;
}

export function NodeMarkers({ view, points, t }: OverlayProps) {
  const nodes = view.picture.nodes.filter((node) => points.has(node.address));
  const label = (node: PictureNode): string => {
    const name = nodeName(view.picture, node.address, t);
    return node.liveness === "live" ? name : `${name} · ${formatAge(node.ageS)}`;
  };
  const places = placeLabels(
    nodes.map((node) => {
      const { x, y } = points.get(node.address)!;
      return { key: node.address, xPx: x, yPx: y, widthPx: labelWidthPx(label(node)) };
    }),
  );
  const talking = new Set(view.picture.voice.talkers.map((one) => one.talker));
  const calling = new Set(view.picture.sos.filter((sos) => !sos.confirmed).map((sos) => sos.from));
  return (
    <div class="map-nodes">
      {nodes.map((node) => {
        const { address, liveness } = node;
        const { x, y } = points.get(address)!;
        const place = places.get(address)!;
        const states = [
          `is-${liveness}`,
          isSelectedNode(view.selection, address) ? "is-selected" : "",
          talking.has(address) ? "is-talking" : "",
          calling.has(address) ? "is-sos" : "",
        ];
        return (
          <button
            type="button"
            key={address}
            class={`map-node ${states.join(" ")}`}
            data-testid={`map-node-${address}`}
            style={{ transform: `translate(${x}px, ${y}px)` }}
            onClick={(event) => {
              event.stopPropagation();
              view.select({ kind: "node", address });
            }}
          >
            <RoleSymbol role={node.role} liveness={liveness} />
            <span style={{ transform: `translate(${place.dxPx}px, ${place.dyPx}px)` }}>{label(node)}</span>
          </button>
        );
      })}
    </div>
  );
}
