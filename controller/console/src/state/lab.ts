import { useEffect, useState } from "preact/hooks";
import type { LabAction, LabReply, LabState } from "../../../src/lab/types.ts";

const INTERVAL_MS = 1000;

async function readJson<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(path, init);
  return (await response.json()) as T;
}

/** The lab's state once a second while `enabled`; undefined while the lab does not answer. */
export function useLab(enabled: boolean): LabState | undefined {
  const [state, setState] = useState<LabState>();
  useEffect(() => {
    if (!enabled) return undefined;
    let stopped = false;
    const poll = async (): Promise<void> => {
      const next = await readJson<LabState>("api/lab/state").catch(() => undefined);
      if (!stopped) setState(Array.isArray(next?.nodes) ? next : undefined);
    };
    void poll();
    const timer = setInterval(poll, INTERVAL_MS);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [enabled]);
  return enabled ? state : undefined;
}

export async function labAction(action: LabAction): Promise<LabReply> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(action) };
  return readJson<LabReply>("api/lab/action", init).catch(() => ({ ok: false, message: "no answer" }));
}
