import { useEffect, useRef, useState } from "preact/hooks";
import { useTranslate } from "../i18n/context.ts";
import { nodeName } from "../state/fleet-names.ts";
import { receiveVideo } from "../state/receive-video.ts";
import { useConsole } from "./console-context.ts";
import { Panel } from "./panel.tsx";

/** The newest live video of the mesh, decoded by the browser. */
export function VideoTile() {
  const t = useTranslate();
  const { picture } = useConsole();
  const video = useRef<HTMLVideoElement>(null);
  const [chosen, setChosen] = useState<number>();
  const [decoded, setDecoded] = useState(0);
  const [failure, setFailure] = useState("");
  const sources = [...new Set(picture.video.map((one) => one.from))];
  const from = chosen ?? picture.video.find((one) => one.live)?.from ?? sources[0];
  const stream = picture.video.find((one) => one.from === from);
  const available = stream !== undefined;

  useEffect(() => {
    if (from === undefined || !available) return undefined;
    setDecoded(0);
    return receiveVideo(from, {
      onStream: (media) => {
        if (video.current !== null) video.current.srcObject = media;
        setFailure("");
      },
      onDecoded: setDecoded,
      onLost: setFailure,
    });
  }, [from, available]);

  const live = stream?.live ?? false;
  return (
    <Panel
      title={t("video.title")}
      name="video"
      aside={
        sources.length > 0 && (
          <select
            aria-label={t("video.source")}
            value={String(from)}
            onChange={(event) => setChosen(Number(event.currentTarget.value))}
          >
            {sources.map((address) => (
              <option key={address} value={String(address)}>
                {nodeName(picture, address, t)}
              </option>
            ))}
          </select>
        )
      }
    >
      <div class={`video-frame ${live ? "is-live" : ""}`}>
        <video ref={video} autoplay playsInline muted data-testid="video" />
        {!available && <p>{t("video.none")}</p>}
        {available && (decoded === 0 || failure !== "") && (
          <p>{failure === "" ? t("video.connecting") : t("video.failed", { reason: failure })}</p>
        )}
        {available && <span class="video-badge">{t(live ? "video.live" : "video.old")}</span>}
      </div>
      <div class="video-figures dim">
        {t("video.frames")} <b data-testid="decoded-frames">{decoded}</b>
        <span>
          {t("video.complete")} <b>{stream?.framesComplete ?? 0}</b>
        </span>
      </div>
    </Panel>
  );
}
