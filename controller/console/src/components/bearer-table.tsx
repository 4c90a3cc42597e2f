import type { PictureBearer } from "../../../src/fleet/picture.ts";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { formatDelay, formatPercent, formatRate } from "../state/format.ts";
import { useConsole } from "./console-context.ts";
import { costText } from "./link-table.tsx";

/** The bearers of the agent beside the controller: throughput now, loss, delay, cost. */
export function BearerTable() {
  const t = useTranslate();
  const { bearers } = useConsole().picture;
  if (bearers.length === 0) return <p class="empty">{t("bearers.empty")}</p>;
  return (
    <table class="grid">
      <thead>
        <tr>
          <th>{t("bearers.bearer")}</th>
          <th>{t("links.state")}</th>
          <th class="num">{t("bearers.neighbours")}</th>
          <th class="num">{t("bearers.sent")}</th>
          <th class="num">{t("bearers.received")}</th>
          <th class="num">{t("links.loss")}</th>
          <th class="num">{t("links.delay")}</th>
          <th class="num">{t("links.cost")}</th>
          <th class="num">{t("bearers.airtime")}</th>
          <th class="num">{t("bearers.queue")}</th>
        </tr>
      </thead>
      <tbody>
        {bearers.map((bearer) => (
          <BearerRow key={bearer.id} bearer={bearer} t={t} />
        ))}
      </tbody>
    </table>
  );
}

function BearerRow({ bearer, t }: { bearer: PictureBearer; t: Translate }) {
  const { loss, delayMs, costCentsPerMegabyte } = bearer;
  const never = t("unit.never");
  // A device that is switched on but hears nobody carries nothing.
  const works = bearer.up && bearer.neighbours > 0;
  const state = !bearer.up ? "bearers.down" : works ? "bearers.up" : "bearers.alone";
  return (
    <tr class={works ? "" : "is-lost"} data-testid={`bearer-${bearer.name}`}>
      <td>
        <b>{bearer.name}</b>
      </td>
      <td>
        <span class={`quality quality-${works ? "good" : "lost"}`}>{t(state)}</span>
      </td>
      <td class="num">{bearer.neighbours}</td>
      <td class="num">{formatRate(bearer.sentBps)}</td>
      <td class="num">{formatRate(bearer.receivedBps)}</td>
      <td class="num">{loss === null ? never : formatPercent(loss)}</td>
      <td class="num">{delayMs === null ? never : formatDelay(delayMs)}</td>
      <td class="num">{costCentsPerMegabyte === null ? never : costText(costCentsPerMegabyte, t)}</td>
      <td class="num">{formatPercent(bearer.airtimeShare)}</td>
      <td class="num">{formatDelay(bearer.queuedMs)}</td>
    </tr>
  );
}
