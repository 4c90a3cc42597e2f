import { useEffect } from "preact/hooks";
import { alarmTone } from "../audio/tones.ts";
import { useTranslate } from "../i18n/context.ts";
import { nodeName } from "../state/fleet-names.ts";
import { formatAge, formatPosition } from "../state/format.ts";
import { useConsole } from "./console-context.ts";

const ALARM_INTERVAL_MS = 2000;

/** Every SOS that no operator has acknowledged, with sound until somebody does. */
export function SosBanner() {
  const t = useTranslate();
  const { picture, session, audio, select } = useConsole();
  const open = picture.sos.filter((sos) => !sos.confirmed);
  const sounding = open.length > 0;
  useEffect(() => {
    if (!sounding) return undefined;
    const sound = (): void => {
      if (audio.running) alarmTone(audio.context);
    };
    sound();
    const timer = setInterval(sound, ALARM_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [sounding, audio]);
  if (!sounding) return null;
  return (
    <div class="sos-banner" role="alert" data-testid="sos-banner">
      {open.map((sos) => {
        const { latitudeDeg, longitudeDeg } = sos.report;
        const received = sos.acknowledgedBy;
        return (
          <div class="sos-row" key={sos.id}>
            <span class="sos-mark">SOS</span>
            <strong>{t("alarms.sos", { name: nodeName(picture, sos.from, t) })}</strong>
            <span>{formatAge((Date.now() - sos.atMs) / 1000)}</span>
            {latitudeDeg !== null && longitudeDeg !== null && (
              <span class="mono">{formatPosition(latitudeDeg, longitudeDeg)}</span>
            )}
            <span>
              {received === null
                ? t("alarms.sosWaiting")
                : t("alarms.sosAcked", { name: nodeName(picture, received, t) })}
            </span>
            <span class="spacer" />
            <button type="button" onClick={() => select({ kind: "node", address: sos.from })}>
              {t("alarms.show")}
            </button>
            <button
              type="button"
              class="primary"
              data-testid="sos-acknowledge"
              onClick={() => session.send({ do: "sos-confirm", id: sos.id })}
            >
              {t("alarms.acknowledge")}
            </button>
          </div>
        );
      })}
    </div>
  );
}
