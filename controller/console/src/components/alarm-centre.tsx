import { useState } from "preact/hooks";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { type Alarm, alarmsOf } from "../state/alarms.ts";
import { nodeName } from "../state/fleet-names.ts";
import type { Selection } from "../state/selection.ts";
import { type ConsoleView, useConsole } from "./console-context.ts";
import { Panel } from "./panel.tsx";

/** What is wrong now. An acknowledged alarm stays while its cause does, dimmed; a new cause alarms again. */
export function AlarmCentre() {
  const t = useTranslate();
  const view = useConsole();
  const [acknowledged, setAcknowledged] = useState<ReadonlySet<string>>(new Set());
  const alarms = alarmsOf(view.picture);
  const active = new Set(alarms.map((alarm) => alarm.id));
  const acknowledge = (alarm: Alarm): void => {
    if (alarm.kind === "sos") void view.session.send({ do: "sos-confirm", id: alarm.id.slice("sos:".length) });
    else setAcknowledged(new Set([...acknowledged].filter((id) => active.has(id)).concat(alarm.id)));
  };
  const open = alarms.filter((alarm) => !acknowledged.has(alarm.id)).length;
  return (
    <Panel
      title={t("alarms.title")}
      name="alarms"
      aside={<span class={`badge ${open > 0 ? "is-bad" : ""}`}>{open}</span>}
    >
      <ul class="alarm-list">
        {alarms.length === 0 && <li class="empty">{t("alarms.none")}</li>}
        {alarms.map((alarm) => (
          <li
            key={alarm.id}
            class={`alarm alarm-${alarm.level} ${acknowledged.has(alarm.id) ? "is-acknowledged" : ""}`}
          >
            <button type="button" class="alarm-text" onClick={() => view.select(subject(alarm))}>
              {describe(alarm, view, t)}
            </button>
            {!acknowledged.has(alarm.id) && (
              <button type="button" class="quiet" title={t("alarms.acknowledge")} onClick={() => acknowledge(alarm)}>
                ✓
              </button>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function describe(alarm: Alarm, { picture }: ConsoleView, t: Translate): string {
  const name = (address: number): string => nodeName(picture, address, t);
  switch (alarm.kind) {
    case "sos":
      return t("alarms.sos", { name: name(alarm.address) });
    case "agent-lost":
      return t("alarms.agentLost");
    case "node-lost":
      return t("alarms.nodeLost", { name: name(alarm.address) });
    case "link-lost":
      return t("alarms.linkLost", { from: name(alarm.from), to: name(alarm.to) });
    case "low-battery":
      return t("alarms.lowBattery", { name: name(alarm.address), percent: Math.round(alarm.percent) });
  }
}

function subject(alarm: Alarm): Selection | undefined {
  if (alarm.kind === "link-lost") return { kind: "link", from: alarm.from, to: alarm.to };
  return "address" in alarm ? { kind: "node", address: alarm.address } : undefined;
}
