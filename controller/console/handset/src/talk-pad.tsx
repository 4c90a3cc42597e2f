import { useRef, useState } from "preact/hooks";
import { deniedTone, grantedTone } from "../../src/audio/tones.ts";
import { nameOf, useHandset } from "./view.ts";

type Phase = "idle" | "asking" | "talking" | "denied";

/** The push-to-talk pad: most of the screen, for gloves and without looking. */
export function TalkPad() {
  const { client, audio, status, online, t } = useHandset();
  const [phase, setPhase] = useState<Phase>("idle");
  const [notice, setNotice] = useState("");
  const [chosen, setChosen] = useState<number>();
  /** Number of the current hold; what an earlier one still gets is too late. */
  const hold = useRef(0);
  const held = useRef(false);
  const { groups, talkers } = status.voice;
  const group = chosen ?? groups[0] ?? 1;
  const talker = online ? talkers.find((one) => one.group === group) : undefined;

  const deny = (reason: string): void => {
    deniedTone(audio.context);
    navigator.vibrate?.([80, 60, 80]);
    setNotice(reason);
    setPhase("denied");
  };
  const press = async (): Promise<void> => {
    if (held.current) return;
    held.current = true;
    const mine = ++hold.current;
    setNotice("");
    setPhase("asking");
    try {
      await audio.microphone.start(() => {});
    } catch (error) {
      return deny(`${t("talk.noMicrophone")}: ${(error as Error).message}`);
    }
    if (hold.current !== mine) return;
    const reply = await client.send({ do: "ptt", on: true, group });
    if (hold.current !== mine) return;
    if (!reply.ok) return deny(reply.message);
    grantedTone(audio.context);
    navigator.vibrate?.(40);
    setPhase("talking");
    await audio.microphone.start((samples) => client.sendPcm(group, samples));
  };
  const release = (): void => {
    if (!held.current) return;
    held.current = false;
    hold.current += 1;
    audio.microphone.stop();
    setPhase("idle");
    void client.send({ do: "ptt", on: false, group });
  };

  const label = { idle: "talk.hold", asking: "talk.wait", talking: "talk.on", denied: "talk.denied" } as const;
  return (
    <main class="talk-area">
      <div class="groups">
        {groups.map((name) => (
          <button type="button" key={name} class={name === group ? "is-chosen" : ""} onClick={() => setChosen(name)}>
            {t("group", { group: name })}
            {online && talkers.some((one) => one.group === name) && <i />}
          </button>
        ))}
      </div>
      <button
        type="button"
        class={`talk-pad is-${phase} ${talker === undefined ? "" : "is-busy"}`}
        data-testid="ptt"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          void press();
        }}
        onPointerUp={release}
        onPointerCancel={release}
        onContextMenu={(event) => event.preventDefault()}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect x="9" y="3" width="6" height="11" rx="3" />
          <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M8.5 21h7" />
        </svg>
        <strong>{t(label[phase])}</strong>
        <span>
          {notice ||
            (talker === undefined ? t("group", { group }) : t("talk.busy", { name: nameOf(status, talker.talker) }))}
        </span>
      </button>
    </main>
  );
}
