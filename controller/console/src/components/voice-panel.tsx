import { useEffect, useState } from "preact/hooks";
import { useTranslate } from "../i18n/context.ts";
import { nodeName } from "../state/fleet-names.ts";
import { useConsole } from "./console-context.ts";
import { Panel } from "./panel.tsx";
import { SpeakerIcon } from "./speaker-icon.tsx";
import { TalkButton } from "./talk-button.tsx";

/** Groups to listen to and to talk in. Every group of the agent is heard until it is switched off here. */
export function VoicePanel() {
  const t = useTranslate();
  const { picture, session, audio, state } = useConsole();
  const [muted, setMuted] = useState<ReadonlySet<number>>(new Set());
  const [chosen, setChosen] = useState<number>();
  const { groups, talkers } = picture.voice;
  const group = chosen ?? groups[0] ?? 1;

  useEffect(() => {
    session.onPcm = (from, talker, samples) => {
      if (!muted.has(from)) audio.player.play(talker, samples);
    };
  }, [session, audio, muted]);

  // Said again after every reconnection: the controller keeps nothing of a browser that is gone.
  const heard = groups.filter((name) => !muted.has(name)).join();
  useEffect(() => {
    if (state.online) void session.send({ do: "listen", groups: heard === "" ? [] : heard.split(",").map(Number) });
  }, [session, state.online, heard]);

  const toggle = (name: number): void => {
    const next = new Set(muted);
    if (!next.delete(name)) next.add(name);
    setMuted(next);
  };
  const talker = talkers.find((one) => one.group === group) ?? talkers[0];
  return (
    <Panel
      title={t("voice.title")}
      name="voice"
      aside={
        <span class="dim">
          {t("voice.packets")} <b data-testid="voice-packets">{state.voicePackets}</b>
        </span>
      }
    >
      <div class="voice-groups">
        {(groups.length === 0 ? [group] : groups).map((name) => (
          <div class={`voice-group ${name === group ? "is-chosen" : ""}`} key={name}>
            <button type="button" class="voice-choose" data-testid={`group-${name}`} onClick={() => setChosen(name)}>
              <i class={talkers.some((one) => one.group === name) ? "is-talking" : ""} />
              {t("messages.group", { group: name })}
            </button>
            <button
              type="button"
              class={`voice-listen ${muted.has(name) ? "" : "is-on"}`}
              aria-pressed={!muted.has(name)}
              title={t(muted.has(name) ? "voice.listen" : "voice.listening")}
              data-testid={`listen-${name}`}
              onClick={() => toggle(name)}
            >
              <SpeakerIcon on={!muted.has(name)} />
            </button>
          </div>
        ))}
      </div>
      <div class={`talker ${talker === undefined ? "" : "is-talking"}`} data-testid="talker">
        <span class="bars" aria-hidden="true">
          <i />
          <i />
          <i />
          <i />
        </span>
        {talker === undefined
          ? t("voice.idle")
          : `${t("messages.group", { group: talker.group })} · ${t("voice.talker", { name: nodeName(picture, talker.talker, t) })}`}
      </div>
      <TalkButton group={group} />
    </Panel>
  );
}
