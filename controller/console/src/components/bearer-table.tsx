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
          <th class="num">{t("bearers.dropped")}</th>
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
      <td class="num" title={queueDetail(bearer, t)}>
        {formatDelay(bearer.queuedMs)}
      </td>
      <td class="num">
        <DropCell bearer={bearer} t={t} />
      </td>
    </tr>
  );
}

/** How many in all, and how many of each class for which reason where there are any. */
function DropCell({ bearer, t }: { bearer: PictureBearer; t: Translate }) {
  if (bearer.drops.length === 0) return <>0</>;
  // Frames that were not taken from the air have no class, and are no loss of this node's packets.
  const total = bearer.drops.reduce((sum, { trafficClass, count }) => (trafficClass === null ? sum : sum + count), 0);
  const causes = bearer.drops.toSorted((a, b) => b.count - a.count).map((drop) => dropText(drop, t));
  return (
    <details data-testid={`drops-${bearer.name}`}>
      <summary>{total}</summary>
      {causes.map((cause) => (
        <div key={cause}>{cause}</div>
      ))}
    </details>
  );
}

const CLASSES = ["voice", "command", "video", "bulk"] as const;
/** What the agent's queues say; other reasons are shown as they are. */
const REASONS = [
  "queue-full",
  "expired",
  "pool-empty",
  "bearer-lost",
  "too-long",
  "cap",
  "class-rule",
  "class-rate",
] as const;

function className(trafficClass: number | null, t: Translate): string {
  const name = trafficClass === null ? undefined : CLASSES[trafficClass];
  return name === undefined ? t("unit.never") : t(`policy.class.${name}`);
}

function dropText({ trafficClass, reason, count }: PictureBearer["drops"][number], t: Translate): string {
  const known = REASONS.find((one) => one === reason);
  return `${className(trafficClass, t)}: ${known === undefined ? reason : t(`drops.${known}`)} ${count}`;
}

function queueDetail({ queuesMs }: PictureBearer, t: Translate): string {
  return queuesMs.map((ms, trafficClass) => `${className(trafficClass, t)} ${formatDelay(ms)}`).join(", ");
}
