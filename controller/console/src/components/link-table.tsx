import type { PictureLink } from "../../../src/fleet/picture.ts";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { kindKey, nodeName } from "../state/fleet-names.ts";
import { formatDelay, formatPercent, formatRate } from "../state/format.ts";
import { qualityOf } from "../state/quality.ts";
import { isSelectedLink } from "../state/selection.ts";
import { type ConsoleView, useConsole } from "./console-context.ts";

export function LinkTable() {
  const t = useTranslate();
  const view = useConsole();
  const { links } = view.picture;
  if (links.length === 0) return <p class="empty">{t("links.empty")}</p>;
  return (
    <table class="grid">
      <thead>
        <tr>
          <th>{t("links.link")}</th>
          <th>{t("links.state")}</th>
          <th>{t("links.kind")}</th>
          <th class="num">{t("links.rate")}</th>
          <th class="num">{t("links.loss")}</th>
          <th class="num">{t("links.delay")}</th>
          <th class="num">{t("links.cost")}</th>
        </tr>
      </thead>
      <tbody>
        {links.map((link) => (
          <LinkRow key={`${link.from}-${link.to}`} link={link} view={view} t={t} />
        ))}
      </tbody>
    </table>
  );
}

function LinkRow({ link, view, t }: { link: PictureLink; view: ConsoleView; t: Translate }) {
  const { from, to, channels, liveness } = link;
  const best = channels[0];
  const quality = qualityOf(liveness, best);
  const live = liveness === "live" && best !== undefined;
  const never = t("unit.never");
  return (
    <tr
      class={`link-row is-${liveness} ${isSelectedLink(view.selection, from, to) ? "is-selected" : ""}`}
      data-testid={`link-${from}-${to}`}
      data-quality={quality}
      onClick={() => view.select({ kind: "link", from, to })}
    >
      <td>
        <b>{nodeName(view.picture, from, t)}</b> <span class="dim">–</span> <b>{nodeName(view.picture, to, t)}</b>
      </td>
      <td>
        <span class={`quality quality-${quality}`}>{t(`map.${quality}`)}</span>
      </td>
      <td>{channels.map((channel) => t(kindKey(channel.kind))).join(" + ")}</td>
      <td class="num">{live ? formatRate(best.bitrateBps) : never}</td>
      <td class="num">{live ? formatPercent(best.loss) : never}</td>
      <td class="num">{live ? formatDelay(best.delayMs) : never}</td>
      <td class="num">{best === undefined ? never : linkCostText(best.costCentsPerMegabyte, t)}</td>
    </tr>
  );
}

/** Links advertise an upper bound of their cost. */
export function linkCostText(costCentsPerMegabyte: number, t: Translate): string {
  return `${costCentsPerMegabyte === 0 ? "" : "≤ "}${costText(costCentsPerMegabyte, t)}`;
}

export function costText(costCentsPerMegabyte: number, t: Translate): string {
  return costCentsPerMegabyte === 0 ? t("links.free") : `${costCentsPerMegabyte} ${t("links.perMegabyte")}`;
}
