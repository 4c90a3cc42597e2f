import { useEffect, useRef, useState } from "preact/hooks";
import { sendVideo } from "./send-video.ts";
import { headquartersOf, nameOf, useHandset } from "./view.ts";

/** Sends the camera to the headquarters. Closing the sheet does not end it; a lamp on the page says that it runs. */
export function CameraSheet({ shown, onClose }: { shown: boolean; onClose: () => void }) {
  const { client, status, t } = useHandset();
  const [phase, setPhase] = useState<"idle" | "connecting" | "on">("idle");
  const [failure, setFailure] = useState("");
  const preview = useRef<HTMLVideoElement>(null);
  const running = useRef<Awaited<ReturnType<typeof sendVideo>> | undefined>(undefined);
  const to = headquartersOf(status);

  const stop = (): void => {
    running.current?.stop();
    running.current = undefined;
    setPhase("idle");
    void client.send({ do: "video-stop" });
  };
  const start = async (): Promise<void> => {
    if (to === undefined) return;
    setPhase("connecting");
    setFailure("");
    const failed = (reason: string): void => setFailure(t("camera.failed", { reason }));
    try {
      running.current = await sendVideo({
        async onConnected() {
          const reply = await client.send({ do: "video-to", to });
          if (!reply.ok) throw new Error(reply.message);
          setFailure("");
          setPhase("on");
        },
        onLost(reason) {
          setPhase("connecting");
          failed(reason);
        },
      });
    } catch (error) {
      stop();
      failed((error as Error).message);
    }
  };
  useEffect(() => {
    if (shown && preview.current !== null) preview.current.srcObject = running.current?.stream ?? null;
  }, [shown, phase]);

  if (!shown) return phase === "on" ? <span class="camera-lamp">● {t("camera.on")}</span> : null;
  return (
    <section class="sheet" data-testid="camera">
      <div class="sheet-head">
        <h2>{t("camera")}</h2>
        <button type="button" aria-label={t("close")} data-testid="close-sheet" onClick={onClose}>
          ×
        </button>
      </div>
      <video ref={preview} autoplay playsInline muted />
      <p class={failure === "" ? "camera-state" : "failure"} data-testid="camera-state">
        {failure ||
          (phase === "on"
            ? t("camera.on")
            : phase === "connecting"
              ? t("camera.connecting")
              : to === undefined
                ? t("camera.nobody")
                : t("camera.to", { name: nameOf(status, to) }))}
      </p>
      <button
        type="button"
        class={`camera-button ${phase === "idle" ? "" : "is-on"}`}
        data-testid="camera-toggle"
        disabled={to === undefined}
        onClick={phase === "idle" ? start : stop}
      >
        {t(phase === "idle" ? "camera.start" : "camera.stop")}
      </button>
    </section>
  );
}
