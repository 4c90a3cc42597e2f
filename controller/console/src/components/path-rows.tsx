import { DELAY_EDGES_MS, type PictureBearer, type PicturePath } from "../../../src/fleet/picture.ts";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { nodeName } from "../state/fleet-names.ts";
import { formatDelay, formatPercent, formatRate } from "../state/format.ts";
import { useConsole } from "./console-context.ts";

const BAR = 9;
const TALL = 20;

/** The ways over a bearer, each with what is measured of it. */
export function PathRows({ bearer, columns }: { bearer: PictureBearer; columns: number }) {
  const t = useTranslate();
  const { picture } = useConsole();
  return (
    <>
      {bearer.paths.map((path) => (
        <tr key={path.address} class="path-row" data-testid={`path-${bearer.name}-${path.address}`}>
          <td colSpan={columns}>
            <div>
              <span class="path-to">→ {nodeName(picture, path.address, t)}</span>
              <span class={`path-state path-is-${path.state}`}>{t(`paths.state.${path.state}`)}</span>
              <Histogram path={path} t={t} />
              <Figure label={t("links.delay")} value={formatDelay(path.delayMs)} />
              <Figure label={t("paths.jitter")} value={formatDelay(path.delayP95Ms - path.delayMs)} />
              <Figure label={t("links.loss")} value={formatPercent(path.loss)} />
              <Figure label={t("links.rate")} value={formatRate(path.bitrateBps)} />
            </div>
          </td>
        </tr>
      ))}
    </>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <span class="path-figure">
      <small>{label}</small> {value}
    </span>
  );
}

/** Delays of the last frames, each bar a range twice as wide as the one before. */
function Histogram({ path, t }: { path: PicturePath; t: Translate }) {
  const most = Math.max(0.01, ...path.delayShares);
  const text = path.delayShares
    .map((share, i) => ({ share, range: rangeOf(i) }))
    .filter(({ share }) => share >= 0.005)
    .map(({ share, range }) => `${range}: ${formatPercent(share)}`)
    .join(", ");
  const label = t("paths.histogram", { figures: text });
  return (
    <svg class="histogram" width={BAR * path.delayShares.length} height={TALL} role="img" aria-label={label}>
      <title>{label}</title>
      {path.delayShares.map((share, i) => {
        const tall = Math.max(1, (share / most) * TALL);
        return (
          <rect
            key={rangeOf(i)}
            class={share > 0 ? "" : "is-none"}
            x={i * BAR}
            y={TALL - tall}
            width={BAR - 1}
            height={tall}
          />
        );
      })}
    </svg>
  );
}

function rangeOf(i: number): string {
  const from = DELAY_EDGES_MS[i - 1];
  const to = DELAY_EDGES_MS[i];
  return to === undefined ? `> ${from} ms` : `${from ?? 0}–${to} ms`;
}
