import { useEffect, useState } from "preact/hooks";
import type { PageAudio } from "../../src/audio/page-audio.ts";
import { fillIn } from "../../src/i18n/translate.ts";
import type { AgentClient } from "./agent-client.ts";
import { CameraSheet } from "./camera-sheet.tsx";
import { CannedStatus } from "./canned-status.tsx";
import { ChatSheet } from "./chat-sheet.tsx";
import { People } from "./people.tsx";
import { SosSlider } from "./sos-slider.tsx";
import { TalkPad } from "./talk-pad.tsx";
import { handsetEn, handsetZhCn } from "./texts.ts";
import { HandsetContext, type HandsetView } from "./view.ts";

const LANGUAGE_KEY = "skein.handset.language";

export function Handset({ client, audio }: { client: AgentClient; audio: PageAudio }) {
  const [, redraw] = useState(0);
  const [english, setEnglish] = useState(() => localStorage.getItem(LANGUAGE_KEY) === "en");
  const [night, setNight] = useState(false);
  const [sheet, setSheet] = useState<"chat" | "camera">();
  const [read, setRead] = useState(0);

  useEffect(() => {
    const again = (): void => redraw((count) => count + 1);
    client.changed = again;
    const timer = setInterval(again, 1000);
    return () => clearInterval(timer);
  }, [client]);
  useEffect(() => {
    document.documentElement.lang = english ? "en" : "zh-CN";
    localStorage.setItem(LANGUAGE_KEY, english ? "en" : "zh-CN");
  }, [english]);

  const dictionary = english ? handsetEn : handsetZhCn;
  const t: HandsetView["t"] = (key, values) => fillIn(dictionary[key], values);
  const { status, online } = client;
  if (status === undefined) return <div class="waiting">{t("link.down")}</div>;
  const received = status.texts.filter((text) => text.state === "received").length;
  const close = (): void => {
    setRead(received);
    setSheet(undefined);
  };
  return (
    <HandsetContext.Provider value={{ client, audio, status, online, t }}>
      <div class={`handset ${night ? "night" : ""} ${online ? "" : "is-offline"}`}>
        <header>
          <b>{status.name}</b>
          <span class={`lamp ${online ? "is-on" : ""}`} />
          <span class="link-state">{t(online ? "link.up" : "link.down")}</span>
          {status.battery.percent !== null && <span>{Math.round(status.battery.percent)} %</span>}
          <button type="button" aria-label={t("night")} onClick={() => setNight(!night)}>
            ☾
          </button>
          <button type="button" data-testid="language-toggle" onClick={() => setEnglish(!english)}>
            {t("language")}
          </button>
        </header>
        <People />
        <TalkPad />
        <CannedStatus />
        <footer>
          <button type="button" class="square" data-testid="open-chat" onClick={() => setSheet("chat")}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d="M4 5h16v11H10l-5 4v-4H4z" />
            </svg>
            {t("chat")}
            {received > read && <i class="unread">{received - read}</i>}
          </button>
          <SosSlider />
          <button type="button" class="square" data-testid="open-camera" onClick={() => setSheet("camera")}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d="M3 7h12v10H3zM15 11l6-3.5v9L15 13z" />
            </svg>
            {t("camera")}
          </button>
        </footer>
        {sheet === "chat" && <ChatSheet onClose={close} />}
        <CameraSheet shown={sheet === "camera"} onClose={close} />
      </div>
    </HandsetContext.Provider>
  );
}
