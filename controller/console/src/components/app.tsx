import { useEffect, useMemo, useState } from "preact/hooks";
import type { Language } from "../../../src/api/messages.ts";
import type { PageAudio } from "../audio/page-audio.ts";
import { TranslateContext, translator } from "../i18n/context.ts";
import { MapView } from "../map/map-view.tsx";
import { agedPicture } from "../state/aged-picture.ts";
import { useLab } from "../state/lab.ts";
import type { Selection } from "../state/selection.ts";
import type { Session } from "../state/session.ts";
import { useSession } from "../state/use-session.ts";
import { AlarmCentre } from "./alarm-centre.tsx";
import { ConsoleContext } from "./console-context.ts";
import { Dock } from "./dock.tsx";
import { MessagePanel } from "./message-panel.tsx";
import { NodeList } from "./node-list.tsx";
import { SosBanner } from "./sos-banner.tsx";
import { TopBar } from "./top-bar.tsx";
import { VideoTile } from "./video-tile.tsx";
import { VoicePanel } from "./voice-panel.tsx";

const LANGUAGE_KEY = "skein.language";

function rememberedLanguage(): Language | undefined {
  const value = localStorage.getItem(LANGUAGE_KEY);
  return value === "en" || value === "zh-CN" ? value : undefined;
}

export function App({ session, audio }: { session: Session; audio: PageAudio }) {
  const state = useSession(session);
  const [chosen, setChosen] = useState(rememberedLanguage);
  const [night, setNight] = useState(false);
  const [selection, select] = useState<Selection>();
  const [, soundChanged] = useState(0);
  const language = chosen ?? state.language ?? "zh-CN";
  const t = useMemo(() => translator(language), [language]);
  const lab = useLab(state.picture?.lab ?? false);

  useEffect(() => audio.unlockOnFirstTouch(() => soundChanged((count) => count + 1)), [audio]);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  if (state.picture === undefined) return <div class="connecting">{t("app.connecting")}</div>;
  const picture = agedPicture(state.picture, (Date.now() - state.pictureAtMs) / 1000, state.online);
  const toggleLanguage = (): void => {
    const next = language === "en" ? "zh-CN" : "en";
    localStorage.setItem(LANGUAGE_KEY, next);
    setChosen(next);
  };
  return (
    <TranslateContext.Provider value={t}>
      <ConsoleContext.Provider value={{ session, audio, state, picture, lab, selection, select }}>
        <div class={`console ${night ? "night" : ""}`}>
          <TopBar onLanguage={toggleLanguage} onNight={() => setNight(!night)} />
          <SosBanner />
          <main class="panes">
            <aside class="pane-left">
              <AlarmCentre />
              <NodeList />
            </aside>
            <section class="pane-centre">
              <MapView />
              <Dock />
            </section>
            <aside class="pane-right">
              <VoicePanel />
              <VideoTile />
              <MessagePanel />
            </aside>
          </main>
        </div>
      </ConsoleContext.Provider>
    </TranslateContext.Provider>
  );
}
