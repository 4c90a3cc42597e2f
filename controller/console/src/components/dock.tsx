import { useState } from "preact/hooks";
import { useTranslate } from "../i18n/context.ts";
import type { TextKey } from "../i18n/en.ts";
import { BearerTable } from "./bearer-table.tsx";
import { useConsole } from "./console-context.ts";
import { EventLog } from "./event-log.tsx";
import { LabPanel } from "./lab-panel.tsx";
import { LinkTable } from "./link-table.tsx";
import { PathTimeline } from "./path-timeline.tsx";
import { PolicyEditor } from "./policy-editor.tsx";

const TABS = ["links", "bearers", "paths", "events", "policy", "lab"] as const;
type Tab = (typeof TABS)[number];
const TITLES: Record<Tab, TextKey> = {
  links: "links.title",
  bearers: "bearers.title",
  paths: "paths.title",
  events: "events.title",
  policy: "policy.title",
  lab: "lab.title",
};

/** The tables under the map. */
export function Dock() {
  const t = useTranslate();
  const { picture } = useConsole();
  const [tab, setTab] = useState<Tab>("links");
  const tabs = TABS.filter((name) => name !== "lab" || picture.lab);
  return (
    <section class="dock">
      <nav class="tabs">
        {tabs.map((name) => (
          <button
            type="button"
            key={name}
            class={name === tab ? "is-active" : ""}
            data-testid={`tab-${name}`}
            onClick={() => setTab(name)}
          >
            {t(TITLES[name])}
          </button>
        ))}
      </nav>
      <div class="dock-body scroll">
        {tab === "links" && <LinkTable />}
        {tab === "bearers" && <BearerTable />}
        {tab === "paths" && <PathTimeline />}
        {tab === "events" && <EventLog />}
        {tab === "policy" && <PolicyEditor />}
        {tab === "lab" && <LabPanel />}
      </div>
    </section>
  );
}
