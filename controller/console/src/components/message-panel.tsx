import { useEffect, useRef, useState } from "preact/hooks";
import { GROUP_DESTINATION, groupOf } from "../../../src/fleet/address.ts";
import type { Picture } from "../../../src/fleet/picture.ts";
import { type Translate, useTranslate } from "../i18n/context.ts";
import { nodeName } from "../state/fleet-names.ts";
import { formatClock } from "../state/format.ts";
import { useConsole } from "./console-context.ts";
import { Panel } from "./panel.tsx";

type Text = Picture["texts"][number];

export function MessagePanel() {
  const t = useTranslate();
  const { picture } = useConsole();
  const list = useRef<HTMLOListElement>(null);
  const count = picture.texts.length;
  useEffect(() => list.current?.scrollTo({ top: list.current.scrollHeight }), [count]);
  return (
    <Panel title={t("messages.title")} name="messages" aside={<span class="badge">{count}</span>}>
      <ol class="messages scroll" ref={list}>
        {count === 0 && <li class="empty">{t("messages.empty")}</li>}
        {picture.texts.map((text) => (
          <Message key={text.id} text={text} picture={picture} t={t} />
        ))}
      </ol>
      <Composer />
    </Panel>
  );
}

function Message({ text, picture, t }: { text: Text; picture: Picture; t: Translate }) {
  const own = text.from === picture.agent.address;
  const to = destinationName(picture, text.to, t);
  const route = own ? `→ ${to}` : `${nodeName(picture, text.from, t)} → ${to}`;
  return (
    <li class={`message ${own ? "is-own" : ""}`} data-testid={`message-${text.id}`}>
      <div class="message-head">
        <span>{route}</span>
        <time>{formatClock(text.atMs)}</time>
      </div>
      <p>{text.body}</p>
      {own && <small class={`text-state text-${text.state}`}>{t(`text.${text.state}`)}</small>}
    </li>
  );
}

function destinationName(picture: Picture, to: number, t: Translate): string {
  const group = groupOf(to);
  return group === undefined ? nodeName(picture, to, t) : t("messages.group", { group });
}

function Composer() {
  const t = useTranslate();
  const { picture, session } = useConsole();
  const [to, setTo] = useState("");
  const [body, setBody] = useState("");
  const [failure, setFailure] = useState("");
  const others = picture.nodes.filter((node) => node.address !== picture.agent.address);
  const groups = picture.voice.groups;
  const fallback = groups[0] === undefined ? String(others[0]?.address ?? "") : String(GROUP_DESTINATION + groups[0]);
  const destination = to || fallback;
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (body.trim() === "" || destination === "") return;
    const reply = await session.send({ do: "text", to: Number(destination), body: body.trim() });
    setFailure(reply.ok ? "" : t("messages.failed", { reason: reply.message }));
    if (reply.ok) setBody("");
  };
  return (
    <form class="composer" onSubmit={send}>
      <select
        aria-label={t("messages.to")}
        data-testid="message-to"
        value={destination}
        onChange={(event) => setTo(event.currentTarget.value)}
      >
        {groups.map((group) => (
          <option key={group} value={String(GROUP_DESTINATION + group)}>
            {t("messages.group", { group })}
          </option>
        ))}
        {others.map(({ address }) => (
          <option key={address} value={String(address)}>
            {nodeName(picture, address, t)}
          </option>
        ))}
      </select>
      <input
        type="text"
        data-testid="message-body"
        maxLength={300}
        placeholder={t("messages.placeholder")}
        value={body}
        onInput={(event) => setBody(event.currentTarget.value)}
      />
      <button type="submit" class="primary" data-testid="message-send">
        {t("messages.send")}
      </button>
      {failure !== "" && <p class="failure">{failure}</p>}
    </form>
  );
}
