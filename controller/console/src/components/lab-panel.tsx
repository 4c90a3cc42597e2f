import { useState } from "preact/hooks";
import type { LabAction } from "../../../src/lab/types.ts";
import { useTranslate } from "../i18n/context.ts";
import { formatSpan } from "../state/format.ts";
import { labAction } from "../state/lab.ts";
import { useConsole } from "./console-context.ts";

/** The running lab: networks and nodes to switch, and the failures that the scenario plans. */
export function LabPanel() {
  const t = useTranslate();
  const { lab } = useConsole();
  const [failure, setFailure] = useState("");
  if (lab === undefined) return <p class="empty">{t("lab.unreachable")}</p>;
  const act = async (action: LabAction): Promise<void> => {
    const reply = await labAction(action);
    setFailure(reply.ok ? "" : t("lab.failed", { reason: reply.message }));
  };
  return (
    <div class="lab">
      <section>
        <h3>{t("lab.networks")}</h3>
        {lab.networks.map(({ name, up }) => (
          <div class="lab-row" key={name}>
            <span class={`lamp ${up === false ? "is-off" : "is-on"}`} />
            <b>{name}</b>
            <button type="button" onClick={() => act({ action: "cut-network", network: name })}>
              {t("lab.cut")}
            </button>
            <button type="button" onClick={() => act({ action: "restore-network", network: name })}>
              {t("lab.restore")}
            </button>
          </div>
        ))}
      </section>
      <section>
        <h3>{t("nodes.title")}</h3>
        <div class="lab-nodes">
          {lab.nodes.map(({ address, name, powered }) => (
            <button
              type="button"
              key={address}
              class={powered ? "is-on" : "is-off"}
              title={t(powered ? "lab.powerOff" : "lab.powerOn")}
              onClick={() => act({ action: powered ? "kill-node" : "restore-node", address })}
            >
              <span class={`lamp ${powered ? "is-on" : "is-off"}`} />
              {name}
            </button>
          ))}
        </div>
      </section>
      <section>
        <h3>{t("lab.faults")}</h3>
        {[...lab.faults]
          .sort((a, b) => a.atS - b.atS)
          .map(({ id, what, atS, active }) => (
            <div class={`lab-fault ${active ? "is-active" : ""}`} key={id}>
              <time>{formatSpan(atS)}</time>
              <span>{what}</span>
              <small>{t(active ? "lab.active" : atS > lab.timeS ? "lab.planned" : "lab.over")}</small>
            </div>
          ))}
        {failure !== "" && <p class="failure">{failure}</p>}
      </section>
    </div>
  );
}
