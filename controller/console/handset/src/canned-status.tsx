import { useState } from "preact/hooks";
import { GROUP_DESTINATION } from "../../../src/fleet/address.ts";
import { handsetEn, handsetZhCn } from "./texts.ts";
import { headquartersOf, useHandset } from "./view.ts";

const CANNED = ["safe", "support", "casualty", "withdraw"] as const;

/** Four words that need one touch, to the headquarters; in both languages, for whoever reads them. */
export function CannedStatus() {
  const { client, status, t } = useHandset();
  const [failure, setFailure] = useState("");
  const send = async (name: (typeof CANNED)[number]): Promise<void> => {
    const key = `canned.${name}` as const;
    const to = headquartersOf(status) ?? GROUP_DESTINATION + (status.voice.groups[0] ?? 1);
    const reply = await client.send({ do: "text", to, body: `${handsetZhCn[key]} / ${handsetEn[key]}` });
    navigator.vibrate?.(reply.ok ? 40 : [80, 60, 80]);
    setFailure(reply.ok ? "" : t("chat.failed", { reason: reply.message }));
  };
  // The newest one shows how far it has come.
  const last = (name: (typeof CANNED)[number]) =>
    status.texts.findLast(
      (text) => text.from === status.core.address && text.body.startsWith(`${handsetZhCn[`canned.${name}`]} / `),
    );
  return (
    <div class="canned">
      {CANNED.map((name) => {
        const state = last(name)?.state;
        return (
          <button
            type="button"
            key={name}
            class={`canned-${name}`}
            data-testid={`canned-${name}`}
            onClick={() => send(name)}
          >
            {t(`canned.${name}`)}
            <small>{state === undefined ? "" : t(`state.${state}`)}</small>
          </button>
        );
      })}
      {failure !== "" && <p class="failure">{failure}</p>}
    </div>
  );
}
