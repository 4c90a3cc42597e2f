import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { PictureBearer } from "../../../src/fleet/picture.ts";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { formatCents, formatDelay, formatPercent, formatRate } from "../state/format.ts";
import { useConsole } from "./console-context.ts";
import { costText } from "./link-table.tsx";
import { PathRows } from "./path-rows.tsx";
import { WhatIfDead } from "./what-if.tsx";

const COLUMNS = 12;

/** The bearers of the agent beside the controller: throughput now, loss, delay, cost. */
export function BearerTable() {
  const t = useTranslate();
  const { picture, state } = useConsole();
  const { bearers } = picture;
  /** The bearer of which one wants to know what its end would do. */
  const [asked, ask] = useState<string>();
  if (bearers.length === 0) return <p class="empty">{t("bearers.empty")}</p>;
  return (
    <table class="grid">
      <thead>
        <tr>
          <th>{t("bearers.bearer")}</th>
          <th>{t("links.state")}</th>
          <th class="num">{t("bearers.sent")}</th>
          <th class="num">{t("bearers.received")}</th>
          <th class="num">{t("links.loss")}</th>
          <th class="num">{t("links.delay")}</th>
          <th class="num">{t("links.cost")}</th>
          <th class="num">{t("bearers.soFar")}</th>
          <th class="num">{t("bearers.cap")}</th>
          <th class="num">{t("bearers.airtime")}</th>
          <th class="num">{t("bearers.queue")}</th>
          <th class="num">{t("bearers.dropped")}</th>
        </tr>
      </thead>
      <tbody>
        {bearers.map((bearer) => (
          <Fragment key={bearer.id}>
            <BearerRow
              bearer={bearer}
              cents={state.paths.cents[bearer.id]}
              isAsked={asked === bearer.name}
              onAsk={() => ask(asked === bearer.name ? undefined : bearer.name)}
              t={t}
            />
            {asked === bearer.name && (
              <tr class="path-row">
                <td colSpan={COLUMNS}>
                  <WhatIfDead query={`bearer=${encodeURIComponent(bearer.name)}`} picture={picture} t={t} />
                </td>
              </tr>
            )}
            <PathRows bearer={bearer} columns={COLUMNS} />
          </Fragment>
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  bearer: PictureBearer;
  cents: number | undefined;
  isAsked: boolean;
  onAsk(): void;
  t: Translate;
}

function BearerRow({ bearer, cents, isAsked, onAsk, t }: RowProps) {
  const { loss, delayMs, costCentsPerMegabyte } = bearer;
  const never = t("unit.never");
  // A device that is switched on but hears nobody carries nothing.
  const works = bearer.up && bearer.neighbours > 0;
  const state = !bearer.up ? "bearers.down" : works ? "bearers.up" : "bearers.alone";
  return (
    <tr class={works ? "" : "is-lost"} data-testid={`bearer-${bearer.name}`}>
      <td>
        <button
          type="button"
          class="quiet bearer-name"
          aria-expanded={isAsked}
          title={t("whatIf.title")}
          data-testid={`what-if-${bearer.name}`}
          onClick={onAsk}
        >
          {bearer.name}
        </button>
      </td>
      <td>
        <span class={`quality quality-${works ? "good" : "lost"}`}>{t(state, { count: bearer.neighbours })}</span>
      </td>
      <td class="num">{formatRate(bearer.sentBps)}</td>
      <td class="num">{formatRate(bearer.receivedBps)}</td>
      <td class="num">{loss === null ? never : formatPercent(loss)}</td>
      <td class="num">{delayMs === null ? never : formatDelay(delayMs)}</td>
      <td class="num">{costCentsPerMegabyte === null ? never : costText(costCentsPerMegabyte, t)}</td>
      <td class="num">{cents === undefined ? never : formatCents(cents, t)}</td>
      <td class="num">
        <CapCell cap={bearer.cap} t={t} />
      </td>
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

const CAP_STATES = ["bearers.capOpen", "bearers.capWarned", "bearers.capReserve", "bearers.capSpent"] as const;

/** Used of how much, and what still goes. */
function CapCell({ cap, t }: { cap: PictureBearer["cap"]; t: Translate }) {
  if (cap === null) return <>{t("unit.never")}</>;
  const megabytes = (octets: number): string => (octets / 1e6).toFixed(octets < 1e8 ? 1 : 0);
  const quality = cap.level === 0 ? "good" : cap.level === 1 ? "fair" : "poor";
  return (
    <span class={`quality quality-${quality}`} title={t(CAP_STATES[cap.level] ?? CAP_STATES[0])}>
      {megabytes(cap.usedOctets)} / {megabytes(cap.capOctets)} MB
    </span>
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
