import { useEffect, useRef, useState } from "preact/hooks";
import { deniedTone, grantedTone } from "../audio/tones.ts";
import { useTranslate } from "../i18n/context.ts";
import { useConsole } from "./console-context.ts";

type Phase = "idle" | "asking" | "talking";

/** Push to talk: held with the pointer or the space bar; the key is given back however the hold ends. */
export function TalkButton({ group }: { group: number }) {
  const t = useTranslate();
  const { session, audio } = useConsole();
  const [phase, setPhase] = useState<Phase>("idle");
  const [notice, setNotice] = useState("");
  /** Number of the current hold; a reply to an earlier one is too late. */
  const hold = useRef(0);
  const held = useRef(false);

  const press = async (): Promise<void> => {
    if (held.current) return;
    held.current = true;
    const mine = ++hold.current;
    setPhase("asking");
    setNotice("");
    try {
      await audio.microphone.start(() => {});
    } catch (error) {
      setNotice(t("voice.noMicrophone", { reason: (error as Error).message }));
      return release();
    }
    if (hold.current !== mine) return;
    const reply = await session.send({ do: "ptt", on: true, group });
    if (hold.current !== mine) return;
    if (!reply.ok) {
      deniedTone(audio.context);
      setNotice(t("voice.denied", { reason: reply.message }));
      release();
      return;
    }
    grantedTone(audio.context);
    setPhase("talking");
    await audio.microphone.start((samples) => session.sendPcm(group, samples));
  };
  const release = (): void => {
    if (!held.current) return;
    held.current = false;
    hold.current += 1;
    audio.microphone.stop();
    setPhase("idle");
    void session.send({ do: "ptt", on: false, group });
  };
  // The page may vanish with the key down.
  useEffect(() => release, []);

  const label = phase === "talking" ? t("voice.talking") : phase === "asking" ? t("voice.wait") : t("voice.talk");
  const isKey = (event: KeyboardEvent): boolean => event.key === " " || event.key === "Enter";
  return (
    <div class="talk">
      <button
        type="button"
        class={`talk-button is-${phase}`}
        data-testid="ptt"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          void press();
        }}
        onPointerUp={release}
        onPointerCancel={release}
        onKeyDown={(event) => isKey(event) && void press()}
        onKeyUp={(event) => isKey(event) && release()}
        onBlur={release}
        onContextMenu={(event) => event.preventDefault()}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect x="9" y="3" width="6" height="11" rx="3" />
          <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M8.5 21h7" />
        </svg>
        {label}
        <small>{t("messages.group", { group })}</small>
      </button>
      {notice !== "" && <p class="failure">{notice}</p>}
    </div>
  );
}
