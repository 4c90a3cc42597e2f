import { useState } from "preact/hooks";
import { formatAddress } from "../../../src/fleet/address.ts";
import type { PictureLink, PictureNode } from "../../../src/fleet/picture.ts";
import type { LabAction } from "../../../src/lab/types.ts";
import { linkCostText } from "../components/link-table.tsx";
import { WhatIfDead } from "../components/what-if.tsx";
import type { Translate } from "../i18n/context.ts";
import { kindKey, nodeName, roleKey } from "../state/fleet-names.ts";
import { formatAge, formatDelay, formatPercent, formatPosition, formatRate } from "../state/format.ts";
import { labAction } from "../state/lab.ts";
import type { OverlayProps, Point } from "./map-overlay.tsx";

const WIDTH_PX = 268;

/** What is known of the selected node or link, beside it on the map; in a lab, with what can be done to it. */
export function MapPopup({ map, view, points, t }: OverlayProps) {
  const { selection, picture } = view;
  if (selection === undefined) return null;
  const stop = (event: Event): void => event.stopPropagation();
  const anchor = anchorOf(selection, points);
  const frame = map.getContainer();
  const node = selection.kind === "node" ? picture.nodes.find((one) => one.address === selection.address) : undefined;
  const link =
    selection.kind === "link"
      ? picture.links.find((one) => one.from === selection.from && one.to === selection.to)
      : undefined;
  if (node === undefined && link === undefined) return null;
  return (
    <div
      class="map-popup"
      data-testid="map-popup"
      style={{ transform: popupPlace(anchor, frame.clientWidth, frame.clientHeight) }}
      role="dialog"
      onClick={stop}
      onKeyDown={stop}
      onMouseDown={stop}
      onPointerDown={stop}
      onDblClick={stop}
      onWheel={stop}
    >
      <button
        type="button"
        class="quiet map-popup-close"
        aria-label={t("map.close")}
        onClick={() => view.select(undefined)}
      >
        ×
      </button>
      {node !== undefined && <NodeDetails node={node} view={view} t={t} />}
      {link !== undefined && <LinkDetails link={link} view={view} t={t} />}
    </div>
  );
}

