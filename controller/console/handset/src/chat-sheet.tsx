import { useEffect, useRef, useState } from "preact/hooks";
import { GROUP_DESTINATION, groupOf } from "../../../src/fleet/address.ts";
import { formatClock } from "../../src/state/format.ts";
import { nameOf, useHandset } from "./view.ts";

export function ChatSheet({ onClose }: { onClose: () => void }) {
  const { client, status, t } = useHandset();
  const [to, setTo] = useState("");
  const [body, setBody] = useState("");
  const [failure, setFailure] = useState("");
  const list = useRef<HTMLOListElement>(null);
  const own = status.core.address;
  const groups = status.voice.groups;
  const others = status.core.nodes.filter((node) => node.address !== own);
  const destination =
    to || String(groups[0] === undefined ? (others[0]?.address ?? "") : GROUP_DESTINATION + groups[0]);
  const count = status.texts.length;
  useEffect(() => {
    if (count > 0) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [count]);

  const target = (address: number): string => {
    const group = groupOf(address);
    return group === undefined ? nameOf(status, address) : t("group", { group });
  };
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (body.trim() === "" || destination === "") return;
    const reply = await client.send({ do: "text", to: Number(destination), body: body.trim() });
    setFailure(reply.ok ? "" : t("chat.failed", { reason: reply.message }));
    if (reply.ok) setBody("");
  };
  return (
    <section class="sheet" data-testid="chat">
      <div class="sheet-head">
        <h2>{t("chat")}</h2>
        <button type="button" aria-label={t("close")} data-testid="close-sheet" onClick={onClose}>
          ×
        </button>
      </div>
      <ol class="messages" ref={list}>
        {count === 0 && <li class="empty">{t("chat.empty")}</li>}
        {status.texts.map((text) => (
          <li key={text.id} class={text.from === own ? "is-own" : ""}>
            <small>
              {text.from === own ? `→ ${target(text.to)}` : `${nameOf(status, text.from)} → ${target(text.to)}`} ·{" "}
              {formatClock(text.atMs)}
            </small>
            <p>{text.body}</p>
            {text.from === own && <small class={`text-${text.state}`}>{t(`state.${text.state}`)}</small>}
          </li>
        ))}
      </ol>
      {failure !== "" && <p class="failure">{failure}</p>}
      <form onSubmit={send}>
        <select value={destination} aria-label={t("chat")} onChange={(event) => setTo(event.currentTarget.value)}>
          {groups.map((group) => (
            <option key={group} value={String(GROUP_DESTINATION + group)}>
              {t("group", { group })}
            </option>
          ))}
          {others.map(({ address }) => (
            <option key={address} value={String(address)}>
              {nameOf(status, address)}
            </option>
          ))}
        </select>
        <input
          type="text"
          data-testid="message-body"
          maxLength={300}
          value={body}
          placeholder={t("chat.write")}
          onInput={(event) => setBody(event.currentTarget.value)}
        />
        <button type="submit" data-testid="message-send">
          {t("chat.send")}
        </button>
      </form>
    </section>
  );
}
