import { useTranslate } from "../i18n/context.ts";
import { formatClock } from "../state/format.ts";
import { useConsole } from "./console-context.ts";

/** Newest first. */
export function EventLog() {
  const t = useTranslate();
  const { events } = useConsole().state;
  if (events.length === 0) return <p class="empty">{t("events.empty")}</p>;
  return (
    <ol class="event-log">
      {[...events].reverse().map((event) => (
        <li key={event.sequence} class={`event-${event.level}`}>
          <time>{formatClock(event.atMs)}</time>
          <span class="dim">{t(`events.${event.source}`)}</span>
          {event.text}
        </li>
      ))}
    </ol>
  );
}
