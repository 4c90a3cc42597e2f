import type { PictureLink } from "../../../src/fleet/picture.ts";
import { qualityOf } from "../state/quality.ts";
import { isSelectedLink } from "../state/selection.ts";
import type { OverlayProps, Point } from "./map-overlay.tsx";

/** Distance between the parallel lines of several channels, pixels. */
const CHANNEL_GAP_PX = 5;

/** One line for each channel, coloured by quality, and one wide invisible line to click. */
export function LinkLines({ view, points }: OverlayProps) {
  return (
    <g class="links">
      {view.picture.links.map((link) => {
        const a = points.get(link.from);
        const b = points.get(link.to);
        if (a === undefined || b === undefined) return null;
        return <LinkLine key={`${link.from}-${link.to}`} link={link} a={a} b={b} view={view} />;
      })}
    </g>
  );
}

function LinkLine({ link, a, b, view }: { link: PictureLink; a: Point; b: Point; view: OverlayProps["view"] }) {
  const { from, to, liveness, channels } = link;
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const normal = { x: -(b.y - a.y) / length, y: (b.x - a.x) / length };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the link table's rows do the same
    <g
      class={`link is-${liveness} ${isSelectedLink(view.selection, from, to) ? "is-selected" : ""}`}
      data-testid={`map-link-${from}-${to}`}
      onClick={(event) => {
        event.stopPropagation();
        view.select({ kind: "link", from, to });
      }}
    >
      <line class="link-hit" x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
      {channels.map((channel, index) => {
        const offset = (index - (channels.length - 1) / 2) * CHANNEL_GAP_PX;
        return (
          <line
            key={channel.kind}
            class={`link-line kind-${channel.kind} quality-${qualityOf(liveness, channel)}`}
            x1={a.x + normal.x * offset}
            y1={a.y + normal.y * offset}
            x2={b.x + normal.x * offset}
            y2={b.y + normal.y * offset}
          />
        );
      })}
    </g>
  );
}