function anchorOf(selection: NonNullable<OverlayProps["view"]["selection"]>, points: OverlayProps["points"]): Point {
  const corner = { x: 40, y: 40 };
  if (selection.kind === "node") return points.get(selection.address) ?? corner;
  const a = points.get(selection.from);
  const b = points.get(selection.to);
  return a === undefined || b === undefined ? corner : { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** Right of the anchor, or left of it near the right edge; always wholly inside of the map. */
function popupPlace({ x, y }: Point, widthPx: number, heightPx: number): string {
  const left = x + 22 + WIDTH_PX > widthPx ? x - 22 - WIDTH_PX : x + 22;
  const clamp = (value: number, most: number): number => Math.round(Math.max(8, Math.min(most, value)));
  return `translate(${clamp(left, widthPx - WIDTH_PX - 8)}px, ${clamp(y - 30, heightPx - 230)}px)`;
}

function NodeDetails({ node, view, t }: { node: PictureNode; view: OverlayProps["view"]; t: Translate }) {
  const { position, route, address } = node;
  const never = t("unit.never");
  const inLab = view.lab?.nodes.find((one) => one.address === address);
  const powered = inLab?.powered ?? true;
  const handset = inLab?.handset ?? null;
  return (
    <>
      <h3>
        {nodeName(view.picture, address, t)}{" "}
        <small>
          {formatAddress(address)} · {t(roleKey(node.role))}
        </small>
      </h3>
      <dl>
        <dt>{t("nodes.age")}</dt>
        <dd class={`state-${node.liveness}`}>
          {formatAge(node.ageS)} · {t(`live.${node.liveness}`)}
        </dd>
        <dt>{t("nodes.route")}</dt>
        <dd>{route === null ? never : nodeName(view.picture, route.nextHop, t)}</dd>
        <dt>{t("nodes.alternate")}</dt>
        <dd>{route === null || route.alternate === 0 ? never : nodeName(view.picture, route.alternate, t)}</dd>
        <dt>{t("nodes.battery")}</dt>
        <dd>{node.batteryPercent === null ? never : `${Math.round(node.batteryPercent)} %`}</dd>
        <dt>{t("nodes.altitude")}</dt>
        <dd>{position?.altitudeM == null ? never : `${Math.round(position.altitudeM)} m`}</dd>
        <dt>{t("nodes.speed")}</dt>
        <dd>{position?.speedKmh == null ? never : `${Math.round(position.speedKmh)} km/h`}</dd>
        <dt>{t("nodes.fixAge")}</dt>
        <dd>{position === null ? never : formatAge(position.ageS)}</dd>
      </dl>
      {position !== null && <p class="mono">{formatPosition(position.latitudeDeg, position.longitudeDeg)}</p>}
      {handset !== null && (
        <a class="map-popup-link" href={handset} target="_blank" rel="noreferrer" data-testid="open-handset">
          {t("lab.handset")}
        </a>
      )}
      {view.picture.lab && (
        <LabButtons
          t={t}
          off={{
            label: t("lab.powerOff"),
            action: { action: "kill-node", address },
            test: "power-off-button",
            enabled: powered,
          }}
          on={{
            label: t("lab.powerOn"),
            action: { action: "restore-node", address },
            test: "power-on-button",
            enabled: true,
          }}
        />
      )}
    </>
  );
}

function LinkDetails({ link, view, t }: { link: PictureLink; view: OverlayProps["view"]; t: Translate }) {
  const { from, to, liveness, channels } = link;
  return (
    <>
      <h3>
        {nodeName(view.picture, from, t)} – {nodeName(view.picture, to, t)}{" "}
        <small class={`state-${liveness}`}>
          {t(`live.${liveness}`)}
          {liveness !== "live" && ` · ${formatAge(link.ageS)}`}
        </small>
      </h3>
      {channels.map((channel) => (
        <dl key={channel.kind}>
          <dt>{t("links.kind")}</dt>
          <dd>{t(kindKey(channel.kind))}</dd>
          <dt>{t("links.rate")}</dt>
          <dd>{formatRate(channel.bitrateBps)}</dd>
          <dt>{t("links.loss")}</dt>
          <dd>{formatPercent(channel.loss)}</dd>
          <dt>{t("links.delay")}</dt>
          <dd>{formatDelay(channel.delayMs)}</dd>
          <dt>{t("links.cost")}</dt>
          <dd>{linkCostText(channel.costCentsPerMegabyte, t)}</dd>
        </dl>
      ))}
      {liveness !== "lost" && <WhatIfDead query={`link=${from}-${to}`} picture={view.picture} t={t} />}
      {view.picture.lab && (
        <LabButtons
          t={t}
          off={{ label: t("lab.cut"), action: { action: "cut-link", from, to }, test: "cut-button", enabled: true }}
          on={{
            label: t("lab.restore"),
            action: { action: "restore-link", from, to },
            test: "restore-button",
            enabled: true,
          }}
        />
      )}
    </>
  );
}

interface LabButton {
  label: string;
  action: LabAction;
  test: string;
  enabled: boolean;
}

function LabButtons({ off, on, t }: { off: LabButton; on: LabButton; t: Translate }) {
  const [failure, setFailure] = useState("");
  const act = async (action: LabAction): Promise<void> => {
    const reply = await labAction(action);
    setFailure(reply.ok ? "" : t("lab.failed", { reason: reply.message }));
  };
  return (
    <div class="map-popup-actions">
      <button
        type="button"
        class="danger"
        data-testid={off.test}
        disabled={!off.enabled}
        onClick={() => act(off.action)}
      >
        {off.label}
      </button>
      <button type="button" data-testid={on.test} disabled={!on.enabled} onClick={() => act(on.action)}>
        {on.label}
      </button>
      {failure !== "" && <p class="failure">{failure}</p>}
    </div>
  );
}
