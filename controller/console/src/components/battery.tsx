import { useTranslate } from "../i18n/context.ts";

export function Battery({ percent }: { percent: number | null }) {
  const t = useTranslate();
  if (percent === null) return <span class="dim">{t("unit.never")}</span>;
  const level = percent <= 20 ? "low" : percent <= 45 ? "middle" : "high";
  return (
    <span class={`battery battery-${level}`}>
      <svg viewBox="0 0 22 11" aria-hidden="true">
        <rect x="0.5" y="0.5" width="18" height="10" rx="2" />
        <rect class="cap" x="19.5" y="3.5" width="2" height="4" rx="0.8" />
        <rect class="fill" x="2" y="2" width={(15 * Math.max(4, Math.min(100, percent))) / 100} height="7" rx="1" />
      </svg>
      {Math.round(percent)}
    </span>
  );
}
