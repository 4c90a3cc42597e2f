import type { PathReport, PathSecond } from "@skein/node-agent/api";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Translate, useTranslate } from "../i18n/context.ts";
import type { TextKey } from "../i18n/en.ts";
import { nodeName } from "../state/fleet-names.ts";
import { formatCents, formatClock, formatRate } from "../state/format.ts";
import { octetsOf, pathSpans } from "../state/path-stories.ts";
import { useConsole } from "./console-context.ts";
import { PathStories } from "./path-stories.tsx";

const WINDOW_S = 120;
const TICK_S = 30;
/** Pixels: names at the left, a bearer, its bars, a path's state, the pauses in speech, the clock. */
const LEFT = 104;
const LANE = 42;
const BARS = 27;
const STATE = 4;
const GAPS = 30;
const AXIS = 16;
/** A pause in speech that is drawn at full height. */
const FULL_GAP_MS = 250;
/** Traffic classes in wire order, then the mesh's own frames. */
const CLASSES: readonly TextKey[] = [
  "policy.class.voice",
  "policy.class.command",
  "policy.class.video",
  "policy.class.bulk",
  "paths.mesh",
];

/** Which bearer carried what, second by second, when paths fell silent, and in words what happened then. */
export function PathTimeline() {
  const t = useTranslate();
  const { state, picture } = useConsole();
  const { paths } = state;
  if (paths.seconds.length === 0) return <p class="empty">{t("paths.empty")}</p>;
  const name = (address: number): string => nodeName(picture, address, t);
  return (
    <div class="paths">
      <Chart report={paths} name={name} t={t} />
      <PathStories report={paths} name={name} t={t} />
    </div>
  );
}

interface Shown {
  report: PathReport;
  name: (address: number) => string;
  t: Translate;
}

function Chart({ report, name, t }: Shown) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  /** Seconds before the newest that is pointed at. */
  const [pointed, setPointed] = useState<number>();
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(320, entry.contentRect.width)));
    if (box.current !== null) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const newestMs = report.seconds.at(-1)?.atMs ?? 0;
  const fromMs = newestMs - WINDOW_S * 1000;
  const shown = report.seconds.filter(({ atMs }) => atMs > fromMs);
  const plot = {
    fromMs,
    toMs: newestMs,
    x: (atMs: number) => LEFT + ((atMs - fromMs) / (WINDOW_S * 1000)) * (width - LEFT),
  };
  const height = report.bearers.length * LANE + GAPS + AXIS;
  const gapsY = report.bearers.length * LANE;
  const at = pointed === undefined ? undefined : nearest(shown, newestMs - pointed * 1000);
  const point = (clientX: number): void => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    const share = (clientX - left - LEFT) / (width - LEFT);
    setPointed(share < 0 ? undefined : Math.round(WINDOW_S * (1 - Math.min(1, share))));
  };
  const step = (seconds: number): void =>
    setPointed((before) => Math.min(WINDOW_S - 1, Math.max(0, (before ?? 0) + seconds)));
  return (
    <div class="path-chart" ref={box}>
      <ul class="path-legend" aria-label={t("paths.legend")}>
        {CLASSES.map((key, c) => (
          <li key={key} class={`class-${c}`}>
            {t(key)}
          </li>
        ))}
        <li class="path-suspect">{t("paths.suspect")}</li>
        <li class="path-down">{t("paths.down")}</li>
      </ul>
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={t("paths.chart", { seconds: WINDOW_S })}
        data-testid="path-chart"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read out what the pointer does
        tabIndex={0}
        onPointerMove={(event) => point(event.clientX)}
        onPointerLeave={() => setPointed(undefined)}
        onKeyDown={({ key }) => (key === "ArrowLeft" ? step(1) : key === "ArrowRight" ? step(-1) : undefined)}
        onBlur={() => setPointed(undefined)}
      >
        {report.bearers.map((bearer, id) => (
          <Lane key={bearer} bearer={bearer} id={id} shown={shown} plot={plot} report={report} name={name} t={t} />
        ))}
        <g transform={`translate(0 ${gapsY})`}>
          <text class="path-name" x={8} y={15}>
            {t("paths.gap")}
          </text>
          <text class="path-unit" x={8} y={28}>
            {t("paths.gapScale", { ms: FULL_GAP_MS })}
          </text>
          <line class="path-base" x1={LEFT} x2={width} y1={GAPS - 2} y2={GAPS - 2} />
          {shown.map(({ atMs, voiceGapMs }) => {
            const tall = Math.min(1, voiceGapMs / FULL_GAP_MS) * (GAPS - 6);
            return <rect key={atMs} class="path-gap" {...slot(plot, atMs)} y={GAPS - 2 - tall} height={tall} />;
          })}
        </g>
        <Axis plot={plot} y={height - 4} />
        {at !== undefined && (
          <line class="path-cursor" x1={plot.x(at.atMs - 500)} x2={plot.x(at.atMs - 500)} y1={0} y2={height - AXIS} />
        )}
      </svg>
      <p class="path-readout" aria-live="polite" data-testid="path-readout">
        {at === undefined ? t("paths.point") : readout(at, report, t)}
      </p>
    </div>
  );
}

