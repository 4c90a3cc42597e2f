import { useTranslate } from "../i18n/context.ts";
import { alarmsOf } from "../state/alarms.ts";
import { formatClock, formatSpan } from "../state/format.ts";
import { useConsole } from "./console-context.ts";
import { Logo } from "./logo.tsx";

export function TopBar({ onLanguage, onNight }: { onLanguage: () => void; onNight: () => void }) {
  const t = useTranslate();
  const { picture, state, lab, audio } = useConsole();
  const live = picture.nodes.filter((node) => node.liveness === "live").length;
  const linksUp = picture.links.filter((link) => link.liveness === "live").length;
  const alarms = alarmsOf(picture).length;
  const warning = !state.online ? t("app.controllerLost") : !picture.agent.connected ? t("app.agentLost") : undefined;
  return (
    <header class="top-bar">
      <Logo />
      <div class="brand">
        <strong>SKEIN 雁阵</strong>
        <span>{t("app.subtitle")}</span>
      </div>
      <div class="figures">
        <Figure
          label={t("app.nodes")}
          value={`${live}/${picture.nodes.length}`}
          test="count-nodes"
          bad={live < picture.nodes.length}
        />
        <Figure
          label={t("app.links")}
          value={`${linksUp}/${picture.links.length}`}
          test="count-links"
          bad={linksUp < picture.links.length}
        />
        <Figure label={t("app.alarms")} value={String(alarms)} test="count-alarms" bad={alarms > 0} />
      </div>
      {lab !== undefined && (
        <div class="scenario">
          <span>{t("lab.title")}</span>
          {lab.scenario} · {formatSpan(lab.timeS)}
        </div>
      )}
      {warning !== undefined && (
        <div class="warning-chip" role="alert">
          {warning}
        </div>
      )}
      <div class="spacer" />
      {!audio.running && <div class="hint-chip">{t("app.soundBlocked")}</div>}
      <div class={`agent-chip ${picture.agent.connected ? "is-up" : "is-down"}`}>
        <i />
        {t("app.agent")} {picture.agent.name} {picture.agent.version}
      </div>
      <time>{formatClock(Date.now())}</time>
      <button type="button" class="quiet" title={t("app.night")} aria-label={t("app.night")} onClick={onNight}>
        ☾
      </button>
      <button type="button" class="quiet" data-testid="language-toggle" onClick={onLanguage}>
        {t("app.language")}
      </button>
    </header>
  );
}

function Figure({ label, value, test, bad }: { label: string; value: string; test: string; bad: boolean }) {
  return (
    <div class={`figure ${bad ? "is-bad" : ""}`}>
      <b data-testid={test}>{value}</b>
      <span>{label}</span>
    </div>
  );
}
