import { useRef, useState } from "preact/hooks";
import { nameOf, useHandset } from "./view.ts";

/** How long the knob is held at the end, so that a pocket cannot call for help. */
const HOLD_MS = 1200;
/** Kind of an SOS raised by hand. */
const KIND_BY_HAND = 1;
const KNOB_PX = 68;

/** SOS by slide and hold; then how far it has come. */
export function SosSlider() {
  const { client, status, t } = useHandset();
  const [offsetPx, setOffsetPx] = useState(0);
  const [holding, setHolding] = useState(false);
  const [failure, setFailure] = useState("");
  const track = useRef<HTMLDivElement>(null);
  const startX = useRef<number | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const travelPx = (): number => Math.max(1, (track.current?.clientWidth ?? 0) - KNOB_PX);
  const reset = (): void => {
    clearTimeout(timer.current);
    timer.current = undefined;
    startX.current = undefined;
    setHolding(false);
    setOffsetPx(0);
  };
  const raise = async (): Promise<void> => {
    navigator.vibrate?.([200, 100, 200]);
    reset();
    const reply = await client.send({ do: "sos", kind: KIND_BY_HAND });
    setFailure(reply.ok ? "" : reply.message);
  };
  const move = (x: number): void => {
    if (startX.current === undefined) return;
    const offset = Math.max(0, Math.min(travelPx(), x - startX.current));
    setOffsetPx(offset);
    const atEnd = offset >= travelPx() - 2;
    setHolding(atEnd);
    if (atEnd) timer.current ??= setTimeout(raise, HOLD_MS);
    else {
      clearTimeout(timer.current);
      timer.current = undefined;
    }
  };

  const own = status.sos.findLast((sos) => sos.from === status.core.address);
  const state =
    own === undefined || own.confirmed
      ? undefined
      : own.acknowledgedBy === null
        ? t("sos.sent")
        : t("sos.acknowledged", { name: nameOf(status, own.acknowledgedBy) });
  return (
    <div
      class={`sos ${holding ? "is-holding" : ""} ${state === undefined ? "" : "is-active"}`}
      ref={track}
      data-testid="sos"
    >
      <span class="sos-text" data-testid="sos-state">
        {failure || (holding ? t("sos.hold") : (state ?? t("sos.slide")))}
      </span>
      <button
        type="button"
        class="sos-knob"
        data-testid="sos-knob"
        style={{ transform: `translateX(${offsetPx}px)` }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          startX.current = event.clientX;
          setFailure("");
        }}
        onPointerMove={(event) => move(event.clientX)}
        onPointerUp={reset}
        onPointerCancel={reset}
      >
        SOS
      </button>
    </div>
  );
}