interface Plot {
  fromMs: number;
  toMs: number;
  x(atMs: number): number;
}

/** Place of the second that ended then. */
function slot(plot: Plot, atMs: number): { x: number; width: number } {
  const x = plot.x(atMs - 1000);
  return { x, width: Math.max(1, plot.x(atMs) - x - 0.6) };
}

function nearest(seconds: readonly PathSecond[], atMs: number): PathSecond | undefined {
  return seconds.find((second) => Math.abs(second.atMs - atMs) <= 700);
}

function Lane(props: Shown & { bearer: string; id: number; shown: readonly PathSecond[]; plot: Plot }) {
  const { bearer, id, shown, plot, report, name, t } = props;
  const sums = shown.map((second) => CLASSES.reduce((sum, _, c) => sum + octetsOf(second, id, c), 0));
  const most = Math.max(1, ...sums);
  const spans = pathSpans(report.events, id, plot.fromMs, plot.toMs);
  const rows = [...new Set(spans.map(({ address }) => address))].slice(0, 3);
  return (
    <g transform={`translate(0 ${id * LANE})`} data-testid={`path-lane-${bearer}`}>
      <text class="path-name" x={8} y={15}>
        {bearer}
      </text>
      <text class="path-unit" x={8} y={28}>
        ≤ {formatRate(8 * most)}
      </text>
      {shown.map((second) => {
        let y = BARS + 2;
        return CLASSES.map((_, c) => {
          const tall = (octetsOf(second, id, c) / most) * BARS;
          y -= tall;
          return tall < 0.2 ? null : (
            <rect key={`${second.atMs}/${c}`} class={`class-${c}`} {...slot(plot, second.atMs)} y={y} height={tall} />
          );
        });
      })}
      {spans.map(({ address, state, fromMs, toMs }) => {
        const row = rows.indexOf(address);
        if (row === -1) return null;
        const x = plot.x(fromMs);
        return (
          <rect
            key={`${address}/${fromMs}`}
            class={`path-${state}`}
            x={x}
            y={BARS + 3 + row * STATE}
            width={Math.max(2, plot.x(toMs) - x)}
            height={STATE - 1}
          >
            <title>
              {t("paths.span", { name: name(address), state: t(`paths.${state}`), time: formatClock(fromMs) })}
            </title>
          </rect>
        );
      })}
    </g>
  );
}

function Axis({ plot, y }: { plot: Plot; y: number }) {
  const ticks: number[] = [];
  for (let atMs = Math.ceil(plot.fromMs / (TICK_S * 1000)) * TICK_S * 1000; atMs <= plot.toMs; atMs += TICK_S * 1000)
    ticks.push(atMs);
  return (
    <g class="path-axis">
      {ticks.map((atMs) => (
        <text key={atMs} x={plot.x(atMs)} y={y}>
          {formatClock(atMs)}
        </text>
      ))}
    </g>
  );
}

/** One second in words. */
function readout(second: PathSecond, report: PathReport, t: Translate): string {
  const bearers = report.bearers.map((bearer, id) => {
    const parts = CLASSES.map((key, c) => ({ key, octets: octetsOf(second, id, c) }))
      .filter(({ octets }) => octets > 0)
      .map(({ key, octets }) => `${t(key)} ${formatRate(8 * octets)}`);
    const cents = second.bearers[id]?.cents ?? 0;
    if (cents > 0) parts.push(formatCents(cents, t));
    return `${bearer}: ${parts.length === 0 ? t("unit.never") : parts.join(", ")}`;
  });
  const gap = second.voiceGapMs === 0 ? [] : [t("paths.gapAt", { ms: second.voiceGapMs })];
  return [formatClock(second.atMs - 500), ...bearers, ...gap].join(" · ");
}
